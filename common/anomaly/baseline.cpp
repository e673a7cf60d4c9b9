#include "anomaly/baseline.h"

#include <algorithm>
#include <cmath>

namespace keyrota {
namespace {

constexpr float kWeekMemory = 8;      // weeks [memW]
constexpr float kDayMemory = 14;      // days [memD]
constexpr float kLevelMemory = 336;   // hours
constexpr float kWeekDoubt = 2;       // weeks until it counts for half [kHow]
constexpr float kDayDoubt = 1;        // days [kHod]
constexpr float kLevelShare = 0.25F;  // of the level, where all fit alike [shr]
constexpr float kMisfitMemory = 500;  // hours
constexpr float kLeastMisfit = 0.02F;

// A code is a twelfth of a doubling: 0 is nothing, 255 is 311,743.
constexpr float kStepsPerDoubling = 12;
constexpr float kLargestCoded = 311'000;
constexpr int kCodes = 256;

const std::array<float, kCodes>& decoded() {
    static const std::array<float, kCodes> table = [] {
        std::array<float, kCodes> made{};
        for (int code = 0; code < kCodes; ++code)
            made[static_cast<std::size_t>(code)] = static_cast<float>(
                (std::exp2(code / static_cast<double>(kStepsPerDoubling)) - 1) / 8);
        return made;
    }();
    return table;
}

float scale_of(const BaselineState& baseline) {
    return static_cast<float>(std::uint64_t{1} << baseline.code_shift);
}

// @param requests of a damaged state may be negative or no number: nothing.
std::uint8_t code_for(float requests, float rounding) {
    const float code = kStepsPerDoubling * std::log2(1 + 8 * std::max(0.0F, requests)) + rounding;
    return static_cast<std::uint8_t>(std::min(255.0F, std::floor(code)));
}

// Every slot means the same as before, as well as the coarser codes can say it.
void raise_shift(BaselineState& baseline, float rounding) {
    for (std::uint8_t& code : baseline.hour_of_week) code = code_for(decoded()[code] / 2, rounding);
    for (std::uint8_t& code : baseline.hour_of_day) code = code_for(decoded()[code] / 2, rounding);
    ++baseline.code_shift;
}

void store(BaselineState& baseline, std::uint8_t& slot, float requests, float rounding) {
    while (requests > kLargestCoded * scale_of(baseline) && baseline.code_shift < 40)
        raise_shift(baseline, rounding);
    slot = code_for(requests / scale_of(baseline), rounding);
}

float to_sixth(float x) {
    const float cube = x * x * x;
    return cube * cube;
}

void learn_misfit(float& misfit, float share, float root, float predicted) {
    const float off = root - std::sqrt(predicted + 0.375F);
    misfit = std::max(kLeastMisfit, misfit + share * (off * off - misfit));
}

}  // namespace

float requests_of(const BaselineState& baseline, std::uint8_t code) {
    return decoded()[code] * scale_of(baseline);
}

BaselineWeights weights_of(const BaselineState& baseline, std::uint32_t weeks, std::uint32_t days) {
    const float best = std::min({baseline.week_misfit, baseline.day_misfit, baseline.level_misfit});
    const auto seen_weeks = static_cast<float>(weeks);
    const auto seen_days = static_cast<float>(days);
    // An unseen slot counts nothing: 0 weeks, 0 days.
    const float week =
        to_sixth(best / baseline.week_misfit) * seen_weeks / (seen_weeks + kWeekDoubt);
    const float day = to_sixth(best / baseline.day_misfit) * seen_days / (seen_days + kDayDoubt);
    const float level = to_sixth(best / baseline.level_misfit) * kLevelShare + 1e-6F;
    const float sum = week + day + level;
    return {week / sum, day / sum, level / sum};
}

float expected_at(const BaselineState& baseline, const BaselineWeights& weights,
                  unsigned hour_of_week) {
    return weights.week * requests_of(baseline, baseline.hour_of_week[hour_of_week]) +
           weights.day * requests_of(baseline, baseline.hour_of_day[hour_of_week % kHoursOfDay]) +
           weights.level * baseline.level;
}

void learn(BaselineState& baseline, float requests, unsigned hour_of_week, std::uint32_t weeks,
           std::uint32_t days, std::uint32_t hours, float rounding) {
    std::uint8_t& week_slot = baseline.hour_of_week[hour_of_week];
    std::uint8_t& day_slot = baseline.hour_of_day[hour_of_week % kHoursOfDay];
    const float week = requests_of(baseline, week_slot);
    const float day = requests_of(baseline, day_slot);
    if (weeks >= 1) {
        const float share = 1 / std::min(static_cast<float>(hours), kMisfitMemory);
        const float root = std::sqrt(requests + 0.375F);
        learn_misfit(baseline.week_misfit, share, root, week);
        learn_misfit(baseline.day_misfit, share, root, day);
        learn_misfit(baseline.level_misfit, share, root, baseline.level);
    }
    store(baseline, week_slot,
          week + (requests - week) / std::min(static_cast<float>(weeks + 1), kWeekMemory),
          rounding);
    store(baseline, day_slot,
          day + (requests - day) / std::min(static_cast<float>(days + 1), kDayMemory), rounding);
    baseline.level +=
        (requests - baseline.level) / std::min(static_cast<float>(hours), kLevelMemory);
}

void rebase(BaselineState& baseline, float factor, float rounding) {
    // By the level of the moment: a slot that no longer fits raises the shift for those after it.
    for (std::uint8_t& code : baseline.hour_of_week)
        store(baseline, code, requests_of(baseline, code) * factor, rounding);
    for (std::uint8_t& code : baseline.hour_of_day)
        store(baseline, code, requests_of(baseline, code) * factor, rounding);
    baseline.level *= factor;
}

}  // namespace keyrota
