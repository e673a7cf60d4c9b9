#pragma once

#include "plan/plan.h"

namespace keyrota {

/// The step `mail` of notify-owners: what waits in the outbox goes out. That no mail server lets us
/// in, or that none is there, ends the run with exit code 7; the messages wait.
PlannedStep mail_step();

}  // namespace keyrota
