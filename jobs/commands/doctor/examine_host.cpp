// What `keyrota doctor` looks at on this machine.

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fstream>

#include "commands/doctor/examinations.h"
#include "error/error.h"
#include "postgres/database.h"
#include "sink/sink.h"

namespace keyrota {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t kGiB = 1024ULL * 1024 * 1024;

struct stat status_of(const fs::path& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0)
        throw Error(ExitCode::config, fmt::format("{}: {}", path.string(), std::strerror(errno)));
    return status;
}

bool speaks_of_keyrota(const fs::path& file) {
    std::ifstream in(file);
    for (std::string line; std::getline(in, line);) {
        const std::size_t begin = line.find_first_not_of(" \t");
        if (begin == std::string::npos || line[begin] == '#') continue;
        if (line.find("keyrota") != std::string::npos) return true;
    }
    return false;
}

// The folder's files with that ending, "" for any; nothing where it is missing or closed to us.
std::vector<fs::path> files_in(const fs::path& folder, const std::string& ending) {
    std::vector<fs::path> files;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder, error))
        if (entry.is_regular_file(error) && (ending.empty() || entry.path().extension() == ending))
            files.push_back(entry.path());
    return files;
}

// Written out in the file itself, and not as a reference to somewhere else.
bool holds_a_secret(const LoadedConfig& loaded) {
    return std::any_of(loaded.settings.begin(), loaded.settings.end(), [&](const Setting& one) {
        return one.origin.starts_with(loaded.file.string() + ":") &&
               one.value.find("<redacted>") != std::string::npos;
    });
}

}  // namespace

// That others cannot write it was found out by reading it.
Diagnosis examine_configuration(const Patient& patient) {
    const fs::path& file = patient.loaded.file;
    if (file.empty()) return {Health::ok, "no file; defaults, environment and flags apply"};
    if ((status_of(file).st_mode & S_IROTH) != 0 && holds_a_secret(patient.loaded))
        return {Health::warn,
                fmt::format("{} contains a password and everybody may read it", file.string()),
                fmt::format(
                    "Reference the password (`file:/PATH`, `${{NAME}}`), or run `chmod 640 {}`.",
                    file.string())};
    return {Health::ok, file.string()};
}

Diagnosis examine_data_dir(const Patient& patient) {
    const fs::path& directory = patient.config().data_dir;
    if (!fs::exists(directory))
        return {Health::info, fmt::format("{} does not exist yet", directory.string())};
    const mode_t mode = status_of(directory).st_mode;
    if ((mode & (S_IWGRP | S_IWOTH)) != 0)
        return {Health::fail, fmt::format("{} is writable by others", directory.string()),
                fmt::format("Run `chmod go-w {}`.", directory.string())};
    return {Health::ok, directory.string()};
}

Diagnosis examine_disk(const Patient& patient) {
    if (!is_embedded(patient.config()))
        return {Health::info, "the database is on another server: its disk is not checked"};
    fs::path directory = patient.config().data_dir;
    while (!fs::exists(directory)) directory = directory.parent_path();
    const fs::space_info space = fs::space(directory);
    const std::string free =
        fmt::format("{:.1f} GiB are free for the embedded database, {} %",
                    static_cast<double>(space.available) / static_cast<double>(kGiB),
                    space.available * 100 / std::max<std::uintmax_t>(space.capacity, 1));
    const std::string hint = "A full disk stops the database; make room, or move data_dir.";
    if (space.available < kGiB / 4) return {Health::fail, free, hint};
    if (space.available < 2 * kGiB) return {Health::warn, free, hint};
    return {Health::ok, free};
}

std::vector<fs::path> find_schedules(const fs::path& root) {
    std::vector<fs::path> candidates{root / "etc/crontab"};
    for (const char* folder : {"etc/cron.d", "var/spool/cron/crontabs"})
        for (const fs::path& file : files_in(root / folder, "")) candidates.push_back(file);
    for (const char* folder : {"etc/systemd/system", "usr/local/lib/systemd/system",
                               "usr/lib/systemd/system", "lib/systemd/system"})
        for (const fs::path& file : files_in(root / folder, ".timer")) candidates.push_back(file);
    std::vector<fs::path> found;
    for (const fs::path& file : candidates) {
        // A timer may say only when; what it starts is in the service of its name.
        const bool is_named =
            file.extension() == ".timer" && file.filename().string().starts_with("keyrota");
        if (is_named || speaks_of_keyrota(file)) found.push_back(file);
    }
    return found;
}

Diagnosis examine_schedule(const Patient&) {
    const std::vector<fs::path> found = find_schedules("/");
    if (found.empty())
        return {Health::warn,
                "no crontab, cron.d file or systemd timer of this machine mentions keyrota",
                "`keyrota cron print` prints one; if something else starts the jobs, `keyrota "
                "status` shows whether they run."};
    return {Health::ok, found.size() == 1 ? found.front().string()
                                          : fmt::format("{} and {} more", found.front().string(),
                                                        found.size() - 1)};
}

// As the job rotate-keys would open them; the first that it could not is told.
Diagnosis examine_sinks(const Patient& patient) {
    const std::vector<SinkOptions>& sinks = patient.config().sinks;
    if (sinks.empty()) return {Health::info, "none is configured: no key is rotated automatically"};
    for (const SinkOptions& sink : sinks) {
        try {
            open_sink(sink);
        } catch (const Error& error) {
            return {Health::fail, fmt::format("{}: {}", sink.name, error.what()), error.hint()};
        }
    }
    return {Health::ok, sinks.size() == 1
                            ? sinks.front().name
                            : fmt::format("{} and {} more", sinks.front().name, sinks.size() - 1)};
}

}  // namespace keyrota
