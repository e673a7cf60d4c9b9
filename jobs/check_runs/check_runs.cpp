#include "check_runs/check_runs.h"

#include <fmt/format.h>

#include "catalog.h"
#include "jobs_sql.h"
#include "time/schedule.h"

namespace keyrota {

void plan_check_runs(const RunContext& run, Plan& plan) {
    std::string jobs, periods;
    for (const Job* job : all_jobs()) {
        if (job->plan == plan_check_runs) continue;  // it is running
        const auto schedule = schedule_of(*job, run.config);
        if (!schedule) continue;
        const char* separator = jobs.empty() ? "" : ",";
        jobs += separator + std::string(job->name);
        periods += fmt::format("{}{}", separator, schedule_period(*schedule).count());
    }
    plan.add_standing("RUN-MISSED", sql::run_missed,
                      {{"jobs", "{" + jobs + "}"}, {"periods_us", "{" + periods + "}"}});
}

}  // namespace keyrota
