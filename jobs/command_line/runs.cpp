#include <fmt/format.h>

#include "catalog.h"
#include "command_line/commands.h"
#include "commands/plan.h"
#include "commands/run/run.h"
#include "commands/runs/runs.h"

namespace keyrota {
namespace {

Argument add_max_actions(Command& command, std::int64_t& max_actions) {
    return command
        .option("--max-actions", max_actions,
                "allow up to N actions per check, instead of the blast radius")
        .not_negative()
        .type("N");
}

}  // namespace

void declare_run(Command& app, Program& program) {
    struct Given {
        std::vector<std::string> jobs;
        RunOptions options;
        std::string as_of, wait, fail_on;
        std::int64_t limit = 0, max_actions = -1;
        bool json = false;
    };
    const auto given = std::make_shared<Given>();
    Command run = app.add(
        "run", "Run one or more jobs, one after another",
        {{"keyrota run expire-keys", "keyrota run expire-keys --dry-run",
          "keyrota run expire-keys check-runs --fail-on high",
          "keyrota run expire-keys --max-actions 5000 --wait 2m",
          "keyrota run expire-keys --dry-run --as-of 2027-01-01 --json"},
         {ExitCode::partial, ExitCode::config, ExitCode::database, ExitCode::lease_held,
          ExitCode::delivery, ExitCode::blast_radius, ExitCode::held_back, ExitCode::findings,
          ExitCode::audit_broken, ExitCode::interrupted_int, ExitCode::interrupted_term}});
    std::string jobs = "which jobs:";
    for (const Job* job : all_jobs()) jobs += fmt::format("\n  {}: {}", job->name, job->summary);
    run.option("JOB", given->jobs, jobs).required();
    run.flag("--dry-run", given->options.dry_run, "show what would be done and change nothing");
    run.option("--limit", given->limit, "at most N keys per check; the rest waits for the next run")
        .positive()
        .type("N");
    add_max_actions(run, given->max_actions);
    run.option("--as-of", given->as_of,
               "judge as of this instant (UTC); with --dry-run, or on a simulation database")
        .type("TIME");
    run.option("--wait", given->wait, "wait at most this long for another run of the job to end")
        .type("DURATION");
    run.option("--fail-on", given->fail_on,
               std::string("exit 10 if findings of the jobs' checks are open at or over this "
                           "severity: ") +
                   kSeverityHelp)
        .type("SEVERITY");
    run.flag("--json", given->json, "print what was done as JSON");
    run.runs(program, [given, &program] {
        RunOptions& options = given->options;
        if (given->limit > 0) options.limit = given->limit;
        if (given->max_actions >= 0) options.max_actions = given->max_actions;
        if (!given->as_of.empty()) {
            options.as_of = parse_timestamp(given->as_of);
            if (!options.as_of)
                throw unreadable("--as-of", given->as_of, "2027-01-01 or 2027-01-01T08:00:00Z");
        }
        if (!given->wait.empty()) {
            const auto wait = parse_duration(given->wait);
            if (!wait) throw unreadable("--wait", given->wait, "30s or 5m");
            options.wait = *wait;
        }
        options.fail_on = severity_of("--fail-on", given->fail_on);
        options.show_progress = Program::errors_are_terminal();
        for (const std::string& name : given->jobs) find_job(name);
        return run_jobs(given->jobs, options, program.load(), given->json,
                        Program::out_is_terminal(), program.out, program.errors);
    });
}

void declare_plan(Command& app, Program& program) {
    struct Given {
        std::string job, file;
        std::int64_t max_actions = -1;
        bool json = false;

        RunOptions options() const {
            RunOptions options;
            if (max_actions >= 0) options.max_actions = max_actions;
            options.show_progress = Program::errors_are_terminal();
            return options;
        }
    };
    const auto planned = std::make_shared<Given>();
    Command plan =
        app.add("plan", "Write what a job would do to a file, for review and approval",
                {{"keyrota plan expire-keys --out plan.jsonl",
                  "keyrota plan expire-keys --out plan.jsonl --max-actions 5000"},
                 {ExitCode::partial, ExitCode::config, ExitCode::database, ExitCode::lease_held,
                  ExitCode::blast_radius, ExitCode::held_back, ExitCode::audit_broken,
                  ExitCode::interrupted_int, ExitCode::interrupted_term}});
    plan.option("JOB", planned->job, "which job").required();
    plan.option("--out", planned->file, "the file: JSON lines, one per action")
        .required()
        .type("FILE");
    add_max_actions(plan, planned->max_actions);
    plan.runs(program, [planned, &program] {
        find_job(planned->job);
        return plan_to_file(planned->job, planned->file, planned->options(), program.load(),
                            program.out, program.errors);
    });

    const auto given = std::make_shared<Given>();
    Command apply =
        app.add("apply", "Carry out a plan file: once, within a day, on the database that wrote it",
                {{"keyrota apply plan.jsonl", "keyrota apply plan.jsonl --max-actions 5000 --json"},
                 {ExitCode::partial, ExitCode::config, ExitCode::database, ExitCode::lease_held,
                  ExitCode::blast_radius, ExitCode::held_back, ExitCode::interrupted_int,
                  ExitCode::interrupted_term}});
    apply.option("FILE", given->file, "what `keyrota plan` wrote").required();
    add_max_actions(apply, given->max_actions);
    apply.flag("--json", given->json, "print what was done as JSON");
    apply.runs(program, [given, &program] {
        return apply_file(given->file, given->options(), program.load(), given->json,
                          Program::out_is_terminal(), program.out, program.errors);
    });
}

void declare_runs(Command& app, Program& program) {
    Command runs = app.add_group("runs", "Show what runs did");
    {
        struct Given : GivenFormat {
            std::string job;
            std::int64_t limit = 20;
        };
        const auto given = std::make_shared<Given>();
        Command list = runs.add("list", "List runs, the newest first",
                                {{"keyrota runs list", "keyrota runs list --job expire-keys",
                                  "keyrota runs list --limit 0 --csv"},
                                 {ExitCode::config, ExitCode::database}});
        list.option("--job", given->job, "only of this job").type("JOB");
        list.option("--limit", given->limit, "at most N; 0 means all")
            .not_negative()
            .shows_default()
            .type("N");
        given->add_to(list);
        list.runs(program, [given, &program] {
            return runs_list(program.load(), given->job, given->limit, given->format(),
                             program.out);
        });
    }
    struct Given : GivenFormat {
        std::int64_t run_id = 0;
    };
    const auto given = std::make_shared<Given>();
    Command show = runs.add(
        "show", "Show one run: what was planned, done, left alone and by whom, check by check",
        {{"keyrota runs show 1", "keyrota runs show 1 --json"},
         {ExitCode::config, ExitCode::database}});
    show.option("RUN", given->run_id, "its run_id").required();
    given->add_json_to(show);
    show.runs(program, [given, &program] {
        return runs_show(program.load(), given->run_id, given->format(), program.out);
    });
}

void declare_resume(Command& app, Program& program) {
    const auto job = std::make_shared<std::string>();
    Command command = app.add(
        "resume", "Let jobs act again that were held back after a gap, a clock change or a restore",
        {{"keyrota resume", "keyrota resume expire-keys"}, {ExitCode::config, ExitCode::database}});
    command.option("JOB", *job, "which job; default: all that are held");
    command.runs(program, [job, &program] { return resume(*job, program.load(), program.out); });
}

}  // namespace keyrota
