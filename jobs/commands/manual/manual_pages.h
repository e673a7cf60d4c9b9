#pragma once

#include <vector>

#include "commands/manual/command_tree.h"
#include "commands/named_files.h"

namespace keyrota {

/// Manual pages of section 1 in the language of man(7): keyrota.1 for the program, and one for each
/// command with all that are below it (keyrota-keys.1). The text is that of the help.
std::vector<NamedFile> manual_pages(const CommandTree& program);

}  // namespace keyrota
