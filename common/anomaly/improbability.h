#pragma once

#include <algorithm>
#include <cmath>

namespace keyrota {

inline constexpr float kPerNat = 0.4343F;  // powers of ten in one of e

/// How improbable so many events are where `expected` are usual: a negative binomial's tail has at
/// most 10^-result (Chernoff). Its variance is expected + dispersion * expected^2. [D]
inline float improbability(float events, float expected, float dispersion) {
    // In double precision: two large terms nearly cancel.
    const double y = events, mu = expected, a = dispersion;
    const double own = y > 0 ? y * std::log(y / mu) : 0;
    const double nats = own - (y + 1 / a) * std::log((1 + a * y) / (1 + a * mu));
    return kPerNat * static_cast<float>(std::max(0.0, nats));
}

}  // namespace keyrota
