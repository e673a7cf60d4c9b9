#include "commands/ingest/call.h"

#include <arpa/inet.h>
#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstring>
#include <optional>

#include "secret/sha256.h"
#include "secret/wipe_at_end.h"

namespace keyrota {
namespace {

constexpr std::int64_t kFarthest = 253'402'300'800;  // the year 10000, in seconds

// A whole number of exactly these characters, all digits.
std::optional<int> digits(std::string_view text, std::size_t from, std::size_t count) {
    constexpr std::size_t kMost = 9;  // more could be more than an int holds
    if (count > kMost || from + count > text.size()) return std::nullopt;
    int number = 0;
    for (const char c : text.substr(from, count)) {
        if (c < '0' || c > '9') return std::nullopt;
        number = number * 10 + (c - '0');
    }
    return number;
}

// Minutes of `Z`, `+02:00`, `+0200`; nothing for what is no zone. Without one it is UTC.
std::optional<int> zone_of(std::string_view text) {
    if (text.empty() || text == "Z" || text == "z") return 0;
    if (text.front() != '+' && text.front() != '-') return std::nullopt;
    const bool has_colon = text.size() == 6 && text[3] == ':';
    if (!has_colon && text.size() != 5) return std::nullopt;
    const auto hours = digits(text, 1, 2);
    const auto minutes = digits(text, has_colon ? 4 : 3, 2);
    if (!hours || !minutes || *hours > 23 || *minutes > 59) return std::nullopt;
    const int offset = *hours * 60 + *minutes;
    return text.front() == '-' ? -offset : offset;
}

struct Parts {
    std::optional<int> year, month, day, hour, minute, second, zone;
};

std::int64_t minute_of(const Parts& p) {
    if (!p.year || !p.month || !p.day || !p.hour || !p.minute || !p.second || !p.zone) return -1;
    constexpr int kLeapSecond = 60;
    if (*p.hour > 23 || *p.minute > 59 || *p.second > kLeapSecond) return -1;
    const std::chrono::year_month_day date{std::chrono::year(*p.year),
                                           std::chrono::month(static_cast<unsigned>(*p.month)),
                                           std::chrono::day(static_cast<unsigned>(*p.day))};
    if (!date.ok()) return -1;
    const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
    const std::int64_t hour = days * 24 + *p.hour;
    const std::int64_t minute = hour * 60 + *p.minute - *p.zone;
    return minute < 0 || minute >= kFarthest / 60 ? -1 : minute;
}

// 2026-11-24T06:30:00.123Z. By hand: parse_timestamp goes through a stream, which costs more than
// all else that is done with a line.
std::int64_t iso_minute(std::string_view text) {
    constexpr std::size_t kShortest = sizeof("2026-11-24T06:30:00") - 1;
    if (text.size() < kShortest || text[4] != '-' || text[7] != '-' ||
        (text[10] != 'T' && text[10] != ' ') || text[13] != ':' || text[16] != ':')
        return -1;
    std::size_t end = kShortest;
    if (end < text.size() && (text[end] == '.' || text[end] == ',')) {
        const std::size_t fraction = ++end;
        while (end < text.size() && text[end] >= '0' && text[end] <= '9') ++end;
        if (end == fraction) return -1;
    }
    return minute_of(Parts{digits(text, 0, 4), digits(text, 5, 2), digits(text, 8, 2),
                           digits(text, 11, 2), digits(text, 14, 2), digits(text, 17, 2),
                           zone_of(text.substr(end))});
}

// 24/Nov/2026:06:30:00 +0000
std::int64_t clf_minute(std::string_view text) {
    constexpr std::size_t kLength = sizeof("24/Nov/2026:06:30:00 +0000") - 1;
    constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
    if (text.size() != kLength || text[2] != '/' || text[6] != '/' || text[11] != ':' ||
        text[14] != ':' || text[17] != ':' || text[20] != ' ')
        return -1;
    const std::size_t month = kMonths.find(text.substr(3, 3));
    if (month == std::string_view::npos || month % 3 != 0) return -1;
    return minute_of(Parts{digits(text, 7, 4), static_cast<int>(month / 3) + 1, digits(text, 0, 2),
                           digits(text, 12, 2), digits(text, 15, 2), digits(text, 18, 2),
                           zone_of(text.substr(21))});
}

// 1795501800 or 1795501800.123, in units of a second's part.
std::int64_t epoch_minute(std::string_view text, std::int64_t units) {
    const std::size_t point = std::min(text.find('.'), text.size());
    std::int64_t count = -1;
    const auto [end, error] = std::from_chars(text.data(), text.data() + point, count);
    if (error != std::errc{} || end != text.data() + point || count < 0) return -1;
    const std::string_view fraction = text.substr(std::min(point + 1, text.size()));
    if (!std::all_of(fraction.begin(), fraction.end(), [](char c) { return c >= '0' && c <= '9'; }))
        return -1;
    return count / units >= kFarthest ? -1 : count / units / 60;
}

// Whether `text` is of the same minute as `time`, and written as that is but for its seconds. A no
// means nothing.
bool differ_in_seconds_at_most(std::string_view text, std::string_view time, LogTime format) {
    if (text == time) return !time.empty();
    if (format != LogTime::iso && format != LogTime::clf) return false;
    const std::size_t seconds =
        format == LogTime::iso ? sizeof("2026-11-24T06:30:") - 1 : sizeof("24/Nov/2026:06:30:") - 1;
    if (text.size() != time.size() || text.size() < seconds + 2) return false;
    const auto is_digit = [&](std::size_t at, char last) {
        return text[at] >= '0' && text[at] <= last;
    };
    return is_digit(seconds, '5') && is_digit(seconds + 1, '9') &&
           text.substr(0, seconds) == time.substr(0, seconds) &&
           text.substr(seconds + 2) == time.substr(seconds + 2);
}

bool is_hex(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    });
}

char value_of(char digit) {
    return static_cast<char>(digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10);
}

// Percent-encoding and plus signs of a part of a query undone; what is no encoding stays.
void decode(std::string_view text, std::string& to) {
    to.clear();
    to.reserve(text.size());
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] == '+') {
            to += ' ';
        } else if (text[at] == '%' && at + 2 < text.size() && is_hex(text.substr(at + 1, 2))) {
            to += static_cast<char>(value_of(text[at + 1]) * 16 + value_of(text[at + 2]));
            at += 2;
        } else {
            to += text[at];
        }
    }
}

}  // namespace

std::int64_t minute_of(std::string_view text, LogTime format) {
    switch (format) {
        case LogTime::iso:
            return iso_minute(text);
        case LogTime::unix_seconds:
            return epoch_minute(text, 1);
        case LogTime::unix_milliseconds:
            return epoch_minute(text, 1'000);
        case LogTime::unix_microseconds:
            return epoch_minute(text, 1'000'000);
        case LogTime::clf:
            return clf_minute(text);
    }
    return -1;
}

std::uint64_t network_of(std::string_view address) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (address.starts_with('[')) {  // [2001:db8::1]:443
        address.remove_prefix(1);
        address = address.substr(0, address.find(']'));
    } else if (std::count(address.begin(), address.end(), ':') == 1) {  // 192.0.2.1:443
        address = address.substr(0, address.find(':'));
    }
    if (address.empty() || address.size() >= text.size()) return 0;
    address.copy(text.data(), address.size());
    std::array<unsigned char, 16> bytes{};
    const auto join = [&](std::size_t from, std::size_t count) {
        std::uint64_t joined = 0;
        for (std::size_t i = 0; i < 6; ++i)
            joined = joined << 8U | (i < count ? bytes[from + i] : 0U);
        return joined;
    };
    if (inet_pton(AF_INET, text.data(), bytes.data()) == 1) return kNetworkV4 | join(0, 3);
    if (inet_pton(AF_INET6, text.data(), bytes.data()) != 1) return 0;
    constexpr std::array<unsigned char, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    if (std::equal(kMapped.begin(), kMapped.end(), bytes.begin()))
        return kNetworkV4 | join(kMapped.size(), 3);
    return kNetworkV6 | join(0, 6);
}

void CallReader::refer_to_secret(std::string_view secret, std::string& to) {
    sha256_.restart();
    sha256_.add(secret);
    to = reference::kHash;
    to += sha256_.finish();
}

// Lines come in the order of time: most are in the last one's minute.
std::int64_t CallReader::minute(std::string_view text) {
    if (differ_in_seconds_at_most(text, last_at_, map_.time)) return last_minute_;
    last_minute_ = minute_of(text, map_.time);
    last_at_ = last_minute_ < 0 ? std::string_view() : text;
    return last_minute_;
}

const char* CallReader::read(const LogRecord& record, Call& call) {
    call = {};
    call.minute = minute(record[LogField::at]);
    if (call.minute < 0) return "no readable time";
    const std::string_view status = record[LogField::status];
    const auto number = digits(status, 0, status.size());
    if (!number || status.empty() || status.size() > 3) return "no readable status";
    call.status = *number;
    call.browser = !said(record, LogField::browser).empty();
    if (const char* wrong = key(record, call)) return wrong;
    if (call.key.empty()) return nullptr;
    call.network = network_of(said(record, LogField::network));
    call.scope = said(record, LogField::scope);
    if (!map_.scopes.empty() && !call.scope.empty()) {
        const auto found = map_.scopes.find(call.scope);
        call.scope = found == map_.scopes.end() ? std::string_view() : found->second;
    }
    return nullptr;
}

const char* CallReader::key(const LogRecord& record, Call& call) {
    key_.clear();
    query_key_.clear();
    if (const std::string_view url = record[LogField::url]; !url.empty()) secret_in_url(url);
    if (const std::string_view text = said(record, LogField::key); !text.empty()) {
        if (const char* wrong = reference_of(text)) return wrong;
    } else if (const std::string_view id = said(record, LogField::external_id); !id.empty()) {
        constexpr std::size_t kLongestId = 500;  // of an import
        if (id.size() > kLongestId * 4 || id.find('\0') != std::string_view::npos)
            return "no valid external_id";
        key_ = reference::kExternal;
        key_ += id;
    } else if (const std::string_view secret = said(record, LogField::secret); !secret.empty()) {
        refer_to_secret(secret, key_);
    } else {
        key_ = query_key_;
    }
    call.key = key_;
    call.query_key = query_key_;
    return nullptr;
}

// Nothing of the secret stays but its hash.
void CallReader::secret_in_url(std::string_view url) {
    const std::size_t mark = url.find('?');
    if (mark == std::string_view::npos) return;
    std::string_view query = url.substr(mark + 1);
    query = query.substr(0, query.find('#'));
    std::string name, secret;
    name.reserve(query.size());
    secret.reserve(query.size());
    const WipeAtEnd wipe_secret(secret);
    const WipeAtEnd wipe_name(name);
    while (!query.empty()) {
        const std::size_t end = std::min(query.find_first_of("&;"), query.size());
        const std::string_view parameter = query.substr(0, end);
        query.remove_prefix(std::min(end + 1, query.size()));
        const std::size_t equals = parameter.find('=');
        if (equals == std::string_view::npos) continue;
        decode(parameter.substr(0, equals), name);
        if (std::find(map_.query_parameters.begin(), map_.query_parameters.end(), name) ==
            map_.query_parameters.end())
            continue;
        decode(parameter.substr(equals + 1), secret);
        if (secret.empty()) continue;
        refer_to_secret(secret, query_key_);
        return;
    }
}

// A key_id, or a hash: nothing else that is 64 characters long is a number.
const char* CallReader::reference_of(std::string_view key) {
    constexpr std::size_t kHashDigits = 64;
    if (key.size() == kHashDigits && is_hex(key)) {
        key_ = reference::kHash;
        for (std::size_t at = 0; at < key.size(); at += 2)
            key_ += static_cast<char>(value_of(key[at]) * 16 + value_of(key[at + 1]));
        return nullptr;
    }
    std::int64_t id = 0;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), id);
    if (error != std::errc{} || end != key.data() + key.size() || id <= 0)
        return "the key is neither a key_id nor a hash";
    key_ = reference::kId;
    key_.append(reinterpret_cast<const char*>(&id), sizeof id);
    return nullptr;
}

}  // namespace keyrota
