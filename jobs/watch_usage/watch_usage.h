#pragma once

#include "runner/job.h"

namespace keyrota {

/// watch-usage: keys whose calls of the last closed hours go wrong, come near or over their limit,
/// expose the key, or come with a key that is over.
void plan_watch_usage(const RunContext& run, Plan& plan);

}  // namespace keyrota
