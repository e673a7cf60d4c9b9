#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace keyrota {

/// What a file of a kind can say, in the order in which everything keeps it.
struct ImportKind {
    const char* name;  // what the map's list is called: keys, owners
    std::vector<std::string> fields;
};
const ImportKind& keys_kind();
const ImportKind& owners_kind();

/// A piece of a value: a fixed text, or a column of the file.
struct MapPiece {
    std::string text;
    std::optional<std::size_t> column{};  // index into ImportMap::columns
};

/// Where one field comes from.
struct MapField {
    std::vector<MapPiece> pieces;                            // a column alone is one piece
    std::map<std::string, std::string, std::less<>> values;  // what the file says -> what we say
    std::string time_format;                                 // of an instant; empty: ISO 8601
    int line = 0;                                            // of the map, for people
};

/// One key or owner that a record of the file makes.
struct MapEntry {
    std::optional<std::size_t> needs{};           // made only where this column is not empty
    std::vector<std::optional<MapField>> fields;  // by ImportKind::fields
};

/// How the columns of a file become fields.
struct ImportMap {
    std::string name;
    bool refuses_other_columns = true;
    std::vector<std::string> empty;    // texts that mean: nothing
    std::vector<std::string> columns;  // of the file, all that the map names
    std::vector<bool> optional;        // by column: the file may lack it
    std::vector<MapEntry> entries;

    bool names(std::size_t field) const;
};

/// The map of a file, or a ready one by its name (config/maps). Strict: everything wrong at once,
/// each with its place.
/// @param given `aws-credential-report`, a path (with a / or ending in .yaml or .yml), or empty:
/// the plain one of the kind.
/// @throws Error{config} `FILE:LINE:COLUMN: ...`; Error{usage} for a name that no map has.
ImportMap load_import_map(const std::string& given, const ImportKind& kind);

}  // namespace keyrota
