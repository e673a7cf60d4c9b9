#include "runner/guards.h"

#include <Poco/JSON/Object.h>

#include <algorithm>

#include "common_sql.h"
#include "plan/action.h"
#include "report/json_text.h"
#include "runner/time_guard.h"

namespace keyrota {
namespace {

bool is_allowed(Run& run, const CheckReport& report) {
    if (run.options.max_actions) return report.planned <= *run.options.max_actions;
    const std::int64_t recent =
        run.session
            .one(sql::recent_actions,
                 {{"job", run.job.name}, {"as_of", run.as_of}, {"check_id", report.check_id}})
            .int64("total");
    return within_blast_radius(run.session, find_action(report.action), recent + report.planned);
}

// A guard said no: none of the check's actions is done, its findings stay.
void refuse(Run& run, CheckReport& report) {
    Counts counts;
    counts.refused = report.planned;
    if (run.lease && counts.refused > 0)
        run.in_batch([&] {
            run.session.execute(sql::refuse_actions,
                                {{"run_id", run.run_id}, {"check_id", report.check_id}});
            count(run, report, counts);
        });
    add(report, counts);
}

void guard_blast_radius(Run& run, CheckReport& report) {
    if (report.planned > 0 && !is_allowed(run, report)) refuse(run, report);
}

constexpr const char* kRunHeld = "RUN-HELD";

// A long gap, a clock that went back, another database: actions wait for a person. Who chose as_of
// travels knowingly.
void guard_time(Run& run, RunReport& report) {
    const bool acts = std::any_of(report.checks.begin(), report.checks.end(),
                                  [](const CheckReport& check) { return check.planned > 0; });
    if (run.options.as_of) return;
    report.held = reason_to_hold(run.session, run.job, run.as_of, run.config, acts);
    if (report.held.empty()) return;
    for (CheckReport& check : report.checks) refuse(run, check);
    if (!run.lease) return;
    Poco::JSON::Object evidence;
    evidence.set("reason", report.held);
    run.in_batch([&] {
        run.session.execute(sql::open_own_finding, {{"check_id", kRunHeld},
                                                    {"detail", run.job.name},
                                                    {"severity", 4},
                                                    {"evidence", json_text(evidence)},
                                                    {"as_of", run.as_of},
                                                    {"run_id", run.run_id}});
    });
}

}  // namespace

void apply_guards(Run& run, RunReport& report) {
    guard_time(run, report);
    if (!report.held.empty()) return;
    for (CheckReport& check : report.checks) guard_blast_radius(run, check);
}

}  // namespace keyrota
