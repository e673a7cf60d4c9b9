#include "runner/step.h"

namespace keyrota {

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

bool StepRun::interrupted() const {
    return run_.interruption.requested();
}

void StepRun::alarm(ExitCode code, const std::string& message, const std::string& hint) {
    if (!step_.alarm || gravest({step_.alarm->code(), code}) != step_.alarm->code())
        step_.alarm = Error(code, message, hint);
}

}  // namespace keyrota
