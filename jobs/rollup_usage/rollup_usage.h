#pragma once

#include "runner/job.h"

namespace keyrota {

/// Makes hourly figures of the samples that gateways append, each committed sample counted exactly
/// once, and closes hours that are over and complete. By the server's clock, on which samples
/// arrive, not by the run's as_of.
void plan_rollup_usage(const RunContext& run, Plan& plan);

}  // namespace keyrota
