#include "command_line.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <initializer_list>

#include "catalog.h"
#include "commands/audit.h"
#include "commands/config.h"
#include "commands/database.h"
#include "commands/explain.h"
#include "commands/findings.h"
#include "commands/plan.h"
#include "commands/run.h"
#include "commands/runs.h"
#include "commands/sample.h"
#include "error/error.h"
#include "error/print_error.h"
#include "error/suggestion.h"
#include "finding/severity.h"
#include "log/log.h"
#include "policy/policy.h"
#include "postgres/database.h"

namespace keyrota {
namespace {

// What every command has at hand, and the one that the command line chose.
struct Program {
    std::ostream& out;
    std::ostream& errors;
    ConfigSources sources{.file = {}, .environment = process_environment(), .flags = {}};
    std::function<ExitCode()> chosen = {};

    static bool out_is_terminal() { return ::isatty(STDOUT_FILENO) == 1; }
    static bool errors_are_terminal() { return ::isatty(STDERR_FILENO) == 1; }

    Config load() const {
        Config config = load_config(sources).config;
        start_logging(config.log, errors_are_terminal());
        return config;
    }
};

struct Help {
    std::initializer_list<const char*> examples;
    std::initializer_list<ExitCode> exits;  // besides done and usage
};

// Examples and EXIT STATUS below a command's options.
std::string footer(const Help& help) {
    std::string text = "Examples:\n";
    for (const char* example : help.examples) text += fmt::format("  {}\n", example);
    text += "\nEXIT STATUS\n";
    std::vector<ExitCode> exits{ExitCode::done, ExitCode::internal, ExitCode::usage};
    exits.insert(exits.end(), help.exits);
    std::sort(exits.begin(), exits.end());
    for (const ExitCode code : exits)
        text += fmt::format("  {:>3}  {}\n", static_cast<int>(code), meaning_of(code));
    return text;
}

// `--data-dir "$UNSET"` must not mean the default.
const CLI::Validator& not_empty() {
    static const CLI::Validator validator(
        [](std::string& text) { return std::string(text.empty() ? "must not be empty" : ""); }, "");
    return validator;
}

// The library would show what it checks in the middle of the help; the help says it better.
CLI::Validator not_negative() {
    return CLI::NonNegativeNumber.description("");
}
CLI::Validator positive() {
    return CLI::PositiveNumber.description("");
}
CLI::Validator one_of(std::vector<std::string> choices) {
    return CLI::IsMember(std::move(choices)).description("");
}

CLI::App& add_command(CLI::App& parent, const char* name, const char* sentence, const Help& help) {
    CLI::App& command = *parent.add_subcommand(name, sentence);
    command.fallthrough();  // global options may stand anywhere
    command.footer(footer(help));
    return command;
}

// A command that only holds others.
CLI::App& add_group(CLI::App& parent, const char* name, const char* sentence) {
    CLI::App& group = *parent.add_subcommand(name, sentence);
    group.fallthrough();
    group.require_subcommand(1);
    group.footer(fmt::format("\n`keyrota {} COMMAND --help` shows examples and exit codes.", name));
    return group;
}

Error unreadable(const char* option, const std::string& text, const char* example) {
    return {ExitCode::usage, fmt::format("{}: cannot read \"{}\"", option, text),
            fmt::format("For example {}.", example)};
}

// `--json` and, where a list can be one, `--csv`.
struct GivenFormat {
    bool json = false;
    bool csv = false;

    Format format() const { return json ? Format::json : csv ? Format::csv : Format::text; }
    void add_json_to(CLI::App& command) { command.add_flag("--json", json, "print as JSON"); }
    void add_to(CLI::App& command) {
        CLI::Option* as_json = command.add_flag("--json", json, "print a JSON list of objects");
        command.add_flag("--csv", csv, "print CSV, safe to open in a spreadsheet")
            ->excludes(as_json);
    }
};

std::optional<std::int64_t> severity_of(const char* option, const std::string& text) {
    if (text.empty()) return std::nullopt;
    const auto severity = parse_severity(text);
    if (!severity) throw unreadable(option, text, "high, or 4");
    return severity;
}

constexpr const char* kSeverityHelp = "informational, low, medium, high or critical (1 to 5)";

CLI::Option& add_max_actions(CLI::App& command, std::int64_t& max_actions) {
    return *command
                .add_option("--max-actions", max_actions,
                            "allow so many actions of each check, instead of the blast radius")
                ->check(not_negative())
                ->type_name("N");
}

void add_run(CLI::App& app, Program& program) {
    struct Given {
        std::vector<std::string> jobs;
        RunOptions options;
        std::string as_of, wait, fail_on;
        std::int64_t limit = 0, max_actions = -1;
        bool json = false;
    };
    const auto given = std::make_shared<Given>();
    CLI::App& run =
        add_command(app, "run", "Run one or more jobs, one after another",
                    {{"keyrota run expire-keys", "keyrota run expire-keys --dry-run",
                      "keyrota run expire-keys check-runs --fail-on high",
                      "keyrota run expire-keys --max-actions 5000 --wait 2m",
                      "keyrota run expire-keys --dry-run --as-of 2027-01-01 --json"},
                     {ExitCode::partial, ExitCode::config, ExitCode::database, ExitCode::lease_held,
                      ExitCode::blast_radius, ExitCode::held_back, ExitCode::findings,
                      ExitCode::interrupted_int, ExitCode::interrupted_term}});
    std::string jobs = "which jobs:";
    for (const Job* job : all_jobs()) jobs += fmt::format("\n  {}: {}", job->name, job->summary);
    run.add_option("JOB", given->jobs, jobs)->required()->type_name("");
    run.add_flag("--dry-run", given->options.dry_run, "show what would be done and change nothing");
    run.add_option("--limit", given->limit,
                   "at most so many keys of each check; what is left waits for the next run")
        ->check(positive())
        ->type_name("N");
    add_max_actions(run, given->max_actions);
    run.add_option("--as-of", given->as_of,
                   "judge as at this instant (UTC); with --dry-run, or on a simulation database")
        ->check(not_empty())
        ->type_name("TIME");
    run.add_option("--wait", given->wait, "wait so long for another run of the job to end")
        ->check(not_empty())
        ->type_name("DURATION");
    run.add_option("--fail-on", given->fail_on,
                   std::string("exit 10 if findings of the jobs' checks are open at or over this "
                               "severity: ") +
                       kSeverityHelp)
        ->check(not_empty())
        ->type_name("SEVERITY");
    run.add_flag("--json", given->json, "print what was done as JSON");
    run.callback([given, &program] {
        program.chosen = [given, &program] {
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
        };
    });
}

void add_plan(CLI::App& app, Program& program) {
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
    CLI::App& plan = add_command(
        app, "plan", "Write what a run of a job would do to a file, to be read and approved",
        {{"keyrota plan expire-keys --out plan.jsonl",
          "keyrota plan expire-keys --out plan.jsonl --max-actions 5000"},
         {ExitCode::partial, ExitCode::config, ExitCode::database, ExitCode::lease_held,
          ExitCode::blast_radius, ExitCode::held_back, ExitCode::interrupted_int,
          ExitCode::interrupted_term}});
    plan.add_option("JOB", planned->job, "which job")->required()->type_name("");
    plan.add_option("--out", planned->file, "the file: JSON lines, one an action")
        ->required()
        ->check(not_empty())
        ->type_name("FILE");
    add_max_actions(plan, planned->max_actions);
    plan.callback([planned, &program] {
        program.chosen = [planned, &program] {
            find_job(planned->job);
            return plan_to_file(planned->job, planned->file, planned->options(), program.load(),
                                program.out, program.errors);
        };
    });

    const auto given = std::make_shared<Given>();
    CLI::App& apply = add_command(
        app, "apply", "Do what a plan file says: on the database that wrote it, within a day, once",
        {{"keyrota apply plan.jsonl", "keyrota apply plan.jsonl --max-actions 5000 --json"},
         {ExitCode::partial, ExitCode::config, ExitCode::database, ExitCode::lease_held,
          ExitCode::blast_radius, ExitCode::held_back, ExitCode::interrupted_int,
          ExitCode::interrupted_term}});
    apply.add_option("FILE", given->file, "what `keyrota plan` wrote")
        ->required()
        ->check(not_empty())
        ->type_name("");
    add_max_actions(apply, given->max_actions);
    apply.add_flag("--json", given->json, "print what was done as JSON");
    apply.callback([given, &program] {
        program.chosen = [given, &program] {
            return apply_file(given->file, given->options(), program.load(), given->json,
                              Program::out_is_terminal(), program.out, program.errors);
        };
    });
}

void add_runs(CLI::App& app, Program& program) {
    CLI::App& runs = add_group(app, "runs", "See what runs did");
    {
        struct Given : GivenFormat {
            std::string job;
            std::int64_t limit = 20;
        };
        const auto given = std::make_shared<Given>();
        CLI::App& list = add_command(runs, "list", "List runs, the newest first",
                                     {{"keyrota runs list", "keyrota runs list --job expire-keys",
                                       "keyrota runs list --limit 0 --csv"},
                                      {ExitCode::config, ExitCode::database}});
        list.add_option("--job", given->job, "only of this job")->type_name("JOB");
        list.add_option("--limit", given->limit, "at most so many; 0 means all")
            ->check(not_negative())
            ->capture_default_str()
            ->type_name("N");
        given->add_to(list);
        list.callback([given, &program] {
            program.chosen = [given, &program] {
                return runs_list(program.load(), given->job, given->limit, given->format(),
                                 program.out);
            };
        });
    }
    struct Given : GivenFormat {
        std::int64_t run_id = 0;
    };
    const auto given = std::make_shared<Given>();
    CLI::App& show =
        add_command(runs, "show",
                    "Show one run: what was planned, done, left alone and by whom, check by check",
                    {{"keyrota runs show 1", "keyrota runs show 1 --json"},
                     {ExitCode::config, ExitCode::database}});
    show.add_option("RUN", given->run_id, "its run_id")->required()->type_name("");
    given->add_json_to(show);
    show.callback([given, &program] {
        program.chosen = [given, &program] {
            return runs_show(program.load(), given->run_id, given->format(), program.out);
        };
    });
}

void add_findings_list(CLI::App& findings, Program& program) {
    struct Given : GivenFormat {
        FindingFilter filter;
        std::string severity, fail_on;
        std::int64_t limit = -1;
    };
    const auto given = std::make_shared<Given>();
    FindingFilter& filter = given->filter;
    CLI::App& list = add_command(
        findings, "list",
        "List findings, what first: by severity, production before test, keys in use before idle "
        "ones, oldest first",
        {{"keyrota findings list", "keyrota findings list --severity high --environment production",
          "keyrota findings list --check KEY-EXPIRES-SOON --owner ada@example.com --csv",
          "keyrota findings list --status all --limit 20 --json"},
         {ExitCode::config, ExitCode::database, ExitCode::findings}});
    const auto add = [&](const char* option, std::string& value, const std::string& help,
                         const char* type) {
        list.add_option(option, value, help)->check(not_empty())->type_name(type);
    };
    list.add_option("--status", filter.status,
                    "unresolved (without it), open, acknowledged, waived, resolved or all")
        ->check(one_of({"unresolved", "open", "acknowledged", "waived", "resolved", "all"}))
        ->type_name("STATUS");
    add("--check", filter.check_id, "only of this check", "CHECK");
    add("--severity", given->severity, std::string("at least: ") + kSeverityHelp, "SEVERITY");
    add("--key", filter.key, "only of this key", "KEY");
    add("--owner", filter.owner, "only of this owner's keys", "EMAIL");
    add("--team", filter.team, "only of this team's keys", "NAME");
    list.add_option("--environment", filter.environment, "production or test")
        ->check(one_of({"production", "test"}))
        ->type_name("NAME");
    list.add_option("--limit", given->limit,
                    "at most so many; 0 means all (without it 100, with --json and --csv all)")
        ->check(not_negative())
        ->type_name("N");
    add("--fail-on", given->fail_on,
        "exit 10 if one of these findings is open at or over this severity", "SEVERITY");
    given->add_to(list);
    list.callback([given, &program] {
        program.chosen = [given, &program] {
            given->filter.severity = severity_of("--severity", given->severity);
            given->filter.fail_on = severity_of("--fail-on", given->fail_on);
            if (given->limit >= 0) given->filter.limit = given->limit;
            return findings_list(program.load(), given->filter, given->format(), program.out);
        };
    });
}

void add_findings(CLI::App& app, Program& program) {
    CLI::App& findings = add_group(app, "findings", "See what checks found, and answer it");
    add_findings_list(findings, program);

    struct Named : GivenFormat {
        std::string finding;
    };
    const auto add_one =
        [&](const char* name, const char* sentence, const Help& help,
            ExitCode (*command)(const Config&, const std::string&, Format, std::ostream&)) {
            const auto given = std::make_shared<Named>();
            CLI::App& one = add_command(findings, name, sentence, help);
            one.add_option("FINDING", given->finding, "its id, or the beginning of it")
                ->required()
                ->type_name("");
            given->add_json_to(one);
            one.callback([given, command, &program] {
                program.chosen = [given, command, &program] {
                    return command(program.load(), given->finding, given->format(), program.out);
                };
            });
        };
    add_one("show", "Show one finding with its evidence",
            {{"keyrota findings show kf_0123456789", "keyrota findings show kf_0123456789 --json"},
             {ExitCode::config, ExitCode::database}},
            findings_show);
    add_one("history", "Show a finding's episodes, what people said and what was done",
            {{"keyrota findings history kf_0123456789"}, {ExitCode::config, ExitCode::database}},
            findings_history);

    struct Decided {
        std::vector<std::string> findings;
        std::string why;
    };
    const auto add_decision = [&](const char* name, const char* sentence, const Help& help,
                                  Decision decision) {
        const auto given = std::make_shared<Decided>();
        CLI::App& decide = add_command(findings, name, sentence, help);
        decide.add_option("FINDING", given->findings, "their ids, or the beginnings of them")
            ->required()
            ->type_name("");
        decide
            .add_option("--why", given->why, "the reason, for the audit trail and for colleagues")
            ->required()
            ->check(not_empty())
            ->type_name("TEXT");
        decide.callback([given, decision, &program] {
            program.chosen = [given, decision, &program] {
                return findings_decide(program.load(), given->findings, decision, given->why,
                                       program.out);
            };
        });
    };
    add_decision("ack", "Say that findings are known and being worked on",
                 {{"keyrota findings ack kf_0123456789 --why 'renewed with the release on Friday'"},
                  {ExitCode::config, ExitCode::database}},
                 Decision::acknowledge);
    add_decision("resolve", "Close findings by hand; a check that still holds opens them again",
                 {{"keyrota findings resolve kf_0123456789 --why 'the job was removed from cron'"},
                  {ExitCode::config, ExitCode::database}},
                 Decision::resolve);
}

void add_explain(CLI::App& app, Program& program) {
    struct Given : GivenFormat {
        std::string key;
    };
    const auto given = std::make_shared<Given>();
    CLI::App& command = add_command(app, "explain",
                                    "Explain one key on one page: facts, policy rule, findings, "
                                    "audit trail, and whether a call "
                                    "with it is accepted now",
                                    {{"keyrota explain 1", "keyrota explain sk_live_...abcd",
                                      "keyrota explain aws:AKIA123 --json"},
                                     {ExitCode::config, ExitCode::database}});
    command.add_option("KEY", given->key, "a key_id, source:external_id, or prefix...hint")
        ->required()
        ->check(not_empty())
        ->type_name("");
    given->add_json_to(command);
    command.callback([given, &program] {
        program.chosen = [given, &program] {
            return explain(program.load(), given->key, given->format(), program.out);
        };
    });
}

void add_resume(CLI::App& app, Program& program) {
    const auto job = std::make_shared<std::string>();
    CLI::App& command = add_command(
        app, "resume",
        "Let jobs act again that a long gap, a clock or a restored database held back",
        {{"keyrota resume", "keyrota resume expire-keys"}, {ExitCode::config, ExitCode::database}});
    command.add_option("JOB", *job, "which job; all that are held without it")->type_name("");
    command.callback([job, &program] {
        program.chosen = [job, &program] { return resume(*job, program.load(), program.out); };
    });
}

void add_database(CLI::App& app, Program& program) {
    CLI::App& db = add_group(app, "db", "Make, migrate, start and look into the database");
    {
        const auto options = std::make_shared<InitOptions>();
        CLI::App& init = add_command(
            db, "init", "Make what is missing: embedded server, roles, schema, signing key",
            {{"keyrota db init", "keyrota db init --simulation --data-dir /tmp/try-it",
              "KEYROTA_DATABASE_ADMIN_URL=postgresql://admin@db/keys keyrota db init"},
             {ExitCode::config, ExitCode::database}});
        init.add_flag("--simulation", options->simulation,
                      "a database that may travel in time, never a real one");
        init.callback([options, &program] {
            program.chosen = [options, &program] {
                return db_init(program.load(), *options, program.out);
            };
        });
    }
    const auto add_plain = [&](const char* name, const char* sentence, const Help& help,
                               ExitCode (*command)(const Config&, std::ostream&)) {
        add_command(db, name, sentence, help).callback([command, &program] {
            program.chosen = [command, &program] { return command(program.load(), program.out); };
        });
    };
    add_plain("migrate", "Bring the schema up to this program's version",
              {{"keyrota db migrate"}, {ExitCode::config, ExitCode::database}}, db_migrate);
    add_plain("check", "Say whether the schema fits this program",
              {{"keyrota db check"}, {ExitCode::config, ExitCode::database}}, db_check);
    add_plain("start", "Start the embedded server",
              {{"keyrota db start"}, {ExitCode::config, ExitCode::database}}, db_start);
    add_plain("stop", "Stop the embedded server",
              {{"keyrota db stop"}, {ExitCode::config, ExitCode::database}}, db_stop);
    add_plain("status", "Say whether the embedded server runs",
              {{"keyrota db status"}, {ExitCode::config, ExitCode::attention}}, db_status);

    const auto arguments = std::make_shared<std::vector<std::string>>();
    CLI::App& psql = add_command(
        db, "psql", "Open psql on the database as keyrota_owner",
        {{"keyrota db psql", "keyrota db psql -- -c 'select * from keyrota.key limit 5'"},
         {ExitCode::config, ExitCode::database}});
    psql.add_option("ARG", *arguments, "what psql gets, after --")->type_name("");
    psql.callback([arguments, &program] {
        program.chosen = [arguments, &program] { return db_psql(program.load(), *arguments); };
    });
}

void add_config(CLI::App& app, Program& program) {
    CLI::App& config = add_group(app, "config", "Check and show the configuration");
    add_command(config, "check",
                "Say whether the configuration is valid, with all that is wrong at once",
                {{"keyrota config check", "keyrota config check --config ./keyrota.yaml"},
                 {ExitCode::config}})
        .callback([&program] {
            program.chosen = [&program] { return config_check(program.sources, program.out); };
        });
    const auto json = std::make_shared<bool>(false);
    CLI::App& show =
        add_command(config, "show", "Show every option, its value and where it was said",
                    {{"keyrota config show", "keyrota config show --json"}, {ExitCode::config}});
    show.add_flag("--json", *json, "print as JSON");
    show.callback([json, &program] {
        program.chosen = [json, &program] {
            return config_show(program.sources, *json, program.out);
        };
    });
}

void add_audit(CLI::App& app, Program& program) {
    CLI::App& audit = add_group(app, "audit", "Verify the audit trail");
    const auto json = std::make_shared<bool>(false);
    CLI::App& verify = add_command(
        audit, "verify", "Recompute the whole audit trail and name the first broken place",
        {{"keyrota audit verify", "keyrota audit verify --json"},
         {ExitCode::config, ExitCode::database, ExitCode::audit_broken}});
    verify.add_flag("--json", *json, "print the verdict as JSON");
    verify.callback([json, &program] {
        program.chosen = [json, &program] {
            return audit_verify(program.load(), *json, program.out);
        };
    });
}

void add_sample(CLI::App& app, Program& program) {
    CLI::App& sample = add_group(app, "sample", "Load sample data to try keyrota on");
    const auto options = std::make_shared<SampleOptions>();
    CLI::App& load = add_command(
        sample, "load", "Load teams, owners, keys and usage, the same for the same seed",
        {{"keyrota sample load", "keyrota sample load --keys 5000 --days 35 --seed 7"},
         {ExitCode::config, ExitCode::database}});
    const auto positive = CLI::Range(std::int64_t{1}, std::int64_t{1'000'000'000});
    load.add_option("--keys", options->keys, "how many keys")
        ->check(positive)
        ->type_name("N")
        ->capture_default_str();
    load.add_option("--owners", options->owners, "how many owners; without it one for 25 keys")
        ->check(positive)
        ->type_name("N");
    load.add_option("--days", options->days, "so many days of usage samples")
        ->check(CLI::Range(0, 366))
        ->type_name("N")
        ->capture_default_str();
    load.add_option("--seed", options->seed, "another seed, other data")
        ->type_name("N")
        ->capture_default_str();
    load.add_flag("--append", options->append, "load into a database that holds keys already");
    load.callback([options, &program] {
        program.chosen = [options, &program] {
            const Config config = program.load();
            Session owner = open_session(config, Access::owner);
            refresh_policy(owner,
                           config.policy);  // one rule: the keys get it while they are loaded
            return sample_load(owner, *options, program.out);
        };
    });
}

// A word that no command has: say which one was meant.
ExitCode wrong_usage(const CLI::App& app, const CLI::ParseError& error, std::ostream& errors) {
    const CLI::App* command = &app;
    std::string path = "keyrota";
    while (!command->get_subcommands().empty()) {
        command = command->get_subcommands().front();
        path += " " + command->get_name();
    }
    const auto subcommands = command->get_subcommands([](const CLI::App*) { return true; });
    const bool is_missing = dynamic_cast<const CLI::RequiredError*>(&error) != nullptr;
    const bool is_extra = dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr;
    std::string message = error.what();
    if (is_missing && !subcommands.empty()) message = path + ": a command is missing";
    std::string hint;
    // What a command does not know falls through to the program, and is kept there.
    const std::vector<std::string> words = app.remaining(true);
    if ((is_missing || is_extra) && !words.empty()) {
        const std::string word = words.front().substr(0, words.front().find('='));
        std::vector<std::string> names;
        names.reserve(subcommands.size());
        for (const CLI::App* sub : subcommands) names.push_back(sub->get_name());
        for (const CLI::App* level = command; level != nullptr; level = level->get_parent())
            for (const CLI::Option* option : level->get_options())
                for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
        message = fmt::format("{}: \"{}\" is not known", path, word);
        hint = did_you_mean(word, names);
    }
    if (hint.empty()) hint = fmt::format("`{} --help` shows how it is used.", path);
    print_error(errors, message, hint);
    return ExitCode::usage;
}

}  // namespace

ExitCode run_command_line(int argc, const char* const* argv, std::ostream& out,
                          std::ostream& errors) {
    Program program{.out = out, .errors = errors};
    CLI::App app(
        "keyrota audits and rotates API keys in a PostgreSQL key database: a batch job runner for "
        "cron.",
        "keyrota");
    app.require_subcommand(1);
    app.set_version_flag("--version", std::string("keyrota ") + KEYROTA_VERSION);
    app.set_help_all_flag("--help-all", "show the help of all commands");
    app.footer(
        "Examples:\n  keyrota sample load            try it on sample data\n"
        "  keyrota run expire-keys --dry-run\n  keyrota run expire-keys\n\n"
        "`keyrota COMMAND --help` shows a command's options, examples and exit codes.");

    std::string file, data_dir, log_format;
    app.add_option("--config", file,
                   "configuration file; without it /etc/keyrota/keyrota.yaml if there is one")
        ->check(not_empty())
        ->type_name("FILE");
    app.add_option("--data-dir", data_dir, "where the embedded database and the signing key live")
        ->check(not_empty())
        ->type_name("DIR");
    app.add_option("--log-format", log_format, "text or json")
        ->check(not_empty())
        ->type_name("FORMAT");

    add_run(app, program);
    add_plan(app, program);
    add_resume(app, program);
    add_runs(app, program);
    add_findings(app, program);
    add_explain(app, program);
    add_database(app, program);
    add_config(app, program);
    add_audit(app, program);
    add_sample(app, program);

    try {
        app.parse(argc, argv);
    } catch (const CLI::Success& help) {
        app.exit(help, out, errors);
        return ExitCode::done;
    } catch (const CLI::ParseError& error) {
        return wrong_usage(app, error, errors);
    }
    if (!file.empty()) program.sources.file = file;
    if (!data_dir.empty()) program.sources.flags["data_dir"] = data_dir;
    if (!log_format.empty()) program.sources.flags["log.format"] = log_format;
    return program.chosen();
}

}  // namespace keyrota
