#include "runner/runner.h"

#include <Poco/JSON/Object.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <map>
#include <thread>

#include "audit/head.h"
#include "common_sql.h"
#include "error/error.h"
#include "finding/severity.h"
#include "log/log.h"
#include "policy/policy.h"
#include "postgres/caller.h"
#include "postgres/database.h"
#include "report/json_text.h"
#include "runner/apply.h"
#include "runner/coverage.h"
#include "runner/evaluate.h"
#include "runner/guards.h"
#include "runner/plan_file.h"
#include "runner/run.h"
#include "runner/time_guard.h"

namespace keyrota {
namespace {

constexpr Statement kClock{"clock", "select keyrota.micros(clock_timestamp()) as now"};
constexpr Statement kIsSimulation{"is_simulation",
                                  "select simulation::int as simulation from keyrota.installation"};
constexpr Statement kBackend{"backend", "select pg_backend_pid()::bigint as pid"};
constexpr Statement kDurably{"durably", "set local synchronous_commit = on"};
constexpr Statement kClearPlan{"clear_plan",
                               "delete from keyrota.plan_item where run_id = :run_id"};

constexpr std::chrono::hours kPlanMaxAge(24);
constexpr int kActionsShown = 10;  // of each check, by `keyrota plan`

void require_simulation_for_as_of(Session& session, const RunOptions& options) {
    if (!options.as_of || options.dry_run) return;
    if (session.one(kIsSimulation).int64("simulation") == 0)
        throw Error(
            ExitCode::usage, "--as-of changes nothing on a real database",
            "Add --dry-run to see what a run at that instant would do, or use a database made by "
            "`keyrota db init --simulation`.");
}

std::unique_ptr<Lease> acquire_lease(const Job& job, const RunOptions& options,
                                     const Config& config, const Interruption& interruption) {
    const auto deadline = std::chrono::steady_clock::now() + options.wait;
    for (;;) {
        Lease::Held held;
        auto lease =
            Lease::try_acquire(connection_for(config, Access::runner), job.name, kOnlyShard, &held);
        if (lease) return lease;
        if (interruption.requested())
            throw Error(
                interruption.exit_code(),
                fmt::format("{}: told to stop while waiting for {}", job.name, held.holder));
        if (std::chrono::steady_clock::now() >= deadline)
            throw Error(ExitCode::lease_held,
                        fmt::format("{} is being run by {}", job.name, held.holder),
                        "Let it finish, or give --wait a duration.");
        std::this_thread::sleep_for(std::chrono::milliseconds(500));
    }
}

// What shaped the run, for `runs show`.
std::string options_json(const Run& run) {
    const RunOptions& options = run.options;
    Poco::JSON::Object shaped;
    if (run.applies_plan != 0) shaped.set("applies_plan", run.applies_plan);
    if (options.limit) shaped.set("limit", *options.limit);
    if (options.max_actions) shaped.set("max_actions", *options.max_actions);
    return json_text(shaped);
}

void open_run(Run& run) {
    run.in_batch([&] {
        run.session.execute(sql::run_abandon, {{"job", run.job.name}});
        run.session.execute(sql::run_clear_plans);
        const Caller caller = current_caller();
        const Row opened = run.session.one(sql::run_start, {{"job", run.job.name},
                                                            {"as_of", run.options.as_of},
                                                            {"options", options_json(run)},
                                                            {"os_user", caller.os_user},
                                                            {"host", caller.host},
                                                            {"process_id", caller.process_id},
                                                            {"program_version", KEYROTA_VERSION}});
        run.run_id = opened.int64("run_id");
        run.as_of = opened.instant("as_of");
    });
}

// Everything before the first change.
void plan(Run& run, RunReport& report) {
    const Stopwatch stopwatch;
    refresh_policy(
        run.session, run.config.policy, [&](const auto& work) { run.in_batch(work); },
        run.lease ? Refresh::kept : Refresh::rolled_back);
    report.checks = evaluate_all(run);
    judge_by_guards(run, report);
    report.plan_time = stopwatch.elapsed();
}

const char* status_of(const Run& run, ExitCode outcome) {
    switch (outcome) {
        case ExitCode::done:
        case ExitCode::findings:
            return run.lease ? "done" : "planned";
        case ExitCode::blast_radius:
        case ExitCode::held_back:
            return "refused";
        case ExitCode::interrupted_int:
        case ExitCode::interrupted_term:
            return "interrupted";
        default:
            return "partial";
    }
}

// Whether --fail-on would stop a pipeline here: what the run's checks leave open.
void look_for_severe_findings(Run& run, RunReport& report) {
    if (!run.options.fail_on) return;
    std::string checks;
    for (const CheckReport& check : report.checks)
        checks += (checks.empty() ? "" : ",") + check.check_id;
    report.over_fail_on = run.session
                              .one(sql::any_at_or_over, {{"checks", "{" + checks + "}"},
                                                         {"severity", *run.options.fail_on},
                                                         {"run_id", run.run_id}})
                              .int64("found") != 0;
}

// How the run's checks and steps want it to end: the gravest of them is told.
void heed_alarms(RunReport& report, std::vector<ExitCode>& outcomes) {
    for (const CheckReport& check : report.checks)
        if (check.alarm) outcomes.push_back(check.alarm->code());
    for (const CheckReport& check : report.checks) {
        if (!check.alarm || check.alarm->code() != gravest(outcomes)) continue;
        report.message = check.alarm->what();
        report.hint = check.alarm->hint();
        return;
    }
}

// Outcomes of the checks, from none to the gravest.
void conclude(const Run& run, RunReport& report) {
    std::vector<ExitCode> outcomes;
    for (const CheckReport& check : report.checks) {
        if (!check.error.empty() || (check.failed > 0 && !check.alarm))
            outcomes.push_back(ExitCode::partial);
        if (check.refused > 0 && report.held.empty()) {
            outcomes.push_back(ExitCode::blast_radius);
            report.message = fmt::format("{}: {} actions exceed the blast radius; none was done",
                                         check.check_id, check.refused);
            report.hint = fmt::format(
                "Look at them with `keyrota run {} --dry-run`; --max-actions {} allows them for "
                "one run.",
                report.job, check.refused);
        } else if (check.failed > 0 && check.is_step() && report.message.empty()) {
            report.message = fmt::format("{}: {} failed", check.check_id, check.failed);
        } else if (check.failed > 0 && report.message.empty()) {
            report.message =
                fmt::format("{}: {} {} were locked by others and are left for the next run",
                            check.check_id, check.failed, check.is_chore() ? "rows" : "keys");
        } else if (!check.error.empty() && report.message.empty()) {
            report.message = fmt::format("{}: {}", check.check_id, check.error);
        }
    }
    if (!report.held.empty()) {
        outcomes.push_back(ExitCode::held_back);
        report.message = fmt::format("{} held back its actions: {}", report.job, report.held);
        report.hint = "Look at them with --dry-run; `keyrota resume` lets the job act again.";
    }
    if (!run.waivers_refused.empty()) {
        outcomes.push_back(ExitCode::config);
        report.message = fmt::format("{}: the waiver file was not applied: {}", report.job,
                                     run.waivers_refused.substr(0, run.waivers_refused.find('\n')));
        report.hint = "`keyrota config check` lists every error; the waivers are unchanged.";
    }
    if (run.interruption.requested()) outcomes.push_back(run.interruption.exit_code());
    if (report.over_fail_on) {
        outcomes.push_back(ExitCode::findings);
        if (report.message.empty()) {
            const std::string_view severity = severity_name(*run.options.fail_on);
            report.message = fmt::format("{}: there are findings of severity {} or higher",
                                         report.job, severity);
            report.hint =
                fmt::format("`keyrota findings list --severity {}` shows them.", severity);
        }
    }
    // Undelivered messages are no reason to look again; any other trouble of a step is.
    for (const CheckReport& check : report.checks)
        if (check.is_step() && check.alarm && check.alarm->code() != ExitCode::delivery)
            outcomes.push_back(check.alarm->code());
    report.status = status_of(run, gravest(outcomes));
    heed_alarms(report, outcomes);
    report.exit_code = gravest(outcomes);
    report.complete = report.status == "done" && !run.options.limit && run.purpose == Purpose::run;
}

// @param plan_digest of the file, for a run that only planned.
void close_run(Run& run, const RunReport& report, const std::string& plan_digest = "") {
    run.in_batch([&] {
        run.session.execute(kDurably);
        run.session.execute(kClearPlan, {{"run_id", run.run_id}});
        remember_database(run.session);
        run.session.execute(sql::run_finish, {{"run_id", run.run_id},
                                              {"status", report.status},
                                              {"complete", report.complete ? 1 : 0},
                                              {"exit_code", static_cast<int>(report.exit_code)},
                                              text_or_null("message", report.message),
                                              text_or_null("plan_digest", plan_digest)});
    });
}

RunReport fail_run(Run& run, RunReport report, const Error& error) {
    report.status = run.interruption.requested() ? "interrupted" : "failed";
    report.exit_code = run.interruption.requested() ? run.interruption.exit_code() : error.code();
    if (!run.interruption.requested()) {
        report.message = error.what();
        report.hint = error.hint();
    }
    try {
        close_run(run, report);
    } catch (const Error& also) {
        spdlog::debug("run {} stays open: {}", run.run_id, also.what());  // the next run marks it
    }
    return report;
}

RunReport dry_run(Run& run) {
    const LoggedRun logged(run.job.name, 0);
    const Transaction rolled_back(run.session);
    // Its items are its own: of two dry runs at once none waits for the other.
    run.run_id = -run.session.one(kBackend).int64("pid");
    run.as_of = run.options.as_of ? *run.options.as_of : run.session.one(kClock).instant("now");
    RunReport report;
    report.job = run.job.name;
    report.as_of = run.as_of;
    plan(run, report);
    look_for_severe_findings(run, report);
    conclude(run, report);
    return report;
}

Run start_run(Purpose purpose, const Job& job, const RunOptions& options, const Config& config,
              Interruption& interruption) {
    Session session = open_session(config, Access::runner);
    require_simulation_for_as_of(session, options);
    std::unique_ptr<Lease> lease;
    if (purpose != Purpose::dry_run) lease = acquire_lease(job, options, config, interruption);
    return {.job = job,
            .options = options,
            .config = config,
            .interruption = interruption,
            .session = std::move(session),
            .lease = std::move(lease),
            .purpose = purpose};
}

// To be kept elsewhere with the log: whoever rewrites the trail later cannot rewrite that. A run
// that did its work does not fail for a head that cannot be logged.
void log_audit_head(Run& run, std::int64_t height_before) {
    if (!is_kept(run.config.log)) return;
    try {
        log_head_above(run.session, height_before, run.config.data_dir);
    } catch (const Error& error) {
        spdlog::warn("the audit head is not in the log: {}", error.what());
    }
}

// Opens the run's record, does the work, and closes the record also where the work failed.
RunReport recorded(Run& run, const std::function<void(RunReport&)>& work) {
    open_run(run);
    const LoggedRun logged(run.job.name, run.run_id);
    set_up_for_batches(run.session);
    RunReport report;
    report.job = run.job.name;
    report.run_id = run.run_id;
    report.as_of = run.as_of;
    const std::int64_t height = read_head(run.session).head.height;
    try {
        work(report);
    } catch (const Error& error) {
        report = fail_run(run, std::move(report), error);
    }
    log_audit_head(run, height);
    return report;
}

struct AcceptedPlan {
    std::int64_t run_id;
    std::string digest;
};

// Whether this database wrote the file as it is, a day ago at most, and never applied it.
AcceptedPlan accept_plan(Session& session, const Job& job, const RunOptions& options,
                         const std::filesystem::path& file) {
    const PlanHeader header = read_plan_header(file);
    const std::string again = fmt::format("Plan again: `keyrota plan {} --out FILE`.", job.name);
    const Row facts =
        session.one(sql::plan_file_facts,
                    {{"run_id", header.run_id}, {"job", job.name}, {"as_of", options.as_of}});
    const auto refuse = [&](const std::string& reason) {
        return Error(ExitCode::usage, fmt::format("{} {}", file.string(), reason), again);
    };
    if (facts.text("installation") != header.installation)
        throw refuse("is a plan for another database");
    if (facts.is_null("plan_digest")) throw refuse("is a plan that this database does not know");
    if (facts.text("plan_digest") != digest_of(file))
        throw refuse(
            fmt::format("is not what run {} planned: it was edited or truncated", header.run_id));
    if (!facts.is_null("applied_by_run_id"))
        throw refuse(
            fmt::format("was already applied by run {}; a new plan covers what that left undone",
                        facts.int64("applied_by_run_id")));
    if (facts.instant("now") - facts.instant("as_of") > kPlanMaxAge)
        throw refuse(fmt::format("is older than {}: it was planned as of {}",
                                 to_string(std::chrono::microseconds(kPlanMaxAge)),
                                 to_string(facts.instant("as_of"))));
    return {header.run_id, facts.text("plan_digest")};
}

// Marks the plan as applied, before the first action. Whoever waits with the same file for the
// lease comes too late.
void claim_plan(Run& run, const AcceptedPlan& accepted) {
    run.in_batch([&] {
        const auto claimed =
            run.session.execute(sql::plan_file_claim, {{"run_id", run.run_id},
                                                       {"planned_run_id", accepted.run_id},
                                                       {"digest", accepted.digest}});
        if (claimed == 0)
            throw Error(ExitCode::usage,
                        fmt::format("plan {} was applied by another run", accepted.run_id),
                        "`keyrota runs list` shows what it did; then make a new plan.");
    });
}

}  // namespace

RunReport run_job(const Job& job, const RunOptions& options, const Config& config,
                  Interruption& interruption) {
    Run run = start_run(options.dry_run ? Purpose::dry_run : Purpose::run, job, options, config,
                        interruption);
    if (options.dry_run) return dry_run(run);
    return recorded(run, [&](RunReport& report) {
        plan(run, report);
        enforce_guards(run, report);
        apply_all(run, report);
        conclude(run, report);
        if (report.complete)
            for (CheckReport& check : report.checks) resolve_absent(run, check);
        record_stale_data(run, report);
        look_for_severe_findings(run, report);
        conclude(run, report);  // a signal may have come in between
        close_run(run, report);
    });
}

PlanReport plan_job(const Job& job, const RunOptions& options, const Config& config,
                    Interruption& interruption, const std::filesystem::path& file) {
    Run run = start_run(Purpose::plan, job, options, config, interruption);
    PlanReport planned;
    planned.run = recorded(run, [&](RunReport& report) {
        plan(run, report);
        conclude(run, report);
        if (run.interruption.requested()) return close_run(run, report);
        std::string digest;
        std::map<std::string, int> shown;  // by check
        run.in_batch([&] {
            planned.first.clear();
            shown.clear();
            digest = write_plan_file(run, file, [&](const PlannedAction& action) {
                if (++shown[action.check_id] <= kActionsShown) planned.first.push_back(action);
            });
        });
        report.status = "planned";
        close_run(run, report, digest);
    });
    return planned;
}

RunReport apply_plan(const Job& job, const RunOptions& options, const Config& config,
                     Interruption& interruption, const std::filesystem::path& file) {
    {
        Session session = open_session(config, Access::runner);
        accept_plan(session, job, options, file);  // before a run is recorded, or waited for
    }
    Run run = start_run(Purpose::apply, job, options, config, interruption);
    const AcceptedPlan accepted = accept_plan(run.session, job, options, file);
    run.applies_plan = accepted.run_id;
    return recorded(run, [&](RunReport& report) {
        const Stopwatch stopwatch;
        report.checks = evaluate_plan_file(run, file, accepted.digest);
        judge_by_guards(run, report);
        report.plan_time = stopwatch.elapsed();
        enforce_guards(run, report);
        const bool acts =
            std::any_of(report.checks.begin(), report.checks.end(),
                        [](const CheckReport& check) { return check.planned > check.refused; });
        if (acts) claim_plan(run, accepted);
        apply_all(run, report);
        record_stale_data(run, report);
        conclude(run, report);
        close_run(run, report);
    });
}

}  // namespace keyrota
