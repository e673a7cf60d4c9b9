#include "commands/named_files.h"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "error/error.h"

namespace keyrota {

namespace fs = std::filesystem;

void write_files(const std::vector<NamedFile>& files, const fs::path& directory,
                 std::ostream& out) {
    std::error_code error;
    fs::create_directories(directory, error);
    for (const NamedFile& file : files) {
        const fs::path path = directory / file.name;
        std::ofstream written(path);
        written << file.text;
        written.close();
        if (!written)
            throw Error(ExitCode::usage,
                        fmt::format("cannot write {}: {}", path.string(), std::strerror(errno)));
        fmt::print(out, "wrote {}\n", path.string());
    }
}

}  // namespace keyrota
