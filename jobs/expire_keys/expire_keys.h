#pragma once

#include "runner/job.h"

namespace keyrota {

/// expire-keys: keys whose end date has come.
void plan_expire_keys(const RunContext& run, Plan& plan);

}  // namespace keyrota
