#include "commands/map_file.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

#include "error/error.h"

namespace keyrota {

bool is_map_file(const std::string& given) {
    return given.find('/') != std::string::npos || given.ends_with(".yaml") ||
           given.ends_with(".yml");
}

std::string read_map_file(const std::string& path) {
    std::ifstream in(path);
    std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    if (!in.is_open() || in.bad())
        throw Error(ExitCode::config,
                    fmt::format("{}: the map cannot be read: {}", path, std::strerror(errno)));
    return text;
}

}  // namespace keyrota
