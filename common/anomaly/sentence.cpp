// What an alarm says to people.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "anomaly/detector.h"
#include "anomaly/improbability.h"

namespace keyrota {
namespace {

constexpr float kUnsurprising = 2.3F;  // powers of ten: one hour in two hundred is beyond
constexpr int kHalvings = 40;
constexpr float kMostInAnHour = 1e18F;  // requests: where looking for the end of a range stops

std::string grouped(float number) {
    std::string digits = fmt::format("{:.0f}", number);
    for (std::size_t place = digits.size(); place > 3;) digits.insert(place -= 3, 1, ',');
    return digits;
}

std::string percent(float share) {
    return fmt::format("{:.{}f} %", 100 * share, share < 0.0995F ? 1 : 0);
}

std::string hours(float count) {
    return count < 48 ? fmt::format("{:.0f} h", count) : fmt::format("{:.0f} days", count / 24);
}

std::string hour_of_week(std::uint32_t hour) {
    constexpr std::array kDays{"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
    return fmt::format("{} {:02}:00 UTC", kDays[hour / kHoursOfDay % kDays.size()],
                       hour % kHoursOfDay);
}

std::string volume_sentence(const HourVerdict& verdict, std::uint32_t hour) {
    const ExpectedRange range = expected_range(verdict);
    std::string text = fmt::format("{} requests {}, expected {} to {}", grouped(verdict.requests),
                                   hour_of_week(hour), grouped(range.least), grouped(range.most));
    if (verdict.burst_hours > 0)
        text +=
            fmt::format("; {} in the last {} h, expected about {}", grouped(verdict.burst_requests),
                        verdict.burst_hours, grouped(verdict.burst_expected));
    return text;
}

std::string drop_sentence(const HourVerdict& verdict, std::uint32_t hour) {
    const std::string before = verdict.longest_silence < 1
                                   ? "not one silent hour before"
                                   : "longest silence before " + hours(verdict.longest_silence);
    return fmt::format("no request for {} up to {}; {}",
                       hours(static_cast<float>(verdict.silent_hours)), hour_of_week(hour), before);
}

std::string error_sentence(const HourVerdict& verdict, std::uint32_t hour) {
    const bool is_run = verdict.burst_hours > 0;
    const float errors = is_run ? verdict.burst_errors : verdict.errors;
    const float requests = is_run ? verdict.burst_requests : verdict.requests;
    const std::string when =
        is_run ? fmt::format("in {} h up to {}", verdict.burst_hours, hour_of_week(hour))
               : hour_of_week(hour);
    return fmt::format("{} of {} requests failed ({}) {}, usually {}", grouped(errors),
                       grouped(requests), percent(errors / std::max(requests, 1.0F)), when,
                       percent(verdict.usual_error_share));
}

std::string shift_sentence(const HourVerdict& verdict) {
    return fmt::format("{} requests in the last {} days, expected about {}",
                       grouped(verdict.shift_requests), verdict.shift_days,
                       grouped(verdict.shift_expected));
}

}  // namespace

std::string_view code_of(AnomalyReason reason) {
    constexpr std::array<std::string_view, 8> kCodes{"",      "SPIKE", "OFFHOURS", "DROP",
                                                     "ERROR", "WAKE",  "LEVEL",    "RAMP"};
    return kCodes[static_cast<std::size_t>(reason)];
}

ExpectedRange expected_range(const HourVerdict& verdict) {
    // Not of a damaged state: there the envelope may be negative, and with a dispersion beyond
    // measure nothing is surprising.
    float inside = std::max(verdict.envelope, 0.0F), outside = 2 * inside + 10;
    while (outside < kMostInAnHour &&
           improbability(outside, verdict.envelope, verdict.dispersion) < kUnsurprising)
        outside *= 2;
    for (int i = 0; i < kHalvings; ++i) {
        const float middle = (inside + outside) / 2;
        (improbability(middle, verdict.envelope, verdict.dispersion) < kUnsurprising ? inside
                                                                                     : outside) =
            middle;
    }
    const float most = inside;
    inside = verdict.expected;
    outside = 0;
    if (improbability(outside, verdict.expected, verdict.dispersion) < kUnsurprising)
        return {0, std::floor(most)};
    for (int i = 0; i < kHalvings; ++i) {
        const float middle = (inside + outside) / 2;
        (improbability(middle, verdict.expected, verdict.dispersion) < kUnsurprising ? inside
                                                                                     : outside) =
            middle;
    }
    return {std::ceil(inside), std::floor(most)};
}

std::string sentence_of(const HourVerdict& verdict, std::uint32_t hour) {
    switch (verdict.reason) {
        case AnomalyReason::none:
            return "";
        case AnomalyReason::spike:
        case AnomalyReason::off_hours:
            return volume_sentence(verdict, hour);
        case AnomalyReason::drop:
            return drop_sentence(verdict, hour);
        case AnomalyReason::errors:
            return error_sentence(verdict, hour);
        case AnomalyReason::wake:
            return fmt::format("{} requests in {} h after {} days without any",
                               grouped(verdict.burst_requests), verdict.burst_hours,
                               verdict.silent_hours / kHoursOfDay);
        case AnomalyReason::level:
        case AnomalyReason::ramp:
            return shift_sentence(verdict);
    }
    return "";
}

}  // namespace keyrota
