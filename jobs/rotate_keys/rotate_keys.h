#pragma once

#include "runner/job.h"

namespace keyrota {

/// rotate-keys: makes and delivers the successors that were asked for, and retires predecessors
/// whose overlap is over.
void plan_rotate_keys(const RunContext& run, Plan& plan);

}  // namespace keyrota
