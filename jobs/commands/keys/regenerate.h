#pragma once

#include <chrono>
#include <ostream>
#include <string>

#include "config/config.h"
#include "error/exit_code.h"
#include "report/listing.h"

namespace keyrota {

struct RegenerateOptions {
    std::chrono::microseconds overlap{};  // how long the old key goes on working; 0: not at all
    bool dry_run = false;
    bool yes = false;  // ask nothing
    Format format = Format::text;
};

/// `keyrota keys regenerate KEY`: another key takes its place, with a new secret that is shown here
/// and never again; in the same transaction the old one is expired, or its overlap begins. Asks
/// first where the old one stops working at once.
/// @throws Error{usage} where the key cannot be rotated, with why; nothing was changed then.
ExitCode keys_regenerate(const Config& config, const std::string& key,
                         const RegenerateOptions& options, std::ostream& out, std::ostream& errors);

}  // namespace keyrota
