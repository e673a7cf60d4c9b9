#pragma once

#include "runner/job.h"

namespace keyrota {

/// find-unused: keys that nobody has used for long, or ever.
void plan_find_unused(const RunContext& run, Plan& plan);

}  // namespace keyrota
