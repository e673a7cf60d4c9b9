#pragma once

#include <ostream>
#include <string>

#include "config/load.h"
#include "error/exit_code.h"
#include "report/listing.h"

namespace keyrota {

/// `keyrota explain KEY`: one page on one key: what it is, whether a call with it would be accepted
/// now, which policy rule holds and why, its findings, its audit entries.
ExitCode explain(const LoadedConfig& loaded, const std::string& key, Format format,
                 std::ostream& out);

}  // namespace keyrota
