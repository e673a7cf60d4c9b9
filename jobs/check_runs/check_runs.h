#pragma once

#include <string>
#include <vector>

#include "config/config.h"
#include "postgres/session.h"
#include "runner/job.h"

namespace keyrota {

/// Tells the operator which jobs have not completed for too long.
void plan_check_runs(const RunContext& run, Plan& plan);

/// The jobs that RUN-MISSED holds for at an instant, check-runs itself included: by the check's own
/// statement, so that nobody has a second opinion.
std::vector<std::string> missed_jobs(Session& session, const Config& config, Timestamp as_of);

}  // namespace keyrota
