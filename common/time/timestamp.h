#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace keyrota {

/// An instant in UTC with PostgreSQL's resolution. Local time exists only where a message is
/// rendered.
using Timestamp = std::chrono::sys_time<std::chrono::microseconds>;

/// Microseconds since 1970-01-01 UTC: the form in which instants travel to and from the database.
inline std::int64_t to_micros(Timestamp t) {
    return t.time_since_epoch().count();
}
inline Timestamp from_micros(std::int64_t us) {
    return Timestamp(std::chrono::microseconds(us));
}

/// `2026-11-24T06:30:00Z`, with a fraction of six digits only where there is one.
std::string to_string(Timestamp t);

/// Reads `2026-11-24`, `2026-11-24T06:30:00Z`, `...+02:00`, `... 06:30:00.123456Z`; an instant
/// without a zone is UTC. Nothing for anything else.
std::optional<Timestamp> parse_timestamp(std::string_view text);

/// Reads a whole number with one of the units us, ms, s, m, h, d, w (`90d`, `250ms`); a day is 24
/// h. Nothing for anything else, a bare number included.
std::optional<std::chrono::microseconds> parse_duration(std::string_view text);

/// The shortest exact form that parse_duration reads: `90d`, `36h`, `250ms`, `0s`. Weeks are
/// written in days.
std::string to_string(std::chrono::microseconds duration);

}  // namespace keyrota
