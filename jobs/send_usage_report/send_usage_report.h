#pragma once

#include "runner/job.h"

namespace keyrota {

/// send-usage-report: tells owners once a week how their keys were used. Written into the outbox;
/// notify-owners delivers it.
void plan_send_usage_report(const RunContext& run, Plan& plan);

}  // namespace keyrota
