#pragma once

#include "runner/job.h"

namespace keyrota {

/// custom-checks: the checks that users wrote (docs/custom-checks.md). Each runs on a connection of
/// its own as a role that may look at a few views and do nothing.
void plan_custom_checks(const RunContext& run, Plan& plan);

}  // namespace keyrota
