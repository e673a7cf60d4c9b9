#include "text/email_address.h"

#include <algorithm>
#include <cctype>

#include "report/escape.h"

namespace keyrota {
namespace {

constexpr std::size_t kLongest = 254;      // RFC 5321, of a path without its brackets
constexpr std::size_t kLongestLocal = 64;  // before the @
constexpr std::size_t kLongestLabel = 63;  // of a domain

bool is_letter_or_digit(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x80 || std::isalnum(byte) != 0;
}

bool is_atom_character(char c) {
    return is_letter_or_digit(c) ||
           std::string_view("!#$%&'*+-/=?^_`{|}~").find(c) != std::string_view::npos;
}

bool is_atom(std::string_view atom) {
    return !atom.empty() && std::all_of(atom.begin(), atom.end(), is_atom_character);
}

bool is_label(std::string_view label) {
    return !label.empty() && label.size() <= kLongestLabel && label.front() != '-' &&
           label.back() != '-' && std::all_of(label.begin(), label.end(), [](char c) {
               return c == '-' || is_letter_or_digit(c);
           });
}

// Whether the parts between the dots all are what they must be.
bool all_between_dots(std::string_view text, bool (*is_part)(std::string_view)) {
    for (;;) {
        const std::size_t dot = text.find('.');
        if (!is_part(text.substr(0, dot))) return false;
        if (dot == std::string_view::npos) return true;
        text.remove_prefix(dot + 1);
    }
}

}  // namespace

std::optional<std::string> why_no_email_address(std::string_view text) {
    if (for_terminal(text) != text)
        return "it holds control characters, marks that turn the direction of writing, or no UTF-8";
    if (text.size() > kLongest) return "it is longer than 254 bytes";
    const std::size_t at = text.rfind('@');
    if (at == std::string_view::npos) return "it has no @";
    if (at > kLongestLocal) return "what stands before the @ is longer than 64 bytes";
    if (!all_between_dots(text.substr(0, at), is_atom))
        return "what stands before the @ is not a plain name";
    if (!all_between_dots(text.substr(at + 1), is_label))
        return "what stands behind the @ is not a domain";
    return std::nullopt;
}

}  // namespace keyrota
