#pragma once

#include <string>

namespace keyrota {

/// What a line says to the eye, where there are colours.
enum class Tone { plain, faint, good, warning, bad };

/// Whether people see colours: the output is a terminal, and NO_COLOR (no-color.org) is not set.
bool wants_colours(bool is_terminal);

/// The text in the tone's colour; as it is where `colours` is false. Widths are to be computed
/// before.
std::string coloured(const std::string& text, Tone tone, bool colours);

}  // namespace keyrota
