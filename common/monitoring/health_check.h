#pragma once

#include <string>

#include "config/config.h"
#include "runner/runner.h"

namespace keyrota {

// A health check (healthchecks.io, or what speaks like it) raises the alarm when it hears nothing:
// the one trouble that a run cannot tell itself. It is told of each run by POST, as `ping` says.
// Nothing here throws: what goes wrong is a warning in the log, in which the URL does not stand
// (whoever has it can tell lies there).

/// URL/start. Nothing where no health check is configured.
void ping_start(const Config::Ping& ping, const std::string& job);

/// URL after a run that did its work, URL/EXIT_CODE with message and hint after any other. Nothing
/// for one that gave way to another run of the job: that one will tell.
void ping_end(const Config::Ping& ping, const RunReport& report);

}  // namespace keyrota
