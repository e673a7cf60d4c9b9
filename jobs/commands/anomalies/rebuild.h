#pragma once

#include <ostream>

#include "config/config.h"
#include "error/exit_code.h"
#include "time/timestamp.h"

namespace keyrota {

/// Forgets what the detector remembers of all keys, and lets detect-anomalies make it anew from the
/// hours from `from` on. Killed anywhere, it can be run again.
/// @throws Error{lease_held} while detect-anomalies runs.
ExitCode anomalies_rebuild(const Config& config, Timestamp from, bool is_terminal,
                           std::ostream& out, std::ostream& errors);

}  // namespace keyrota
