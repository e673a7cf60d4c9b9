#include "time/timestamp.h"

#include <Poco/RegularExpression.h>
#include <date/date.h>
#include <fmt/format.h>

#include <array>
#include <charconv>
#include <limits>
#include <sstream>

namespace keyrota {
namespace {

using std::chrono::microseconds;

struct Unit {
    std::string_view name;
    std::int64_t us;
};

// Largest first: to_string takes the first that divides the duration.
constexpr std::array<Unit, 7> kUnits{{{"w", 604'800'000'000},
                                      {"d", 86'400'000'000},
                                      {"h", 3'600'000'000},
                                      {"m", 60'000'000},
                                      {"s", 1'000'000},
                                      {"ms", 1'000},
                                      {"us", 1}}};

constexpr std::size_t kLongestInstant = 40;  // characters

// What date::parse may be given: of anything else it takes fields for numbers that it never read.
bool has_form(const std::string& text) {
    static const Poco::RegularExpression form(
        "\\d{4}-\\d{1,2}-\\d{1,2}"
        "(T\\d{1,2}:\\d{1,2}:\\d{1,2}(\\.\\d{1,6})?([+-]\\d{1,2}(:\\d\\d)?)?)?");
    return form.match(text);
}

std::optional<Timestamp> parse_as(const std::string& text, const char* format) {
    std::istringstream in(text);
    date::sys_time<microseconds> t;
    in >> date::parse(format, t);
    if (in.fail() || in.peek() != std::istringstream::traits_type::eof()) return std::nullopt;
    return from_micros(t.time_since_epoch().count());
}

// `2026-11-24T06:30:00Z` by its digits: nearly all that a file of millions holds, and a stream
// costs fifty times as much.
std::optional<Timestamp> parse_usual_form(std::string_view text) {
    constexpr std::string_view kForm = "0000-00-00T00:00:00Z";
    if (text.size() != kForm.size()) return std::nullopt;
    for (std::size_t i = 0; i < kForm.size(); ++i)
        if (kForm[i] == '0' ? text[i] < '0' || text[i] > '9' : text[i] != kForm[i])
            return std::nullopt;
    const auto number = [&](std::size_t from, std::size_t digits) {
        int value = 0;
        for (const char digit : text.substr(from, digits)) value = value * 10 + (digit - '0');
        return value;
    };
    using namespace std::chrono;
    const year_month_day day(year(number(0, 4)), month(static_cast<unsigned>(number(5, 2))),
                             std::chrono::day(static_cast<unsigned>(number(8, 2))));
    const int hour = number(11, 2), minute = number(14, 2), second = number(17, 2);
    if (!day.ok() || hour > 23 || minute > 59 || second > 59) return std::nullopt;
    return Timestamp(sys_days(day)) + hours(hour) + minutes(minute) + seconds(second);
}

}  // namespace

std::string to_string(Timestamp t) {
    const date::sys_time<microseconds> instant{t.time_since_epoch()};
    const auto seconds = date::floor<std::chrono::seconds>(instant);
    const std::int64_t fraction = (instant - seconds).count();
    std::string text = date::format("%FT%T", seconds);
    if (fraction != 0) text += fmt::format(".{:06}", fraction);
    return text + "Z";
}

std::optional<Timestamp> parse_timestamp(std::string_view given) {
    if (const auto usual = parse_usual_form(given)) return usual;
    std::string text(given);
    const std::size_t space = text.find(' ');
    if (space != std::string::npos) text[space] = 'T';
    const bool is_utc = !text.empty() && (text.back() == 'Z' || text.back() == 'z');
    if (is_utc) text.pop_back();
    if (text.size() > kLongestInstant || !has_form(text)) return std::nullopt;
    if (text.find('T') == std::string::npos) return is_utc ? std::nullopt : parse_as(text, "%F");
    if (is_utc) return parse_as(text, "%FT%T");
    if (const auto with_zone = parse_as(text, "%FT%T%Ez")) return with_zone;
    return parse_as(text, "%FT%T");
}

std::optional<microseconds> parse_duration(std::string_view text) {
    std::int64_t count = 0;
    const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (error != std::errc{} || rest == text.data() || count < 0) return std::nullopt;
    const std::string_view name(rest, static_cast<std::size_t>(text.data() + text.size() - rest));
    for (const Unit& unit : kUnits) {
        if (unit.name != name) continue;
        if (count > std::numeric_limits<std::int64_t>::max() / unit.us) return std::nullopt;
        return microseconds(count * unit.us);
    }
    return std::nullopt;
}

std::string to_string(microseconds duration) {
    if (duration == microseconds::zero()) return "0s";
    for (const Unit& unit : kUnits)
        if (unit.name != "w" && duration.count() % unit.us == 0)
            return fmt::format("{}{}", duration.count() / unit.us, unit.name);
    return fmt::format("{}us", duration.count());
}

}  // namespace keyrota
