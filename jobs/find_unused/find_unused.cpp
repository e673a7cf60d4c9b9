#include "find_unused/find_unused.h"

#include "jobs_sql.h"

namespace keyrota {

void plan_find_unused(const RunContext&, Plan& plan) {
    plan.add_standing("KEY-UNUSED", sql::key_unused);
    plan.add_standing("KEY-NEVER-USED", sql::key_never_used);
}

}  // namespace keyrota
