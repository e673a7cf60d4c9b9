#include "flag_rotation/flag_rotation.h"

#include "jobs_sql.h"

namespace keyrota {

void plan_flag_rotation(const RunContext&, Plan& plan) {
    plan.add_standing("KEY-ROTATION-DUE", sql::key_rotation_due);
    plan.add_standing("KEY-ROTATION-SOON", sql::key_rotation_soon);
}

}  // namespace keyrota
