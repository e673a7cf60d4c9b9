#pragma once

#include <ostream>

#include "config/load.h"
#include "error/exit_code.h"

namespace keyrota {

/// `keyrota config check`: says which file is valid and how many policy rules it has.
/// @throws Error{config} with all that is wrong, see load_config.
ExitCode config_check(const ConfigSources& sources, std::ostream& out);

/// `keyrota config show`: every option with the value in force and where it was said, as aligned
/// columns or, with `json`, as one object {"file": text or null, "settings": [{"option", "value",
/// "origin"}]}. No password is shown.
/// @throws Error{config} with all that is wrong, see load_config.
ExitCode config_show(const ConfigSources& sources, bool json, std::ostream& out);

}  // namespace keyrota
