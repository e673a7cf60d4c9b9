#include "watch_usage/watch_usage.h"

#include "jobs_sql.h"

namespace keyrota {
namespace {

// The hours that are closed, and no others: the last ones may still grow.
Coverage window(const RunContext& run) {
    const Config::Usage& usage = run.config.usage;
    const Timestamp until = std::chrono::floor<std::chrono::hours>(run.as_of - usage.close_after);
    return {until - usage.watch_window, until};
}

}  // namespace

void plan_watch_usage(const RunContext& run, Plan& plan) {
    const Coverage rates = window(run);
    // That something happened is certain, whatever else happened.
    Coverage facts = rates;
    facts.lacking = Coverage::Lacking::resolves_nothing;
    const Params bounds = {{"from", rates.from}, {"until", rates.until}};
    plan.prepare({sql::watch_window, bounds});
    const auto add = [&](const char* check_id, const Statement& statement,
                         const Coverage& coverage) {
        plan.add({.check_id = check_id,
                  .kind = CheckKind::standing,
                  .statement = statement,
                  .params = bounds,
                  .coverage = coverage});
    };
    add("KEY-ERROR-RATE", sql::key_error_rate, rates);
    add("KEY-RATE-NEAR-LIMIT", sql::key_rate_near_limit, rates);
    add("KEY-RATE-LIMITED", sql::key_rate_limited, rates);
    add("KEY-IN-QUERY-STRING", sql::key_in_query_string, facts);
    add("KEY-SECRET-IN-BROWSER", sql::key_secret_in_browser, facts);
    add("KEY-INACTIVE-IN-USE", sql::key_inactive_in_use, facts);
}

}  // namespace keyrota
