#include "commands/run/run.h"

#include <Poco/JSON/Array.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "catalog.h"
#include "commands/run/run_report.h"
#include "error/error.h"
#include "error/print_error.h"
#include "log/log.h"
#include "monitoring/health_check.h"
#include "monitoring/metrics.h"
#include "postgres/database.h"
#include "runner/time_guard.h"

namespace keyrota {
namespace {

// One job of several must not take the others with it.
RunReport run_or_report(const Job& job, const RunOptions& options, const Config& config,
                        Interruption& interruption) {
    try {
        return run_job(job, options, config, interruption);
    } catch (const Error& error) {
        RunReport report;
        report.job = job.name;
        report.status = "failed";
        report.message = error.what();
        report.hint = error.hint();
        report.exit_code = error.code();
        return report;
    }
}

// How the run ended, for those who read the log.
void log_outcome(const Config::Log& log, const RunReport& report) {
    if (!is_kept(log)) return;
    const bool is_well =
        report.exit_code == ExitCode::done || report.exit_code == ExitCode::lease_held;
    spdlog::log(is_well ? spdlog::level::info : spdlog::level::err, "{}, exit code {}{}{}",
                report.status, static_cast<int>(report.exit_code),
                report.message.empty() ? "" : ": ", report.message);
}

// One run, and what those hear of it who watch from outside. A dry run is none of their business.
RunReport run_watched(const Job& job, const RunOptions& options, const Config& config,
                      Interruption& interruption) {
    if (options.dry_run) return run_or_report(job, options, config, interruption);
    {
        const LoggedRun logged(job.name, 0);
        ping_start(config.ping, job.name);
    }
    RunReport report = run_or_report(job, options, config, interruption);
    const LoggedRun logged(job.name, report.run_id);
    log_outcome(config.log, report);
    write_metrics(config, report);
    ping_end(config.ping, report);
    return report;
}

// cron would mail it, time and again, that a long run is still at work. One whose lease was taken
// over while it worked is another matter.
bool is_silent(const RunReport& report, const RunOptions& options) {
    const bool gave_way = report.exit_code == ExitCode::lease_held && report.run_id == 0;
    return report.message.empty() || (gave_way && !options.show_progress);
}

}  // namespace

ExitCode run_jobs(const std::vector<std::string>& names, const RunOptions& options,
                  const Config& config, bool json, bool is_terminal, std::ostream& out,
                  std::ostream& errors) {
    std::vector<const Job*> jobs;
    jobs.reserve(names.size());
    for (const std::string& name : names) jobs.push_back(&find_job(name));

    Interruption interruption;
    std::vector<ExitCode> outcomes;
    Poco::JSON::Array all;
    for (const Job* job : jobs) {
        if (interruption.requested()) {  // also when it came after the last batch of the job before
            outcomes.push_back(interruption.exit_code());
            break;
        }
        const RunReport report = run_watched(*job, options, config, interruption);
        outcomes.push_back(report.exit_code);
        if (json)
            all.add(report_json(report, options.dry_run));
        else if ((is_terminal || options.dry_run) && report.as_of != Timestamp{})
            print_report(report, options.dry_run, out);
        if (!is_silent(report, options)) print_error(errors, report.message, report.hint);
    }
    if (json) {
        all.stringify(out, 2);
        out << "\n";
    }
    return gravest(outcomes);
}

ExitCode resume(const std::string& job, const Config& config, std::ostream& out) {
    if (!job.empty()) find_job(job);
    Session session = open_session(config, Access::runner);
    Transaction transaction(session);
    const std::vector<HeldJob> held = resume_jobs(session, job);
    transaction.commit();
    for (const HeldJob& one : held)
        out << fmt::format("{} may act again; it was held because {}\n", one.job, one.reason);
    if (held.empty()) out << "nothing is held\n";
    return ExitCode::done;
}

}  // namespace keyrota
