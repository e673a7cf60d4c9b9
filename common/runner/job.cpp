#include "runner/job.h"

#include "config/options.h"

namespace keyrota {

PlannedCheck judged_by_the_key(const RunContext& run, const char* check_id,
                               const Statement& statement, std::chrono::microseconds age) {
    return {.check_id = check_id,
            .kind = CheckKind::standing,
            .statement = statement,
            .params = {{"silent_after_us", run.config.usage.silent_after.count()}},
            .coverage = Coverage{run.as_of - age, run.as_of, Coverage::Lacking::judged_by_the_key}};
}

std::optional<std::string> schedule_of(const Job& job, const Config& config) {
    const auto given = config.schedules.find(job.name);
    if (given == config.schedules.end()) return job.schedule;
    if (given->second == kOff) return std::nullopt;
    return given->second;
}

}  // namespace keyrota
