#pragma once

#include <chrono>
#include <string_view>

namespace keyrota {

/// The usual distance between two starts of a cron schedule (five fields): `*/5 * * * *` 5 min, `20
/// * * * *` an hour, `10 6 * * *` a day, `0 7 * * 1` a week. What steps further, days of the month
/// included, counts as 31 days.
std::chrono::microseconds schedule_period(std::string_view schedule);

}  // namespace keyrota
