#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace keyrota {

/// Why mail cannot go to this address (`it has no @`); nothing where it can. Takes the plain form
/// of RFC 5322, dot-atom@domain on one line, at most 64 bytes before the @ and 254 in all; letters
/// beyond ASCII as UTF-8 (RFC 6531). No quoted local parts, comments, display names or address
/// literals.
std::optional<std::string> why_no_email_address(std::string_view text);

/// Whether it can.
inline bool is_email_address(std::string_view text) {
    return !why_no_email_address(text);
}

}  // namespace keyrota
