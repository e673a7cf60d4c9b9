#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runner/job.h"

namespace keyrota {

/// Every job, by name. @throws Error{usage} with the nearest name for one that does not exist.
const Job& find_job(std::string_view name);

std::vector<const Job*> all_jobs();

std::vector<std::string> job_names();

}  // namespace keyrota
