#pragma once

#include <ostream>
#include <string>

#include "config/config.h"
#include "error/exit_code.h"

namespace keyrota {

struct LeaverOptions {
    std::string to;  // OWNER; empty: the leaver's own fallback owner, if there is one
    bool dry_run = false;
    bool yes = false;  // ask nothing
};

/// `keyrota leaver OWNER`: sets the owner inactive, hands all their native keys to the fallback
/// owner where there is one, and switches them off: whoever left may know their secrets. All of it
/// in one transaction; idempotent.
/// @throws Error{usage} where an owner is not there, or `to` has left too.
ExitCode leaver(const Config& config, const std::string& owner, const LeaverOptions& options,
                std::ostream& out, std::ostream& errors);

}  // namespace keyrota
