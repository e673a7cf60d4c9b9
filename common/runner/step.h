#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "config/config.h"
#include "error/exit_code.h"
#include "postgres/session.h"
#include "runner/duty_cycle.h"
#include "runner/run.h"

namespace keyrota {

/// What a step of a job (PlannedStep) works with: the run that it is part of, and the words in
/// which it says how far it came.
class StepRun {
  public:
    StepRun(Run& run, CheckReport& step);

    Session& session;  // the run's; outside of in_batch in no transaction
    const Config& config;
    const std::int64_t run_id;
    const Timestamp as_of;
    const std::optional<std::int64_t> limit;  // --limit: things to do at most

    /// One transaction that holds the lease, repeated when it met a lock: `work` may be called
    /// several times. Then a pause by limits.duty.
    void in_batch(const std::function<void()>& work);

    /// Does `work` `workers` times side by side, each with a session of its own, and waits for all.
    /// Within a transaction, and with --limit, it is one worker.
    /// @param work gets its place of how many; what it shares with the others it only reads.
    /// @throws what the first worker threw that did.
    void side_by_side(int workers,
                      const std::function<void(StepRun& run, int worker, int workers)>& work);

    /// What one batch came to. Counted within in_batch, in its transaction: only what is committed
    /// stands in the report and in run_check.
    struct Totals {
        std::int64_t found = 0, applied = 0, failed = 0;
    };
    void count(const Totals& totals);

    /// Records findings of a check that this step looks for itself, as the runner records any
    /// other: opened, gone on with, waived. Within in_batch, in its transaction; resolves nothing,
    /// a standing check of the same id and job does that.
    /// @param fill puts the rows into pg_temp.check_result (check_result.sql), which is empty.
    void record(const std::string& check_id, const std::function<void()>& fill);

    /// Whether a signal came: return after the batch in hand.
    bool interrupted() const;

    /// Makes the run end with this code and these words, and goes on; of several the gravest is
    /// told. With `delivery` the run still counts as complete, its checks saw everything.
    /// @param message lower case, no full stop. @param hint what to do, a sentence; may be empty.
    void alarm(ExitCode code, const std::string& message, const std::string& hint = "");

  private:
    Run& run_;
    CheckReport& step_;
    DutyCycle duty_;
    Counts counts_{};  // of the batch in hand
};

}  // namespace keyrota
