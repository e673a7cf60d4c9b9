#include "notify_owners/notify_owners.h"

#include "jobs_sql.h"
#include "notify/templates.h"
#include "notify_owners/decide_notices.h"
#include "notify_owners/mode.h"
#include "notify_owners/send_mail.h"
#include "notify_owners/write_messages.h"

namespace keyrota {

void plan_notify_owners(const RunContext& run, Plan& plan) {
    // What is wrong with them is told before anything is done.
    sending_hours(run.config);
    [[maybe_unused]] const Templates templates(run.config.notify.templates);
    plan.add_standing("MAIL-HELD", sql::mail_held,
                      {{"observes", run.config.notify.mode == "observe" ? 1 : 0},
                       {"max_messages", run.config.mail.max_messages_per_day}});
    plan.add_standing("MAIL-DEAD", sql::mail_dead);
    plan.add_step(notices_step());
    plan.add_step(messages_step(run.config));
    plan.add_step(mail_step());
}

}  // namespace keyrota
