#pragma once

#include <optional>
#include <ostream>
#include <string>

#include "config/config.h"
#include "error/exit_code.h"
#include "report/listing.h"

namespace keyrota {

/// What a team is to be; what is empty stays as it is.
struct TeamWishes {
    std::string name;
    std::string email;           // `none` takes it away
    std::string security_email;  // so here
    std::string webhook;         // and here; the name of one in the configuration
};

ExitCode teams_create(const Config& config, const TeamWishes& team, Format format,
                      std::ostream& out);
/// `keyrota teams list`: by name, with how many owners, keys and unresolved findings are theirs.
ExitCode teams_list(const Config& config, std::optional<std::int64_t> limit, Format format,
                    std::ostream& out);
ExitCode teams_show(const Config& config, const std::string& team, Format format,
                    std::ostream& out);
ExitCode teams_update(const Config& config, const std::string& team, const TeamWishes& wishes,
                      std::ostream& out);

}  // namespace keyrota
