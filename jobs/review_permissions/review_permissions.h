#pragma once

#include "runner/job.h"

namespace keyrota {

/// review-permissions: keys that may do more than they should, or that nobody answers for.
void plan_review_permissions(const RunContext& run, Plan& plan);

}  // namespace keyrota
