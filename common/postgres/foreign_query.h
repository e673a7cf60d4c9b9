#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "postgres/session.h"
#include "time/timestamp.h"

namespace keyrota {

/// A query that somebody else wrote, sent to the server as it is: no parsing of `:x`, nothing
/// wrapped around it. Prepared first, so that it is one statement and its columns are known before
/// it does anything.
///
/// The session can do nothing else until the query is read to its end or destroyed, and should be
/// one that may only look (Access::checker).
/// Every member that talks to the server throws DatabaseError with the server's own words: they are
/// for the author, and may repeat what that session may see.
class ForeignQuery {
  public:
    struct Column {
        std::string name;
        std::uint32_t type;  // OID
    };

    /// @param as_of bound to $1, a timestamptz, whether or not the text uses it.
    ForeignQuery(Session& session, const std::string& text, Timestamp as_of);
    ~ForeignQuery();
    ForeignQuery(const ForeignQuery&) = delete;
    ForeignQuery& operator=(const ForeignQuery&) = delete;

    /// None of a statement that returns no rows.
    const std::vector<Column>& columns() const;

    /// Moves to the next row; the first call executes the query. @returns false after the last one.
    bool next();
    bool is_null(std::size_t field) const;
    /// As the server writes it as text; valid until next().
    std::string_view text(std::size_t field) const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace keyrota
