#include "commands/run.h"

#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>
#include <fmt/format.h>

#include "catalog.h"
#include "error/error.h"
#include "error/print_error.h"
#include "postgres/database.h"
#include "runner/time_guard.h"

namespace keyrota {
namespace {

Poco::JSON::Object::Ptr to_json(const CheckReport& check) {
    Poco::JSON::Object::Ptr object(new Poco::JSON::Object(Poco::JSON_PRESERVE_KEY_ORDER));
    object->set("check", check.check_id);
    object->set("pass", check.pass);
    object->set("found", check.found);
    object->set("opened", check.opened);
    object->set("changed", check.changed);
    object->set("resolved", check.resolved);
    object->set("planned", check.planned);
    object->set("applied", check.applied);
    object->set("drifted", check.drifted);
    object->set("refused", check.refused);
    object->set("failed", check.failed);
    if (!check.error.empty()) object->set("error", check.error);
    return object;
}

Poco::JSON::Object::Ptr to_json(const RunReport& report, bool dry_run) {
    Poco::JSON::Object::Ptr object(new Poco::JSON::Object(Poco::JSON_PRESERVE_KEY_ORDER));
    object->set("job", report.job);
    object->set("dry_run", dry_run);
    if (report.run_id != 0) object->set("run_id", report.run_id);
    if (report.as_of != Timestamp{}) object->set("as_of", to_string(report.as_of));
    object->set("status", report.status);
    object->set("complete", report.complete);
    object->set("exit_code", static_cast<int>(report.exit_code));
    if (!report.held.empty()) object->set("held", report.held);
    if (!report.message.empty()) object->set("message", report.message);
    object->set("plan_ms", static_cast<std::int64_t>(report.plan_time.count()));
    object->set("apply_ms", static_cast<std::int64_t>(report.apply_time.count()));
    Poco::JSON::Array checks;
    for (const CheckReport& check : report.checks) checks.add(to_json(check));
    object->set("checks", checks);
    return object;
}

std::string counted(std::int64_t count, const char* what) {
    return count == 0 ? "" : fmt::format(", {} {}", count, what);
}

void print(const RunReport& report, bool dry_run, std::ostream& out) {
    out << (dry_run ? fmt::format("{} as of {}: dry run, nothing was changed\n", report.job,
                                  to_string(report.as_of))
                    : fmt::format("{}: run {} {}\n", report.job, report.run_id, report.status));
    for (const CheckReport& check : report.checks) {
        if (!check.error.empty()) {
            out << fmt::format("  {:<20} not evaluated\n", check.check_id);
            continue;
        }
        out << fmt::format("  {:<20} {} found", check.check_id, check.found)
            << counted(check.opened, dry_run ? "findings to open" : "findings opened")
            << counted(check.changed, dry_run ? "to change" : "changed")
            << counted(check.resolved, dry_run ? "to resolve" : "resolved")
            << counted(dry_run ? check.planned - check.refused : 0, "actions to apply")
            << counted(check.applied, "actions applied") << counted(check.drifted, "drifted")
            << counted(check.refused, dry_run ? "actions that would be refused" : "refused")
            << counted(check.failed, "failed") << "\n";
    }
}

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
        const RunReport report = run_or_report(*job, options, config, interruption);
        outcomes.push_back(report.exit_code);
        if (json)
            all.add(to_json(report, options.dry_run));
        else if ((is_terminal || options.dry_run) && report.as_of != Timestamp{})
            print(report, options.dry_run, out);
        if (!report.message.empty()) print_error(errors, report.message, report.hint);
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
