#include "time/schedule.h"

#include <cstdlib>
#include <sstream>
#include <string>

namespace keyrota {
namespace {

// The step of `*/5` or `2-59/5`; 1 of `*`; 0 of a single value.
int step_of(const std::string& field) {
    const std::size_t slash = field.find('/');
    if (slash != std::string::npos) return std::atoi(field.c_str() + slash + 1);
    return field == "*" ? 1 : 0;
}

}  // namespace

std::chrono::microseconds schedule_period(std::string_view schedule) {
    using std::chrono::hours;
    using std::chrono::minutes;
    std::istringstream fields{std::string(schedule)};
    std::string minute, hour, day, month, weekday;
    fields >> minute >> hour >> day >> month >> weekday;
    if (day != "*" || month != "*") return hours(24 * 31);
    if (weekday != "*") return hours(24 * 7);
    if (step_of(hour) == 0) return hours(24);
    if (step_of(minute) == 0) return hours(step_of(hour));
    return minutes(step_of(minute));
}

}  // namespace keyrota
