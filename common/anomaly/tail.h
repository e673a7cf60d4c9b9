#pragma once

#include "anomaly/detector_state.h"

namespace keyrota {

/// A surprise as this key's own history of surprises sees it, in powers of ten. [Tail.cal]
float calibrated(const TailState& tail, float surprise);

/// Follows the 98 % quantile of surprises, and how far those beyond it go. [Tail.learn]
void learn(TailState& tail, float surprise);

}  // namespace keyrota
