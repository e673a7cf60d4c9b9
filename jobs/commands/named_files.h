#pragma once

#include <filesystem>
#include <ostream>
#include <string>
#include <vector>

namespace keyrota {

/// A file that a command makes.
struct NamedFile {
    std::string name;
    std::string text;
};

/// Writes files into a directory, which is made where it is missing, and says so, a line each.
/// @throws Error{usage} with the path of one that cannot be written.
void write_files(const std::vector<NamedFile>& files, const std::filesystem::path& directory,
                 std::ostream& out);

}  // namespace keyrota
