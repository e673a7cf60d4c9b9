#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "commands/import/import_map.h"
#include "commands/import/problems.h"

namespace keyrota {

/// One record of a file: the columns that its map names, in the map's order. Valid during the call
/// only.
struct Record {
    std::int64_t line;                     // on which it begins
    std::vector<std::string_view> fields;  // empty where the file says nothing
};

enum class FileFormat { csv, json_lines };

/// Reads a file record by record, in memory that does not grow with it. What is wrong with a record
/// is noted and the record left out.
///
/// CSV is RFC 4180 with a header: quotes, line breaks in quotes, CRLF, a byte order mark. JSON
/// lines are objects of texts, numbers, true and false, and lists of texts (handed over with blanks
/// between them).
/// @param path `-` for standard input.
/// @returns for each of the map's columns whether the file has it: in its header, or in any line.
/// @throws Error{usage} for a file that cannot be read or is no text.
std::vector<bool> read_records(const std::string& path, FileFormat format, const ImportMap& map,
                               Problems& problems, const std::function<void(const Record&)>& use);

}  // namespace keyrota
