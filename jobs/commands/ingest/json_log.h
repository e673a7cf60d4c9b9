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
        std::vector<std::size_t> within;  // indices into names_; a Level
        std::uint64_t seen_in = 0;        // the number of the line
    };
    using Level = std::vector<std::size_t>;  // names that stand in the same object
    // What stood at a place of the last line: a gateway writes its fields in the same order always.
    struct Place {
        std::string text;
        const Level* level = nullptr;
        Name* name = nullptr;  // null: one that nobody asks for
    };
    static constexpr std::size_t kPlaces = 64;
    static constexpr std::size_t kLongestAtPlace = 64;  // bytes: callers may choose names, too

    const char* object(const simdjson::dom::object& from, const Level& level);
    const char* value(const simdjson::dom::element& from, Name& name);
    Name* name_at_place(std::string_view text, const Level& level);
    Name* find(std::string_view text, const Level& level);

    const LogMap& map_;
    simdjson::dom::parser parser_;
    std::vector<Name> names_;
    Level top_;
    std::array<Place, kPlaces> places_;
    std::size_t place_ = 0;  // of the line's next member
    std::uint64_t line_ = 0;
    LogRecord* record_ = nullptr;
    std::array<std::string, kLogFields> numbers_;  // as texts
};

}  // namespace keyrota
