#pragma once

#include "config/config.h"
#include "plan/plan.h"
#include "time/timestamp.h"

namespace keyrota {

/// What a job may know when it decides. Nothing else asks a clock.
struct RunContext {
    const Config& config;
    Timestamp as_of;  // the one instant of the whole run
};

/// A named unit of work that cron starts: one row of the catalog.
struct Job {
    const char* name;
    const char* summary;   // one sentence, lower case, no full stop
    const char* schedule;  // cron's five fields
    void (*plan)(const RunContext& run, Plan& plan);
};

}  // namespace keyrota
