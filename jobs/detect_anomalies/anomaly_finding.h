#pragma once

#include <cstdint>
#include <string>

#include "anomaly/detector.h"

namespace keyrota {

/// The checks that the detector fills, in the order of its reasons; LEVEL and RAMP share one.
struct AnomalyCheck {
    const char* check_id;
    std::int16_t severity;
    bool expects_use;  // says nothing of a key that is over
};
inline constexpr AnomalyCheck kAnomalyChecks[] = {
    {"KEY-ANOMALY-SPIKE", 3, false},  // 4 with a network that is new
    {"KEY-ANOMALY-OFFHOURS", 3, false}, {"KEY-ANOMALY-DROP", 3, true},
    {"KEY-ANOMALY-ERRORS", 3, false},   {"KEY-ANOMALY-WAKEUP", 4, false},
    {"KEY-ANOMALY-SHIFT", 3, false},
};
/// Its place in kAnomalyChecks. @param reason not none.
std::size_t check_of(AnomalyReason reason);

/// Why an owner is not told of an incident, as `held` of the evidence has it.
enum class Held { gate, budget, old };

/// The numbers of an alarm for people, as JSON: what was seen, what was expected, since when.
std::string anomaly_evidence(const HourVerdict& verdict, std::uint32_t hour, Held held);

}  // namespace keyrota
