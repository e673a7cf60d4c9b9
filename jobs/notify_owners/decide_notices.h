#pragma once

#include "plan/plan.h"

namespace keyrota {

/// The step `notices` of notify-owners: of each finding, what of it must be told now, to whom, and
/// not before when. What it decided stands in keyrota.notice, so that nothing is decided twice.
PlannedStep notices_step();

}  // namespace keyrota
