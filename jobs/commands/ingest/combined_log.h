#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "commands/ingest/log_record.h"

namespace keyrota {

/// Lines in the combined format of nginx and Apache, with or without more fields behind it.
class CombinedLog : public LogFormatReader {
  public:
    /// @param map lives longer.
    explicit CombinedLog(const LogMap& map);
    const char* read(std::string_view line, LogRecord& record) override;
    bool knows_its_end() const override { return false; }

  private:
    static constexpr std::size_t kBeforeExtra = 8;
    static constexpr std::size_t kMostFields = 64;

    const char* split(std::string_view line);
    const char* rest_of(std::string_view line);

    struct Use {
        LogField field;
        std::size_t place;
    };
    const LogMap& map_;
    std::vector<Use> uses_;
    std::array<std::string_view, kMostFields> fields_{};
    std::size_t there_ = 0;
    std::array<std::string, kLogFields> unescaped_;
};

}  // namespace keyrota
