#pragma once

#include <vector>

#include "runner/run.h"

namespace keyrota {

/// Evaluates what the job decided on, and writes the differences to what is known into plan_item.
/// A check that cannot be evaluated says so in its report and stops no other.
/// @throws DatabaseError when the connection broke, or a signal cancelled the statement.
std::vector<CheckReport> evaluate_all(Run& run);

}  // namespace keyrota
