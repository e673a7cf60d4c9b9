#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "waiver/waiver.h"

namespace keyrota {

/// The waivers that a file declares: all of them, or none.
///
/// The file is as trusted as the configuration (read_trusted_file) and as strictly read: a field
/// that is unknown or stands twice, a value that cannot be, two waivers of one name.
/// @throws Error{config} whose message lists everything that is wrong, each on a line of its own
/// (`FILE:LINE:COLUMN: ...`), followed by an indented `HINT: ...` where there is one.
std::vector<Waiver> read_waiver_file(const std::filesystem::path& file);

/// The same from a text. @param file what messages call it.
std::vector<Waiver> parse_waivers(const std::string& text, const std::string& file);

}  // namespace keyrota
