#pragma once

#include "runner/job.h"

namespace keyrota {

/// expire-keys: expires keys whose end date has come, and warns before.
void plan_expire_keys(const RunContext& run, Plan& plan);

}  // namespace keyrota
