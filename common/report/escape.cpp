#include "report/escape.h"

#include <Poco/TextIterator.h>
#include <Poco/UTF8Encoding.h>
#include <Poco/UnicodeConverter.h>

namespace keyrota {
namespace {

bool is_harmful(int character) {
    return character < 0x20 || (character >= 0x7f && character < 0xa0) ||  // control characters
           character == 0x061c || character == 0x200e || character == 0x200f ||
           (character >= 0x202a && character <= 0x202e) ||  // direction of writing
           (character >= 0x2066 && character <= 0x2069) || character == 0x2028 ||
           character == 0x2029 ||  // line separators
           character == 0xfeff;
}

// What a spreadsheet would take for a formula, behind any number of apostrophes.
bool is_formula(std::string_view text) {
    const std::size_t first = text.find_first_not_of('\'');
    return first != std::string_view::npos &&
           std::string_view("=+-@\t\r").find(text[first]) != std::string_view::npos;
}

}  // namespace

std::string for_terminal(std::string_view text) {
    const std::string bytes(text);
    const Poco::UTF8Encoding utf8;
    std::string shown;
    const Poco::TextIterator end(bytes);
    for (Poco::TextIterator at(bytes, utf8); at != end; ++at) {
        const int character = *at;  // -1: not UTF-8
        unsigned char encoded[4];
        const int length =
            is_harmful(character) ? 0 : utf8.convert(character, encoded, sizeof encoded);
        if (length > 0)
            shown.append(reinterpret_cast<const char*>(encoded), static_cast<std::size_t>(length));
        else
            shown += '?';
    }
    return shown;
}

std::string for_csv(std::string_view text) {
    std::string field;
    if (is_formula(text)) field += '\'';
    field += text;
    if (field.find_first_of(",\"\r\n") == std::string::npos) return field;
    std::string quoted = "\"";
    for (const char c : field) {
        if (c == '"') quoted += '"';
        quoted += c;
    }
    return quoted + '"';
}

std::string_view from_csv(std::string_view field) {
    if (!field.empty() && field.front() == '\'' && is_formula(field)) field.remove_prefix(1);
    return field;
}

std::size_t width_of(std::string_view text) {
    std::size_t characters = 0;
    for (const char c : text)
        if ((static_cast<unsigned char>(c) & 0xc0) != 0x80) ++characters;
    return characters;
}

std::string shortened(std::string_view text, std::size_t width) {
    if (width_of(text) <= width) return std::string(text);
    std::size_t length = 0;
    for (std::size_t characters = 0; length < text.size(); ++length)
        if ((static_cast<unsigned char>(text[length]) & 0xc0) != 0x80 && ++characters == width)
            break;
    return std::string(text.substr(0, length)) + "…";
}

}  // namespace keyrota
