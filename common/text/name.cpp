#include "text/name.h"

#include <fmt/format.h>

#include "report/escape.h"

namespace keyrota {

std::optional<std::string> why_no_name(std::string_view text) {
    if (text.empty()) return "it is empty";
    if (for_terminal(text) != text)
        return "it holds control characters, marks that turn the direction of writing, or no UTF-8";
    if (text.front() == ' ' || text.back() == ' ') return "it begins or ends with a space";
    const std::size_t characters = width_of(text);
    if (characters > kLongestName)
        return fmt::format("it has {} characters, and {} at most may be", characters, kLongestName);
    return std::nullopt;
}

}  // namespace keyrota
