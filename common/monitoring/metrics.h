#pragma once

#include "config/config.h"
#include "runner/runner.h"

namespace keyrota {

/// Replaces keyrota_JOB.prom in `metrics.textfile_dir` by what a run came to and what is known in
/// the database after it, for Prometheus' node_exporter; whole or not at all. Nothing where no
/// directory is configured, or for a run that was not recorded: when the database cannot be reached
/// the file stays as it is and grows old, the time of the last success in it.
///
/// Throws nothing: what goes wrong is a warning in the log.
void write_metrics(const Config& config, const RunReport& report);

}  // namespace keyrota
