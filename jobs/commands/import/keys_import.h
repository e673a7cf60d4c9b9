#pragma once

#include <iosfwd>
#include <optional>
#include <string>

#include "commands/import/import_common.h"
#include "config/config.h"
#include "error/exit_code.h"
#include "report/listing.h"

namespace keyrota {

struct KeysImportOptions : ImportInput {
    std::string source;
    std::string owner;                          // of keys for which the file names none
    bool create_owners = false;                 // for addresses that nobody has
    bool prune = false;                         // expire what is no longer in the file
    bool yes = false;                           // do not ask before that
    std::optional<std::int64_t> max_actions{};  // how many may be expired; else the blast radius
};

/// How a command meets the person at the terminal, if there is one.
struct Terminal {
    bool in = false, out = false, errors = false;
};

/// `keyrota keys import`: makes the keys of one source what a file says they are. One transaction:
/// all of it or nothing. What is unchanged is not written; each change has its audit entry. Two
/// imports of one source wait for each other. Memory does not grow with the file.
/// @throws Error{usage} with every bad line of the file; Error{config} for a bad map;
/// Error{blast_radius} when more keys vanished than may be expired at once.
ExitCode keys_import(const Config& config, const KeysImportOptions& options, Format format,
                     const Terminal& terminal, std::istream& in, std::ostream& out);

}  // namespace keyrota
