#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace keyrota {

/// The candidate a typing error probably meant; empty when none is near (a third of the word's
/// length, at most 3 edits).
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

/// `Did you mean "x"?`, or empty.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace keyrota
