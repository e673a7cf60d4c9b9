#pragma once

#include <string>
#include <vector>

#include "commands/manual/command_tree.h"

namespace keyrota {

/// A script by which bash completes keyrota's commands, options, and values where they are a list,
/// a file, a directory or a job. It needs nothing but bash.
/// @param jobs what an argument or value called JOB may be.
std::string bash_completion(const CommandTree& program, const std::vector<std::string>& jobs);

/// The same for zsh, with what each command and option does.
std::string zsh_completion(const CommandTree& program, const std::vector<std::string>& jobs);

}  // namespace keyrota
