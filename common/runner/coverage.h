#pragma once

#include "runner/run.h"

namespace keyrota {

/// Who leaves usage unknown in the window of a check; nobody for a check without one.
std::vector<UnknownUsage> unknown_usage(Run& run, const PlannedCheck& check);

/// Tells the operator whose usage the job's checks would have needed: RUN-STALE-DATA for each such
/// gateway. In a complete run those of the job that are over are resolved; no other job's are
/// touched.
void record_stale_data(Run& run, const RunReport& report);

}  // namespace keyrota
