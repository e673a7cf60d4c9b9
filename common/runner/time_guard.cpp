#include "runner/time_guard.h"

#include <fmt/format.h>

#include "audit/audit.h"
#include "common_sql.h"
#include "error/error.h"
#include "postgres/caller.h"
#include "time/schedule.h"

namespace keyrota {
namespace {

// Clocks of two servers may differ a little; a run a few minutes earlier than the last one is no
// travel in time.
constexpr std::chrono::minutes kClockTolerance(5);

bool is_another_database(Session& session, const std::string& job) {
    const Row facts = session.one(sql::time_guard_facts, {{"job", job}});
    return facts.int64("other_cluster") + facts.int64("other_timeline") +
               facts.int64("counter_behind") !=
           0;
}

}  // namespace

std::string reason_to_hold(Session& session, const Job& job, Timestamp as_of, const Config& config,
                           bool acts) {
    const Row facts = session.one(sql::time_guard_facts, {{"job", job.name}});
    if (facts.int64("other_cluster") != 0)
        return "this is another database server than the last run saw: a copy, or a dump restored "
               "elsewhere";
    if (facts.int64("other_timeline") != 0)
        return "the server is on another timeline than the last run saw: a failover, or a restored "
               "backup";
    if (facts.int64("counter_behind") != 0)
        return "the server's transaction counter is behind the last run's: a restored backup";
    // Only a person ends that, whatever the clock says by now.
    if (acts && !facts.is_null("held_for")) return facts.text("held_for");
    if (facts.is_null("last_complete")) return "";

    Timestamp known = facts.instant("last_complete");
    if (as_of < known - kClockTolerance)
        return fmt::format("the clock says {}, but a run of {} was complete as of {}",
                           to_string(as_of), job.name, to_string(known));
    if (!acts) return "";  // a gap alone harms nobody, and this run ends it
    if (!facts.is_null("resumed")) known = std::max(known, facts.instant("resumed"));
    const auto schedule = schedule_of(job, config);
    const auto max_gap = std::max(config.limits.max_gap, schedule ? 2 * schedule_period(*schedule)
                                                                  : std::chrono::microseconds(0));
    if (as_of - known > max_gap)
        return fmt::format("the last complete run of {} was {} ago, more than {}", job.name,
                           to_string(std::chrono::floor<std::chrono::hours>(as_of - known)),
                           to_string(max_gap));
    return "";
}

void remember_database(Session& session) {
    session.execute(sql::remember_database);
}

std::vector<HeldJob> held_jobs(Session& session, const std::string& job) {
    std::vector<HeldJob> held;
    for (const Row& row : session.rows(sql::held_jobs, {{"job", job}}))
        held.push_back({row.text("job"), row.text_or("reason", ""), row.instant("since")});
    return held;
}

std::vector<HeldJob> resume_jobs(Session& session, const std::string& job) {
    std::vector<HeldJob> held = held_jobs(session, job);
    if (held.empty()) return held;

    if (job.empty())
        session.execute(sql::accept_database);
    else if (is_another_database(session, job))
        throw Error(
            ExitCode::usage,
            fmt::format(
                "{} and all other jobs are held back: this is not the database of the last run",
                job),
            "See what each would do with `keyrota run JOB --dry-run`, then run `keyrota resume` "
            "without a job.");
    std::string names;
    for (const HeldJob& one : held) {
        session.execute(sql::resume_job, {{"job", one.job}, {"by", current_caller().display()}});
        session.execute(sql::forget_future_runs, {{"job", one.job}});
        session.execute(sql::resolve_own_finding,
                        {{"check_id", "RUN-HELD"}, {"detail", one.job}, {"resolution", "by hand"}});
        names += fmt::format("{}\"{}\"", names.empty() ? "" : ",", one.job);
    }
    record_audit(session,
                 {.action = "run.resume", .after = fmt::format("{{\"jobs\":[{}]}}", names)});
    return held;
}

}  // namespace keyrota
