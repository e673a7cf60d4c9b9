#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "config/config.h"
#include "error/exit_code.h"
#include "report/listing.h"

namespace keyrota {

/// Which keys, as a command line says it.
struct KeyMatchWishes {
    std::vector<std::string> teams;   // TEAM
    std::vector<std::string> owners;  // OWNER
    std::vector<std::string> environments;
    std::vector<std::string> names;
    std::vector<std::string> keys;  // KEY
};

/// A waiver, as a command line says it.
struct WaiverWishes {
    std::string name;
    std::vector<std::string> checks;
    KeyMatchWishes match;
    KeyMatchWishes except;
    std::string why;
    std::string requested_by;
    std::string approved_by;
    std::string expires_at;  // or:
    std::string lasts;       // a duration from now
    bool dry_run = false;
};

/// `keyrota waivers add`: says how many keys and findings it covers. Runs waive them.
/// @throws Error{usage} where something of it cannot be.
ExitCode waivers_add(const Config& config, const WaiverWishes& wishes, Format format,
                     std::ostream& out);

/// `keyrota waivers list`: those that have not ended; with `all`, those too. Says what of the file
/// of waivers is not taken over yet.
ExitCode waivers_list(const Config& config, bool all, Format format, std::ostream& out);

/// `keyrota waivers end`.
ExitCode waivers_end(const Config& config, const std::string& name, const std::string& why,
                     std::ostream& out);

}  // namespace keyrota
