#pragma once

#include "runner/run.h"

namespace keyrota {

/// Guards, before anything changes: time and place first (report.held), then the blast radius of
/// each check. What they refuse is counted as refused; its findings are recorded all the same.
void apply_guards(Run& run, RunReport& report);

}  // namespace keyrota
