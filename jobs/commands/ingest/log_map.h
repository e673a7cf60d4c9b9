#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace keyrota {

/// What a line of a gateway's log can say of a call.
enum class LogField : std::size_t {
    at,           // when it came
    status,       // of the answer
    key,          // key_id, or SHA-256 of the secret in hexadecimal digits
    external_id,  // the key's name in the system that it was imported from
    secret,       // hashed at once
    url,          // may hold the secret
    network,      // the caller's address
    scope,        // that the call needed
    browser,      // headers that only browsers send: anything at all
};
inline constexpr std::size_t kLogFields = 9;

enum class LogFormat { json_lines, combined };
enum class LogTime { iso, unix_seconds, unix_milliseconds, unix_microseconds, clf };

/// Where a field stands in a line: the names on the way to it, from the outside in.
struct LogSource {
    LogField field;
    std::vector<std::string> path;
};

/// How the lines of a gateway's log are read.
struct LogMap {
    std::string name;
    std::vector<LogSource> sources;
    LogTime time = LogTime::iso;
    std::string key_source;  // whose external ids they are
    std::vector<std::string> query_parameters{"api_key"};
    std::vector<std::string> empty{"-"};                     // texts that mean: nothing
    std::map<std::string, std::string, std::less<>> scopes;  // what the log says: the scope

    bool has(LogField field) const;
    bool means_nothing(std::string_view text) const;
};

/// The map of a file, or a ready one by its name (config/gateways). Strict: everything wrong at
/// once, each with its place.
/// @param given `nginx`, a path (with a / or ending in .yaml or .yml), or empty: the plain one of
/// the format.
/// @throws Error{config} `FILE:LINE:COLUMN: ...`; Error{usage} for a name that no map has.
LogMap load_log_map(const std::string& given, LogFormat format);

}  // namespace keyrota
