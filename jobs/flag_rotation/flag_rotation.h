#pragma once

#include "runner/job.h"

namespace keyrota {

/// flag-rotation: production keys that reached their rotation age, and those that soon will.
void plan_flag_rotation(const RunContext& run, Plan& plan);

}  // namespace keyrota
