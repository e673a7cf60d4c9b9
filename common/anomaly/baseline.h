#pragma once

#include "anomaly/detector_state.h"

namespace keyrota {

/// How much each baseline counts; together 1.
struct BaselineWeights {
    float week, day, level;  // [w0, w1, w2]
};

/// @param weeks, days how often this hour of the week and of the day was seen. [nw, nd_]
BaselineWeights weights_of(const BaselineState& baseline, std::uint32_t weeks, std::uint32_t days);

/// What an hour of the week usually brings. [pred]
float expected_at(const BaselineState& baseline, const BaselineWeights& weights,
                  unsigned hour_of_week);

/// @param rounding in [0, 1): codes are rounded up with the probability of what they would lose.
void learn(BaselineState& baseline, float requests, unsigned hour_of_week, std::uint32_t weeks,
           std::uint32_t days, std::uint32_t hours, float rounding);

/// A new level was accepted: what was usual is so many times as much.
void rebase(BaselineState& baseline, float factor, float rounding);

/// For tests: what a slot holds.
float requests_of(const BaselineState& baseline, std::uint8_t code);

}  // namespace keyrota
