#pragma once

#include <ostream>

#include "config/config.h"
#include "error/exit_code.h"

namespace keyrota {

/// `keyrota audit verify`: recomputes the whole trail. @throws Error{audit_broken} naming the first
/// broken place.
ExitCode audit_verify(const Config& config, bool json, std::ostream& out);

}  // namespace keyrota
