#pragma once

#include <optional>
#include <string>

#include "config/config.h"
#include "plan/plan.h"
#include "runner/interruption.h"
#include "time/timestamp.h"

namespace keyrota {

/// What a job may know when it decides. Nothing else asks a clock.
struct RunContext {
    const Config& config;
    Timestamp as_of;  // the one instant of the whole run
    Interruption& interruption;
};

/// A named unit of work that cron starts: one row of the catalog.
struct Job {
    const char* name;
    const char* summary;   // one sentence, lower case, no full stop
    const char* schedule;  // cron's five fields: its usual time, see schedule_of
    void (*plan)(const RunContext& run, Plan& plan);
};

/// A standing check that judges keys by their usage of the last `age`, by default, and knows of
/// each whether that is known. Its statement may name :silent_after_us, which
/// keyrota.usage_known_since takes.
PlannedCheck judged_by_the_key(const RunContext& run, const char* check_id,
                               const Statement& statement, std::chrono::microseconds age);

/// When the job starts: its usual time, or what the configuration says instead. Nothing for a job
/// that is switched off there.
std::optional<std::string> schedule_of(const Job& job, const Config& config);

}  // namespace keyrota
