#include "runner/step.h"

#include <exception>
#include <thread>
#include <vector>

#include "common_sql.h"
#include "postgres/database.h"

namespace keyrota {
namespace {

constexpr Statement kFoundKeys{
    "found_keys",
    "select coalesce(array_agg(distinct key_id), '{}')::text as ids, coalesce(min(key_id), 0) as "
    "first, coalesce(max(key_id), 0) as last, count(*) as total from pg_temp.check_result"};
// A few keys are looked up; the planner would rather read all findings ever made.
constexpr Statement kLookUp{"look_up", "select set_config('random_page_cost', '1', true)"};
constexpr Statement kForgetItems{
    "forget_plan_items",
    "delete from keyrota.plan_item where run_id = :run_id and check_id = :check_id"
    "   and key_id between :first and :last and key_id = any (cast(:ids as bigint[]))"};
constexpr Statement kOpened{
    "opened_items",
    "select count(*) filter (where change in ('open', 'reopen')) as opened,"
    "       count(*) filter (where change = 'change') as changed"
    "  from keyrota.plan_item where run_id = :run_id and check_id = :check_id"
    "   and key_id between :first and :last and key_id = any (cast(:ids as bigint[]))"};
// The same thing anew: what was known of it is of another time.
constexpr Statement kRenew{
    "renew_findings",
    "update keyrota.finding f"
    "   set evidence = r.evidence, changed_at = keyrota.instant(:as_of), run_id = :run_id"
    "  from pg_temp.check_result r"
    " where f.check_id = :check_id and f.key_id = r.key_id and f.detail = r.detail"
    "   and f.key_id = any (cast(:ids as bigint[])) and f.status <> 'resolved'"
    "   and f.evidence -> 'hour_us' is distinct from r.evidence -> 'hour_us'"};
constexpr Statement kDropResult{"drop_check_result", "drop table pg_temp.check_result"};

}  // namespace

StepRun::StepRun(Run& run, CheckReport& step)
    : session(run.session),
      config(run.config),
      run_id(run.run_id),
      as_of(run.as_of),
      limit(run.options.limit),
      run_(run),
      step_(step),
      duty_(run.config.limits.duty, run.interruption) {}

void StepRun::in_batch(const std::function<void()>& work) {
    run_.in_batch([&] {
        counts_ = {};
        work();
        keyrota::count(run_, step_, counts_);
    });
    add(step_, counts_);
    duty_.pause_after_batch();
}

void StepRun::side_by_side(int workers,
                           const std::function<void(StepRun& run, int worker, int workers)>& work) {
    if (run_.is_in_transaction() || limit || workers <= 1) return work(*this, 0, 1);
    std::vector<CheckReport> reports(static_cast<std::size_t>(workers));
    std::vector<std::exception_ptr> failures(reports.size());
    std::vector<Session>
        sessions;  // opened here: that may change the environment, as no thread may
    sessions.reserve(reports.size());
    for (int worker = 0; worker < workers; ++worker)
        sessions.push_back(open_session(run_.config, Access::runner));
    const auto as_worker = [&](std::size_t worker) {
        try {
            Run own{.job = run_.job,
                    .options = run_.options,
                    .config = run_.config,
                    .interruption = run_.interruption,
                    .session = std::move(sessions[worker]),
                    .lease = run_.lease,
                    .run_id = run_.run_id,
                    .as_of = run_.as_of,
                    .purpose = run_.purpose,
                    .waived_checks = run_.waived_checks};
            set_up_for_batches(own.session);
            reports[worker].check_id = step_.check_id;
            StepRun step(own, reports[worker]);
            work(step, static_cast<int>(worker), workers);
        } catch (...) {
            failures[worker] = std::current_exception();
        }
    };
    std::vector<std::thread> threads;
    for (std::size_t worker = 0; worker < reports.size(); ++worker)
        threads.emplace_back(as_worker, worker);
    for (std::thread& thread : threads) thread.join();
    for (const CheckReport& report : reports) {
        add(step_, {.found = report.found,
                    .opened = report.opened,
                    .changed = report.changed,
                    .resolved = report.resolved,
                    .applied = report.applied,
                    .failed = report.failed});
        if (report.alarm) alarm(report.alarm->code(), report.alarm->what(), report.alarm->hint());
    }
    for (const std::exception_ptr& failure : failures)
        if (failure) std::rethrow_exception(failure);
}

void StepRun::count(const Totals& totals) {
    counts_.found += totals.found;
    counts_.applied += totals.applied;
    counts_.failed += totals.failed;
}

void StepRun::record(const std::string& check_id, const std::function<void()>& fill) {
    session.execute(sql::check_result);
    fill();
    const Row keys = session.one(kFoundKeys);
    if (keys.int64("total") > 0) {
        session.one(kLookUp);
        const Params of = {{"run_id", run_id},
                           {"check_id", check_id},
                           {"first", keys.int64("first")},
                           {"last", keys.int64("last")},
                           {"ids", keys.text("ids")}};
        Params at = of;
        at.emplace_back("as_of", as_of);
        // What the standing check saw end before this began anew.
        counts_.resolved += session.execute(sql::resolve_absent, at);
        session.execute(kRenew, at);
        session.execute(kForgetItems, of);
        if (run_.waived_checks.count(check_id) > 0)
            session.execute(sql::waiver_cover, {{"check_id", check_id}, {"as_of", as_of}});
        session.execute(sql::plan_changes, {{"run_id", run_id},
                                            {"check_id", check_id},
                                            {"first", keys.int64("first")},
                                            {"last", keys.int64("last")},
                                            {"absence", 0}});
        const Row changes = session.one(kOpened, of);
        counts_.opened += changes.int64("opened");
        counts_.changed += changes.int64("changed");
        at.emplace_back("acted", 0);
        session.execute(sql::record_findings, at);
        session.execute(kForgetItems, of);
    }
    session.execute(kDropResult);
}

bool StepRun::interrupted() const {
    return run_.interruption.requested();
}

void StepRun::alarm(ExitCode code, const std::string& message, const std::string& hint) {
    if (!step_.alarm || gravest({step_.alarm->code(), code}) != step_.alarm->code())
        step_.alarm = Error(code, message, hint);
}

}  // namespace keyrota
