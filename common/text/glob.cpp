#include "text/glob.h"

namespace keyrota {

std::string like_pattern(std::string_view glob) {
    std::string pattern;
    for (const char c : glob) {
        if (c == '%' || c == '_' || c == '\\') pattern += '\\';
        pattern += c == '*' ? '%' : c == '?' ? '_' : c;
    }
    return pattern;
}

}  // namespace keyrota
