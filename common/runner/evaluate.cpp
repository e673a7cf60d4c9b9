#include "runner/evaluate.h"

#include <spdlog/spdlog.h>

#include "common_sql.h"
#include "error/error.h"
#include "plan/plan.h"

namespace keyrota {
namespace {

// From where a standing pass of an incremental check looks: before any key.
constexpr std::int64_t kFarPast = -62'135'596'800'000'000;  // year 1

constexpr Statement kAnalyzeResult{"analyze_check_result", "analyze pg_temp.check_result"};
constexpr Statement kDropResult{"drop_check_result", "drop table pg_temp.check_result"};
constexpr Statement kSavepoint{"savepoint", "savepoint one_check"};
constexpr Statement kToSavepoint{"rollback_to_savepoint", "rollback to savepoint one_check"};

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
    if (run.options.dry_run) {
        // What would become of the findings; a real run counts what it writes.
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

}  // namespace

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

}  // namespace keyrota
