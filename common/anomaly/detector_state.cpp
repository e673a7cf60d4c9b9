#include "anomaly/detector_state.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <type_traits>

namespace keyrota {
namespace {

static_assert(std::endian::native == std::endian::little, "states are stored little-endian");

template <typename Tail, typename Visit>
constexpr void each_tail_field(Tail& tail, const Visit& visit) {
    visit(tail.quantile, tail.mean_excess, tail.excesses, tail.learned);
}

// The one list of what is stored, in its order; another order or field is another format.
template <typename State, typename Visit>
constexpr void each_field(State& s, const Visit& visit) {
    visit(s.last_hour, s.hours);
    auto& base = s.baseline;
    visit(base.hour_of_week, base.hour_of_day, base.code_shift, base.level);
    visit(base.week_misfit, base.day_misfit, base.level_misfit);
    visit(base.recent_requests, base.recent_expected, base.excess_variance, base.variance_weight);
    each_tail_field(s.tail, visit);
    visit(s.burst.evidence, s.burst.highest, s.burst.requests, s.burst.expected, s.burst.hours);
    visit(s.size.highest, s.size.active_hours, s.size.log_mean, s.size.log_variance);
    visit(s.silence.hours, s.silence.evidence, s.silence.highest_evidence, s.silence.longest,
          s.silence.chances, s.silence.continued);
    visit(s.wake.requests, s.wake.since);
    auto& errors = s.errors;
    visit(errors.errors, errors.requests, errors.excess_variance, errors.variance_weight);
    each_tail_field(errors.tail, visit);
    visit(errors.evidence, errors.highest, errors.run_errors, errors.run_expected,
          errors.run_requests, errors.run_hours);
    auto& daily = s.daily;
    visit(daily.requests, daily.log_variance, daily.evidence, daily.shift_requests,
          daily.shift_expected, daily.shift_highest, daily.highest, daily.recently_used);
    visit(daily.shift_days, daily.shift_records, daily.days, daily.used_days);
    visit(s.mail.budget, s.mail.last_alarm, s.mail.last_refill);
}

constexpr std::uint8_t kLargestShift = 40;     // codes of 10^17 calls an hour
constexpr float kLongestSilence = 10'000'000;  // hours: a thousand years

template <typename Field>
bool is_number(const Field& field) {
    if constexpr (std::is_floating_point_v<Field>)
        return std::isfinite(field);
    else
        return true;
}

// Whether it can have come from hours: else a step would compute with what is no number.
bool is_plausible(const DetectorState& state) {
    bool all = state.baseline.code_shift <= kLargestShift && state.silence.longest >= 0 &&
               state.silence.longest <= kLongestSilence;
    each_field(state, [&all](const auto&... fields) { all = all && (is_number(fields) && ...); });
    return all;
}

constexpr std::size_t size_of_fields() {
    DetectorState state;
    std::size_t size = sizeof kDetectorFormat;
    each_field(state, [&size](auto&... fields) { size += (sizeof fields + ...); });
    return size;
}
static_assert(size_of_fields() == kPackedStateSize);
static_assert(kPackedStateSize <= 450);

}  // namespace

PackedState pack(const DetectorState& state) {
    PackedState packed;
    unsigned char* to = packed.data();
    const auto write = [&to](const auto& field) {
        std::memcpy(to, &field, sizeof field);
        to += sizeof field;
    };
    write(kDetectorFormat);
    each_field(state, [&write](const auto&... fields) { (write(fields), ...); });
    return packed;
}

bool unpack(std::span<const unsigned char> packed, DetectorState& state) {
    if (packed.size() != kPackedStateSize) return false;
    const unsigned char* from = packed.data();
    const auto read = [&from](auto& field) {
        std::memcpy(&field, from, sizeof field);
        from += sizeof field;
    };
    std::uint16_t format = 0;
    read(format);
    if (format != kDetectorFormat) return false;
    DetectorState unpacked;
    each_field(unpacked, [&read](auto&... fields) { (read(fields), ...); });
    if (!is_plausible(unpacked)) return false;
    state = unpacked;
    return true;
}

}  // namespace keyrota
