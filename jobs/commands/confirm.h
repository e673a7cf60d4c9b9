#pragma once

#include <ostream>
#include <string>

namespace keyrota {

/// Asks on the terminal, before a command does what its caller should have thought of. Nothing
/// where the word comes back.
/// @param word what must be typed: `yes`, or a number that cannot be typed without reading.
/// @throws Error{usage} where something else is typed, and where there is no terminal: `--yes` is
/// for that.
void confirm(const std::string& question, const std::string& word, std::ostream& terminal);

}  // namespace keyrota
