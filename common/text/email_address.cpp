#include "text/email_address.h"

#include <algorithm>

namespace keyrota {
namespace {

constexpr std::size_t kLongestAddress = 254;
constexpr std::size_t kLongestLocalPart = 64;
constexpr std::size_t kLongestLabel = 63;
constexpr std::string_view kAlsoInAtoms = "!#$%&'*+-/=?^_`{|}~";

bool is_letter_or_digit(unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c >= 0x80;
}

bool is_atom(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return is_letter_or_digit(static_cast<unsigned char>(c)) ||
               kAlsoInAtoms.find(c) != std::string_view::npos;
    });
}

bool is_label(std::string_view text) {
    return !text.empty() && text.size() <= kLongestLabel && text.front() != '-' &&
           text.back() != '-' && std::all_of(text.begin(), text.end(), [](char c) {
               return is_letter_or_digit(static_cast<unsigned char>(c)) || c == '-';
           });
}

bool all_between_dots(std::string_view text, bool (*holds)(std::string_view)) {
    for (std::size_t dot = text.find('.'); dot != std::string_view::npos; dot = text.find('.')) {
        if (!holds(text.substr(0, dot))) return false;
        text.remove_prefix(dot + 1);
    }
    return holds(text);
}

}  // namespace

bool is_email_address(std::string_view text) {
    const std::size_t at = text.find('@');
    if (at == std::string_view::npos || text.size() > kLongestAddress) return false;
    return at <= kLongestLocalPart && all_between_dots(text.substr(0, at), is_atom) &&
           all_between_dots(text.substr(at + 1), is_label);
}

}  // namespace keyrota
