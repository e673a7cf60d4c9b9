#include "commands/status/status_facts.h"

#include <algorithm>
#include <cmath>

#include "catalog.h"
#include "check_runs/check_runs.h"
#include "error/error.h"
#include "jobs_sql.h"
#include "postgres/database.h"
#include "time/schedule.h"

namespace keyrota {
namespace {

constexpr std::int64_t kEnough = 1000;       // of a backlog: more is the same news
constexpr std::int64_t kSampledPages = 300;  // of the findings, some 10,000

constexpr Statement kWaivers{
    "status_waivers",
    "select count(*) as total, keyrota.micros(min(expires_at)) as next"
    "  from keyrota.waiver where ended_at is null and expires_at > keyrota.instant(:as_of)"};

Count counted_to(std::int64_t enough, std::int64_t total) {
    if (total > enough) return {enough, Count::Kind::at_least};
    return {total};
}

JobStatus job_status(const Row& row, const Config& config, Timestamp as_of) {
    JobStatus job;
    job.job = row.text("job");
    job.run_id = row.optional_int64("run_id").value_or(0);
    job.exit_code = row.optional_int64("exit_code");
    job.message = row.text_or("message", "");
    job.last_run_at = row.optional_instant("last_run");
    job.duration_ms = row.optional_int64("duration_ms");
    job.last_good_at = row.optional_instant("last_good");
    job.holder = row.text_or("holder", "");
    job.held_by_lease_since = row.optional_instant("acquired_at");
    job.outcome = row.text_or("status", "");
    if (job.outcome == "running" && job.holder.empty()) job.outcome = "killed";
    job.schedule = schedule_of(find_job(job.job), config);
    if (job.schedule) job.next_due_at = next_run(*job.schedule, job.last_run_at.value_or(as_of));
    return job;
}

void look_at_jobs(Session& session, const Config& config, StatusFacts& facts) {
    std::string names;
    for (const Job* job : all_jobs()) names += (names.empty() ? "" : ",") + std::string(job->name);
    const std::vector<std::string> missed = missed_jobs(session, config, facts.as_of);
    for (const Row& row :
         session.rows(sql::status_jobs, {{"jobs", "{" + names + "}"}, {"as_of", facts.as_of}})) {
        facts.jobs.push_back(job_status(row, config, facts.as_of));
        JobStatus& job = facts.jobs.back();
        job.missed = std::find(missed.begin(), missed.end(), job.job) != missed.end();
    }
    facts.held = held_jobs(session);
}

void look_at_backlog(Session& session, StatusFacts& facts) {
    std::optional<Timestamp> watermark;
    for (const JobStatus& job : facts.jobs)
        if (job.job == "expire-keys") watermark = job.last_good_at;
    const Row backlog =
        session.one(sql::status_backlog,
                    {{"watermark", watermark}, {"as_of", facts.as_of}, {"enough", kEnough + 1}});
    if (watermark) facts.due_keys = counted_to(kEnough, backlog.int64("due"));
    facts.keys_without_rule = counted_to(kEnough, backlog.int64("without_rule"));
}

// An estimate to two digits: more would promise too much.
std::int64_t rounded(double estimate) {
    if (estimate < 100) return std::llround(estimate);
    const double unit = std::pow(10, std::floor(std::log10(estimate)) - 1);
    return std::llround(std::round(estimate / unit) * unit);
}

void look_at_findings(Session& session, StatusFacts& facts) {
    const Row critical = session.one(sql::status_critical);
    facts.critical_open = critical.int64("open");
    const double percent = std::min(
        100.0, 100.0 * static_cast<double>(kSampledPages) /
                   static_cast<double>(std::max<std::int64_t>(critical.int64("pages"), 1)));
    const bool is_sample = percent < 100;
    for (const Row& row : session.rows(sql::status_findings, {{"percent", percent}})) {
        Count& count = facts.findings.at(static_cast<std::size_t>(row.int64("severity") - 1));
        count.total = row.int64("total");
        if (is_sample) count.total = rounded(static_cast<double>(count.total) * 100 / percent);
    }
    if (is_sample)
        for (Count& count : facts.findings) count.kind = Count::Kind::about;
    facts.findings.back() = {critical.int64("total")};
    const Row waivers = session.one(kWaivers, {{"as_of", facts.as_of}});
    facts.waivers = waivers.int64("total");
    facts.waiver_ends_at = waivers.optional_instant("next");
}

void look_at_mail(Session& session, StatusFacts& facts) {
    const Row row = session.one(sql::status_mail, {{"as_of", facts.as_of}});
    facts.messages_waiting = row.int64("waiting");
    facts.oldest_message_at = row.optional_instant("oldest_at");
    facts.messages_dead = row.int64("dead");
}

void look_at_database(Session& session, const Config& config, StatusFacts& facts) {
    const Row row = session.one(sql::status_database);
    facts.as_of = row.instant("now");
    facts.audit_height = row.int64("height");
    facts.audit_sealed_at = row.optional_instant("sealed_at");
    facts.audit_head_fits = row.int64("head_fits") != 0;
    facts.server_version = row.text("server_version");
    facts.size_bytes = row.int64("size_bytes");
    facts.is_simulation = row.int64("simulation") != 0;
    facts.database = is_embedded(config) ? "embedded in " + config.data_dir.string()
                                         : connection_for(config, Access::runner).display();
}

}  // namespace

StatusFacts status_facts(Session& session, const Config& config, std::optional<Timestamp> as_of) {
    StatusFacts facts;
    look_at_database(session, config, facts);
    if (as_of && !facts.is_simulation)
        throw Error(ExitCode::usage,
                    "--as-of is only for a simulation: a real database has a clock",
                    "Create one with `keyrota db init --simulation`, in another --data-dir.");
    if (as_of) facts.as_of = *as_of;
    look_at_jobs(session, config, facts);
    look_at_backlog(session, facts);
    look_at_findings(session, facts);
    look_at_mail(session, facts);
    return facts;
}

}  // namespace keyrota
