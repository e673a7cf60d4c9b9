#pragma once

#include <string>
#include <string_view>

namespace keyrota {

/// A text from outside as a terminal may show it: control characters, what turns the direction of
/// writing, line separators and broken UTF-8 become `?`.
std::string for_terminal(std::string_view text);

/// A text as one CSV field (RFC 4180): quoted where it must be. One that a spreadsheet would take
/// for a formula (= + - @, tab, carriage return) gets an apostrophe in front, as does one that has
/// apostrophes before such a character already.
std::string for_csv(std::string_view text);

/// The text that for_csv made this field of; its quotes are the parser's business.
std::string_view from_csv(std::string_view field);

/// How many characters a terminal shows, for text that for_terminal made; wide ones count as one.
std::size_t width_of(std::string_view text);

/// At most `width` characters, the last one `…` where something was left out.
std::string shortened(std::string_view text, std::size_t width);

}  // namespace keyrota
