#pragma once

#include <ostream>
#include <string>

namespace keyrota {

/// `keyrota: message`, and below it `HINT: ...` where there is one: the one form in which people
/// see an error.
inline void print_error(std::ostream& out, const std::string& message, const std::string& hint) {
    out << "keyrota: " << message << "\n";
    if (!hint.empty()) out << "HINT: " << hint << "\n";
}

}  // namespace keyrota
