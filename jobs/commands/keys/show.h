#pragma once

#include <ostream>
#include <string>

#include "config/config.h"
#include "error/exit_code.h"
#include "report/listing.h"

namespace keyrota {

/// `keyrota keys show KEY`: the facts, no more; `explain` says what follows from them.
ExitCode keys_show(const Config& config, const std::string& key, Format format, std::ostream& out);

}  // namespace keyrota
