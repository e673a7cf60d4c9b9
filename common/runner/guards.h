#pragma once

#include "runner/run.h"

namespace keyrota {

/// Guards, before anything changes: time and place first (report.held), then the blast radius of
/// each check. Says in the report what may not be done; changes nothing.
void judge_by_guards(Run& run, RunReport& report);

/// Takes the refused actions out of the plan, so that only their findings are recorded, and tells
/// the operator what is held.
void enforce_guards(Run& run, const RunReport& report);

}  // namespace keyrota
