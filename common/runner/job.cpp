#include "runner/job.h"

#include "config/options.h"

namespace keyrota {

std::optional<std::string> schedule_of(const Job& job, const Config& config) {
    const auto given = config.schedules.find(job.name);
    if (given == config.schedules.end()) return job.schedule;
    if (given->second == kOff) return std::nullopt;
    return given->second;
}

}  // namespace keyrota
