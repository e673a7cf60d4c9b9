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

// A guard says no: none of the check's actions may be done.
void refuse(CheckReport& report) {
    report.refused = report.planned;
}

constexpr const char* kRunHeld = "RUN-HELD";

void record_held(Run& run, const std::string& reason) {
    Poco::JSON::Object evidence;
    evidence.set("reason", reason);
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

void judge_by_guards(Run& run, RunReport& report) {
    const bool acts = std::any_of(report.checks.begin(), report.checks.end(),
                                  [](const CheckReport& check) { return check.planned > 0; });
    // A long gap, a clock that went back, another database: actions wait for a person. Who chose
    // as_of travels knowingly.
    if (!run.options.as_of)
        report.held = reason_to_hold(run.session, run.job, run.as_of, run.config, acts);
    for (CheckReport& check : report.checks) {
        const bool changes_keys = check.planned > 0 && !check.is_chore() && !check.is_step();
        if (!report.held.empty() || (changes_keys && !is_allowed(run, check))) refuse(check);
    }
}

void enforce_guards(Run& run, const RunReport& report) {
    for (const CheckReport& check : report.checks) {
        if (check.refused == 0) continue;
        Counts counts;
        counts.refused = check.refused;
        run.in_batch([&] {
            run.session.execute(sql::refuse_actions,
                                {{"run_id", run.run_id}, {"check_id", check.check_id}});
            count(run, check, counts);
        });
    }
    if (!report.held.empty()) record_held(run, report.held);
}

}  // namespace keyrota
