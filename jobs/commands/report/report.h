#pragma once

#include <optional>
#include <ostream>
#include <string>

#include "config/config.h"
#include "error/exit_code.h"
#include "time/timestamp.h"

namespace keyrota {

struct ReportOptions {
    std::string out;  // a file; `-`, or empty with --json: standard output
    std::string owner, team;
    bool json = false;
    std::optional<Timestamp> as_of{};  // on a simulation database only
};

/// `keyrota report`: how the keys stand, as one file that can be forwarded. All figures are of one
/// snapshot; changes nothing.
/// @throws Error{usage} for an owner or a team that nobody knows, a file that cannot be written.
ExitCode report(const Config& config, const ReportOptions& options, std::ostream& out);

}  // namespace keyrota
