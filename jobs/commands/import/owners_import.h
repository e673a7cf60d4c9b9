#pragma once

#include <iosfwd>

#include "commands/import/import_common.h"
#include "config/config.h"
#include "error/exit_code.h"
#include "report/listing.h"

namespace keyrota {

struct OwnersImportOptions : ImportInput {
    bool create_teams = false;  // for names that no team has
};

/// `keyrota owners import`: makes owners what a file says they are, by their address. One
/// transaction; what is unchanged is not written; an owner whom the file does not name is left
/// alone.
/// @param is_terminal whether somebody reads `out`.
/// @throws Error{usage} with every bad line of the file; Error{config} for a bad map.
ExitCode owners_import(const Config& config, const OwnersImportOptions& options, Format format,
                       bool is_terminal, std::ostream& out);

}  // namespace keyrota
