#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "config/config.h"
#include "runner/runner.h"

namespace keyrota {

/// `keyrota run JOB...`: one after another, going on after a job that failed. On a terminal a few
/// lines each; else only what was asked for (`json`, a dry run), and to `errors` what went wrong:
/// not that another run is still at work, if nobody is there to read it. Tells the health check and
/// writes metrics, where there are any; a plan and an applied plan are no runs in their sense,
/// since they do not do all of a job.
/// @returns the gravest exit code of all.
/// @throws Error{usage} for an unknown job, before any is run.
ExitCode run_jobs(const std::vector<std::string>& names, const RunOptions& options,
                  const Config& config, bool json, bool is_terminal, std::ostream& out,
                  std::ostream& errors);

/// `keyrota resume [JOB]`: lets what a guard of time and place held back act again; all jobs when
/// `job` is empty.
ExitCode resume(const std::string& job, const Config& config, std::ostream& out);

}  // namespace keyrota
