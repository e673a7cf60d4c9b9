#include "check_runs/check_runs.h"

#include <fmt/format.h>

#include "catalog.h"
#include "jobs_sql.h"
#include "time/schedule.h"

namespace keyrota {
namespace {

// Whom the check is about, and how often each is due. A job that is switched off is missed by
// nobody.
Params expectations(const Config& config, bool itself) {
    std::string jobs, periods;
    for (const Job* job : all_jobs()) {
        if (!itself && job->plan == plan_check_runs) continue;
        const auto schedule = schedule_of(*job, config);
        if (!schedule) continue;
        const char* separator = jobs.empty() ? "" : ",";
        jobs += separator + std::string(job->name);
        periods += fmt::format("{}{}", separator, schedule_period(*schedule).count());
    }
    return {{"jobs", "{" + jobs + "}"}, {"periods_us", "{" + periods + "}"}};
}

}  // namespace

void plan_check_runs(const RunContext& run, Plan& plan) {
    // Without itself: it is running.
    plan.add_standing("RUN-MISSED", sql::run_missed, expectations(run.config, false));
}

std::vector<std::string> missed_jobs(Session& session, const Config& config, Timestamp as_of) {
    Params params = expectations(config, true);
    params.emplace_back("as_of", as_of);
    const std::string text =
        "select detail from (" + std::string(sql::run_missed.text) + ") missed order by detail";
    std::vector<std::string> missed;
    for (const Row& row : session.rows({"missed_jobs", text.c_str()}, params))
        missed.push_back(row.text("detail"));
    return missed;
}

}  // namespace keyrota
