#pragma once

#include <optional>
#include <ostream>

#include "config/config.h"
#include "error/exit_code.h"
#include "time/timestamp.h"

namespace keyrota {

struct StatusOptions {
    std::optional<Timestamp> as_of{};  // of a simulation database; else its clock
    bool json = false;
    bool colours = false;  // the output is a terminal, and nobody minds (NO_COLOR)
};

/// One screen: each job's last run, last good run and next start, who is at work, what is held,
/// what waits, findings, the audit trail's head, the database. Costs the same at ten million keys:
/// nothing is counted but a short stretch of an index or a sample of a table.
/// @returns attention where a person should do something, and says what in the last lines.
/// @throws Error{usage} for an as_of on a real database.
ExitCode status(const Config& config, const StatusOptions& options, std::ostream& out);

}  // namespace keyrota
