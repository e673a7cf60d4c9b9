#pragma once

#include <string>

namespace keyrota {

/// Why something of the configuration was not taken. No secret stands in it.
struct Complaint {
    std::string message;
    std::string hint;
};

}  // namespace keyrota
