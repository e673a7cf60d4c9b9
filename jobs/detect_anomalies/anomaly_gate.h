#pragma once

#include <cstdint>

#include "runner/step.h"

namespace keyrota {

/// Whether so many incidents of one check in one hour are about the platform, a holiday or the
/// detector, rather than about each key: more than 20 and five times what is usual, or more than
/// five and one key in a hundred.
/// @param usual of this check, an hour. @param keys that can alarm.
bool is_over_gate(std::int64_t alarms, double usual, std::int64_t keys);

/// Judges what was counted since, learns what is usual, and lets owners be told of the rest; in the
/// caller's transaction.
void judge_gate(StepRun& run, Timestamp until);

}  // namespace keyrota
