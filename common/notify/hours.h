#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "time/timestamp.h"

namespace keyrota {

/// Hours of the day in which nobody is written to; across midnight where `from` is the later one.
struct QuietHours {
    std::chrono::minutes from{};
    std::chrono::minutes to{};
};

/// Reads `08:00`: minutes since midnight. Nothing for anything else.
std::optional<std::chrono::minutes> parse_time_of_day(std::string_view text);
/// Reads `22:00-07:00`. Nothing for anything else, nor for an empty stretch.
std::optional<QuietHours> parse_quiet_hours(std::string_view text);

/// The next instant, `at` included, when a clock in the zone shows that time. Where clocks are set
/// forward over it: the moment they are; where it comes twice: the first. A zone that is not known
/// counts as UTC.
Timestamp next_time_of_day(Timestamp at, std::chrono::minutes time_of_day,
                           const std::string& time_zone);

/// `at`, or the end of the quiet hours that it lies in.
Timestamp after_quiet_hours(Timestamp at, const QuietHours& quiet, const std::string& time_zone);

/// As people there read it, `24 Nov 2026, 08:00 CET`; the zone's abbreviation is what they know it
/// by.
std::string local_time(Timestamp t, const std::string& time_zone);

}  // namespace keyrota
