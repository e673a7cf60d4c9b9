#pragma once

#include <ostream>
#include <string>

#include "config/config.h"
#include "error/exit_code.h"

namespace keyrota {

struct LeaverOptions {
    std::string to;           // OWNER; empty: the leaver's own fallback owner, if there is one
    bool deactivate = false;  // no key is rotated
    bool dry_run = false;
    bool yes = false;  // ask nothing
};

/// `keyrota leaver OWNER`: sets the owner inactive and hands all their native keys to the fallback
/// owner where there is one. Whoever left may know their secrets: active keys are rotated where
/// their policy names a sink, and switched off where not, or where nobody could have them. All of
/// it in one transaction, but for the delivery, which the job rotate-keys tries again; idempotent.
/// @throws Error{usage} where an owner is not there, or `to` has left too.
ExitCode leaver(const Config& config, const std::string& owner, const LeaverOptions& options,
                std::ostream& out, std::ostream& errors);

}  // namespace keyrota
