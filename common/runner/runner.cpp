#include "runner/runner.h"

#include <Poco/JSON/Object.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <sstream>
#include <thread>

#include "audit/audit.h"
#include "common_sql.h"
#include "error/error.h"
#include "plan/action.h"
#include "policy/policy.h"
#include "postgres/caller.h"
#include "postgres/database.h"
#include "postgres/lease.h"
#include "progress/progress.h"
#include "runner/time_guard.h"

namespace keyrota {
namespace {

// From where a standing pass of an incremental check looks: before any key.
constexpr std::int64_t kFarPast = -62'135'596'800'000'000;  // year 1
constexpr const char* kOnlyShard = "1/1";

constexpr Statement kClock{"clock", "select keyrota.micros(clock_timestamp()) as now"};
constexpr Statement kIsSimulation{"is_simulation",
                                  "select simulation::int as simulation from keyrota.installation"};
constexpr Statement kAnalyzeResult{"analyze_check_result", "analyze pg_temp.check_result"};
// A batch whose commit a crash of the server swallowed is simply done again, so none waits for the
// disk; closing the run does, and everything before it is then on disk too. Plans are short-lived:
// rough statistics are enough.
constexpr Statement kRunSettings{"run_settings",
                                 "select set_config('synchronous_commit', 'off', false),"
                                 "       set_config('default_statistics_target', '10', false)"};
constexpr Statement kDurably{"durably", "set local synchronous_commit = on"};
constexpr Statement kDropResult{"drop_check_result", "drop table pg_temp.check_result"};
constexpr Statement kAnalyzePlan{"analyze_plan_item",
                                 "select keyrota.analyze_plan_item()::text as done"};
constexpr Statement kClearPlan{"clear_plan",
                               "delete from keyrota.plan_item where run_id = :run_id"};
constexpr Statement kSavepoint{"savepoint", "savepoint one_check"};
constexpr Statement kToSavepoint{"rollback_to_savepoint", "rollback to savepoint one_check"};

class Stopwatch {
  public:
    std::chrono::milliseconds elapsed() const {
        return std::chrono::duration_cast<std::chrono::milliseconds>(
            std::chrono::steady_clock::now() - started_);
    }

  private:
    std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
};

// One run in progress. A struct of what the steps below share, no more.
struct Run {
    const Job& job;
    const RunOptions& options;
    const Config& config;
    Interruption& interruption;
    Session session;
    std::unique_ptr<Lease> lease;  // none: a dry run
    std::int64_t run_id = 0;
    Timestamp as_of{};
    std::string actor = audit_actor();

    /// One batch: a transaction that holds the lease, repeated when it met a lock. A dry run is
    /// inside its own already.
    void in_batch(const std::function<void()>& work) {
        if (!lease) return work();
        with_retries(static_cast<int>(config.limits.max_tries), [&] {
            Transaction transaction(session);
            lease->hold_for_transaction(session);
            work();
            transaction.commit();
        });
    }
};

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
    std::string fields;
    const auto add = [&](const char* name, std::int64_t value) {
        fields += fmt::format("{}\"{}\":{}", fields.empty() ? "" : ",", name, value);
    };
    if (options.limit) add("limit", *options.limit);
    if (options.max_actions) add("max_actions", *options.max_actions);
    return "{" + fields + "}";
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

// --- evaluate
// ---------------------------------------------------------------------------------------------------------

struct Pass {
    bool is_standing;
    std::int64_t since;  // microseconds
};

// An incremental check goes on from its last complete run; once a day, and at first, it looks at
// everything.
Pass next_pass(Run& run, const PlannedCheck& check) {
    if (check.kind == CheckKind::standing) return {true, kFarPast};
    const Row last = run.session.one(sql::last_passes, {{"job", run.job.name},
                                                        {"shard", kOnlyShard},
                                                        {"check_id", check.check_id},
                                                        {"as_of", run.as_of}});
    if (last.is_null("since") || last.int64("standing") == 0) return {true, kFarPast};
    return {false, last.int64("since")};
}

// Evaluates one check into a temporary table and its differences into the plan; in the caller's
// transaction.
CheckReport evaluate(Run& run, const PlannedCheck& check) {
    CheckReport report;
    report.check_id = check.check_id;
    const Pass pass = next_pass(run, check);
    report.pass = pass.is_standing ? "standing" : "incremental";

    run.session.execute(sql::check_result);
    std::string text =
        "insert into pg_temp.check_result (key_id, detail, severity, action, due_at, evidence)"
        " select key_id, detail, severity, action, due_at, evidence from (" +
        std::string(check.statement.text) + ") evaluated";
    if (run.options.limit) text += " order by due_at, key_id limit :limit";
    Params params{{"as_of", run.as_of}, {"watermark", pass.since}};
    if (run.options.limit) params.emplace_back("limit", *run.options.limit);
    report.found = run.session.execute({check.statement.name, text.c_str()}, params);

    const Params name{{"run_id", run.run_id}, {"check_id", check.check_id}};
    if (report.found > 0) {
        run.session.execute(kAnalyzeResult);
        run.session.execute(sql::plan_changes, name);
    }
    if (pass.is_standing && !run.options.limit) run.session.execute(sql::plan_absent, name);
    run.session.execute(kDropResult);

    const Row totals = run.session.one(sql::plan_totals, name);
    report.planned = totals.int64("actions");
    report.action = totals.text_or("action", "");
    if (run.options
            .dry_run) {  // what would become of the findings; a real run counts what it writes
        report.opened = totals.int64("opened");
        report.changed = totals.int64("changed");
        report.resolved = totals.int64("resolved");
        return report;
    }
    run.session.execute(
        sql::run_check_start,
        {{"run_id", run.run_id},
         {"check_id", check.check_id},
         {"pass", report.pass},
         pass.since == kFarPast ? Param("since", std::monostate{}) : Param("since", pass.since),
         {"found", report.found},
         {"planned", report.planned},
         {"error", std::monostate{}}});
    return report;
}

// A check that cannot be evaluated stops no other and is never read as "nothing found"; a broken
// connection, a cancel and a lost lease stop the run.
CheckReport failed_check(Run& run, const PlannedCheck& check, const DatabaseError& error) {
    const bool is_over =
        error.sqlstate().compare(0, 2, "08") == 0 || error.sqlstate().compare(0, 3, "57P") == 0;
    if (is_over || run.interruption.requested()) throw error;
    spdlog::error("{}: {}", check.check_id, error.what());
    CheckReport report;
    report.check_id = check.check_id;
    report.pass = check.kind == CheckKind::standing ? "standing" : "incremental";
    report.error = error.what();
    if (run.lease)
        run.in_batch([&] {
            run.session.execute(sql::run_check_start, {{"run_id", run.run_id},
                                                       {"check_id", check.check_id},
                                                       {"pass", report.pass},
                                                       {"since", std::monostate{}},
                                                       {"found", 0},
                                                       {"planned", 0},
                                                       {"error", report.error}});
        });
    return report;
}

std::vector<CheckReport> evaluate_all(Run& run) {
    Plan plan;
    run.job.plan({run.config, run.as_of}, plan);
    const Interruption::CancelOnSignal cancellable(run.interruption, run.session);
    std::vector<CheckReport> reports;
    for (const PlannedCheck& check : plan.checks()) {
        try {
            CheckReport report;
            if (!run.lease) run.session.execute(kSavepoint);
            run.in_batch([&] { report = evaluate(run, check); });
            reports.push_back(std::move(report));
        } catch (const DatabaseError& error) {
            if (!run.lease) run.session.execute(kToSavepoint);
            reports.push_back(failed_check(run, check, error));
        }
    }
    return reports;
}

// --- guards
// -----------------------------------------------------------------------------------------------------------

bool is_allowed(Run& run, const CheckReport& report) {
    if (run.options.max_actions) return report.planned <= *run.options.max_actions;
    const std::int64_t recent =
        run.session
            .one(sql::recent_actions,
                 {{"job", run.job.name}, {"as_of", run.as_of}, {"check_id", report.check_id}})
            .int64("total");
    return within_blast_radius(run.session, find_action(report.action), recent + report.planned);
}

// A guard said no: none of the check's actions is done, its findings stay.
void refuse(Run& run, CheckReport& report) {
    report.refused = report.planned;
    if (!run.lease || report.planned == 0) return;
    run.in_batch([&] {
        run.session.execute(sql::refuse_actions,
                            {{"run_id", run.run_id}, {"check_id", report.check_id}});
    });
}

void guard_blast_radius(Run& run, CheckReport& report) {
    if (report.planned > 0 && !is_allowed(run, report)) refuse(run, report);
}

constexpr const char* kRunHeld = "RUN-HELD";

// A long gap, a clock that went back, another database: actions wait for a person. Who chose as_of
// travels knowingly.
void guard_time(Run& run, RunReport& report) {
    const bool acts = std::any_of(report.checks.begin(), report.checks.end(),
                                  [](const CheckReport& check) { return check.planned > 0; });
    if (run.options.as_of) return;
    report.held = reason_to_hold(run.session, run.job, run.as_of, run.config, acts);
    if (report.held.empty()) return;
    for (CheckReport& check : report.checks) refuse(run, check);
    if (!run.lease) return;
    Poco::JSON::Object evidence;
    evidence.set("reason", report.held);
    std::ostringstream text;
    evidence.stringify(text);
    run.in_batch([&] {
        run.session.execute(sql::open_own_finding, {{"check_id", kRunHeld},
                                                    {"detail", run.job.name},
                                                    {"severity", 4},
                                                    {"evidence", text.str()},
                                                    {"as_of", run.as_of},
                                                    {"run_id", run.run_id}});
    });
}

// Everything before the first change.
void plan(Run& run, RunReport& report) {
    const Stopwatch stopwatch;
    refresh_policy(run.session, run.config.policy, [&](const auto& work) { run.in_batch(work); });
    report.checks = evaluate_all(run);
    guard_time(run, report);
    if (report.held.empty())
        for (CheckReport& check : report.checks) guard_blast_radius(run, check);
    report.plan_time = stopwatch.elapsed();
}

// --- apply
// ------------------------------------------------------------------------------------------------------------

// What one batch adds to the totals of its check.
struct Counts {
    std::int64_t opened = 0, changed = 0, resolved = 0, applied = 0, drifted = 0, refused = 0,
                 failed = 0;
};

void count(Run& run, CheckReport& report, const Counts& counts) {
    run.session.execute(sql::run_check_count, {{"run_id", run.run_id},
                                               {"check_id", report.check_id},
                                               {"opened", counts.opened},
                                               {"changed", counts.changed},
                                               {"resolved", counts.resolved},
                                               {"applied", counts.applied},
                                               {"drifted", counts.drifted},
                                               {"refused", counts.refused},
                                               {"failed", counts.failed}});
}

void add(CheckReport& report, const Counts& counts) {
    report.opened += counts.opened;
    report.changed += counts.changed;
    report.resolved += counts.resolved;
    report.applied += counts.applied;
    report.drifted += counts.drifted;
    report.refused += counts.refused;
    report.failed += counts.failed;
}

// `limits.duty`: courtesy to the live database between batches. A signal ends a pause, which may be
// 99 times as long as the batch before it.
class DutyCycle {
  public:
    DutyCycle(std::int64_t percent, const Interruption& interruption)
        : percent_(percent), interruption_(interruption) {}
    void pause_after_batch() {
        using Clock = std::chrono::steady_clock;
        constexpr Clock::duration kLookUp = std::chrono::milliseconds(100);
        const Clock::time_point worked_until = Clock::now();
        if (percent_ < 100) {
            const Clock::time_point until =
                worked_until + (worked_until - since_) * (100 - percent_) / percent_;
            while (Clock::now() < until && !interruption_.requested())
                std::this_thread::sleep_for(std::min(kLookUp, until - Clock::now()));
        }
        since_ = Clock::now();
    }

  private:
    std::int64_t percent_;
    const Interruption& interruption_;
    std::chrono::steady_clock::time_point since_ = std::chrono::steady_clock::now();
};

// The keys of one transaction: a dense stretch of the check's items in key order.
struct Batch {
    std::string ids;  // bigint[] as text
    std::int64_t first;
    std::int64_t last;
    std::int64_t keys;
};

// Hands the check's items of one kind (action | finding | resolve) over in batches of key ids,
// until none is left or a signal came. @returns whether all were handed over.
bool for_each_batch(Run& run, const CheckReport& report, const char* kind,
                    const std::function<void(const Batch&)>& work) {
    DutyCycle duty(run.config.limits.duty, run.interruption);
    for (std::int64_t after = -1;;) {
        if (run.interruption.requested()) return false;
        const Row next = run.session.one(sql::next_batch, {{"run_id", run.run_id},
                                                           {"check_id", report.check_id},
                                                           {"kind", kind},
                                                           {"after", after},
                                                           {"size", run.config.limits.batch_size}});
        if (next.int64("total") == 0) return true;
        work({next.text("ids"), next.int64("first"), next.int64("last"), next.int64("total")});
        after = next.int64("last");
        duty.pause_after_batch();
    }
}

enum class Locked { skip, wait };

// Applies the action to one batch of keys: the change, its audit entries, its finding closed as
// acted, the totals.
// @returns how many keys were changed; the rest drifted or is locked.
std::int64_t apply_batch(Run& run, CheckReport& report, const Action& action, const Batch& batch,
                         Locked locked) {
    std::string text = action.statement.text;
    static constexpr std::string_view kSkip = " skip locked";
    if (locked == Locked::wait) text.erase(text.find(kSkip), kSkip.size());
    Counts counts;
    run.in_batch([&] {
        counts = {};
        const Row done = run.session.one({action.statement.name, text.c_str()},
                                         {{"ids", batch.ids}, {"as_of", run.as_of}});
        counts.applied = done.int64("total");
        if (counts.applied == 0) return;
        const std::int64_t block_id = open_audit_block(run.session);
        const std::string& changed = done.text("ids");
        run.session.execute(sql::audit_actions, {{"block_id", block_id},
                                                 {"actor", run.actor},
                                                 {"as_of", run.as_of},
                                                 {"ids", changed},
                                                 {"first", batch.first},
                                                 {"last", batch.last},
                                                 {"befores", done.text("befores")},
                                                 {"afters", done.text("afters")},
                                                 {"run_id", run.run_id},
                                                 {"check_id", report.check_id}});
        run.session.execute(sql::record_findings, {{"acted", 1},
                                                   {"as_of", run.as_of},
                                                   {"run_id", run.run_id},
                                                   {"check_id", report.check_id},
                                                   {"first", batch.first},
                                                   {"last", batch.last},
                                                   {"ids", changed}});
        count(run, report, counts);
        seal_audit_block(run.session, block_id);
    });
    add(report, counts);
    return counts.applied;
}

// What the first pass stepped past: locked rows get their time (lock_timeout, repeated), drifted
// ones are left alone.
void finish_batch(Run& run, CheckReport& report, const Action& action, const Batch& batch,
                  std::int64_t left) {
    Counts counts;
    try {
        left -= apply_batch(run, report, action, batch, Locked::wait);
        counts.drifted = left;
    } catch (const DatabaseError& error) {
        if (!error.is_contention()) throw;
        left -= apply_batch(run, report, action, batch, Locked::skip);
        counts.failed = left;
        spdlog::error("{}: {} keys stayed locked: {}", report.check_id, left, error.what());
    }
    if (left == 0) return;
    run.in_batch([&] { count(run, report, counts); });
    add(report, counts);
}

void apply_actions(Run& run, CheckReport& report, Progress& progress) {
    if (report.planned == 0 || report.refused > 0) return;
    const Action& action = find_action(report.action);
    struct Rest {
        Batch batch;
        std::int64_t left;
    };
    std::vector<Rest> rests;
    for_each_batch(run, report, "action", [&](const Batch& batch) {
        const std::int64_t left =
            batch.keys - apply_batch(run, report, action, batch, Locked::skip);
        if (left > 0) rests.push_back({batch, left});
        progress.advance(batch.keys);
    });
    for (const Rest& rest : rests) {
        if (run.interruption.requested()) return;
        finish_batch(run, report, action, rest.batch, rest.left);
    }
}

// Findings that ask for no action, or whose action was refused.
void record_findings(Run& run, CheckReport& report) {
    for_each_batch(run, report, "finding", [&](const Batch& batch) {
        Counts counts;
        run.in_batch([&] {
            counts = {};
            const Row kinds = run.session.one(sql::batch_changes, {{"run_id", run.run_id},
                                                                   {"check_id", report.check_id},
                                                                   {"first", batch.first},
                                                                   {"last", batch.last}});
            counts.opened = kinds.int64("opened");
            counts.changed = kinds.int64("changed");
            run.session.execute(sql::record_findings, {{"acted", 0},
                                                       {"as_of", run.as_of},
                                                       {"run_id", run.run_id},
                                                       {"check_id", report.check_id},
                                                       {"first", batch.first},
                                                       {"last", batch.last},
                                                       {"ids", batch.ids}});
            count(run, report, counts);
        });
        add(report, counts);
    });
}

// Only a complete run may take absence for an answer.
void resolve_absent(Run& run, CheckReport& report) {
    for_each_batch(run, report, "resolve", [&](const Batch& batch) {
        Counts counts;
        run.in_batch([&] {
            counts = {};
            counts.resolved =
                run.session.execute(sql::resolve_absent, {{"as_of", run.as_of},
                                                          {"run_id", run.run_id},
                                                          {"check_id", report.check_id},
                                                          {"first", batch.first},
                                                          {"last", batch.last},
                                                          {"ids", batch.ids}});
            count(run, report, counts);
        });
        add(report, counts);
    });
}

void apply_all(Run& run, RunReport& report) {
    const Stopwatch stopwatch;
    std::int64_t items = 0;
    std::int64_t actions = 0;
    for (const CheckReport& check : report.checks) {
        items += check.found;
        actions += check.planned - check.refused;
    }
    if (items > 0) run.session.one(kAnalyzePlan);
    Progress progress(run.job.name, actions, run.options.show_progress);
    for (CheckReport& check : report.checks) {
        if (!check.error.empty()) continue;
        record_findings(run, check);
        apply_actions(run, check, progress);
    }
    report.apply_time = stopwatch.elapsed();
}

// --- close
// ------------------------------------------------------------------------------------------------------------

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
