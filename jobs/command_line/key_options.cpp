#include "command_line/key_options.h"

namespace keyrota {
namespace {

constexpr std::chrono::hours kLongestOverlap(400 * 24);

std::optional<Timestamp> instant(const char* option, const std::string& text) {
    if (text.empty()) return std::nullopt;
    const auto at = parse_timestamp(text);
    if (!at) throw unreadable(option, text, "2027-01-01 or 2027-01-01T08:00:00Z");
    return at;
}

std::optional<std::chrono::microseconds> duration(const char* option, const std::string& text) {
    if (text.empty()) return std::nullopt;
    const auto length = parse_duration(text);
    if (!length) throw unreadable(option, text, "30d or 12h");
    return length;
}

}  // namespace

void GivenKeyFilter::add_filter_to(Command& command) {
    const auto add = [&](const char* option, std::string& value, const char* help,
                         const char* type) { command.option(option, value, help).type(type); };
    const auto add_choice = [&](const char* option, std::string& value, const char* help,
                                const std::vector<std::string>& choices, const char* type) {
        command.option(option, value, help).one_of(choices).type(type);
    };
    add("--owner", filter.owner, "only of this owner: an email address or owner_id", "OWNER");
    add("--team", filter.team, "only of this team's owners", "TEAM");
    add_choice("--type", filter.type, "public, secret or test", {"public", "secret", "test"},
               "TYPE");
    add_choice("--environment", filter.environment, "production or test", {"production", "test"},
               "NAME");
    add_choice("--status", filter.status, "active, inactive or expired",
               {"active", "inactive", "expired"}, "STATUS");
    add("--plan", filter.service_plan, "only on this service plan", "PLAN");
    add("--scope", filter.scope, "only with this scope", "SCOPE");
    add("--source", filter.source, "native, or the system that it was imported from", "NAME");
    add("--name", filter.name, "only with such a name: * any characters, ? one", "GLOB");
    add("--expires-before", expires_before, "only with an end date before", "TIME");
    add("--expires-within", expires_within, "only with an end date that comes so soon", "DURATION");
    add("--unused-for", unused_for, "only without a call for so long, or ever since they were made",
        "DURATION");
    add("--created-before", created_before, "only older ones", "TIME");
}

KeyFilter GivenKeyFilter::read() const {
    KeyFilter read = filter;
    read.expires_before = instant("--expires-before", expires_before);
    read.created_before = instant("--created-before", created_before);
    read.expires_within = duration("--expires-within", expires_within);
    read.unused_for = duration("--unused-for", unused_for);
    return read;
}

std::chrono::microseconds overlap_of(const char* option, const std::string& text) {
    if (text.empty()) return {};
    const auto overlap = duration(option, text);
    if (*overlap <= std::chrono::microseconds{} || *overlap > kLongestOverlap)
        throw unreadable(option, text, "2d or 12h; at most 400d");
    return *overlap;
}

std::vector<std::string> both_ways(const std::vector<std::string>& names) {
    std::vector<std::string> all = names;
    for (const std::string& name : names) all.push_back("-" + name);
    return all;
}

}  // namespace keyrota
