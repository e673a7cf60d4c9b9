#pragma once

#include "runner/job.h"

namespace keyrota {

/// Tells the operator which jobs have not come to a good end for too long.
void plan_check_runs(const RunContext& run, Plan& plan);

}  // namespace keyrota
