#pragma once

#include "runner/job.h"

namespace keyrota {

/// Makes the days that samples will arrive on: without one a gateway cannot report.
PlannedChore sample_days();

/// Housekeeping: removes what of keyrota's own records is older than its retention, ends what
/// killed runs left, makes partitions for the samples to come. Never touches the audit trail.
void plan_prune(const RunContext& run, Plan& plan);

}  // namespace keyrota
