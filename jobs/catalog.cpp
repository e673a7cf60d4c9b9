#include "catalog.h"

#include <fmt/format.h>

#include "check_runs/check_runs.h"
#include "check_waivers/check_waivers.h"
#include "custom_checks/custom_checks.h"
#include "detect_anomalies/detect_anomalies.h"
#include "error/error.h"
#include "error/suggestion.h"
#include "expire_keys/expire_keys.h"
#include "find_unused/find_unused.h"
#include "flag_rotation/flag_rotation.h"
#include "notify_owners/notify_owners.h"
#include "prune/prune.h"
#include "review_permissions/review_permissions.h"
#include "rollup_usage/rollup_usage.h"
#include "rotate_keys/rotate_keys.h"
#include "send_usage_report/send_usage_report.h"
#include "verify_audit/verify_audit.h"
#include "watch_usage/watch_usage.h"

namespace keyrota {
namespace {

constexpr Job kJobs[] = {
    {"expire-keys", "expire keys whose end date has come, and warn before", "*/5 * * * *",
     plan_expire_keys},
    {"rollup-usage", "turn the samples that gateways append into hourly figures", "2-59/5 * * * *",
     plan_rollup_usage},
    {"rotate-keys", "create and deliver successors, and retire the keys that they replace",
     "*/15 * * * *", plan_rotate_keys},
    {"watch-usage", "flag keys whose calls go wrong, come near their limit, or expose the key",
     "20 * * * *", plan_watch_usage},
    {"detect-anomalies", "find keys that behave unlike themselves, hour by hour", "25 * * * *",
     plan_detect_anomalies},
    {"notify-owners", "tell owners what was found about their keys, and deliver what waits",
     "4-59/5 * * * *", plan_notify_owners},
    {"send-usage-report", "tell owners once a week how their keys were used, and what is due",
     "0 7 * * *", plan_send_usage_report},
    {"check-runs", "tell the operator which jobs have not completed for too long", "35 * * * *",
     plan_check_runs},
    {"flag-rotation", "flag production keys that reached their rotation age, or soon will",
     "10 6 * * *", plan_flag_rotation},
    {"find-unused", "flag keys that nobody has used for long, or ever", "20 6 * * *",
     plan_find_unused},
    {"review-permissions", "flag keys that may do more than they should, or that nobody owns",
     "30 6 * * *", plan_review_permissions},
    {"custom-checks", "evaluate the checks that you wrote yourself", "40 6 * * *",
     plan_custom_checks},
    {"check-waivers", "tell the operator which waivers end soon, and which cover nothing",
     "50 6 * * *", plan_check_waivers},
    {"prune", "remove keyrota's own old records, and create partitions for future samples",
     "10 4 * * *", plan_prune},
    {"verify-audit", "verify the audit trail from its first entry to its last", "40 4 * * *",
     plan_verify_audit},
};

}  // namespace

const Job& find_job(std::string_view name) {
    for (const Job& job : kJobs)
        if (name == job.name) return job;
    std::string hint = did_you_mean(name, job_names());
    if (hint.empty()) hint = "The jobs are listed by `keyrota run --help`.";
    throw Error(ExitCode::usage, fmt::format("no job is called \"{}\"", name), hint);
}

std::vector<const Job*> all_jobs() {
    std::vector<const Job*> jobs;
    for (const Job& job : kJobs) jobs.push_back(&job);
    return jobs;
}

std::vector<std::string> job_names() {
    std::vector<std::string> names;
    for (const Job& job : kJobs) names.emplace_back(job.name);
    return names;
}

}  // namespace keyrota
