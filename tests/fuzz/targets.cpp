#include "fuzz/targets.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "anomaly/detector.h"
#include "commands/breach/secret_alert.h"
#include "commands/import/import_map.h"
#include "commands/import/key_row.h"
#include "commands/import/records.h"
#include "commands/ingest/call.h"
#include "commands/ingest/log_lines.h"
#include "commands/ingest/log_record.h"
#include "config/load.h"
#include "error/error.h"
#include "notify/render.h"
#include "notify/templates.h"
#include "runner/plan_file.h"
#include "waiver/waiver_file.h"

namespace keyrota::test {
namespace {

namespace fs = std::filesystem;

// What is read as a file, and only as a file.
class InputFile {
  public:
    explicit InputFile(const std::string& name) {
        std::string pattern = fs::temp_directory_path() / "keyrota-fuzz-XXXXXX";
        if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no directory");
        folder_ = pattern;
        file_ = folder_ / name;
    }
    ~InputFile() { fs::remove_all(folder_); }
    InputFile(const InputFile&) = delete;
    InputFile& operator=(const InputFile&) = delete;

    const fs::path& with(std::string_view input) const {
        std::ofstream out(file_, std::ios::binary | std::ios::trunc);
        out.write(input.data(), static_cast<std::streamsize>(input.size()));
        return file_;
    }
    const fs::path& folder() const { return folder_; }

  private:
    fs::path folder_, file_;
};

void demand(bool holds, const char* what) {
    if (!holds) throw std::logic_error(what);
}

void read_configuration(std::string_view input) {
    static const InputFile file("keyrota.yaml");
    ConfigSources sources;
    sources.file = file.with(input);
    sources.environment = {{"HOME", "/nonexistent"}};
    sources.jobs = {"expire-keys", "check-runs"};
    const LoadedConfig loaded = load_config(sources);
    demand(loaded.config.data_dir.is_absolute(), "data_dir is not absolute");
}

void read_import_map(std::string_view input) {
    static const InputFile file("map.yaml");
    load_import_map(file.with(input), keys_kind());
}

void import(std::string_view input, FileFormat format) {
    static const InputFile file("keys");
    static const ImportMap map = load_import_map("", keys_kind());
    Problems problems("keys");
    Values values(keys_kind(), map, problems);
    read_records(file.with(input), format, map, problems, [&](const Record& record) {
        for (const MapEntry& entry : map.entries) {
            KeyRow row;
            if (!values.begin(record, entry)) continue;
            if (read_key_row(values, {"Free", "Basic", "Pro", "Enterprise"}, "ada@example.com",
                             row))
                demand(!row.external_id.empty(), "a key without an id was taken");
        }
    });
    problems.refuse_if_any();
}

void import_csv(std::string_view input) {
    import(input, FileFormat::csv);
}

void import_json_lines(std::string_view input) {
    import(input, FileFormat::json_lines);
}

void read_plan(std::string_view input) {
    static const InputFile file("plan.jsonl");
    const fs::path& path = file.with(input);
    read_plan_header(path);
    read_plan_file(path, [](const PlannedAction& action) {
        demand(!action.action.empty(), "an action without a name was taken");
    });
}

// A state and hours behind it, 12 bytes each.
void step_detector(std::string_view input) {
    DetectorState state;
    const auto* const bytes = reinterpret_cast<const unsigned char*>(input.data());
    const std::size_t size = std::min(input.size(), kPackedStateSize);
    if (!unpack({bytes, size}, state)) return;
    for (std::size_t at = size; at + 12 <= input.size() && at < size + 12 * 200; at += 12) {
        ClosedHour hour{};
        std::memcpy(&hour, input.data() + at, sizeof hour);
        // Counts of a table: never negative, never more errors than requests.
        if (!(hour.requests >= 0 && hour.requests < 1e15F)) continue;
        if (!(hour.errors >= 0 && hour.errors <= hour.requests)) continue;
        sentence_of(step(state, 1, hour, DetectorThresholds()), hour.hour);
    }
    pack(state);
}

NoticeMail example_mail() {
    NoticeInMail notice;
    notice.check_id = "KEY-EXPIRES-SOON";
    notice.severity = 3;
    notice.key.emplace();
    notice.key->name = "checkout {{name}} <b>";
    NoticeMail mail;
    mail.recipient = "ada@example.com";
    mail.notices = {notice};
    return mail;
}

void fill_template(std::string_view input) {
    static const InputFile text("notice_text.mustache");
    text.with(input);
    Templates templates(text.folder());
    render(templates, example_mail());
}

void read_waivers(std::string_view input) {
    for (const Waiver& waiver : parse_waivers(std::string(input), "w.yaml"))
        demand(!waiver.name.empty() && waiver.expires_at.has_value(),
               "a waiver without a name or an end was taken");
}

void read_alert(std::string_view input) {
    static const InputFile file("alert.json");
    read_secret_alert(file.with(input), [](std::string_view token, const std::string& evidence) {
        demand(!token.empty() && evidence.starts_with('{'), "an alert without its token was taken");
    });
}

// Lines of a gateway's log, read by one of the ready maps.
class LogFormatTarget {
  public:
    LogFormatTarget(const char* map, LogFormat format)
        : map_(load_log_map(map, format)), lines_(make_log_reader(format, map_)), calls_(map_) {}

    void read(std::string_view line) {
        LogRecord record;
        Call call;
        if (lines_->read(line, record) != nullptr || calls_.read(record, call) != nullptr) return;
        demand(call.minute == minute_of(record[LogField::at], map_.time),
               "a time depends on the line before");
        demand(call.status >= 0 && call.status <= 999, "a status that is none was taken");
        for (const std::string_view key : {call.key, call.query_key})
            demand(key.empty() || std::strchr("ihx", key.front()) != nullptr,
                   "a reference of no kind");
        demand(call.query_key.empty() || call.query_key.size() == 33,
               "a secret in a URL was not hashed");
    }

  private:
    LogMap map_;
    std::unique_ptr<LogFormatReader> lines_;
    CallReader calls_;
};

void read_log(std::string_view input, std::vector<std::unique_ptr<LogFormatTarget>>& formats) {
    static const InputFile file("access.log");
    LogBytes bytes(file.with(input));
    LogLines lines(bytes);
    std::int64_t end = 0;
    const auto read = [&] {
        demand(lines.begins_at() == end, "bytes between two lines");
        end = lines.ends_at();
        for (const auto& format : formats) format->read(lines.text());
    };
    while (lines.next()) read();
    if (!lines.has_rest()) return;
    lines.take_rest();
    read();
    lines.tail_hash();
}

std::vector<std::unique_ptr<LogFormatTarget>> log_formats(const std::vector<const char*>& maps,
                                                          LogFormat format) {
    std::vector<std::unique_ptr<LogFormatTarget>> formats;
    for (const char* map : maps) formats.push_back(std::make_unique<LogFormatTarget>(map, format));
    return formats;
}

void read_log_json_lines(std::string_view input) {
    static auto formats = log_formats(
        {"plain", "aws-api-gateway", "envoy", "kong", "traefik", "nginx"}, LogFormat::json_lines);
    read_log(input, formats);
}

void read_log_combined(std::string_view input) {
    static auto formats = log_formats({"combined"}, LogFormat::combined);
    read_log(input, formats);
}

}  // namespace

const std::vector<FuzzTarget>& fuzz_targets() {
    static const std::vector<FuzzTarget> targets = {
        {"configuration", read_configuration},
        {"import_map", read_import_map},
        {"import_csv", import_csv},
        {"import_json_lines", import_json_lines},
        {"log_json_lines", read_log_json_lines},
        {"log_combined", read_log_combined},
        {"plan_file", read_plan},
        {"detector_state", step_detector},
        {"template", fill_template},
        {"waivers", read_waivers},
        {"secret_alert", read_alert},
    };
    return targets;
}

}  // namespace keyrota::test
