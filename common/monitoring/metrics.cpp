#include "monitoring/metrics.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <map>

#include "common_sql.h"
#include "error/error.h"
#include "finding/severity.h"
#include "postgres/database.h"
#include "postgres/process.h"

namespace keyrota {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMailStep = "mail";  // that empties the outbox

// Prometheus' text format: all samples of a metric below its name, which is what node_exporter asks
// for. The job is not called `job`: Prometheus gives every sample a label of that name.
class Exposition {
  public:
    void metric(const char* name, const char* help) {
        name_ = name;
        text_ += fmt::format("# HELP {} {}\n# TYPE {} gauge\n", name, help, name);
    }
    void sample(const std::string& labels, const std::string& value) {
        text_ += labels.empty() ? fmt::format("{} {}\n", name_, value)
                                : fmt::format("{}{{{}}} {}\n", name_, labels, value);
    }
    void sample(const std::string& labels, std::int64_t value) {
        sample(labels, fmt::to_string(value));
    }
    const std::string& text() const { return text_; }

  private:
    const char* name_ = "";
    std::string text_;
};

std::string label(const char* name, std::string_view value) {
    std::string escaped;
    for (const char c : value) {
        if (c == '\\' || c == '"') escaped += '\\';
        escaped += c == '\n' ? ' ' : c;
    }
    return fmt::format("{}=\"{}\"", name, escaped);
}

std::string seconds(std::int64_t us) {
    return fmt::format("{}.{:06}", us / 1'000'000, us % 1'000'000);
}

void add_run(Exposition& out, const std::string& job, const RunReport& report, const Row& run) {
    out.metric("keyrota_job_last_run_timestamp_seconds", "When the last run of the job ended.");
    out.sample(job, seconds(run.int64("finished")));
    if (!run.is_null("last_success")) {
        out.metric("keyrota_job_last_success_timestamp_seconds",
                   "When the last complete run of the job ended.");
        out.sample(job, seconds(run.int64("last_success")));
    }
    out.metric("keyrota_job_last_run_duration_seconds", "How long the last run took.");
    out.sample(job, seconds(run.int64("duration_us")));
    out.metric("keyrota_job_last_run_exit_code", "Exit code of the last run; 0 is well.");
    out.sample(job, static_cast<std::int64_t>(report.exit_code));
}

void add_checks(Exposition& out, const std::string& job, const std::vector<CheckReport>& checks) {
    if (checks.empty()) return;
    const auto with_check = [&](const CheckReport& check) {
        return job + "," + label("check", check.check_id);
    };
    out.metric("keyrota_job_last_run_items", "What the check returned in the last run.");
    for (const CheckReport& check : checks) out.sample(with_check(check), check.found);
    out.metric("keyrota_job_last_run_actions", "Actions of the last run, by what became of them.");
    for (const CheckReport& check : checks) {
        const auto count = [&](const char* outcome, std::int64_t total) {
            out.sample(with_check(check) + "," + label("outcome", outcome), total);
        };
        count("applied", check.applied);
        count("drifted", check.drifted);
        count("refused", check.refused);
        count("failed", check.failed);
    }
}

void add_findings(Exposition& out, const std::string& job, Session& session,
                  const std::vector<CheckReport>& checks) {
    if (checks.empty()) return;
    std::string ids;
    for (const CheckReport& check : checks) ids += (ids.empty() ? "" : ",") + check.check_id;
    out.metric("keyrota_findings_open",
               "Open findings; those acknowledged or waived do not count.");
    std::map<std::pair<std::string, std::int64_t>, std::int64_t> open;
    for (const Row& row : session.rows(sql::metrics_findings, {{"checks", "{" + ids + "}"}}))
        open[{row.text("check_id"), row.int64("severity")}] = row.int64("open_total");
    // Nought too: a sample that vanishes looks like a scrape that failed.
    for (const CheckReport& check : checks)
        for (std::int64_t severity = 1; severity <= std::ssize(kSeverities); ++severity)
            out.sample(job + "," + label("check", check.check_id) + "," +
                           label("severity", severity_name(severity)),
                       open[{check.check_id, severity}]);
}

// By the one job that delivers, so that each sample stands in one file alone.
void add_messages(Exposition& out, Session& session) {
    const std::vector<Row> rows = session.rows(sql::metrics_messages);
    out.metric("keyrota_messages", "Messages by state; done ones of the last two weeks.");
    for (const Row& row : rows) out.sample(label("state", row.text("state")), row.int64("total"));
    out.metric("keyrota_messages_oldest_age_seconds", "How long the oldest message has waited.");
    out.sample("", seconds(rows.front().optional_int64("oldest_age_us").value_or(0)));
}

std::string exposition(const Config& config, const RunReport& report) {
    Session session = open_session(config, Access::runner);
    const Row run = session.one(sql::metrics_run, {{"run_id", report.run_id}, {"job", report.job}});
    const std::string job = label("keyrota_job", report.job);
    Exposition out;
    add_run(out, job, report, run);
    add_checks(out, job, report.checks);
    add_findings(out, job, session, report.checks);
    const bool delivers =
        std::any_of(report.checks.begin(), report.checks.end(),
                    [](const CheckReport& check) { return check.check_id == kMailStep; });
    if (delivers) add_messages(out, session);
    return out.text();
}

[[noreturn]] void cannot_write(const fs::path& file) {
    throw Error(ExitCode::config,
                fmt::format("cannot write {}: {}", file.string(), std::strerror(errno)));
}

// Whoever reads it meets the old file or the new one. node_exporter runs as another user, so all
// may read it, whatever our umask.
void replace(const fs::path& file, const std::string& text) {
    std::string temporary = file.string() + ".XXXXXX";  // not *.prom: nobody takes it for one
    const Descriptor opened(::mkostemp(temporary.data(), O_CLOEXEC));
    if (!opened) cannot_write(file);
    const bool written =
        ::write(opened.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
        ::fchmod(opened.get(), 0644) == 0 && ::rename(temporary.c_str(), file.c_str()) == 0;
    if (written) return;
    const int error = errno;
    ::unlink(temporary.c_str());
    errno = error;
    cannot_write(file);
}

}  // namespace

void write_metrics(const Config& config, const RunReport& report) {
    if (config.metrics.textfile_dir.empty() || report.run_id == 0) return;
    try {
        replace(config.metrics.textfile_dir / fmt::format("keyrota_{}.prom", report.job),
                exposition(config, report));
    } catch (const Error& error) {
        spdlog::warn("no metrics: {}", error.what());
    }
}

}  // namespace keyrota
