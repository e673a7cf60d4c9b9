#include "notify/hours.h"

#include <date/tz.h>

namespace keyrota {
namespace {

using std::chrono::minutes;

const date::time_zone* zone_of(const std::string& name) {
    try {
        return date::locate_zone(name);
    } catch (const std::runtime_error&) {  // an owner's zone came with an import
        return date::locate_zone("UTC");
    }
}

std::chrono::microseconds time_of_day_at(Timestamp at, const date::time_zone* zone) {
    const auto local = zone->to_local(at);
    return local - date::floor<date::days>(local);
}

}  // namespace

std::optional<minutes> parse_time_of_day(std::string_view text) {
    const auto digit = [&](std::size_t i) { return text[i] >= '0' && text[i] <= '9'; };
    if (text.size() != 5 || text[2] != ':' || !digit(0) || !digit(1) || !digit(3) || !digit(4))
        return std::nullopt;
    const int hour = (text[0] - '0') * 10 + (text[1] - '0');
    const int minute = (text[3] - '0') * 10 + (text[4] - '0');
    if (hour > 23 || minute > 59) return std::nullopt;
    return minutes(hour * 60 + minute);
}

std::optional<QuietHours> parse_quiet_hours(std::string_view text) {
    const std::size_t dash = text.find('-');
    if (dash == std::string_view::npos) return std::nullopt;
    const auto from = parse_time_of_day(text.substr(0, dash));
    const auto to = parse_time_of_day(text.substr(dash + 1));
    if (!from || !to || *from == *to) return std::nullopt;
    return QuietHours{*from, *to};
}

Timestamp next_time_of_day(Timestamp at, minutes time_of_day, const std::string& time_zone) {
    const date::time_zone* zone = zone_of(time_zone);
    const auto day = date::floor<date::days>(zone->to_local(at));
    // Set back over midnight, a clock shows yesterday's time again.
    for (int ahead = -1;; ++ahead) {
        const date::local_time<std::chrono::microseconds> shown =
            day + date::days(ahead) + time_of_day;
        const Timestamp instant = zone->to_sys(shown, date::choose::earliest);
        if (instant >= at) return instant;
    }
}

Timestamp after_quiet_hours(Timestamp at, const QuietHours& quiet, const std::string& time_zone) {
    const std::chrono::microseconds now = time_of_day_at(at, zone_of(time_zone));
    const bool is_quiet = quiet.from < quiet.to ? quiet.from <= now && now < quiet.to
                                                : quiet.from <= now || now < quiet.to;
    return is_quiet ? next_time_of_day(at, quiet.to, time_zone) : at;
}

std::string local_time(Timestamp t, const std::string& time_zone) {
    const auto zoned = date::make_zoned(zone_of(time_zone), date::floor<std::chrono::seconds>(t));
    return date::format("%d %b %Y, %H:%M %Z", zoned);
}

}  // namespace keyrota
