#include "runner/step.h"

#include "common_sql.h"

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
        session.execute(sql::plan_changes,
                        {{"run_id", run_id}, {"check_id", check_id}, {"absence", 0}});
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
