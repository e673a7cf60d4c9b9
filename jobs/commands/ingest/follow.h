#pragma once

#include <string>
#include <vector>

#include "commands/ingest/log_ingest.h"
#include "runner/interruption.h"

namespace keyrota {

/// Reads logs on as they grow, and as they are rotated by rename or by copy and truncation, until
/// somebody wishes to stop. What is read is written every few seconds.
/// @param paths of files; one that is not there yet may come.
void follow_logs(LogIngest& ingest, const std::vector<std::string>& paths,
                 Interruption& interruption);

}  // namespace keyrota
