#pragma once

#include "runner/run.h"

namespace keyrota {

/// Records findings and applies actions, check by check, in batches, then does the job's steps; a
/// signal ends it after the batch in hand.
void apply_all(Run& run, RunReport& report);

/// Resolves the findings that a standing pass no longer returned. Only for a complete run: only
/// that may take absence for an answer.
void resolve_absent(Run& run, CheckReport& report);

}  // namespace keyrota
