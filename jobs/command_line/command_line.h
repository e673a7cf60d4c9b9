#pragma once

#include <ostream>

#include "error/exit_code.h"

namespace keyrota {

/// Reads the command line, loads the configuration and carries the command out.
/// Help and version go to `out`, a wrong command line to `errors` with ExitCode::usage.
/// @throws Error, and whatever nobody foresaw: main maps both to an exit code.
ExitCode run_command_line(int argc, const char* const* argv, std::ostream& out,
                          std::ostream& errors);

}  // namespace keyrota
