// Part of `./dev bench anomaly-speed`: the CPU time of one step of the detector, in nanoseconds.
// Keys with days, nights, weekends and silent hours of their own, four weeks each, one after
// another as the job takes them; the same every time.

#include <cmath>
#include <cstdio>
#include <ctime>
#include <random>
#include <vector>

#include "anomaly/detector.h"

namespace {

constexpr std::uint32_t kKeys = 500, kHours = 28 * 24;

std::vector<float> hours_of_a_key(std::mt19937& random) {
    const double rate =
        std::exp(std::uniform_real_distribution(-1.0, 7.0)(random));  // .4 to 1,100 an hour
    std::vector<float> hours;
    for (std::uint32_t hour = 0; hour < kHours; ++hour) {
        const double day = 1 + .8 * std::sin(2 * M_PI * (hour % 24) / 24);
        const double week = hour / 24 % 7 < 5 ? 1 : .3;
        hours.push_back(static_cast<float>(std::poisson_distribution(rate * day * week)(random)));
    }
    return hours;
}

double cpu_seconds() {
    timespec now{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

}  // namespace

int main() {
    std::mt19937 random(7);
    std::vector<std::vector<float>> keys;
    for (std::uint32_t key = 0; key < kKeys; ++key) keys.push_back(hours_of_a_key(random));
    const keyrota::DetectorThresholds thresholds;
    long judged = 0;
    const double began_at = cpu_seconds();
    for (std::uint32_t key = 0; key < kKeys; ++key) {
        keyrota::DetectorState state;
        for (std::uint32_t hour = 0; hour < kHours; ++hour) {
            const float requests = keys[key][hour];
            const auto verdict =
                keyrota::step(state, key, {hour, requests, std::floor(requests / 50)}, thresholds);
            judged += verdict.was_judged ? 1 : 0;
        }
    }
    const double nanoseconds = (cpu_seconds() - began_at) * 1e9 / (kKeys * kHours);
    std::printf("%.1f %ld\n", nanoseconds, judged);
}
