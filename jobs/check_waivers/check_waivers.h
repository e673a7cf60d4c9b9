#pragma once

#include <string>
#include <vector>

#include "runner/job.h"

namespace keyrota {

/// WAIVER-EXPIRING: a waiver ends within 14 days. WAIVER-UNMATCHED: one that is in force covers
/// nothing, since no key is matched or nothing checks what it names.
void plan_check_waivers(const RunContext& run, Plan& plan);

/// The ids of all checks that the jobs evaluate. @param but_for a job that is left out, or null.
std::vector<std::string> checks_of_jobs(const RunContext& run, const char* but_for);

}  // namespace keyrota
