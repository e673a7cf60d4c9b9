#pragma once

#include <optional>
#include <string>

#include "postgres/session.h"

namespace keyrota {

/// @throws Error{usage} unless it can be a name; an address; a time zone that PostgreSQL knows.
void require_name(const std::string& name);
void require_email(const char* option, const std::string& email);
void require_time_zone(Session& session, const std::string& time_zone);

/// How many rows a list for people has where nobody says: for `--limit` -1. Nothing means all.
std::optional<std::int64_t> rows_of(std::optional<std::int64_t> limit, bool for_people);

}  // namespace keyrota
