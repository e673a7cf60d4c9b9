#include "time/schedule.h"

#include <date/date.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cctype>
#include <charconv>

namespace keyrota {
namespace {

using std::chrono::minutes;

// Leap days are eight years apart around 2100.
constexpr int kLongestWait = 8 * 366 + 1;

constexpr const char* kMonths[] = {"jan", "feb", "mar", "apr", "may", "jun",
                                   "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr const char* kWeekdays[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

struct Field {
    const char* name;
    int min;
    int max;
};
constexpr Field kMinute{"minute", 0, 59};
constexpr Field kHour{"hour", 0, 23};
constexpr Field kDay{"day of the month", 1, 31};
constexpr Field kMonth{"month", 1, 12};
constexpr Field kWeekday{"day of the week", 0, 7};

std::vector<std::string_view> split(std::string_view text, std::string_view separators) {
    std::vector<std::string_view> parts;
    for (std::size_t begin = 0;;) {
        const std::size_t end = text.find_first_of(separators, begin);
        parts.push_back(text.substr(begin, end - begin));
        if (end == std::string_view::npos) return parts;
        begin = end + 1;
    }
}

std::optional<int> number(std::string_view text) {
    int value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || text.front() == '-')
        return std::nullopt;
    return value;
}

std::optional<int> value_of(const Field& field, std::string_view text) {
    std::string lower(text);
    for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (field.max == kMonth.max)
        for (int i = 0; i < 12; ++i)
            if (lower == kMonths[i]) return i + 1;
    if (field.max == kWeekday.max)
        for (int i = 0; i < 7; ++i)
            if (lower == kWeekdays[i]) return i;
    const std::optional<int> value = text.empty() ? std::nullopt : number(text);
    return value && *value >= field.min && *value <= field.max ? value : std::nullopt;
}

struct Refused {
    std::string problem;
};

// One item of a field's list: `*`, `5`, `1-5`, `*/5`, `2-59/5`.
template <std::size_t size>
void read_item(const Field& field, std::string_view item, std::bitset<size>& set) {
    const Refused refused{
        fmt::format("\"{}\" is no {} ({} to {})", item, field.name, field.min, field.max)};
    const std::size_t slash = item.find('/');
    const std::string_view range = item.substr(0, slash);
    const std::size_t dash = range.find('-');
    const bool is_single = range != "*" && dash == std::string_view::npos;

    int step = 1;
    if (slash != std::string_view::npos) {
        const std::string_view text = item.substr(slash + 1);
        const std::optional<int> read = text.empty() ? std::nullopt : number(text);
        if (!read || *read < 1 || *read > field.max) throw refused;
        if (is_single && value_of(field, range))
            throw Refused{fmt::format("\"{}\" has a step without a range: write {}-{}/{}", item,
                                      range, field.max, *read)};
        step = *read;
    }
    std::optional<int> first = field.min;
    // A week has seven days; its 7 is Sunday again.
    std::optional<int> last = std::min(field.max, static_cast<int>(size) - 1);
    if (range != "*") {
        first = value_of(field, range.substr(0, dash));
        last = is_single ? first : value_of(field, range.substr(dash + 1));
    }
    if (!first || !last || *first > *last) throw refused;
    for (int value = *first; value <= *last; value += step)
        set.set(static_cast<std::size_t>(value) % size);
}

template <std::size_t size>
void read_field(const Field& field, std::string_view text, std::bitset<size>& set) {
    for (const std::string_view item : split(text, ",")) read_item(field, item, set);
}

bool any_day(const Schedule& schedule) {
    return schedule.days.count() == 31;
}

bool any_weekday(const Schedule& schedule) {
    return schedule.weekdays.all();
}

bool is_on(const Schedule& schedule, date::sys_days day) {
    const date::year_month_day ymd(day);
    if (!schedule.months[static_cast<unsigned>(ymd.month())]) return false;
    const bool by_month = schedule.days[static_cast<unsigned>(ymd.day())];
    const bool by_week = schedule.weekdays[date::weekday(day).c_encoding()];
    if (any_day(schedule) || any_weekday(schedule)) return by_month && by_week;
    return by_month || by_week;
}

// In minutes since midnight, ascending.
std::vector<minutes> times_of_day(const Schedule& schedule) {
    std::vector<minutes> times;
    for (std::size_t hour = 0; hour < schedule.hours.size(); ++hour)
        for (std::size_t minute = 0; minute < schedule.minutes.size(); ++minute)
            if (schedule.hours[hour] && schedule.minutes[minute])
                times.emplace_back(static_cast<int>(hour * 60 + minute));
    return times;
}

std::optional<date::sys_days> next_day(const Schedule& schedule, date::sys_days from) {
    for (int i = 0; i <= kLongestWait; ++i)
        if (is_on(schedule, from + date::days(i))) return from + date::days(i);
    return std::nullopt;
}

Schedule read(std::string_view text) {
    std::vector<std::string_view> fields = split(text, " \t");
    fields.erase(std::remove(fields.begin(), fields.end(), ""), fields.end());
    if (fields.size() != 5)
        throw Refused{
            fmt::format("has {} fields, not five (minute, hour, day of the month, month, "
                        "day of the week)",
                        fields.size())};
    Schedule schedule;
    read_field(kMinute, fields[0], schedule.minutes);
    read_field(kHour, fields[1], schedule.hours);
    read_field(kDay, fields[2], schedule.days);
    read_field(kMonth, fields[3], schedule.months);
    read_field(kWeekday, fields[4], schedule.weekdays);
    // For one cron `*/2` is a star (both must match), for another it is a restriction (one may).
    const bool star = fields[2].starts_with("*") || fields[4].starts_with("*");
    if (star && !any_day(schedule) && !any_weekday(schedule))
        throw Refused{
            "restricts the day of the month and of the week, one of them by a star: "
            "write a range, as in 1-31/2"};
    if (!next_day(schedule, date::sys_days(date::year(2000) / 1 / 1)))
        throw Refused{"never comes: no month has such a day"};
    return schedule;
}

Schedule must_read(std::string_view text) {
    std::string problem;
    const std::optional<Schedule> schedule = parse_schedule(text, problem);
    assert(schedule);
    return *schedule;
}

// -------------------------------------------------------------------------------------------------
// Writing it down

template <std::size_t size>
std::vector<int> members(const std::bitset<size>& set) {
    std::vector<int> values;
    for (std::size_t i = 0; i < size; ++i)
        if (set[i]) values.push_back(static_cast<int>(i));
    return values;
}

struct Steps {
    int first;
    int step;
};

// Equal steps up to the end of the field (`*/5`, `2-59/5`); two values only if they begin with 0.
std::optional<Steps> steps_of(const std::vector<int>& values, int max) {
    if (values.size() < 2 || (values.size() == 2 && values[0] != 0)) return std::nullopt;
    const int step = values[1] - values[0];
    for (std::size_t i = 2; i < values.size(); ++i)
        if (values[i] - values[i - 1] != step) return std::nullopt;
    if (step == 1 || values.back() + step <= max) return std::nullopt;
    return Steps{values[0], step};
}

// `1-5`, `1,15`, with each value as `write` has it.
template <typename Write>
std::string list_of(const std::vector<int>& values, const char* dash, const Write& write) {
    std::string text;
    for (std::size_t i = 0; i < values.size();) {
        std::size_t end = i + 1;
        while (end < values.size() && values[end] == values[end - 1] + 1) ++end;
        if (end - i < 3) end = i + 1;
        text += (text.empty() ? "" : ",") + write(values[i]);
        if (end - i > 1) text += dash + write(values[end - 1]);
        i = end;
    }
    return text;
}

template <std::size_t size>
std::string cron_field(const std::bitset<size>& set, int min) {
    const std::vector<int> values = members(set);
    const int max = static_cast<int>(size) - 1;
    if (static_cast<int>(values.size()) == max - min + 1) return "*";
    // Only minutes and hours begin with 0; for days a star means more than its values.
    if (size >= 24 && min == 0)
        if (const auto steps = steps_of(values, max))
            return steps->first == 0 ? fmt::format("*/{}", steps->step)
                                     : fmt::format("{}-{}/{}", steps->first, max, steps->step);
    return list_of(values, "-", [](int value) { return std::to_string(value); });
}

template <std::size_t size>
std::string calendar_field(const std::bitset<size>& set, int min) {
    const std::vector<int> values = members(set);
    const int max = static_cast<int>(size) - 1;
    if (static_cast<int>(values.size()) == max - min + 1) return "*";
    if (min == 0)
        if (const auto steps = steps_of(values, max))
            return fmt::format("{:02}/{}", steps->first, steps->step);
    return list_of(values, "..", [](int value) { return fmt::format("{:02}", value); });
}

std::string calendar_line(const Schedule& schedule) {
    constexpr const char* kNames[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    std::string weekdays;
    if (!any_weekday(schedule)) {
        weekdays = list_of(members(schedule.weekdays), "..",
                           [&](int day) { return std::string(kNames[day]); });
        weekdays += " ";
    }
    return fmt::format("{}*-{}-{} {}:{}:00 UTC", weekdays, calendar_field(schedule.months, 1),
                       calendar_field(schedule.days, 1), calendar_field(schedule.hours, 0),
                       calendar_field(schedule.minutes, 0));
}

}  // namespace

std::optional<Schedule> parse_schedule(std::string_view text, std::string& problem) {
    try {
        return read(text);
    } catch (const Refused& refused) {
        problem = refused.problem;
        return std::nullopt;
    }
}

Timestamp next_run(const Schedule& schedule, Timestamp after) {
    const date::sys_time<std::chrono::microseconds> since{after.time_since_epoch()};
    const std::vector<minutes> times = times_of_day(schedule);
    date::sys_days day = date::floor<date::days>(since);
    if (day + times.back() <= since) day += date::days(1);  // nothing more today, if at all
    day = next_day(schedule, day).value();
    const auto time = std::find_if(times.begin(), times.end(),
                                   [&](minutes candidate) { return day + candidate > since; });
    assert(time != times.end());
    return Timestamp((day + *time).time_since_epoch());
}

Timestamp next_run(std::string_view schedule, Timestamp after) {
    return next_run(must_read(schedule), after);
}

std::chrono::microseconds schedule_period(std::string_view text) {
    const Schedule schedule = must_read(text);
    const std::vector<minutes> times = times_of_day(schedule);
    minutes longest{0};
    for (std::size_t i = 1; i < times.size(); ++i)
        longest = std::max(longest, times[i] - times[i - 1]);
    date::days between_days{1};
    const date::sys_days begin = date::year(2000) / 1 / 1;
    date::sys_days last = next_day(schedule, begin).value();
    while (last < begin + date::days(kLongestWait)) {
        const date::sys_days next = next_day(schedule, last + date::days(1)).value();
        between_days = std::max(between_days, next - last);
        last = next;
    }
    return std::max(longest, between_days - times.back() + times.front());
}

std::string to_cron(const Schedule& schedule) {
    return fmt::format("{} {} {} {} {}", cron_field(schedule.minutes, 0),
                       cron_field(schedule.hours, 0), cron_field(schedule.days, 1),
                       cron_field(schedule.months, 1), cron_field(schedule.weekdays, 0));
}

std::vector<std::string> to_on_calendar(const Schedule& schedule) {
    if (any_day(schedule) || any_weekday(schedule)) return {calendar_line(schedule)};
    Schedule by_month = schedule;
    by_month.weekdays.set();
    Schedule by_week = schedule;
    by_week.days = ~std::bitset<32>(1);  // there is no day 0
    return {calendar_line(by_month), calendar_line(by_week)};
}

}  // namespace keyrota
