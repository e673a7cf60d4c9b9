#include "notify_owners/send_mail.h"

#include <fmt/format.h>

#include "jobs_sql.h"
#include "notify/deliver.h"
#include "runner/step.h"

namespace keyrota {
namespace {

void send_mail(StepRun& run) {
    const DeliveryReport report =
        deliver(run.session, run.config,
                {.token = fmt::format("run {}", run.run_id),
                 .holds_lease = true,
                 .as_of = run.as_of,
                 .limit = run.limit.value_or(-1),
                 .interrupted = [&] { return run.interrupted(); },
                 // Each message is settled by itself; the lease is looked at from time to time.
                 .progress =
                     [&](const DeliveryReport& part) {
                         run.in_batch([&] {
                             run.count({.found = part.sent + part.deferred + part.dead,
                                        .applied = part.sent});
                         });
                     }});
    if (!report.trouble.empty()) run.alarm(ExitCode::delivery, report.trouble, report.hint);
}

}  // namespace

PlannedStep mail_step() {
    PlannedStep step{"mail", sql::mail_due, send_mail};
    step.cancellable = false;  // a message that was sent must be able to say so
    return step;
}

}  // namespace keyrota
