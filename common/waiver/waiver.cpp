#include "waiver/waiver.h"

#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>
#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cctype>
#include <charconv>

#include "config/options.h"
#include "report/json_text.h"
#include "text/email_address.h"
#include "text/name.h"

namespace keyrota {
namespace {

// What no exception is made for, whoever asks.
struct NeverWaived {
    std::string_view beginning;
    const char* why;
};
constexpr NeverWaived kNeverWaived[] = {
    {"KEY-EXPIRED", "the end date of a key is never waived: move the date itself"},
    {"KEY-BREACHED", "a breach is never waived"},
    {"KEY-ROTATED", "it only reports what was done"},
    {"KEY-ROTATION-FAILED", "it only reports what was done"},
    {"WAIVER-", "it is about keyrota itself, not about a key"},
    {"RUN-", "it is about keyrota itself, not about a key"},
    {"ROLLUP-", "it is about keyrota itself, not about a key"},
    {"MAIL-", "it is about keyrota itself, not about a key"},
    {"AUDIT-", "it is about keyrota itself, not about a key"},
};

using Read = std::optional<Complaint>;

Read add_unique(std::vector<std::string>& list, std::string_view field, std::string text) {
    if (std::find(list.begin(), list.end(), text) != list.end())
        return Complaint{fmt::format("{} has {} twice", field, in_quotes(text)), ""};
    list.push_back(std::move(text));
    return std::nullopt;
}

std::string lower(std::string_view text) {
    std::string result(text);
    for (char& c : result)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return result;
}

// A name as people write it; also what they say of a waiver.
Read read_line(std::string_view field, std::string_view text) {
    const auto why = why_no_name(text);
    if (!why) return std::nullopt;
    return Complaint{fmt::format("{}: {}", field, *why), "One line of at most 200 characters."};
}

Read set_line(std::string& member, std::string_view field, std::string_view text) {
    if (auto complaint = read_line(field, text)) return complaint;
    member = text;
    return std::nullopt;
}

Read add_line(std::vector<std::string>& list, std::string_view field, std::string_view text) {
    if (auto complaint = read_line(field, text)) return complaint;
    return add_unique(list, field, std::string(text));
}

Read set_name(std::string& name, std::string_view text) {
    constexpr std::size_t kLongest = 63;
    if (text.empty() || text.size() > kLongest ||
        text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") != std::string_view::npos)
        return Complaint{fmt::format("the name of a waiver must be 1 to {} of a-z, 0-9 and -, not "
                                     "{}",
                                     kLongest, in_quotes(text)),
                         ""};
    name = text;
    return std::nullopt;
}

Read add_check(std::vector<std::string>& checks, std::string_view text) {
    constexpr std::size_t kLongest = 100;
    const bool is_id =
        !text.empty() && text.size() <= kLongest && text.front() >= 'A' && text.front() <= 'Z' &&
        text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == std::string_view::npos;
    if (!is_id)
        return Complaint{fmt::format("{} is not a valid check id", in_quotes(text)),
                         "Name each check by its id, for example KEY-UNUSED."};
    for (const auto& [beginning, why] : kNeverWaived)
        if (beginning.back() == '-' ? text.starts_with(beginning) : text == beginning)
            return Complaint{fmt::format("{} cannot be waived", text),
                             fmt::format("Since {}.", why)};
    return add_unique(checks, "checks", std::string(text));
}

Read add_owner(std::vector<std::string>& owners, std::string_view field, std::string_view text) {
    if (const auto why = why_no_email_address(text))
        return Complaint{
            fmt::format("{}: {} is not an email address: {}", field, in_quotes(text), *why), ""};
    return add_unique(owners, field, lower(text));
}

Read add_environment(std::vector<std::string>& list, std::string_view field,
                     std::string_view text) {
    if (text != "production" && text != "test")
        return Complaint{
            fmt::format("an item of {} must be production or test, not {}", field, in_quotes(text)),
            ""};
    return add_unique(list, field, std::string(text));
}

Read add_key_id(std::vector<std::int64_t>& list, std::string_view field, std::string_view text) {
    std::int64_t key_id = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), key_id);
    if (error != std::errc{} || end != text.data() + text.size() || key_id < 1 || text[0] == '0')
        return Complaint{
            fmt::format("an item of {} must be a key_id, not {}", field, in_quotes(text)), ""};
    if (std::find(list.begin(), list.end(), key_id) != list.end())
        return Complaint{fmt::format("{} has {} twice", field, key_id), ""};
    list.push_back(key_id);
    return std::nullopt;
}

Read set_end(std::optional<Timestamp>& expires_at, std::string_view text) {
    const auto read = parse_timestamp(text);
    if (!read)
        return Complaint{fmt::format("expires_at must be an instant, not {}", in_quotes(text)),
                         "For example 2026-12-31, or 2026-12-31T18:00:00Z; without a zone it is "
                         "UTC."};
    expires_at = *read;
    return std::nullopt;
}

Read add_to_match(KeyMatch& match, std::string_view field, std::string_view text) {
    const std::string_view kind = field.substr(field.find('.') + 1);
    if (kind == "teams") return add_line(match.teams, field, text);
    if (kind == "owners") return add_owner(match.owners, field, text);
    if (kind == "environments") return add_environment(match.environments, field, text);
    if (kind == "names") return add_line(match.names, field, text);
    assert(kind == "key_ids");
    return add_key_id(match.key_ids, field, text);
}

// As one person may be written in two ways.
std::string person(std::string_view text) {
    std::string result;
    for (const char c : lower(text))
        if (c != ' ' && c != '.' && c != '-' && c != '_') result += c;
    return result;
}

template <typename Item>
void set_list(Poco::JSON::Object& json, const std::string& column, const std::vector<Item>& items) {
    if (items.empty()) return;
    Poco::JSON::Array list;
    for (const Item& item : items) list.add(item);
    json.set(column, list);
}

void set_match(Poco::JSON::Object& json, const std::string& prefix, const KeyMatch& match) {
    set_list(json, prefix + "teams", match.teams);
    set_list(json, prefix + "owners", match.owners);
    set_list(json, prefix + "environments", match.environments);
    set_list(json, prefix + "names", match.names);
    set_list(json, prefix + "key_ids", match.key_ids);
}

}  // namespace

std::optional<Complaint> set_waiver_field(Waiver& waiver, std::string_view field,
                                          std::string_view text) {
    if (field == "name") return set_name(waiver.name, text);
    if (field == "checks") return add_check(waiver.checks, text);
    if (field == "reason") return set_line(waiver.reason, field, text);
    if (field == "requested_by") return set_line(waiver.requested_by, field, text);
    if (field == "approved_by") return set_line(waiver.approved_by, field, text);
    if (field == "expires_at") return set_end(waiver.expires_at, text);
    return add_to_match(field.starts_with("match.") ? waiver.match : waiver.except, field, text);
}

const std::vector<std::string>& waiver_fields(std::string_view section) {
    static const std::vector<std::string> kTop{
        "name", "checks", "match", "except", "reason", "requested_by", "approved_by", "expires_at"};
    static const std::vector<std::string> kMatch{"teams", "owners", "environments", "names",
                                                 "key_ids"};
    return section.empty() ? kTop : kMatch;
}

std::vector<Complaint> complaints_about(const Waiver& waiver) {
    std::vector<Complaint> complaints;
    const auto require = [&](bool given, const char* what, const char* hint) {
        if (!given) complaints.push_back({fmt::format("a waiver needs {}", what), hint});
    };
    require(!waiver.name.empty(), "a name", "");
    require(!waiver.checks.empty(), "checks", "For example [KEY-UNUSED].");
    require(!waiver.match.is_empty(), "a match: which keys it is for",
            "It would cover every key; at least one of teams, owners, environments, names and "
            "key_ids must have an item.");
    require(!waiver.reason.empty(), "a reason", "");
    require(!waiver.requested_by.empty(), "requested_by: who asked for it", "");
    require(!waiver.approved_by.empty(), "approved_by: who allowed it", "");
    require(waiver.expires_at.has_value(), "expires_at: when it ends", "For example 2026-12-31.");
    if (!waiver.requested_by.empty() && person(waiver.requested_by) == person(waiver.approved_by))
        complaints.push_back({"requested_by and approved_by must be two people",
                              "Nobody may approve their own exception."});
    return complaints;
}

std::optional<Complaint> why_too_long(const Waiver& waiver, Timestamp now,
                                      std::chrono::microseconds most) {
    if (*waiver.expires_at - now <= most) return std::nullopt;
    return Complaint{
        fmt::format("expires_at must be at most {} ahead (waivers.max_duration), not {}",
                    to_string(most), to_string(*waiver.expires_at)),
        fmt::format("The latest is {}; extend the waiver when that is near.",
                    to_string(now + most))};
}

std::string waiver_json(const Waiver& waiver) {
    Poco::JSON::Object json;
    json.set("name", waiver.name);
    set_list(json, "checks", waiver.checks);
    set_match(json, "", waiver.match);
    set_match(json, "except_", waiver.except);
    json.set("reason", waiver.reason);
    json.set("requested_by", waiver.requested_by);
    json.set("approved_by", waiver.approved_by);
    json.set("expires_at", to_string(*waiver.expires_at));
    return json_text(json);
}

}  // namespace keyrota
