#include "commands/ingest/combined_log.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <charconv>

#include "commands/ingest/json_log.h"
#include "config/options.h"
#include "error/error.h"
#include "error/suggestion.h"

namespace keyrota {
namespace {

// In the order of the line. What follows the eighth is extra_1, extra_2, ...
const std::vector<std::string> kPlaces{"remote_addr",  "remote_user",    "time_local",
                                       "request",      "status",         "body_bytes_sent",
                                       "http_referer", "http_user_agent"};
enum Place : std::size_t { address, user, time, request, status, bytes };

std::size_t place_of(const std::string& name, std::size_t most) {
    const auto found = std::find(kPlaces.begin(), kPlaces.end(), name);
    if (found != kPlaces.end()) return static_cast<std::size_t>(found - kPlaces.begin());
    constexpr std::string_view kExtra = "extra_";
    std::size_t number = 0;
    if (name.starts_with(kExtra)) {
        const char* end = name.data() + name.size();
        const auto [read, error] = std::from_chars(name.data() + kExtra.size(), end, number);
        if (error != std::errc{} || read != end) number = 0;
    }
    return number == 0 || number > most - kPlaces.size() ? most : kPlaces.size() + number - 1;
}

// Where the text in quotes that begins at `from` ends: the next quote that is not escaped.
std::size_t closing_quote(std::string_view line, std::size_t from) {
    for (std::size_t at = from; at < line.size(); ++at) {
        if (line[at] == '\\')
            ++at;
        else if (line[at] == '"')
            return at;
    }
    return std::string_view::npos;
}

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

// `\x22` of nginx and Apache, `\"` and `\\` of Apache.
void unescape(std::string_view text, std::string& to) {
    to.clear();
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] != '\\' || at + 1 == text.size()) {
            to += text[at];
            continue;
        }
        ++at;
        if (text[at] == 'x' && at + 2 < text.size() && hex_digit(text[at + 1]) >= 0 &&
            hex_digit(text[at + 2]) >= 0) {
            to += static_cast<char>(hex_digit(text[at + 1]) * 16 + hex_digit(text[at + 2]));
            at += 2;
        } else {
            to += text[at];
        }
    }
}

// `/path?query` of `GET /path?query HTTP/1.1`; of what is no request nothing.
std::string_view target_of(std::string_view request) {
    const std::size_t space = request.find(' ');
    if (space == std::string_view::npos) return {};
    request.remove_prefix(space + 1);
    return request.substr(0, request.rfind(" HTTP/"));
}

}  // namespace

CombinedLog::CombinedLog(const LogMap& map) : map_(map) {
    for (const LogSource& source : map.sources) {
        const std::size_t place = place_of(source.path.front(), kMostFields);
        if (place < kMostFields && source.path.size() == 1) {
            uses_.push_back({source.field, place});
            continue;
        }
        std::string hint = did_you_mean(source.path.front(), kPlaces);
        if (hint.empty())
            hint = fmt::format("Fields: {}, extra_1 and so on.", fmt::join(kPlaces, ", "));
        throw Error(ExitCode::config,
                    fmt::format("{}: the combined format has no field {}", map.name,
                                in_quotes(fmt::format("{}", fmt::join(source.path, ".")))),
                    hint);
    }
}

const char* CombinedLog::read(std::string_view line, LogRecord& record) {
    record.texts.fill({});
    if (!simdjson::validate_utf8(line.data(), line.size())) return "not UTF-8";
    if (const char* wrong = split(line)) return wrong;
    for (const Use& use : uses_) {
        const auto field = static_cast<std::size_t>(use.field);
        std::string_view text = use.place < there_ ? fields_[use.place] : std::string_view();
        if (use.place == request && use.field == LogField::url) text = target_of(text);
        if (!map_.means_nothing(record.texts[field])) continue;
        if (text.find('\\') != std::string_view::npos) {
            unescape(text, unescaped_[field]);
            text = unescaped_[field];
        }
        record.texts[field] = text;
    }
    return nullptr;
}

// The user is the caller's word and may hold blanks and brackets, but no quote that is not escaped:
// the time is what stands right before the first.
const char* CombinedLog::split(std::string_view line) {
    constexpr const char* kWrong = "not in the combined format";
    constexpr std::size_t kTimeLength = sizeof("[24/Nov/2026:06:30:00 +0000] ") - 1;
    const std::size_t open = closing_quote(line, 0);
    if (open == std::string_view::npos || open < kTimeLength) return kWrong;
    const std::string_view stamp = line.substr(open - kTimeLength, kTimeLength);
    if (stamp.front() != '[' || !stamp.ends_with("] ")) return kWrong;
    const std::string_view caller = line.substr(0, open - kTimeLength);
    const std::size_t address_end = caller.find(' ');
    if (address_end == std::string_view::npos || address_end == 0) return kWrong;
    const std::size_t name_end = caller.find(' ', address_end + 1);
    if (name_end == std::string_view::npos) return kWrong;
    fields_[address] = caller.substr(0, address_end);
    fields_[user] = caller.substr(name_end + 1);
    fields_[time] = stamp.substr(1, kTimeLength - 3);
    const std::size_t close = closing_quote(line, open + 1);
    if (close == std::string_view::npos) return kWrong;
    fields_[request] = line.substr(open + 1, close - open - 1);
    there_ = status;
    return rest_of(line.substr(close + 1));
}

// ` 200 1234 "referer" "user agent" extra "extra"`
const char* CombinedLog::rest_of(std::string_view line) {
    while (!line.empty() && there_ < kMostFields) {
        if (line.front() != ' ') return "not in the combined format";
        line.remove_prefix(1);
        if (line.empty()) break;
        const bool is_quoted = line.front() == '"';
        const std::size_t end = is_quoted ? closing_quote(line, 1) : line.find(' ');
        if (is_quoted && end == std::string_view::npos) return "a quote is not closed";
        fields_[there_++] = is_quoted ? line.substr(1, end - 1) : line.substr(0, end);
        line.remove_prefix(is_quoted ? end + 1 : std::min(end, line.size()));
    }
    return there_ > bytes ? nullptr : "not in the combined format";
}

std::unique_ptr<LogFormatReader> make_log_reader(LogFormat format, const LogMap& map) {
    if (format == LogFormat::combined) return std::make_unique<CombinedLog>(map);
    return std::make_unique<JsonLog>(map);
}

}  // namespace keyrota
