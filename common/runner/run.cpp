#include "runner/run.h"

#include "common_sql.h"

namespace keyrota {
namespace {

// A batch whose commit a crash of the server swallowed is simply done again, so none waits for the
// disk; closing the run does, and everything before it is then on disk too. Plans are short-lived:
// rough statistics are enough. Standing checks hash whole tables of keys.
constexpr Statement kRunSettings{"run_settings",
                                 "select set_config('synchronous_commit', 'off', false),"
                                 "       set_config('default_statistics_target', '10', false),"
                                 "       set_config('work_mem', '64MB', false)"};

// Also where an exception leaves.
class Entered {
  public:
    explicit Entered(bool& inside) : inside_(inside) { inside_ = true; }
    ~Entered() { inside_ = false; }
    Entered(const Entered&) = delete;
    Entered& operator=(const Entered&) = delete;

  private:
    bool& inside_;
};

}  // namespace

void set_up_for_batches(Session& session) {
    session.one(kRunSettings);
}

void Run::in_batch(const std::function<void()>& work) {
    if (is_in_transaction()) return work();
    with_retries(static_cast<int>(config.limits.max_tries), [&] {
        const Entered entered(in_transaction);
        Transaction transaction(session);
        lease->hold_for_transaction(session);
        work();
        transaction.commit();
    });
}

void count(Run& run, const CheckReport& report, const Counts& counts) {
    run.session.execute(sql::run_check_count, {{"run_id", run.run_id},
                                               {"check_id", report.check_id},
                                               {"found", counts.found},
                                               {"opened", counts.opened},
                                               {"changed", counts.changed},
                                               {"resolved", counts.resolved},
                                               {"applied", counts.applied},
                                               {"drifted", counts.drifted},
                                               {"refused", counts.refused},
                                               {"failed", counts.failed}});
}

void add(CheckReport& report, const Counts& counts) {
    report.found += counts.found;
    report.opened += counts.opened;
    report.changed += counts.changed;
    report.resolved += counts.resolved;
    report.applied += counts.applied;
    report.drifted += counts.drifted;
    report.refused += counts.refused;
    report.failed += counts.failed;
}

}  // namespace keyrota
