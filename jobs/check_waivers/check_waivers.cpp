#include "check_waivers/check_waivers.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "catalog.h"
#include "error/error.h"
#include "jobs_sql.h"

namespace keyrota {

std::vector<std::string> checks_of_jobs(const RunContext& run, const char* but_for) {
    std::vector<std::string> checks;
    for (const Job* job : all_jobs()) {
        if (but_for != nullptr && std::string(but_for) == job->name) continue;
        Plan plan;
        try {
            job->plan(run, plan);
        } catch (const Error&) {
            continue;  // its own run says so; what it evaluated before is in run_check
        }
        for (const PlannedCheck& check : plan.checks()) checks.push_back(check.check_id);
    }
    return checks;
}

void plan_check_waivers(const RunContext& run, Plan& plan) {
    const std::vector<std::string> known = checks_of_jobs(run, "check-waivers");
    plan.add_standing("WAIVER-EXPIRING", sql::waiver_expiring);
    plan.add_standing("WAIVER-UNMATCHED", sql::waiver_unmatched,
                      {{"known", fmt::format("{{{}}}", fmt::join(known, ","))}});
}

}  // namespace keyrota
