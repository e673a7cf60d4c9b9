#include "notify_owners/notify_owners.h"

#include "jobs_sql.h"
#include "notify_owners/send_mail.h"

namespace keyrota {

void plan_notify_owners(const RunContext&, Plan& plan) {
    plan.add_standing("MAIL-DEAD", sql::mail_dead);
    plan.add_step(mail_step());
}

}  // namespace keyrota
