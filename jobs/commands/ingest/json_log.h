#pragma once

#include <simdjson.h>

#include <array>
#include <string>
#include <vector>

#include "commands/ingest/log_record.h"

namespace keyrota {

/// Lines that are JSON objects.
class JsonLog : public LogFormatReader {
  public:
    /// @param map lives longer.
    explicit JsonLog(const LogMap& map);
    const char* read(std::string_view line, LogRecord& record) override;
    bool knows_its_end() const override { return true; }

  private:
    // A name in an object, and what its value is for: fields, or names within it.
    struct Name {
        std::string text;
        std::vector<LogField> fields;
        std::vector<std::size_t> within;  // indices into names_
        std::uint64_t seen_in = 0;        // the number of the line
    };
    const char* object(const simdjson::dom::object& from, const std::vector<std::size_t>& names);
    const char* value(const simdjson::dom::element& from, Name& name);
    Name* find(std::string_view text, const std::vector<std::size_t>& names);

    const LogMap& map_;
    simdjson::dom::parser parser_;
    std::vector<Name> names_;
    std::vector<std::size_t> top_;
    std::uint64_t line_ = 0;
    LogRecord* record_ = nullptr;
    std::array<std::string, kLogFields> numbers_;  // as texts
};

}  // namespace keyrota
