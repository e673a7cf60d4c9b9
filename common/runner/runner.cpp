#include "runner/runner.h"

#include <Poco/JSON/Object.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <thread>

#include "common_sql.h"
#include "error/error.h"
#include "policy/policy.h"
#include "postgres/caller.h"
#include "postgres/database.h"
#include "report/json_text.h"
#include "runner/apply.h"
#include "runner/evaluate.h"
#include "runner/guards.h"
#include "runner/run.h"
#include "runner/time_guard.h"

namespace keyrota {
namespace {

constexpr Statement kClock{"clock", "select keyrota.micros(clock_timestamp()) as now"};
constexpr Statement kIsSimulation{"is_simulation",
                                  "select simulation::int as simulation from keyrota.installation"};
// A batch whose commit a crash of the server swallowed is simply done again, so none waits for the
// disk; closing the run does, and everything before it is then on disk too. Plans are short-lived:
// rough statistics are enough.
constexpr Statement kRunSettings{"run_settings",
                                 "select set_config('synchronous_commit', 'off', false),"
                                 "       set_config('default_statistics_target', '10', false)"};
constexpr Statement kDurably{"durably", "set local synchronous_commit = on"};
constexpr Statement kClearPlan{"clear_plan",
                               "delete from keyrota.plan_item where run_id = :run_id"};

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

// The options that shaped the run, for `runs show`.
std::string options_json(const RunOptions& options) {
    Poco::JSON::Object shaped;
    if (options.limit) shaped.set("limit", *options.limit);
    if (options.max_actions) shaped.set("max_actions", *options.max_actions);
    return json_text(shaped);
}

void open_run(Run& run) {
    run.in_batch([&] {
        run.session.execute(sql::run_abandon, {{"job", run.job.name}});
        run.session.execute(sql::run_clear_plans);
        const Caller caller = current_caller();
        const Row opened =
            run.session.one(sql::run_start, {{"job", run.job.name},
                                             run.options.as_of ? Param("as_of", *run.options.as_of)
                                                               : Param("as_of", std::monostate{}),
                                             {"options", options_json(run.options)},
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
    refresh_policy(run.session, run.config.policy, [&](const auto& work) { run.in_batch(work); });
    report.checks = evaluate_all(run);
    apply_guards(run, report);
    report.plan_time = stopwatch.elapsed();
}

// Outcomes of the checks, from none to the gravest.
void conclude(const Run& run, RunReport& report) {
    std::vector<ExitCode> outcomes;
    for (const CheckReport& check : report.checks) {
        if (!check.error.empty() || check.failed > 0) outcomes.push_back(ExitCode::partial);
        if (check.refused > 0 && report.held.empty()) {
            outcomes.push_back(ExitCode::blast_radius);
            report.message = fmt::format("{}: {} actions are over the blast radius, none was done",
                                         check.check_id, check.refused);
            report.hint = fmt::format(
                "Look at them with `keyrota run {} --dry-run`; --max-actions {} allows them for "
                "one run.",
                report.job, check.refused);
        } else if (check.failed > 0 && report.message.empty()) {
            report.message =
                fmt::format("{}: {} keys were locked by others and are left for the next run",
                            check.check_id, check.failed);
        } else if (!check.error.empty() && report.message.empty()) {
            report.message = fmt::format("{}: {}", check.check_id, check.error);
        }
    }
    if (!report.held.empty()) {
        outcomes.push_back(ExitCode::held_back);
        report.message = fmt::format("{} held its actions back: {}", report.job, report.held);
        report.hint = "Look at them with --dry-run; `keyrota resume` lets the job act again.";
    }
    if (run.interruption.requested()) outcomes.push_back(run.interruption.exit_code());
    report.exit_code = gravest(outcomes);
    switch (report.exit_code) {
        case ExitCode::done:
            report.status = run.lease ? "done" : "planned";
            break;
        case ExitCode::blast_radius:
        case ExitCode::held_back:
            report.status = "refused";
            break;
        case ExitCode::interrupted_int:
        case ExitCode::interrupted_term:
            report.status = "interrupted";
            break;
        default:
            report.status = "partial";
    }
    report.complete = report.exit_code == ExitCode::done && !run.options.limit;
}

void close_run(Run& run, const RunReport& report) {
    run.in_batch([&] {
        run.session.execute(kDurably);
        run.session.execute(kClearPlan, {{"run_id", run.run_id}});
        remember_database(run.session);
        run.session.execute(sql::run_finish,
                            {{"run_id", run.run_id},
                             {"status", report.status},
                             {"complete", report.complete ? 1 : 0},
                             {"exit_code", static_cast<int>(report.exit_code)},
                             report.message.empty() ? Param("message", std::monostate{})
                                                    : Param("message", report.message)});
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
    const Transaction rolled_back(run.session);
    run.as_of = run.options.as_of ? *run.options.as_of : run.session.one(kClock).instant("now");
    RunReport report;
    report.job = run.job.name;
    report.as_of = run.as_of;
    plan(run, report);
    conclude(run, report);
    return report;
}

}  // namespace

RunReport run_job(const Job& job, const RunOptions& options, const Config& config,
                  Interruption& interruption) {
    Session session = open_session(config, Access::runner);
    require_simulation_for_as_of(session, options);
    std::unique_ptr<Lease> lease;
    if (!options.dry_run) lease = acquire_lease(job, options, config, interruption);
    Run run{.job = job,
            .options = options,
            .config = config,
            .interruption = interruption,
            .session = std::move(session),
            .lease = std::move(lease)};
    if (options.dry_run) return dry_run(run);

    open_run(run);
    run.session.one(kRunSettings);
    RunReport report;
    report.job = job.name;
    report.run_id = run.run_id;
    report.as_of = run.as_of;
    try {
        plan(run, report);
        apply_all(run, report);
        conclude(run, report);
        if (report.complete)
            for (CheckReport& check : report.checks) resolve_absent(run, check);
        conclude(run, report);  // a signal may have come in between
        close_run(run, report);
        return report;
    } catch (const Error& error) {
        return fail_run(run, std::move(report), error);
    }
}

}  // namespace keyrota
