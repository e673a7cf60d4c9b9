#pragma once

#include <string>

namespace keyrota {

/// Whether `--map` was given a file rather than the name of a ready map.
bool is_map_file(const std::string& given);

/// @throws Error{config} for a file that cannot be read.
std::string read_map_file(const std::string& path);

}  // namespace keyrota
