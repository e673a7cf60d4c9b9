#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "plan/planned_action.h"
#include "runner/run.h"

namespace keyrota {

/// The file's first line: which database, which run, which job.
struct PlanHeader {
    std::string installation;  // uuid
    std::int64_t run_id = 0;
    std::string job;
    Timestamp as_of{};
};

/// Writes the actions in the run's plan to `file`: mode 0600, whole or not at all, replacing what
/// was there. In the caller's transaction. @param see what each action is also shown to.
/// @returns the SHA-256 of the file, in hex. @throws Error{usage} where the file cannot be written.
std::string write_plan_file(Run& run, const std::filesystem::path& file,
                            const std::function<void(const PlannedAction&)>& see);

/// @throws Error{usage} for a file that cannot be read or is no plan.
PlanHeader read_plan_header(const std::filesystem::path& file);

/// The SHA-256 of a file, in hex, whatever is in it. @throws Error{usage} where it cannot be read.
std::string digest_of(const std::filesystem::path& file);

/// Hands each action over. @returns the SHA-256 of the file, in hex.
/// @throws Error{usage} for a file that cannot be read, or a line that is no action.
std::string read_plan_file(const std::filesystem::path& file,
                           const std::function<void(const PlannedAction&)>& use);

}  // namespace keyrota
