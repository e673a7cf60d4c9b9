#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "config/config.h"
#include "error/exit_code.h"
#include "report/listing.h"

namespace keyrota {

/// Whose settings: an owner's, for all their keys, or those of one key, which win. One of the two;
/// for a list neither means all.
struct AlertHolder {
    std::string owner;  // OWNER
    std::string key;    // KEY
};

struct AlertWishes {
    std::vector<std::string> thresholds;  // name=value
    std::string mail;                     // at-once | digest | off
};

/// Lists settings: of an owner with those of the owner's keys, or of a key with its owner's.
/// @throws Error{usage} for an owner or key that is none.
ExitCode alerts_list(const Config& config, const AlertHolder& holder, Format format,
                     std::ostream& out);

/// Sets what is wished for one check and leaves the rest of its settings as it is. Audited.
/// @throws Error{usage} for what cannot be, with what was meant.
ExitCode alerts_set(const Config& config, const AlertHolder& holder, const std::string& check_id,
                    const AlertWishes& wishes, std::ostream& out);

/// Takes the settings for one check back. Audited.
ExitCode alerts_unset(const Config& config, const AlertHolder& holder, const std::string& check_id,
                      std::ostream& out);

}  // namespace keyrota
