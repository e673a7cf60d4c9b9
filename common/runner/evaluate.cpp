#include "runner/evaluate.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <limits>

#include "common_sql.h"
#include "error/error.h"
#include "plan/plan.h"
#include "postgres/copy.h"
#include "runner/coverage.h"
#include "runner/plan_file.h"
#include "waiver/waivers.h"

namespace keyrota {
namespace {

// From where a standing pass of an incremental check looks: before any key.
constexpr std::int64_t kFarPast = -62'135'596'800'000'000;  // year 1

constexpr Statement kAnalyzeResult{"analyze_check_result", "analyze pg_temp.check_result"};
// But for the rows that say that they do not know.
constexpr Statement kFound{
    "found", "select count(*) as total from pg_temp.check_result where severity is not null"};
constexpr Statement kRange{"check_result_range",
                           "select coalesce(min(key_id), 0) as first,"
                           "       coalesce(max(key_id), 0) as last"
                           "  from pg_temp.check_result"};
constexpr Statement kNeedsAll{"check_result_needs_all",
                              "alter table pg_temp.check_result alter key_id set not null,"
                              " alter detail set not null, alter evidence set not null"};
constexpr Statement kDropResult{"drop_check_result", "drop table pg_temp.check_result"};
// An incremental diff looks its few keys up; the planner would rather read all findings ever made.
constexpr Statement kLookUp{"look_up", "select set_config('random_page_cost', '1', true)"};
constexpr Statement kSavepoint{"savepoint", "savepoint one_check"};
constexpr Statement kToSavepoint{"rollback_to_savepoint", "rollback to savepoint one_check"};

const char* kind_name(CheckKind kind) {
    return kind == CheckKind::standing ? "standing" : "incremental";
}

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

// What the check's answer leaves out: findings whose waiver came or went. A standing pass returns
// them itself, a plan file is about its own items.
enum class Rest { returned, asked_for };

// Lets waivers count. A check that none names costs nothing; an incremental one a look at an index.
// @returns how many rows more the diff has to look at.
std::int64_t regard_waivers(Run& run, CheckReport& report, Rest rest) {
    const Params about = {{"check_id", report.check_id}, {"as_of", run.as_of}};
    const bool is_waived = run.waived_checks.count(report.check_id) > 0;
    std::int64_t more = 0;
    if (rest == Rest::asked_for)
        more = is_waived ? run.session.execute(sql::waiver_recheck, about)
                         : run.session.execute(sql::waivers_over, {{"check_id", report.check_id}});
    if (is_waived) report.waived = run.session.execute(sql::waiver_cover, about);
    return more;
}

struct KeyRange {
    std::int64_t first = std::numeric_limits<std::int64_t>::min();
    std::int64_t last = std::numeric_limits<std::int64_t>::max();
};

// As numbers, by which the planner knows how many findings there are to compare with: keys that
// come due together are mostly of about the same age.
KeyRange range_of_result(Run& run) {
    const Row range = run.session.one(kRange);
    return {range.int64("first"), range.int64("last")};
}

// From the filled check_result to the plan: the differences, their totals, the check's record.
void diff(Run& run, CheckReport& report, bool resolves_absent, Rest rest) {
    if (report.found > 0) run.session.execute(kAnalyzeResult);
    if (!resolves_absent) run.session.one(kLookUp);
    const std::int64_t more = regard_waivers(run, report, rest);
    std::int64_t items = 0;
    if (report.found + more > 0 || resolves_absent) {
        const KeyRange about = resolves_absent ? KeyRange{} : range_of_result(run);
        items = run.session.execute(sql::plan_changes, {{"run_id", run.run_id},
                                                        {"check_id", report.check_id},
                                                        {"first", about.first},
                                                        {"last", about.last},
                                                        {"absence", resolves_absent ? 1 : 0}});
    }
    run.session.execute(kDropResult);
    if (items == 0) return;

    const Row totals =
        run.session.one(sql::plan_totals, {{"run_id", run.run_id}, {"check_id", report.check_id}});
    report.planned = totals.int64("actions");
    report.action = totals.text_or("action", "");
    report.to_record = totals.int64("to_record");
    report.to_resolve = totals.int64("resolved");
    if (!run.writes()) {
        // What would become of the findings; else they are counted as they are written.
        report.opened = totals.int64("opened");
        report.changed = totals.int64("changed");
        report.resolved = report.to_resolve;
    }
}

void record_check(Run& run, const CheckReport& report, std::int64_t since = kFarPast) {
    if (!run.lease) return;
    run.session.execute(sql::run_check_start, {{"run_id", run.run_id},
                                               {"check_id", report.check_id},
                                               {"pass", report.pass},
                                               since == kFarPast ? Param("since", std::monostate{})
                                                                 : Param("since", since),
                                               {"found", report.found},
                                               {"planned", report.planned},
                                               text_or_null("error", report.error)});
}

// What a function of a check threw: its own trouble, whatever broke there.
struct FillFailed : Error {
    explicit FillFailed(const Error& error) : Error(error.code(), error.what(), error.hint()) {}
};

// Takes the file of waivers over. A refused one leaves the table's waivers as they are: a mistake
// about exceptions must not keep a key from being expired.
void take_waivers_over(Run& run) {
    const WaiverMoment moment{run.as_of, run.lease ? std::optional(run.run_id) : std::nullopt};
    try {
        run.in_batch([&] {
            take_waivers_over(run.session, run.config.waivers, moment,
                              run.lease ? Trail::written : Trail::left_out);
        });
    } catch (const DatabaseError& error) {
        if (!run.lease || !error.is_contention()) throw;
        spdlog::warn("waivers are being changed elsewhere; the next run looks at their file again");
    } catch (const Error& error) {
        if (error.code() != ExitCode::config) throw;
        run.waivers_refused = error.what();
    }
}

// Which checks are waived, for the whole run.
void refresh_waivers(Run& run) {
    take_waivers_over(run);
    run.in_batch([&] {
        run.waived_checks.clear();
        for (const Row& row : run.session.rows(sql::waived_checks, {{"as_of", run.as_of}}))
            run.waived_checks.insert(row.text("check_id"));
    });
}

// Lets the statement of a check fill check_result. @returns how many rows say that it holds.
std::int64_t select_into_result(Run& run, const PlannedCheck& check, const Pass& pass) {
    // The table of check_result.sql made by its rows: an insert would not let workers read for it.
    std::string text =
        "create temporary table check_result on commit drop as"
        " select cast(key_id as bigint) as key_id, cast(detail as text) as detail,"
        " cast(severity as smallint) as severity, cast(action as text) as action,"
        " cast(due_at as timestamptz) as due_at, cast(evidence as jsonb) as evidence,"
        " cast(null as bigint) as waiver_id from (" +
        std::string(check.statement.text) + ") evaluated";
    if (run.options.limit) text += " order by due_at, key_id limit :limit";
    Params params = check.params;
    params.emplace_back("as_of", run.as_of);
    params.emplace_back("watermark", pass.since);
    if (run.options.limit) params.emplace_back("limit", *run.options.limit);
    const std::int64_t rows = run.session.execute({check.statement.name, text.c_str()}, params);
    if (rows > 0) run.session.execute(kNeedsAll);
    const bool may_not_know =
        check.coverage && check.coverage->lacking == Coverage::Lacking::judged_by_the_key;
    return may_not_know && rows > 0 ? run.session.one(kFound).int64("total") : rows;
}

// Lets the function of a check fill check_result.
void fill_result(Run& run, const PlannedCheck& check, CheckReport& report) {
    CheckRows rows(run.session, run.options.limit);
    try {
        check.fill({run.config, run.as_of, run.interruption}, rows);
    } catch (const Error& error) {
        throw FillFailed(error);
    }
    report.found = rows.finish();
    report.alarm = rows.raised();
}

// Whether a check as a whole does not know where usage is lacking.
bool holds_back(const PlannedCheck& check) {
    return check.coverage->lacking != Coverage::Lacking::judged_by_the_key;
}

// Evaluates one check into a temporary table and its differences into the plan; in the caller's
// transaction.
CheckReport evaluate(Run& run, const PlannedCheck& check) {
    CheckReport report;
    report.check_id = check.check_id;
    const Pass pass = next_pass(run, check);
    report.pass = kind_name(pass.is_standing ? CheckKind::standing : CheckKind::incremental);
    report.unknown = unknown_usage(run, check);
    const bool is_unknown = !report.unknown.empty() && holds_back(check);
    if (is_unknown) report.pass = kUnknownPass;
    const bool judges =
        !is_unknown || check.coverage->lacking == Coverage::Lacking::resolves_nothing;

    if (judges && !check.fill) {
        report.found = select_into_result(run, check, pass);
    } else {
        run.session.execute(sql::check_result);
        if (judges) fill_result(run, check, report);
    }
    const bool is_all = pass.is_standing && !is_unknown && !run.options.limit;
    diff(run, report, is_all, is_all ? Rest::returned : Rest::asked_for);
    record_check(run, report, is_unknown ? kFarPast : pass.since);
    return report;
}

// Counts what a chore has to do.
CheckReport evaluate(Run& run, const PlannedChore& chore) {
    CheckReport report;
    report.check_id = chore.name;
    report.pass = kChorePass;
    const std::string text =
        "select count(*) as total from (" + std::string(chore.due.text) + ") due";
    Params params = chore.params;
    params.emplace_back("as_of", run.as_of);
    report.found = run.session.one({chore.due.name, text.c_str()}, params).int64("total");
    if (run.options.limit) report.found = std::min(report.found, *run.options.limit);
    report.planned = report.found;
    record_check(run, report);
    return report;
}

// A step says itself what it found. It is only asked beforehand where nothing else will say so, or
// where guards must know whether it is about to do something.
CheckReport evaluate(Run& run, const PlannedStep& step) {
    CheckReport report;
    report.check_id = step.name;
    report.pass = kStepPass;
    if (!run.lease || step.guarded) {
        Params params = step.params;
        params.emplace_back("as_of", run.as_of);
        const std::int64_t due = run.session.one(step.due, params).int64("total");
        if (!run.lease) report.found = due;
        if (step.guarded) report.planned = due;
    }
    record_check(run, report);
    return report;
}

// The server is gone, asks to leave, or takes no temporary table (a standby).
bool is_over(const DatabaseError& error) {
    const std::string& state = error.sqlstate();
    return state.starts_with("08") || state.starts_with("57P") || state == "25006";
}

// A check that cannot be evaluated stops no other and is never read as "nothing found"; a broken
// connection, a cancel and a lost lease stop the run.
CheckReport failed_check(Run& run, const std::string& check_id, const char* pass,
                         const Error& error) {
    if (run.interruption.requested()) throw;
    spdlog::error("{}: {}", check_id, error.what());
    CheckReport report;
    report.check_id = check_id;
    report.pass = pass;
    report.error = error.what();
    run.in_batch([&] { record_check(run, report); });
    return report;
}

// One check, chore or step, in a transaction of its own; where it shares one (a dry run; a
// preparation) it has a savepoint there.
template <typename Planned>
CheckReport evaluate_alone(Run& run, const Planned& planned, const std::string& id,
                           const char* pass) {
    const bool shares = run.is_in_transaction();
    try {
        CheckReport report;
        if (shares) run.session.execute(kSavepoint);
        run.in_batch([&] { report = evaluate(run, planned); });
        return report;
    } catch (const FillFailed& error) {
        if (shares) run.session.execute(kToSavepoint);
        return failed_check(run, id, pass, error);
    } catch (const DatabaseError& error) {
        if (is_over(error)) throw;
        if (shares) run.session.execute(kToSavepoint);
        return failed_check(run, id, pass, error);
    }
}

// Whether the usage that a check planned by is known now, too; else none of its actions is done.
bool is_still_known(Run& run, CheckReport& report) {
    for (const PlannedCheck& check : run.plan.checks())
        if (report.check_id == check.check_id) {
            report.unknown = unknown_usage(run, check);
            if (!report.unknown.empty()) return !holds_back(check);
        }
    return true;
}

// The plan file's items, in a temporary table.
void load_plan_file(Run& run, const std::filesystem::path& file, const std::string& digest) {
    run.session.execute(sql::approved_item);
    CopyWriter items(run.session, "load_plan_file",
                     "pg_temp.approved_item (check_id, action, key_id, detail, severity, due_at,"
                     " evidence, status, expires_at)");
    const auto instant_or_null = [&](const std::optional<Timestamp>& t) {
        if (t) {
            items.instant(*t);
        } else {
            items.null();
        }
    };
    const std::string read = read_plan_file(file, [&](const PlannedAction& item) {
        items.row(9);
        items.text(item.check_id);
        items.text(item.action);
        items.int64(item.key_id);
        items.text(item.detail);
        items.int32(item.severity);
        instant_or_null(item.due_at);
        items.text(item.evidence);
        items.text(item.status);
        instant_or_null(item.expires_at);
    });
    items.finish();
    if (read != digest)
        throw Error(ExitCode::usage,
                    fmt::format("{} changed while it was being read", file.string()),
                    "Apply it again once nothing writes to it, or make a new plan.");
}

std::vector<CheckReport> evaluate_checks(Run& run) {
    std::vector<CheckReport> reports;
    for (const PlannedCheck& check : run.plan.checks())
        reports.push_back(evaluate_alone(run, check, check.check_id, kind_name(check.kind)));
    return reports;
}

// What the checks share, and all of them. Where it cannot be made none of them can be evaluated.
std::vector<CheckReport> evaluate_prepared(Run& run, const Preparation& preparation) {
    Params params = preparation.params;
    params.emplace_back("as_of", run.as_of);
    std::vector<CheckReport> reports;
    try {
        if (run.is_in_transaction()) run.session.execute(kSavepoint);
        run.in_batch([&] {
            run.session.execute(preparation.statement, params);
            reports = evaluate_checks(run);
        });
    } catch (const DatabaseError& error) {
        if (is_over(error)) throw;
        if (run.is_in_transaction()) run.session.execute(kToSavepoint);
        reports.clear();
        for (const PlannedCheck& check : run.plan.checks())
            reports.push_back(failed_check(run, check.check_id, kind_name(check.kind), error));
    }
    return reports;
}

}  // namespace

std::vector<CheckReport> evaluate_all(Run& run) {
    run.job.plan({run.config, run.as_of, run.interruption}, run.plan);
    if (!run.plan.checks().empty()) refresh_waivers(run);
    const Interruption::CancelOnSignal cancellable(run.interruption, run.session);
    const auto& preparation = run.plan.preparation();
    std::vector<CheckReport> reports =
        preparation ? evaluate_prepared(run, *preparation) : evaluate_checks(run);
    if (run.purpose == Purpose::plan) return reports;  // a plan file is about keys
    for (const PlannedChore& chore : run.plan.chores())
        reports.push_back(evaluate_alone(run, chore, chore.name, kChorePass));
    for (const PlannedStep& step : run.plan.steps())
        reports.push_back(evaluate_alone(run, step, step.name, kStepPass));
    return reports;
}

std::vector<CheckReport> evaluate_plan_file(Run& run, const std::filesystem::path& file,
                                            const std::string& digest) {
    run.job.plan({run.config, run.as_of, run.interruption},
                 run.plan);  // of which usage each check needs to know
    std::vector<CheckReport> reports;
    refresh_waivers(run);
    run.in_batch([&] {
        reports.clear();
        load_plan_file(run, file, digest);
        for (const Row& check : run.session.rows(sql::approved_checks)) {
            CheckReport& report = reports.emplace_back();
            report.check_id = check.text("check_id");
            report.pass = "approved";
            report.found = check.int64("total");
            run.session.execute(sql::check_result);
            report.drifted = report.found;
            if (is_still_known(run, report))
                report.drifted -=
                    run.session.execute(sql::approved_result, {{"check_id", report.check_id}});
            diff(run, report, false, Rest::returned);
            record_check(run, report);
            Counts counts;
            counts.drifted = report.drifted;
            count(run, report, counts);
        }
    });
    return reports;
}

}  // namespace keyrota
