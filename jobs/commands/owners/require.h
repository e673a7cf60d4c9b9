#pragma once

#include <fmt/format.h>

#include <optional>
#include <string>

#include "error/error.h"
#include "postgres/session.h"

namespace keyrota {

/// @throws Error{usage} unless it can be a name; an address; a time zone that PostgreSQL knows.
void require_name(const std::string& name);
void require_email(const char* option, const std::string& email);
void require_time_zone(Session& session, const std::string& time_zone);

/// What `act` returns. Two that want the same name or address (`what`) at once: the server lets one
/// of them have it.
/// @throws Error{usage} with the hint for the other.
template <typename Act>
auto or_taken(Act act, const char* what, const char* hint) {
    constexpr const char* kUniqueViolation = "23505";
    try {
        return act();
    } catch (const DatabaseError& error) {
        if (error.sqlstate() != kUniqueViolation) throw;
        throw Error(ExitCode::usage, fmt::format("somebody else has just taken that {}", what),
                    hint);
    }
}

/// How many rows a list for people has where nobody says: for `--limit` -1. Nothing means all.
std::optional<std::int64_t> rows_of(std::optional<std::int64_t> limit, bool for_people);

}  // namespace keyrota
