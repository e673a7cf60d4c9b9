#include "custom_checks/check_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <sstream>

#include "catalog.h"
#include "config/options.h"
#include "config/trusted_file.h"
#include "error/error.h"
#include "error/suggestion.h"
#include "time/schedule.h"

namespace keyrota {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "CUSTOM-";
constexpr std::size_t kLongestId = 63;
constexpr std::size_t kLongestText = 500;
const std::vector<std::string> kFields = {"id",    "kind",        "severity",
                                          "title", "remediation", "schedule"};

Complaint at(int line, const std::string& what, std::string hint = "") {
    return {fmt::format("line {}: {}", line, what), std::move(hint)};
}

std::string trimmed(std::string_view text) {
    const std::size_t begin = text.find_first_not_of(" \t\r");
    if (begin == std::string_view::npos) return "";
    return std::string(text.substr(begin, text.find_last_not_of(" \t\r") + 1 - begin));
}

using Header = std::map<std::string, std::string>;

// The `-- name: value` lines at the top of a file; a comment that is no such line ends the header.
std::optional<Complaint> read_header(const std::string& text, Header& header) {
    std::istringstream lines(text);
    std::string line;
    for (int number = 1; std::getline(lines, line) && line.starts_with("--"); ++number) {
        const std::size_t colon = line.find(':');
        if (colon == std::string::npos) break;
        const std::string name = trimmed(std::string_view(line).substr(2, colon - 2));
        if (name.find(' ') != std::string::npos) break;
        const std::string value = trimmed(std::string_view(line).substr(colon + 1));
        if (std::find(kFields.begin(), kFields.end(), name) == kFields.end())
            return at(number, fmt::format("unknown header field {}", in_quotes(name)),
                      did_you_mean(name, kFields));
        if (value.empty()) return at(number, name + " is empty");
        if (value.size() > kLongestText)
            return at(number, fmt::format("{} is longer than {} bytes", name, kLongestText));
        if (!header.emplace(name, value).second) return at(number, name + " is given twice");
    }
    return std::nullopt;
}

std::string value_of(const Header& header, const std::string& name) {
    const auto found = header.find(name);
    return found == header.end() ? "" : found->second;
}

bool is_id(const std::string& id) {
    const auto is_letter = [](char c) {
        return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
    };
    return id.starts_with(kPrefix) && id.size() > kPrefix.size() && id.size() <= kLongestId &&
           std::all_of(id.begin(), id.end(), is_letter);
}

// A check may wait for its day; it cannot be looked at more often than the job runs.
std::optional<Complaint> judge_schedule(const std::string& schedule, const Config& config) {
    std::string problem;
    if (!parse_schedule(schedule, problem)) return Complaint{"schedule: " + problem, ""};
    const auto of_job = schedule_of(find_job("custom-checks"), config);
    if (of_job && schedule_period(schedule) < schedule_period(*of_job))
        return Complaint{
            "schedule: it is more frequent than the job custom-checks",
            fmt::format("The job starts at {}; `schedules` in the configuration can change that.",
                        in_quotes(*of_job))};
    return std::nullopt;
}

std::optional<Complaint> judge_header(const Header& header, const Config& config) {
    for (const char* name : {"id", "kind", "severity", "title", "remediation"})
        if (header.count(name) == 0)
            return Complaint{fmt::format("its header has no {}", name),
                             "The file begins with lines like `-- id: CUSTOM-NAME`."};
    if (!is_id(header.at("id")))
        return Complaint{fmt::format("{} is not a custom check id", in_quotes(header.at("id"))),
                         "Use CUSTOM- followed by A-Z, 0-9 and -."};
    // The job runs daily, and an incremental check looks at everything once a day.
    if (header.at("kind") != "standing")
        return Complaint{"kind must be standing, not " + in_quotes(header.at("kind")), ""};
    const std::string& severity = header.at("severity");
    if (severity.size() != 1 || severity[0] < '1' || severity[0] > '5')
        return Complaint{"severity must be from 1 to 5, not " + in_quotes(severity), ""};
    const std::string schedule = value_of(header, "schedule");
    return schedule.empty() ? std::nullopt : judge_schedule(schedule, config);
}

// One file, into either list.
void load_file(const fs::path& path, const Config& config, CustomChecks& all) {
    const auto refuse = [&](Complaint why) {
        why.message = fmt::format("{}: {}", path.string(), why.message);
        all.refused.push_back({path.filename(), std::move(why)});
    };
    TrustedFile file = read_trusted_file(path, "the check", Kept::from_writers);
    if (!file.text) return refuse(std::move(file.why));
    Header header;
    if (auto complaint = read_header(*file.text, header)) return refuse(*std::move(complaint));
    if (auto complaint = judge_header(header, config)) return refuse(*std::move(complaint));
    all.checks.push_back({.check_id = header.at("id"),
                          .severity = header.at("severity")[0] - '0',
                          .title = header.at("title"),
                          .remediation = header.at("remediation"),
                          .schedule = value_of(header, "schedule"),
                          .text = *std::move(file.text),
                          .file = path});
}

// Of two files with one id nobody knows which is meant: neither is used.
void refuse_twins(CustomChecks& all) {
    std::map<std::string, std::vector<fs::path>> files;
    for (const CustomCheck& check : all.checks) files[check.check_id].push_back(check.file);
    for (const auto& [id, twins] : files)
        if (twins.size() > 1)
            all.refused.push_back({id,
                                   {fmt::format("{} and {} have the same id", twins[0].string(),
                                                twins[1].filename().string()),
                                    ""}});
    all.checks.erase(
        std::remove_if(all.checks.begin(), all.checks.end(),
                       [&](const CustomCheck& check) { return files[check.check_id].size() > 1; }),
        all.checks.end());
}

std::vector<fs::path> files_of(const Config& config) {
    const fs::path folder = custom_checks_folder(config);
    std::vector<fs::path> files;
    std::error_code error;
    const bool may_be_missing = config.custom_checks.dir.empty();
    if (may_be_missing && !fs::exists(folder, error) && !error) return files;
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
         entry.increment(error))
        if (entry->path().extension() == ".sql") files.push_back(entry->path());
    if (error)
        throw Error(ExitCode::config,
                    fmt::format("the folder of custom checks {} cannot be read: {}",
                                folder.string(), error.message()));
    std::sort(files.begin(), files.end());
    return files;
}

}  // namespace

fs::path custom_checks_folder(const Config& config) {
    if (!config.custom_checks.dir.empty()) return config.custom_checks.dir;
    return config.folder / "checks.d";
}

CustomChecks load_custom_checks(const Config& config) {
    CustomChecks all;
    for (const fs::path& file : files_of(config)) load_file(file, config, all);
    refuse_twins(all);
    return all;
}

}  // namespace keyrota
