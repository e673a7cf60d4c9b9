#pragma once

#include "config/config.h"
#include "plan/plan.h"

namespace keyrota {

/// The step `messages` of notify-owners: each recipient's due notices become one message of the
/// outbox, in the transaction that marks them told.
PlannedStep messages_step(const Config& config);

}  // namespace keyrota
