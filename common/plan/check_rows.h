#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "error/error.h"
#include "postgres/copy.h"
#include "time/timestamp.h"

namespace keyrota {

/// What a check says of one key. Never an action: what changes a key is SQL, whose condition the
/// runner repeats.
struct FoundRow {
    std::int64_t key_id = 0;  // 0: about no key
    std::string_view detail{};
    std::int16_t severity = 1;
    std::optional<Timestamp> due_at{};
    std::string_view evidence = "{}";  // JSON
};

/// Where a check that is no SQL statement puts what it finds: they stream into pg_temp.check_result
/// while it looks, so that memory does not grow with them.
class CheckRows {
  public:
    /// @param session of the run, in a transaction with check_result; does nothing else until
    /// finish().
    /// @param limit rows taken at most; more are dropped.
    CheckRows(Session& session, std::optional<std::int64_t> limit);

    void add(const FoundRow& row);
    /// What was found is so grave that the run, though it did its work, must end with this.
    void alarm(Error alarm) { alarm_ = std::move(alarm); }

    /// @returns how many rows there are.
    std::int64_t finish();
    const std::optional<Error>& raised() const { return alarm_; }

  private:
    CopyWriter writer_;
    std::optional<std::int64_t> limit_;
    std::int64_t total_ = 0;
    std::optional<Error> alarm_;
};

}  // namespace keyrota
