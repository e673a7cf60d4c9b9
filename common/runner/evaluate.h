#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "runner/run.h"

namespace keyrota {

/// Evaluates what the job decided on, and writes the differences to what is known into plan_item.
/// A check that cannot be evaluated says so in its report and stops no other.
/// @throws DatabaseError when the connection broke, or a signal cancelled the statement.
std::vector<CheckReport> evaluate_all(Run& run);

/// The same with the items of a plan file in the place of what the checks return: what is no longer
/// as the plan saw it has drifted. @throws Error{usage} if the file's digest is not `digest`.
std::vector<CheckReport> evaluate_plan_file(Run& run, const std::filesystem::path& file,
                                            const std::string& digest);

}  // namespace keyrota
