#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "commands/import/import_map.h"
#include "commands/import/problems.h"
#include "commands/import/records.h"
#include "time/timestamp.h"

namespace keyrota {

/// The fields of one key or owner as an entry of the map makes them from a record, each checked as
/// it is asked for: what is wrong goes to the problems, with the line, and the entry is not good
/// any more. Texts are valid until the next entry.
class Values {
  public:
    Values(const ImportKind& kind, const ImportMap& map, Problems& problems);

    /// @returns whether the record makes this entry at all.
    bool begin(const Record& record, const MapEntry& entry);

    /// What the file says, as the map translates it; empty: nothing.
    std::string_view text(std::size_t field) const { return texts_[field]; }
    std::string_view required(std::size_t field);
    std::string_view at_most(std::size_t field, std::size_t characters);
    /// @param otherwise where the file says nothing.
    std::string_view one_of(std::size_t field, const std::vector<std::string>& choices,
                            std::string_view otherwise);
    std::string_view email(std::size_t field);
    std::optional<Timestamp> instant(std::size_t field);

    void complain(std::size_t field, const std::string& message, const std::string& hint = "");
    bool good() const { return good_; }

  private:
    const ImportKind& kind_;
    const ImportMap& map_;
    Problems& problems_;
    const Record* record_ = nullptr;
    const MapEntry* entry_ = nullptr;
    std::vector<std::string_view> texts_;
    std::vector<std::string> made_;  // by a map's text
    bool good_ = true;
};

}  // namespace keyrota
