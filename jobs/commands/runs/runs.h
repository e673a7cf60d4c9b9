#pragma once

#include <ostream>
#include <string>

#include "config/config.h"
#include "error/exit_code.h"
#include "report/listing.h"

namespace keyrota {

/// `keyrota runs list`: the newest first. @param job only of this one; empty: of all.
/// @param limit 0: all.
ExitCode runs_list(const Config& config, const std::string& job, std::int64_t limit, Format format,
                   std::ostream& out);

/// `keyrota runs show ID`: what a run planned, applied, left alone and failed at, check by check.
ExitCode runs_show(const Config& config, std::int64_t run_id, Format format, std::ostream& out);

}  // namespace keyrota
