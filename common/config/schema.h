#pragma once

#include <string>

namespace keyrota {

/// The JSON Schema (2020-12) of a configuration file, made from the table of options: what editors
/// and other programs can know of it. It refuses nothing that load_config takes but texts that YAML
/// reads as numbers; what it cannot say (the bounds of a duration, a password's file, two rules of
/// one name) only `config check` refuses.
std::string config_schema();

}  // namespace keyrota
