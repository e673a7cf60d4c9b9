#include "commands/owners/require.h"

#include <fmt/format.h>

#include "config/options.h"
#include "error/error.h"
#include "error/suggestion.h"
#include "text/email_address.h"
#include "text/name.h"

namespace keyrota {
namespace {

constexpr Statement kTimeZones{"time_zones",
                               "select name from pg_catalog.pg_timezone_names order by name"};

}  // namespace

void require_name(const std::string& name) {
    if (const auto why = why_no_name(name))
        throw Error(ExitCode::usage, "--name: " + *why,
                    "One line of at most 200 characters, as people write it.");
}

void require_email(const char* option, const std::string& email) {
    if (const auto why = why_no_email_address(email))
        throw Error(
            ExitCode::usage,
            fmt::format("{}: {} is not an email address: {}", option, in_quotes(email), *why),
            "For example ada@example.com, without a name or brackets around it.");
}

void require_time_zone(Session& session, const std::string& time_zone) {
    std::vector<std::string> names;
    for (const Row& row : session.rows(kTimeZones)) {
        names.push_back(row.text("name"));
        if (names.back() == time_zone) return;
    }
    const std::string meant = did_you_mean(time_zone, names);
    throw Error(
        ExitCode::usage, fmt::format("--time-zone: there is no time zone {}", in_quotes(time_zone)),
        meant.empty() ? "Give a name from the IANA database, for example Europe/Berlin or UTC."
                      : meant);
}

std::optional<std::int64_t> rows_of(std::optional<std::int64_t> limit, bool for_people) {
    constexpr std::int64_t kRowsForPeople = 100;
    if (!limit && for_people) return kRowsForPeople;
    if (limit && *limit == 0) return std::nullopt;
    return limit;
}

}  // namespace keyrota
