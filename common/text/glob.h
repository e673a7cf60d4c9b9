#pragma once

#include <string>
#include <string_view>

namespace keyrota {

/// The pattern for SQL's LIKE that a GLOB means: `*` any characters, `?` one; all others stand for
/// themselves.
std::string like_pattern(std::string_view glob);

}  // namespace keyrota
