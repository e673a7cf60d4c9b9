#pragma once

#include <string>

namespace keyrota {

/// docs/configuration.md, made from the table of options: what each takes, its default, the
/// variable that sets it, and what it is for.
std::string config_reference();

}  // namespace keyrota
