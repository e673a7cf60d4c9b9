#pragma once

#include "runner/step.h"

namespace keyrota {

/// The step move-rotations: secrets that wait are delivered, and rotations that have come further
/// by themselves (seen in use, overlap over, key expired or deleted) say so.
void move_rotations(StepRun& run);

}  // namespace keyrota
