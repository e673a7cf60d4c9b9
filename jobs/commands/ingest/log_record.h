#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "commands/ingest/log_map.h"

namespace keyrota {

/// What one line says, field by field; empty where it says nothing. Valid until the next line.
struct LogRecord {
    std::array<std::string_view, kLogFields> texts;

    std::string_view operator[](LogField field) const {
        return texts[static_cast<std::size_t>(field)];
    }
};

/// Reads lines of one format into records. Whatever a line holds, no reason repeats a part of it.
class LogFormatReader {
  public:
    virtual ~LogFormatReader() = default;
    /// @param line with LogLines::kPadding readable bytes behind it.
    /// @returns why the line is malformed; null where it is not.
    virtual const char* read(std::string_view line, LogRecord& record) = 0;
    /// Whether a line that begins as this one could not be read as whole.
    virtual bool knows_its_end() const = 0;
};

/// JSON lines: an object a line.
/// Combined: `ADDRESS LOGNAME USER [TIME] "REQUEST" STATUS BYTES "REFERER" "USER AGENT" ...` of
/// nginx and Apache; what follows is extra_1, extra_2, ... With other fields the map names
/// remote_addr, remote_user, time_local, request, status, body_bytes_sent, http_referer and
/// http_user_agent.
/// @throws Error{config} for a map that names what lines of the format do not have.
std::unique_ptr<LogFormatReader> make_log_reader(LogFormat format, const LogMap& map);

}  // namespace keyrota
