#include "anomaly/detector.h"

#include <algorithm>
#include <cmath>

#include "anomaly/baseline.h"
#include "anomaly/improbability.h"
#include "anomaly/tail.h"

namespace keyrota {
namespace {

// Hours of life until a test may speak, and until its threshold is the usual one.
constexpr std::uint32_t kReadyHours = 336;
constexpr std::uint32_t kDropHours = 504;
constexpr std::uint32_t kErrorHours = 168;
constexpr std::uint32_t kEarlyHours = 672;
constexpr float kEarlyDecades = 2;           // until then, more [early]
constexpr std::uint32_t kFrozenAfter = 336;  // hours of silence: nothing more is learned

constexpr float kSeasonal = 0.7F;  // the hour must explain so much of the level's misfit [seasR]
constexpr float kOffHoursShare = 0.15F;  // of the level: an hour in which the key is usually quiet

// Volume.
constexpr float kTrend = 0.5F;  // how far the last day and a half move what is expected [phi]
constexpr float kPriorDispersion = 0.4F;  // [a0]
constexpr float kLeastAbove = 15;         // requests beyond the envelope [minAbs]
constexpr float kLeastRatio = 2;          // times the envelope [ratio]
constexpr float kRecord = 1.8F;           // times the highest hour so far [recF]
constexpr float kSizeNoise = 0.07F;       // variance of a logarithm that nobody learned [lnV]
constexpr float kLargestSurprise = 15;    // learned from

// Many hours in a row. A run of bad hours with errors has its own.
struct BurstRule {
    float allowance;   // of each hour's surprise, is no evidence [gK, eK]
    float most;        // counted of one hour's surprise [gCap, eCap]
    float of_highest;  // an earlier burst must be exceeded by [gF, eF]
};
constexpr BurstRule kVolumeBurst{.allowance = 0.6F, .most = 2.5F, .of_highest = 0.8F};
constexpr BurstRule kErrorBurst{.allowance = 0.6F, .most = 2, .of_highest = 1};
constexpr float kBurstRatio = 3;  // times what was expected [gR]

// Errors.
constexpr float kErrorShareAbove = 0.13F;  // of all requests, beyond the usual share [errA]
constexpr float kErrorRatio = 4;           // times the usual [errR]
constexpr float kErrorShare = 0.3F;        // of all requests: enough whatever is usual [errB]
constexpr float kLargestErrorSurprise = 12;

// Silence.
constexpr float kSilenceRatio = 2;         // times the longest before [hf]
constexpr float kSilenceOfHighest = 1.2F;  // [Zf]
constexpr float kRecentlyUsedDays = 12;    // [actD]

// Waking up.
constexpr std::uint32_t kWakeSilence = 336;  // hours [wakeH]
constexpr float kWakeRequests = 5;           // [wakeN]
constexpr float kWakeDecades = 6;            // [wakeD]
constexpr float kWakeOfLongest = 1.5F;
constexpr std::uint32_t kWakeWatched = 24;  // hours

// Days.
constexpr std::uint16_t kShiftDays = 21;  // of life until it may speak
constexpr float kShiftAllowance = 1.2F;   // of each day's evidence [cusK]
constexpr float kShiftRatio = 1.8F;       // times what was expected [lvlR]
constexpr float kRecordDay = 1.25F;       // times the highest day before [recD]
constexpr std::uint16_t kRampDays = 5;    // one that took as long is a ramp
constexpr float kDayPrior = 20;           // requests

// Mail.
constexpr std::uint32_t kIncidentGap = 24;  // hours without an alarm end an incident
constexpr float kMostMails = 3;             // [budN]
constexpr float kHoursPerMail = 720;        // [budD]
constexpr float kAlwaysMailed = 3;          // severity

// What is known of an hour before anything is learned from it.
struct Hour {
    std::uint32_t time;                       // [t]
    unsigned of_week, of_day;                 // [hw, hd]
    std::uint32_t weeks_before, days_before;  // how often these were seen [nw, nd_]
    float requests, errors;                   // [y, e]
    float rounding;                           // [u]
    float early;                              // decades added to each threshold
    bool is_ready;
    bool is_seasonal;
    BaselineWeights weights;
    float baseline;               // [mu0]
    float expected;               // [mu]
    float envelope;               // [mh]
    float dispersion;             // [al]
    float doubt;                  // dispersion, with what is not known of the baseline yet [ale]
    float surprise = 0;           // [sup]
    std::uint32_t silent_before;  // [zr0]
};

// splitmix64: the same for every replay.
float rounding_for(std::uint64_t key_id, std::uint32_t time) {
    std::uint64_t z = (key_id << 32U) + time + 0x9E3779B97F4A7C15U;
    z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27U)) * 0x94D049BB133111EBU;
    z ^= z >> 31U;
    return static_cast<float>(z >> 40U) * 0x1p-24F;
}

float squared(float x) {
    return x * x;
}

// The last day and a half against what it should have brought. [rho]
float trend_of(const BaselineState& baseline) {
    if (baseline.recent_expected <= 1e-3F) return 1;
    const float ratio = (baseline.recent_requests + 3) / (baseline.recent_expected + 3);
    return 1 + kTrend * (std::clamp(ratio, 0.5F, 2.0F) - 1);
}

void predict(const BaselineState& baseline, Hour& hour) {
    hour.weights = weights_of(baseline, hour.weeks_before, hour.days_before);
    const float trend = trend_of(baseline);
    hour.baseline = expected_at(baseline, hour.weights, hour.of_week);
    hour.expected = std::max(hour.baseline * trend, 0.02F + 0.005F * baseline.level);
    const unsigned earlier = (hour.of_week + kHoursOfWeek - 1) % kHoursOfWeek;
    const unsigned later = (hour.of_week + 1) % kHoursOfWeek;
    hour.envelope = std::max({hour.expected, trend * expected_at(baseline, hour.weights, earlier),
                              trend * expected_at(baseline, hour.weights, later)});
    const float dispersion =
        (baseline.excess_variance + 2 * kPriorDispersion) / (baseline.variance_weight + 2);
    hour.dispersion = std::clamp(dispersion, 0.01F, 30.0F);
    const float days = std::clamp(static_cast<float>(hour.days_before), 1.0F, 30.0F);
    hour.doubt = hour.dispersion + (hour.dispersion + 1 / hour.envelope) / days;
    if (hour.requests > hour.envelope)
        hour.surprise = improbability(hour.requests, hour.envelope, hour.doubt);
}

Hour look_at(const DetectorState& state, std::uint64_t key_id, const ClosedHour& closed) {
    const std::uint32_t before = state.hours - 1;
    const BaselineState& base = state.baseline;
    Hour hour{
        .time = closed.hour,
        .of_week = closed.hour % kHoursOfWeek,
        .of_day = closed.hour % kHoursOfDay,
        .weeks_before = before / kHoursOfWeek,
        .days_before = before / kHoursOfDay,
        .requests = closed.requests,
        .errors = closed.errors,
        .rounding = rounding_for(key_id, closed.hour),
        .early = state.hours < kEarlyHours ? kEarlyDecades : 0,
        .is_ready = state.hours > kReadyHours,
        .is_seasonal = std::min(base.week_misfit, base.day_misfit) < kSeasonal * base.level_misfit,
        .weights = {},
        .baseline = 0,
        .expected = 0,
        .envelope = 0,
        .dispersion = 0,
        .doubt = 0,
        .silent_before = state.silence.hours,
    };
    predict(base, hour);
    return hour;
}

void raise(HourVerdict& verdict, AnomalyReason reason, float severity) {
    verdict.reason = reason;
    verdict.severity = severity;
}

// -------------------------------------------------------------------------------------------------
// The tests, in the order in which they speak

// How improbable an hour of this size is for a key that is used in such an hour at all.
float size_decades(const DetectorState& state, const Hour& hour) {
    const SizeState& size = state.size;
    if (size.active_hours < 10 || hour.requests <= size.highest) return 0;
    const float deviation = std::sqrt(size.log_variance * (1 + 2 / size.active_hours) + kSizeNoise);
    const float z = (std::log(hour.requests + 1) - size.log_mean) / deviation;
    if (z <= 2) return 0;
    const float lived = std::min(static_cast<float>(state.hours), 2000.0F);
    const float active_share = std::min(1.0F, (size.active_hours + 1) / lived);
    return kPerNat / 2 * z * z + std::log10(2.5066F * z) - std::log10(active_share) - 0.3F;
}

// One hour with far too many requests. [6]
void test_spike(const DetectorState& state, const Hour& hour, const DetectorThresholds& thresholds,
                HourVerdict& verdict) {
    if (!hour.is_ready || hour.surprise <= 1 || hour.requests <= kLeastRatio * hour.envelope ||
        hour.requests - hour.envelope <= kLeastAbove)
        return;
    const float decades =
        std::max(calibrated(state.tail, hour.surprise), size_decades(state, hour));
    const bool is_record = hour.requests > kRecord * state.size.highest;
    if (decades < thresholds.spike + hour.early || !(is_record || hour.is_seasonal)) return;
    const bool is_quiet_hour =
        hour.is_seasonal && hour.envelope < kOffHoursShare * state.baseline.level;
    raise(verdict, is_quiet_hour ? AnomalyReason::off_hours : AnomalyReason::spike,
          decades - thresholds.spike);
}

// Several hours with too many. [7]
void test_burst(DetectorState& state, const Hour& hour, const DetectorThresholds& thresholds,
                HourVerdict& verdict) {
    if (!hour.is_ready) return;
    BurstState& burst = state.burst;
    burst.evidence += std::min(hour.surprise, kVolumeBurst.most) - kVolumeBurst.allowance;
    if (burst.evidence <= 0) {
        burst = BurstState{.highest = burst.highest};
    } else {
        burst.requests += hour.requests;
        burst.expected += hour.envelope;
        ++burst.hours;
    }
    const float threshold =
        std::max(thresholds.burst + hour.early, kVolumeBurst.of_highest * burst.highest + 1);
    if (verdict.reason == AnomalyReason::none && burst.evidence >= threshold && burst.hours >= 2 &&
        burst.requests > kBurstRatio * burst.expected &&
        burst.requests - burst.expected > 3 * kLeastAbove) {
        const float quiet = kOffHoursShare * state.baseline.level * static_cast<float>(burst.hours);
        const bool are_quiet_hours = hour.is_seasonal && burst.expected < quiet;
        raise(verdict, are_quiet_hours ? AnomalyReason::off_hours : AnomalyReason::spike,
              burst.evidence / threshold - 0.9F);
        verdict.burst_hours = burst.hours;
        verdict.burst_requests = burst.requests;
        verdict.burst_expected = burst.expected;
    }
    burst.highest = std::max(burst.highest, std::min(burst.evidence, 2 * thresholds.burst));
}

// How improbable so long a silence was before it, by how often the key was used.
bool is_long_sleep(const DetectorState& state) {
    const auto silent = static_cast<float>(state.silence.hours);
    const float days_before = static_cast<float>(state.hours - 1 - state.silence.hours) / 24;
    const float used_share = (static_cast<float>(state.daily.used_days) - 0.5F) / (days_before + 1);
    return used_share * silent / 24 * kPerNat >= kWakeDecades &&
           silent > kWakeOfLongest * state.silence.longest;
}

// A key that was given up is used again. [8]
void test_wake(DetectorState& state, const Hour& hour, HourVerdict& verdict) {
    WakeState& wake = state.wake;
    if (hour.requests > 0 && state.silence.hours >= kWakeSilence && is_long_sleep(state))
        wake = WakeState{.requests = 0, .since = hour.time};
    if (wake.since == 0) return;
    if (hour.time - wake.since >= kWakeWatched) {
        wake.since = 0;
        return;
    }
    wake.requests += hour.requests;
    if (wake.requests < kWakeRequests || state.hours <= kReadyHours) return;
    raise(verdict, AnomalyReason::wake, kAlwaysMailed);
    // Later in the day, the silence has become the longest.
    verdict.silent_hours =
        std::max(state.silence.hours, static_cast<std::uint32_t>(state.silence.longest));
    verdict.burst_requests = wake.requests;
    verdict.burst_hours = hour.time - wake.since + 1;
    wake.since = 0;
}

// Hours without a request where there should have been some. [9]
void test_drop(DetectorState& state, const Hour& hour, const DetectorThresholds& thresholds,
               HourVerdict& verdict) {
    if (hour.requests > 0) return;
    SilenceState& silence = state.silence;
    verdict.silent_hours = ++silence.hours;
    if (hour.expected >= 1) {
        const float by_volume =
            std::log(1 + hour.dispersion * hour.expected) / hour.dispersion * kPerNat;
        // Silent hours follow each other: that one more comes is no independent surprise.
        const float by_habit = -std::log10((silence.continued + 1) / (silence.chances + 3));
        silence.evidence += std::min(by_volume, by_habit);
    }
    const bool is_longest = static_cast<float>(silence.hours) > kSilenceRatio * silence.longest;
    const bool is_most_improbable =
        hour.is_seasonal &&
        silence.evidence >= kSilenceOfHighest * silence.highest_evidence + thresholds.silence;
    if (state.hours > kDropHours && state.daily.recently_used >= kRecentlyUsedDays &&
        silence.hours >= 3 && silence.evidence >= thresholds.silence + hour.early &&
        (is_longest || is_most_improbable))
        raise(verdict, AnomalyReason::drop, silence.evidence / thresholds.silence - 1);
}

// What is known of an hour's errors before anything is learned from them.
struct HourErrors {
    float usual_share;   // [pe]
    float expected;      // [me]
    float surprise = 0;  // [sE]
};

HourErrors look_at_errors(const ErrorState& state, const Hour& hour) {
    HourErrors errors{.usual_share = (state.errors + 1) / (state.requests + 50), .expected = 0};
    errors.expected = std::max(hour.requests * errors.usual_share, 0.05F);
    if (hour.errors <= errors.expected) return errors;
    const float dispersion =
        std::clamp((state.excess_variance + 1.2F) / (state.variance_weight + 4), 0.05F, 10.0F);
    const float known = std::min(200.0F, state.requests / std::max(hour.requests, 1.0F));
    const float doubt = dispersion + (dispersion + 1 / errors.expected) / (1 + known);
    errors.surprise = improbability(hour.errors, errors.expected, doubt);
    return errors;
}

bool knows_errors(const DetectorState& state) {
    return state.hours > kErrorHours && state.errors.requests > 100;
}

bool errors_may_speak(const HourVerdict& verdict) {
    return verdict.reason == AnomalyReason::none || verdict.reason == AnomalyReason::spike;
}

bool are_many(float errors, float expected, float requests) {
    return errors > std::min(kErrorRatio * expected, expected + kErrorShare * requests);
}

// One hour with far too many errors. [10]
void test_errors(const DetectorState& state, const Hour& hour, const HourErrors& errors,
                 const DetectorThresholds& thresholds, HourVerdict& verdict) {
    if (!knows_errors(state) || !errors_may_speak(verdict) || hour.errors < 10 ||
        hour.errors < hour.requests * (errors.usual_share + kErrorShareAbove) ||
        !are_many(hour.errors, errors.expected, hour.requests))
        return;
    const float decades = calibrated(state.errors.tail, errors.surprise);
    if (decades < thresholds.errors + hour.early) return;
    raise(verdict, AnomalyReason::errors, decades - thresholds.errors);
    verdict.burst_hours = 0;
}

// Several hours with too many errors. [10]
void test_error_run(DetectorState& state, const Hour& hour, const HourErrors& errors,
                    const DetectorThresholds& thresholds, HourVerdict& verdict) {
    ErrorState& run = state.errors;
    if (!knows_errors(state) || (hour.requests < 5 && hour.errors < 3)) return;
    run.evidence += std::min(errors.surprise, kErrorBurst.most) - kErrorBurst.allowance;
    if (run.evidence <= 0) {
        run.evidence = run.run_errors = run.run_expected = run.run_requests = 0;
        run.run_hours = 0;
    } else {
        run.run_errors += hour.errors;
        run.run_expected += errors.expected;
        run.run_requests += hour.requests;
        ++run.run_hours;
    }
    const float threshold =
        std::max(thresholds.error_run + hour.early, kErrorBurst.of_highest * run.highest + 1);
    // Hours without requests are no evidence of its end: of a key that is seldom used, an incident
    // long over would be told again and again if good hours could speak.
    const bool is_bad_hour = errors.surprise > kErrorBurst.allowance;
    if (is_bad_hour && errors_may_speak(verdict) && run.evidence >= threshold &&
        run.run_hours >= 2 && run.run_errors >= 15 &&
        are_many(run.run_errors, run.run_expected, run.run_requests) &&
        run.run_errors >= run.run_expected + kErrorShareAbove * run.run_requests) {
        raise(verdict, AnomalyReason::errors, run.evidence / threshold - 0.9F);
        verdict.burst_hours = run.run_hours;
        verdict.burst_requests = run.run_requests;
        verdict.burst_errors = run.run_errors;
    }
    run.highest = std::max(run.highest, std::min(run.evidence, 2 * thresholds.error_run));
}

// -------------------------------------------------------------------------------------------------
// Learning

void learn_errors(ErrorState& state, const Hour& hour, const HourErrors& seen) {
    const float mu = seen.expected;
    const float errors = std::min(hour.errors, mu + 4 * std::sqrt(mu + 0.3F * mu * mu) + 2);
    const float weight = std::min(1.0F, 2000 / hour.requests);
    const float keep = 1 - std::min(0.05F, hour.requests * weight / 20'000);
    state.errors = state.errors * keep + errors * weight;
    state.requests = state.requests * keep + hour.requests * weight;
    const float off = std::min(squared(hour.errors - mu), 25 * (mu + 0.5F * mu * mu) + 9) - mu;
    state.excess_variance =
        std::max(0.0F, 0.998F * state.excess_variance + off * std::min(1.0F, 100 / (mu * mu)));
    state.variance_weight = 0.998F * state.variance_weight + std::min(mu * mu, 100.0F);
    if (hour.errors >= 3 || hour.requests >= 20)
        learn(state.tail, std::min(seen.surprise, kLargestErrorSurprise));
}

void learn_size(SizeState& size, const Hour& hour, float most_learned) {
    size.highest *= 0.9995F;
    if (hour.requests > size.highest)
        size.highest = std::min(hour.requests, std::max(2 * size.highest, most_learned));
    if (hour.requests <= 0) return;
    size.active_hours = std::min(size.active_hours + 1, 2000.0F);
    const float share = 1 / std::min(size.active_hours, 300.0F);
    float off = std::log(hour.requests + 1) - size.log_mean;
    if (size.active_hours > 10) {
        const float most = 4 * std::sqrt(size.log_variance + kSizeNoise);
        off = std::clamp(off, -most, most);
    }
    size.log_mean += share * off;
    size.log_variance +=
        share * (std::min(off * off * (1 - share), 9 * size.log_variance + 1) - size.log_variance);
}

void learn_silence(SilenceState& silence, const Hour& hour, const DetectorThresholds& thresholds) {
    if (hour.expected >= 1 && hour.silent_before >= 1 &&
        silence.evidence < 2 * thresholds.silence) {
        silence.chances = 0.9995F * silence.chances + 1;
        silence.continued = 0.9995F * silence.continued + (hour.requests == 0 ? 1.0F : 0.0F);
    }
    if (hour.requests <= 0) return;
    if (silence.hours > 0) {
        silence.longest = std::max(silence.longest, static_cast<float>(silence.hours));
        silence.highest_evidence = std::max(silence.highest_evidence, silence.evidence);
    }
    silence.hours = 0;
    silence.evidence = 0;
}

void fade_weekly(DetectorState& state) {
    state.burst.highest *= 0.97F;
    state.errors.highest *= 0.97F;
    state.silence.highest_evidence *= 0.97F;
    state.silence.longest *= 0.98F;
}

// Always, inside incidents too, but never all of a surprise: else one leak would hide the next.
// [11]
void learn_volume(DetectorState& state, const Hour& hour, const DetectorThresholds& thresholds) {
    BaselineState& base = state.baseline;
    const float y = hour.requests;
    const float mu = hour.expected;
    const float deviation = std::sqrt(mu + hour.dispersion * mu * mu);
    const float most = std::max(mu + 4 * deviation + 3, 1.2F * state.size.highest);
    const float learned = std::min(y, most);
    const float for_variance = std::min(y, std::max(mu + 6 * deviation + 3, state.size.highest));
    base.excess_variance =
        std::max(0.0F, 0.9985F * base.excess_variance + squared(for_variance - mu) - mu);
    base.variance_weight = 0.9985F * base.variance_weight + mu * mu;
    learn(state.tail, std::min(hour.surprise, kLargestSurprise));
    learn(base, learned, hour.of_week, hour.weeks_before, hour.days_before, state.hours,
          hour.rounding);
    base.recent_requests = 0.97F * base.recent_requests + learned;
    base.recent_expected = 0.97F * base.recent_expected + hour.baseline;
    learn_size(state.size, hour, most);
    if (state.hours > 2000) state.size.active_hours *= 1 - 1 / 2000.0F;
    learn_silence(state.silence, hour, thresholds);
    if (hour.of_week == 0) fade_weekly(state);
}

// -------------------------------------------------------------------------------------------------
// Days

void forget_shift(DailyState& daily) {
    daily.evidence = 0;
    daily.shift_requests = daily.shift_expected = daily.shift_highest = 0;
    daily.shift_days = daily.shift_records = 0;
}

void gather_shift(DailyState& daily, float expected, float off) {
    daily.evidence = std::max(0.0F, daily.evidence + std::min(off, 3.0F) - kShiftAllowance);
    if (daily.evidence == 0) {
        daily.highest = std::max(daily.highest, daily.shift_highest);
        forget_shift(daily);
        return;
    }
    daily.shift_requests += daily.requests;
    daily.shift_expected += expected;
    ++daily.shift_days;
    if (daily.requests > kRecordDay * daily.highest) ++daily.shift_records;
    daily.shift_highest = std::max(daily.shift_highest, daily.requests);
}

// Days with more than their hours usually bring: a new level, or the way there. [12]
void test_shift(DetectorState& state, const Hour& hour, const DetectorThresholds& thresholds,
                HourVerdict& verdict) {
    DailyState& daily = state.daily;
    const float threshold = thresholds.shift + hour.early;
    if (daily.evidence <= threshold || daily.shift_days < 2 || daily.shift_records < 2 ||
        daily.shift_requests <= kShiftRatio * daily.shift_expected ||
        daily.shift_requests - daily.shift_expected <= 100)
        return;
    if (verdict.reason == AnomalyReason::none) {
        const bool is_ramp = daily.shift_days >= kRampDays;
        raise(verdict, is_ramp ? AnomalyReason::ramp : AnomalyReason::level,
              daily.evidence / thresholds.shift - 1);
        verdict.shift_days = daily.shift_days;
        verdict.shift_requests = daily.shift_requests;
        verdict.shift_expected = daily.shift_expected;
    }
    // Told once; from here on it is what is usual.
    rebase(state.baseline, std::min(8.0F, daily.shift_requests / (daily.shift_expected + 1)),
           hour.rounding);
    daily.highest = std::max(daily.highest, daily.shift_highest);
    forget_shift(daily);
}

float expected_of_day(const BaselineState& baseline, const Hour& hour) {
    float sum = 0;
    for (unsigned slot = hour.of_week + 1 - kHoursOfDay; slot <= hour.of_week; ++slot)
        sum += expected_at(baseline, hour.weights, slot);
    return sum;
}

void end_day(DetectorState& state, const Hour& hour, const DetectorThresholds& thresholds,
             HourVerdict& verdict) {
    DailyState& daily = state.daily;
    ++daily.days;
    daily.recently_used = 0.965F * daily.recently_used + (daily.requests > 0 ? 1.0F : 0.0F);
    const float expected = expected_of_day(state.baseline, hour);
    const float off = std::log((daily.requests + kDayPrior) / (expected + kDayPrior));
    if (daily.days > kShiftDays) {
        gather_shift(daily, expected, off / std::sqrt(daily.log_variance));
        test_shift(state, hour, thresholds, verdict);
    }
    if (daily.evidence == 0) daily.highest = std::max(0.99F * daily.highest, daily.requests);
    const float variance = std::min(off * off, 9 * daily.log_variance);
    daily.log_variance +=
        (variance - daily.log_variance) / std::min(30.0F, static_cast<float>(daily.days) + 5);
    daily.log_variance = std::max(daily.log_variance, 0.01F);
    daily.requests = 0;
}

void follow_day(DetectorState& state, const Hour& hour, const DetectorThresholds& thresholds,
                HourVerdict& verdict) {
    DailyState& daily = state.daily;
    if (hour.requests > 0 && daily.requests == 0) ++daily.used_days;
    daily.requests += hour.requests;
    if (hour.of_day == kHoursOfDay - 1) end_day(state, hour, thresholds, verdict);
}

// An open incident extends itself; a new one is mailed as far as the budget goes. [13]
void emit(MailState& mail, const Hour& hour, HourVerdict& verdict) {
    if (verdict.reason == AnomalyReason::none) return;
    const bool is_open = mail.last_alarm != 0 && hour.time - mail.last_alarm < kIncidentGap;
    mail.last_alarm = hour.time;
    if (is_open) return;
    verdict.opens_incident = true;
    const auto since = static_cast<float>(hour.time - mail.last_refill);
    mail.budget = std::min(kMostMails, mail.budget + since / kHoursPerMail);
    mail.last_refill = hour.time;
    if (mail.budget < 1 && verdict.severity < kAlwaysMailed) return;
    mail.budget = std::max(0.0F, mail.budget - 1);
    verdict.is_mailed = true;
}

void describe(const DetectorState& state, const Hour& hour, HourVerdict& verdict) {
    verdict.was_judged = true;
    verdict.requests = hour.requests;
    verdict.errors = hour.errors;
    verdict.expected = hour.expected;
    verdict.envelope = hour.envelope;
    verdict.dispersion = hour.doubt;
    verdict.surprise = hour.surprise;
    verdict.silent_hours = state.silence.hours;
    verdict.longest_silence = state.silence.longest;
    verdict.usual_error_share = (state.errors.errors + 1) / (state.errors.requests + 50);
}

}  // namespace

DetectorThresholds::DetectorThresholds(float sensitivity)
    : spike(5 * sensitivity),
      burst(7 * sensitivity),
      silence(3 * sensitivity),
      errors(6 * sensitivity),
      error_run(4 * sensitivity),
      shift(4.5F * sensitivity) {}

HourVerdict step(DetectorState& state, std::uint64_t key_id, const ClosedHour& closed,
                 const DetectorThresholds& thresholds) {
    HourVerdict verdict;
    if (static_cast<std::int64_t>(closed.hour) <= state.last_hour) return verdict;
    state.last_hour = static_cast<std::int32_t>(closed.hour);
    const bool is_silent = closed.requests <= 0;
    if (state.hours == 0 && is_silent) return verdict;  // life begins with the first request
    ++state.hours;
    if (is_silent && state.silence.hours >= kFrozenAfter) {
        ++state.silence.hours;
        return verdict;
    }
    const Hour hour = look_at(state, key_id, closed);
    describe(state, hour, verdict);
    test_spike(state, hour, thresholds, verdict);
    test_burst(state, hour, thresholds, verdict);
    test_wake(state, hour, verdict);
    test_drop(state, hour, thresholds, verdict);
    if (!is_silent) {
        const HourErrors errors = look_at_errors(state.errors, hour);
        test_errors(state, hour, errors, thresholds, verdict);
        test_error_run(state, hour, errors, thresholds, verdict);
        learn_errors(state.errors, hour, errors);
    }
    learn_volume(state, hour, thresholds);
    follow_day(state, hour, thresholds, verdict);
    emit(state.mail, hour, verdict);
    return verdict;
}

}  // namespace keyrota
