#include "anomaly/tail.h"

#include <algorithm>
#include <cmath>

#include "anomaly/improbability.h"

namespace keyrota {
namespace {

constexpr float kShareBeyond = 0.02F;     // of hours, beyond the quantile [tau]
constexpr float kDecadesBeyond = 1.699F;  // -log10 of it
constexpr float kHeaviness = 0.08F;       // how slowly the tail beyond falls [gam]
constexpr float kPriorExcesses = 10;      // so many count as seen at first [prn]
constexpr float kLargestExcess = 20;      // learned from, in mean excesses [capq]
constexpr float kMostExcesses = 60;
constexpr std::uint16_t kMostLearned = 2000;
constexpr float kLeastQuantile = 0.3F;

// Between what was seen and what an exponential tail would have. [mm]
float mean_excess(const TailState& tail) {
    const float mean = (tail.mean_excess * tail.excesses + kPerNat * kPriorExcesses) /
                       (tail.excesses + kPriorExcesses);
    return std::max(kPerNat, mean);
}

}  // namespace

float calibrated(const TailState& tail, float surprise) {
    if (surprise <= tail.quantile) return kDecadesBeyond * surprise / tail.quantile;
    const float excess = (surprise - tail.quantile) / mean_excess(tail);
    return kDecadesBeyond + std::log10(1 + kHeaviness * excess) / kHeaviness;
}

void learn(TailState& tail, float surprise) {
    tail.learned =
        std::min<std::uint16_t>(static_cast<std::uint16_t>(tail.learned + 1), kMostLearned);
    const float rate = std::max(2.0F / static_cast<float>(tail.learned), 0.01F) *
                       std::max(1.0F, tail.quantile) / 2;
    if (surprise > tail.quantile) {
        const float excess = std::min(surprise - tail.quantile, kLargestExcess * mean_excess(tail));
        tail.excesses = std::min(tail.excesses + 1, kMostExcesses);
        tail.mean_excess += (excess - tail.mean_excess) / tail.excesses;
        tail.quantile += rate * (1 - kShareBeyond);
    } else {
        tail.quantile -= rate * kShareBeyond;
    }
    tail.quantile = std::max(tail.quantile, kLeastQuantile);
}

}  // namespace keyrota
