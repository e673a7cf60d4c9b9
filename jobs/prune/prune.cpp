#include "prune/prune.h"

#include "jobs_sql.h"

namespace keyrota {
namespace {

constexpr int kSampleDaysAhead = 60;  // as many as the schema begins with

}  // namespace

PlannedChore sample_days() {
    return {"sample-days",
            sql::missing_sample_days,
            sql::make_sample_days,
            {{"ahead", kSampleDaysAhead}}};
}

void plan_prune(const RunContext& run, Plan& plan) {
    const Config::Retention& retention = run.config.retention;
    // First what others wait for: without a partition a gateway cannot report.
    plan.add_chore(sample_days());
    plan.add_chore({"dead-runs", sql::dead_runs, sql::end_dead_runs});
    plan.add_chore({"old-runs",
                    sql::old_runs,
                    sql::delete_runs,
                    {{"runs_before", run.as_of - retention.runs},
                     {"idle_runs_before", run.as_of - retention.idle_runs}}});
    plan.add_chore({"old-findings",
                    sql::old_findings,
                    sql::delete_findings,
                    {{"before", run.as_of - retention.findings}}});
    plan.add_chore({"old-messages",
                    sql::old_messages,
                    sql::delete_messages,
                    {{"before", run.as_of - retention.messages}}});
    plan.add_chore({"old-samples",
                    sql::old_sample_days,
                    sql::free_sample_days,
                    {{"before", run.as_of - retention.samples}}});
    plan.add_chore({"old-hours",
                    sql::old_hours,
                    sql::delete_hours,
                    {{"before", run.as_of - retention.hours}}});
    plan.add_chore({"old-log-positions",
                    sql::old_log_positions,
                    sql::delete_log_positions,
                    {{"before", run.as_of - retention.hours}}});
}

}  // namespace keyrota
