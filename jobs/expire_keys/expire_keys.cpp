#include "expire_keys/expire_keys.h"

#include "jobs_sql.h"

namespace keyrota {

void plan_expire_keys(const RunContext&, Plan& plan) {
    plan.add_incremental("KEY-EXPIRED", sql::key_expired);
    plan.add_incremental("KEY-EXPIRES-SOON", sql::key_expires_soon);
}

}  // namespace keyrota
