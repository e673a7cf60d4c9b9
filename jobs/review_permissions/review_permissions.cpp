#include "review_permissions/review_permissions.h"

#include "jobs_sql.h"

namespace keyrota {

void plan_review_permissions(const RunContext& run, Plan& plan) {
    const PolicyRule& rule = run.config.policy.back();
    plan.add(judged_by_the_key(run, "KEY-SCOPE-ADMIN", sql::key_scope_admin,
                               rule.usage_admin_unused_after));
    plan.add(judged_by_the_key(run, "KEY-SCOPE-UNUSED", sql::key_scope_unused,
                               rule.usage_scope_unused_after));
    plan.add_standing("KEY-SCOPE-TYPE", sql::key_scope_type);
    plan.add_standing("KEY-NO-EXPIRY", sql::key_no_expiry);
    plan.add_standing("KEY-OWNER-MISSING", sql::key_owner_missing);
    plan.add_standing("KEY-OWNER-GONE", sql::key_owner_gone);
}

}  // namespace keyrota
