#include "check_runs/check_runs.h"

#include <fmt/format.h>

#include "catalog.h"
#include "jobs_sql.h"
#include "time/schedule.h"

namespace keyrota {
namespace {

// Whom the check is about, and how often each is due.
Params expectations(bool itself) {
    std::string jobs, periods;
    for (const Job* job : all_jobs()) {
        if (!itself && job->plan == plan_check_runs) continue;
        const char* separator = jobs.empty() ? "" : ",";
        jobs += separator + std::string(job->name);
        periods += fmt::format("{}{}", separator, schedule_period(job->schedule).count());
    }
    return {{"jobs", "{" + jobs + "}"}, {"periods_us", "{" + periods + "}"}};
}

}  // namespace

void plan_check_runs(const RunContext&, Plan& plan) {
    plan.add_standing("RUN-MISSED", sql::run_missed, expectations(false));  // it is running
}

std::vector<std::string> missed_jobs(Session& session, Timestamp as_of) {
    Params params = expectations(true);
    params.emplace_back("as_of", as_of);
    const std::string text =
        "select detail from (" + std::string(sql::run_missed.text) + ") missed order by detail";
    std::vector<std::string> missed;
    for (const Row& row : session.rows({"missed_jobs", text.c_str()}, params))
        missed.push_back(row.text("detail"));
    return missed;
}

}  // namespace keyrota
