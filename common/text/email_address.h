#pragma once

#include <string_view>

namespace keyrota {

/// Whether mail can be addressed to it: one address and nothing else (RFC 5321's dot-atom, one @, a
/// domain of labels), letters beyond ASCII allowed (RFC 6531). No display name, no quotes, no
/// comment, no line break, 254 bytes at most. Says nothing about whether anybody reads it.
bool is_email_address(std::string_view text);

}  // namespace keyrota
