#pragma once

#include <sstream>
#include <string>
#include <vector>

namespace keyrota::test {

inline std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
}

/// The indented lines below a heading of a help, without their indentation.
inline std::vector<std::string> section(const std::string& help, const std::string& heading) {
    std::vector<std::string> found;
    bool inside = false;
    for (const std::string& line : lines_of(help)) {
        if (line == heading)
            inside = true;
        else if (inside && !line.starts_with("  "))
            return found;
        else if (inside)
            found.push_back(line.substr(2));
    }
    return found;
}

/// The first word of each entry below a heading.
inline std::vector<std::string> entries(const std::string& help, const std::string& heading) {
    std::vector<std::string> found;
    for (const std::string& line : section(help, heading))
        if (line.front() != ' ') found.push_back(line.substr(0, line.find(' ')));
    return found;
}

/// The commands that the help of the program or of a group lists, in its order.
inline std::vector<std::string> commands_of(const std::string& help) {
    std::vector<std::string> found;
    for (const std::string& line : lines_of(help)) {
        const bool is_heading = !line.empty() && line.front() != ' ' && line.ends_with(':');
        if (!is_heading || line == "Arguments:" || line == "Options:" || line == "Examples:")
            continue;
        for (const std::string& command : entries(help, line)) found.push_back(command);
    }
    return found;
}

}  // namespace keyrota::test
