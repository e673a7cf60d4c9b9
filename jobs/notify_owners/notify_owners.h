#pragma once

#include "runner/job.h"

namespace keyrota {

/// notify-owners: tells people what they must know of their keys.
void plan_notify_owners(const RunContext& run, Plan& plan);

}  // namespace keyrota
