#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "config/complaint.h"
#include "config/options.h"

namespace keyrota {

/// A text of the configuration with what it refers to in the place of its references.
struct Expansion {
    std::string text;                     // may be secret, whatever its option says
    std::vector<std::string> references;  // as written: `${HOME}`, `file:/run/secrets/url`
    std::vector<std::string> variables;   // by name
    std::vector<Complaint> complaints;    // where there are any, the text is of no use
};

/// Puts variables of the environment in the place of `${NAME}` (`$${` is a `${` of the text), and,
/// for an option whose value is a secret, the content of the file in the place of `file:/PATH`,
/// without the line break at its end. What was put in is not looked at again. The option takes
/// texts.
Expansion expand(const Option& option, std::string_view written,
                 const std::map<std::string, std::string>& environment);

/// A text that has references as people may see it: they stand in it as they were written, and
/// what beside them is secret does not.
std::string shown_as_written(const Option& option, const std::string& written);

}  // namespace keyrota
