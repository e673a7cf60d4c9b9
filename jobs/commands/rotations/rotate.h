#pragma once

#include <chrono>
#include <optional>
#include <ostream>
#include <string>

#include "commands/keys/change.h"
#include "config/config.h"
#include "error/exit_code.h"

namespace keyrota {

struct RotateOptions {
    std::string reason = "manual";                       // scheduled | leaver | manual
    std::string sink{};                                  // empty: as the policy says
    std::optional<std::chrono::microseconds> overlap{};  // none: as the policy says
    bool dry_run = false;
    bool yes = false;  // ask nothing
    bool json = false;
    bool out_is_terminal = false;
    std::int64_t max_keys = 1000;  // more: refused, exit 8
};

/// `keyrota rotate`: asks for successors of the selected keys, and delivers them. What fails here
/// the job rotate-keys tries again.
/// @returns partial where some were refused or not delivered, blast_radius over max_keys.
/// @throws Error{usage} where the only key is refused, or the command line asks for too much.
ExitCode rotate(const Config& config, const KeySelection& selection, const RotateOptions& options,
                std::ostream& out, std::ostream& errors);

}  // namespace keyrota
