#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "notify/hours.h"
#include "notify/rhythm.h"
#include "runner/step.h"

namespace keyrota {

/// Whether owners are told nothing yet: notify.mode is observe, and nobody said `keyrota mail
/// release`.
bool observes(StepRun& run);

/// When mail may go out, by the configuration.
struct SendingHours {
    std::chrono::minutes digest_at{};
    std::optional<QuietHours> quiet{};

    /// When a recipient of that zone may have what is decided on at `at`. A breach asks nobody
    /// whether they sleep.
    Timestamp not_before(Timestamp at, bool at_once, const TellableFinding& finding,
                         const std::string& time_zone) const;
};

/// @throws Error{config} where notify.digest_at or notify.quiet_hours is no time.
SendingHours sending_hours(const Config& config);

}  // namespace keyrota
