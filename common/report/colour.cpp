#include "report/colour.h"

#include <cstdlib>

namespace keyrota {
namespace {

const char* escape_of(Tone tone) {
    switch (tone) {
        case Tone::faint:
            return "\x1b[2m";
        case Tone::good:
            return "\x1b[32m";
        case Tone::warning:
            return "\x1b[33m";
        case Tone::bad:
            return "\x1b[31m";
        case Tone::plain:
            break;
    }
    return "";
}

}  // namespace

bool wants_colours(bool is_terminal) {
    const char* refused = std::getenv("NO_COLOR");
    return is_terminal && (refused == nullptr || *refused == '\0');
}

std::string coloured(const std::string& text, Tone tone, bool colours) {
    if (!colours || tone == Tone::plain) return text;
    return escape_of(tone) + text + "\x1b[0m";
}

}  // namespace keyrota
