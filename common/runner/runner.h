#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "config/config.h"
#include "error/error.h"
#include "plan/planned_action.h"
#include "runner/interruption.h"
#include "runner/job.h"

namespace keyrota {

struct RunOptions {
    bool dry_run = false;                       // plan in one transaction, show, roll back
    std::optional<std::int64_t> limit{};        // keys of each check; such a run is not complete
    std::optional<std::int64_t> max_actions{};  // of each check, instead of the blast radius
    std::optional<Timestamp> as_of{};           // dry run, or a simulation database
    std::chrono::microseconds wait{0};          // for the lease
    std::optional<std::int64_t> fail_on{};      // exit 10 if such a severity is left open
    bool show_progress = false;                 // standard error is a terminal
};

inline constexpr const char* kChorePass = "chore";
inline constexpr const char* kStepPass = "step";

/// A gateway whose usage a check would have needed, and why it is not known.
struct UnknownUsage {
    std::string gateway;               // `all`: about no single one
    std::string reason;                // silent | gap | behind | young
    std::optional<Timestamp> since{};  // the first instant of which nothing is known; none: ever
};

inline constexpr const char* kUnknownPass = "unknown";

/// What one check came to, or one chore or step. The totals count findings, or (planned to failed)
/// actions; of a chore or step the things to do.
struct CheckReport {
    std::string check_id;
    std::string pass;    // incremental | standing | approved | chore | step | unknown
    std::string action;  // what it asks for; empty: nothing
    std::int64_t found = 0;
    std::int64_t waived = 0;  // findings that a waiver covers, and actions that it spares
    std::int64_t opened = 0;
    std::int64_t changed = 0;
    std::int64_t resolved = 0;
    std::int64_t to_record = 0;   // findings that ask for no action, opened or changed
    std::int64_t to_resolve = 0;  // findings that were not returned any more
    std::int64_t planned = 0;
    std::int64_t applied = 0;
    std::int64_t drifted = 0;  // changed since the plan, left alone
    std::int64_t refused = 0;  // by a guard
    std::int64_t failed = 0;
    std::string error;                  // the check could not be evaluated
    std::optional<Error> alarm;         // what it found, or met, decides how the run ends
    std::vector<UnknownUsage> unknown;  // whose usage is lacking to judge by

    bool is_chore() const { return pass == kChorePass; }
    bool is_step() const { return pass == kStepPass; }
};

/// What one run came to.
struct RunReport {
    std::string job;
    std::int64_t run_id = 0;  // 0: a dry run
    Timestamp as_of{};
    std::string status;  // done | partial | refused | failed | interrupted | planned
    bool complete = false;
    bool over_fail_on = false;  // a finding at or over --fail-on is left open
    ExitCode exit_code = ExitCode::done;
    std::string held;     // why destructive actions wait for `keyrota resume`; empty: they do not
    std::string message;  // what went wrong
    std::string hint;
    std::chrono::milliseconds plan_time{0};   // policy, evaluation, diff and guards
    std::chrono::milliseconds apply_time{0};  // findings and actions
    std::vector<CheckReport> checks;
};

/// What `keyrota plan` found: the run, and the first few actions of each check, to show.
struct PlanReport {
    RunReport run;
    std::vector<PlannedAction> first;
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

/// Plans one job and writes the actions to `file` (runner/plan_file.h), for a person to approve.
/// Changes nothing but the run's record, which keeps the file's digest. What a guard would refuse
/// is counted in the report and stands in the file. Throws as run_job does, and Error{usage} where
/// the file cannot be written.
PlanReport plan_job(const Job& job, const RunOptions& options, const Config& config,
                    Interruption& interruption, const std::filesystem::path& file);

/// Does what a plan file says, as a run of its own: guards hold again, a key that is no longer as
/// the plan saw it is left alone. Never complete: moves no watermark, resolves nothing by absence.
/// Throws as run_job does, and Error{usage} for a file that this database did not write as it is, a
/// day ago at most, or that was applied before; nothing is changed then.
RunReport apply_plan(const Job& job, const RunOptions& options, const Config& config,
                     Interruption& interruption, const std::filesystem::path& file);

}  // namespace keyrota
