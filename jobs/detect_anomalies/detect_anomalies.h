#pragma once

#include "runner/job.h"

namespace keyrota {

/// Finds keys that behave unlike themselves in hours that are closed: KEY-ANOMALY-*, see
/// docs/anomaly.md. Each hour is applied to a key's state exactly once, in the transaction that
/// records what it raised.
void plan_detect_anomalies(const RunContext& run, Plan& plan);

}  // namespace keyrota
