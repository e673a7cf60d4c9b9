#pragma once

#include <bitset>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "time/timestamp.h"

namespace keyrota {

/// A cron schedule of five fields, in UTC: when a minute, hour, month and day are all in their
/// sets. A day is one by the month and by the week; where both are restricted, one of them is
/// enough, as in every cron.
struct Schedule {
    std::bitset<60> minutes;
    std::bitset<24> hours;
    std::bitset<32> days;     // 1 to 31
    std::bitset<13> months;   // 1 to 12
    std::bitset<7> weekdays;  // 0 is Sunday
};

/// Reads `*`, numbers, names (`mon`, `jan`), ranges, lists and steps; a weekday may be 7. What
/// crons read differently is refused: a step without a range (`5/15`), `*/2` for days beside a
/// weekday.
/// @param problem why it was refused: ends a sentence that begins with what was read.
/// @returns nothing for what is no schedule, or never comes (30 February).
std::optional<Schedule> parse_schedule(std::string_view text, std::string& problem);

/// The first start after `after`. @pre parse_schedule reads it.
Timestamp next_run(const Schedule& schedule, Timestamp after);
Timestamp next_run(std::string_view schedule, Timestamp after);

/// The longest distance between two consecutive starts: `*/5 * * * *` 5 min, `10 6 * * *` a day,
/// `0 7 * * 1-5` three days, `0 7 1 * *` 31 days. @pre parse_schedule reads it.
std::chrono::microseconds schedule_period(std::string_view schedule);

/// The same schedule as any cron reads it, Kubernetes' included (no names, no 7).
std::string to_cron(const Schedule& schedule);

/// The same schedule for systemd's OnCalendar=, in UTC. Two lines where a day of the month or of
/// the week is enough, since systemd asks for both.
std::vector<std::string> to_on_calendar(const Schedule& schedule);

}  // namespace keyrota
