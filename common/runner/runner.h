#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/config.h"
#include "error/exit_code.h"
#include "runner/interruption.h"
#include "runner/job.h"

namespace keyrota {

struct RunOptions {
    bool dry_run = false;                       // plan in one transaction, show, roll back
    std::optional<std::int64_t> limit{};        // keys of each check; such a run is not complete
    std::optional<std::int64_t> max_actions{};  // of each check, instead of the blast radius
    std::optional<Timestamp> as_of{};           // dry run, or a simulation database
    std::chrono::microseconds wait{0};          // for the lease
    bool show_progress = false;                 // standard error is a terminal
};

/// What one check came to. The totals count findings, or (planned to failed) actions.
struct CheckReport {
    std::string check_id;
    std::string pass;    // incremental | standing
    std::string action;  // what it asks for; empty: nothing
    std::int64_t found = 0;
    std::int64_t opened = 0;
    std::int64_t changed = 0;
    std::int64_t resolved = 0;
    std::int64_t planned = 0;
    std::int64_t applied = 0;
    std::int64_t drifted = 0;  // changed since the plan, left alone
    std::int64_t refused = 0;  // by a guard
    std::int64_t failed = 0;
    std::string error;  // the check could not be evaluated
};

/// What one run came to.
struct RunReport {
    std::string job;
    std::int64_t run_id = 0;  // 0: a dry run
    Timestamp as_of{};
    std::string status;  // done | partial | refused | failed | interrupted | planned (dry run)
    bool complete = false;
    ExitCode exit_code = ExitCode::done;
    std::string held;     // why destructive actions wait for `keyrota resume`; empty: they do not
    std::string message;  // what went wrong
    std::string hint;
    std::chrono::milliseconds plan_time{0};   // policy, evaluation, diff and guards
    std::chrono::milliseconds apply_time{0};  // findings and actions
    std::vector<CheckReport> checks;
};

/// Executes one job: lease, run record, as_of, evaluate, diff, guards, findings, actions in batches
/// with their audit entries, close. A job decides; only this acts. Can be killed anywhere: the next
/// run ends in the same state.
///
/// Trouble ends in the report, with its exit code; only what prevents a run from being recorded
/// throws.
/// @throws Error{lease_held} when another run holds the job, Error{usage} for --as-of on a real
/// database.
RunReport run_job(const Job& job, const RunOptions& options, const Config& config,
                  Interruption& interruption);

}  // namespace keyrota
