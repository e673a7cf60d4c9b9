#pragma once

#include <filesystem>
#include <ostream>

#include "config/config.h"
#include "runner/runner.h"

namespace keyrota {

/// `keyrota plan JOB --out FILE`: what a run would do, to read and to approve; shows a summary.
/// @throws Error for what prevents planning; a guard that would refuse is an exit code and a hint.
ExitCode plan_to_file(const std::string& job, const std::filesystem::path& file,
                      const RunOptions& options, const Config& config, std::ostream& out,
                      std::ostream& errors);

/// `keyrota apply FILE`: does what the file says; as quiet as `run`.
ExitCode apply_file(const std::filesystem::path& file, const RunOptions& options,
                    const Config& config, bool json, bool is_terminal, std::ostream& out,
                    std::ostream& errors);

}  // namespace keyrota
