#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "anomaly/detector_state.h"
#include "time/timestamp.h"

namespace keyrota {

/// Why an hour raises an alarm.
enum class AnomalyReason : std::uint8_t { none, spike, off_hours, drop, errors, wake, level, ramp };

/// `SPIKE`, `OFFHOURS`, `DROP`, `ERROR`, `WAKE`, `LEVEL`, `RAMP`; empty for none.
std::string_view code_of(AnomalyReason reason);

/// What a key did in one hour that is over. An hour without a row is one without requests; an hour
/// of which nothing is known is not handed over at all.
struct ClosedHour {
    std::uint32_t hour;  // since a Monday 00:00 UTC
    float requests;      // [y]
    float errors;        // client and server errors, without refusals for their rate [e]
};

/// The Monday from which the detector counts hours where they stand for real ones.
inline constexpr Timestamp kDetectorEpoch{std::chrono::days(4)};  // 1970-01-05

/// From where on evidence raises an alarm, in powers of ten of its improbability.
struct DetectorThresholds {
    /// @param sensitivity 1 by default; more is quieter [m].
    explicit DetectorThresholds(float sensitivity = 1);

    float spike, burst, silence, errors, error_run, shift;  // [T, gT, Tz, Te, eT, cusT]
};

/// What the detector saw in an hour, and what it made of it; numbers are of before it learned from
/// the hour.
struct HourVerdict {
    bool was_judged = false;  // false before the first request, in a frozen silence, or a replay
    AnomalyReason reason = AnomalyReason::none;
    float severity = 0;           // how far beyond its threshold; 0 just reaches it
    bool opens_incident = false;  // no alarm in the 24 h before
    bool is_mailed = false;       // it opens one, and the mail budget allows it

    float requests = 0, errors = 0;
    float expected = 0;    // [mu]
    float envelope = 0;    // the same, an hour early or late [mh]
    float dispersion = 0;  // with the doubt about the baseline [ale]
    float surprise = 0;    // [sup]

    // Of the burst, when the reason rests on one: else of the hour.
    std::uint32_t burst_hours = 0;
    float burst_requests = 0, burst_errors = 0, burst_expected = 0;
    std::uint32_t silent_hours = 0;  // up to here [zrun]
    float longest_silence = 0;       // before, in hours [zlong]
    float usual_error_share = 0;     // [pe]
    std::uint32_t shift_days = 0;
    float shift_requests = 0, shift_expected = 0;
};

/// Applies one hour to a key's state. An hour that was applied before is ignored: hours come in
/// order, each exactly once, however often they are handed over.
/// @param key_id chooses how the baselines are rounded; same input, same state.
HourVerdict step(DetectorState& state, std::uint64_t key_id, const ClosedHour& hour,
                 const DetectorThresholds& thresholds);

/// The requests that would not have been surprising in an hour.
struct ExpectedRange {
    float least, most;
};
ExpectedRange expected_range(const HourVerdict& verdict);

/// One sentence with numbers for people: `412 requests Tue 03:00 UTC, expected 3 to 21`.
std::string sentence_of(const HourVerdict& verdict, std::uint32_t hour);

}  // namespace keyrota
