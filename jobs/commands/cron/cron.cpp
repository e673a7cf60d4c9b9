#include "commands/cron/cron.h"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include <algorithm>
#include <cctype>
#include <optional>

#include "catalog.h"
#include "commands/cron/cron_files.h"
#include "config/options.h"
#include "error/error.h"
#include "postgres/database.h"

namespace keyrota {
namespace {

namespace fs = std::filesystem;

// cron turns % into a line break, systemd reads % and $, a shell the rest: none of them gets any.
std::string plain(const char* what, const std::string& text) {
    const bool is_plain =
        !text.empty() && text.front() != '-' && std::all_of(text.begin(), text.end(), [](char c) {
            return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
                   std::string_view("._/@:+-").find(c) != std::string_view::npos;
        });
    if (!is_plain)
        throw Error(ExitCode::usage,
                    fmt::format("{}: {} cannot be written to such a file", what, in_quotes(text)),
                    "Use only letters, digits and . _ / @ : + -.");
    return text;
}

std::string plain_path(const char* what, const fs::path& path) {
    return plain(what, fs::absolute(path).lexically_normal());
}

// The jobs that are not switched off.
std::vector<ScheduledJob> scheduled_jobs(const Config& config) {
    std::vector<ScheduledJob> jobs;
    for (const Job* job : all_jobs()) {
        const std::optional<std::string> schedule = schedule_of(*job, config);
        if (!schedule) continue;
        std::string problem;
        jobs.push_back({job->name, job->summary, parse_schedule(*schedule, problem).value(),
                        schedule_period(*schedule)});
    }
    return jobs;
}

// What a flag or a variable says here, the runs will not hear.
bool is_said_by_file(const LoadedConfig& loaded, std::string_view option) {
    for (const Setting& setting : loaded.settings)
        if (setting.path == option)
            return setting.origin.starts_with(loaded.file.string() + ":") && !loaded.file.empty();
    return false;
}

Installation installation_of(const ConfigSources& sources, const CronPrintOptions& options) {
    const LoadedConfig loaded = load_config(sources);
    const Config& config = loaded.config;
    Installation installation;
    installation.jobs = scheduled_jobs(config);
    installation.program = plain_path("--program", options.program);
    installation.user = plain("--user", options.user);
    if (!loaded.file.empty() && loaded.file != sources.system_file)
        installation.config_file = plain_path("--config", loaded.file);
    installation.embedded_database =
        !is_said_by_file(loaded, "database.url") || is_embedded(config);
    installation.data_dir = is_said_by_file(loaded, "data_dir")
                                ? plain_path("data_dir", config.data_dir)
                                : "/var/lib/keyrota";
    if (is_said_by_file(loaded, "log.file") && !config.log.file.empty())
        installation.writable.push_back(
            plain_path("log.file", fs::absolute(config.log.file).parent_path()));
    if (is_said_by_file(loaded, "metrics.textfile_dir") && !config.metrics.textfile_dir.empty())
        installation.writable.push_back(
            plain_path("metrics.textfile_dir", config.metrics.textfile_dir));
    for (const SinkOptions& sink : config.sinks)
        if (!sink.directory.empty())
            installation.writable.push_back(plain_path("sinks[].directory", sink.directory));
    return installation;
}

}  // namespace

ExitCode cron_print(const ConfigSources& sources, const CronPrintOptions& options,
                    std::ostream& out) {
    const Installation installation = installation_of(sources, options);
    std::vector<NamedFile> files;
    if (options.format == "crontab") files = {crontab_file(installation)};
    if (options.format == "systemd") files = systemd_files(installation);
    if (options.format == "kubernetes") files = kubernetes_files(installation);
    if (!options.directory.empty()) {
        write_files(files, options.directory, out);
        return ExitCode::done;
    }
    // kubectl takes several documents as they come; units need their names.
    const char* between = options.format == "kubernetes" ? "---\n" : "\n";
    bool is_first = true;
    for (const NamedFile& file : files) {
        if (!is_first) out << between;
        is_first = false;
        if (options.format == "systemd") fmt::print(out, "# /etc/systemd/system/{}\n", file.name);
        out << file.text;
    }
    return ExitCode::done;
}

}  // namespace keyrota
