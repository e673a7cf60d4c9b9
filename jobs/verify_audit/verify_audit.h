#pragma once

#include "runner/job.h"

namespace keyrota {

/// verify-audit: whether the audit trail still is what keyrota wrote.
void plan_verify_audit(const RunContext& run, Plan& plan);

}  // namespace keyrota
