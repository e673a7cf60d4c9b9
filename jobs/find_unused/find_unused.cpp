#include "find_unused/find_unused.h"

#include "jobs_sql.h"

namespace keyrota {

void plan_find_unused(const RunContext& run, Plan& plan) {
    const PolicyRule& rule = run.config.policy.back();
    plan.add(judged_by_the_key(run, "KEY-UNUSED", sql::key_unused, rule.usage_unused_after));
    plan.add(
        judged_by_the_key(run, "KEY-NEVER-USED", sql::key_never_used, rule.usage_never_used_after));
}

}  // namespace keyrota
