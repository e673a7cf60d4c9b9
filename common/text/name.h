#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace keyrota {

inline constexpr std::size_t kLongestName = 200;  // characters

/// Why a key, an owner or a team cannot be called so (`it is empty`); nothing where it can. A name
/// is one line of at most 200 characters that a terminal may show as it is; quotes, formulas and
/// all scripts are welcome, since every output escapes for its medium.
std::optional<std::string> why_no_name(std::string_view text);

}  // namespace keyrota
