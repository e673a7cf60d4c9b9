#pragma once

#include <optional>
#include <ostream>
#include <string>

#include "config/config.h"
#include "error/exit_code.h"
#include "report/listing.h"

namespace keyrota {

struct ReplayQuestion {
    std::string key;
    std::optional<Timestamp> from{};  // none: seven days before `to`
    std::optional<Timestamp> to{};    // none: as far as the detector came
    bool only_alarms = false;
};

/// Shows hour by hour what the detector saw of a key and what it made of it, from all hours that
/// are still there, by the policy in force. Says so where the state that is kept saw others.
/// @throws Error{usage} for a KEY that is none.
ExitCode anomalies_replay(const Config& config, const ReplayQuestion& question, Format format,
                          std::ostream& out, std::ostream& errors);

}  // namespace keyrota
