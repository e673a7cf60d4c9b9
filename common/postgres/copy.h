#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "postgres/session.h"
#include "time/timestamp.h"

namespace keyrota {

/// Streams one relation out of PostgreSQL in binary COPY format, a row at a time, without holding
/// it in memory.
///
/// The session can do nothing else until the reader is finished or destroyed (destruction cancels
/// what is left).
/// @throws DatabaseError with the name when the server refuses.
class CopyReader {
  public:
    /// @param query a SELECT without parameters; identifiers already quoted.
    CopyReader(Session& session, const char* name, const std::string& query);
    ~CopyReader();
    CopyReader(const CopyReader&) = delete;
    CopyReader& operator=(const CopyReader&) = delete;

    /// Moves to the next row. @returns false after the last one.
    bool next();

    // Fields of the present row in the query's order, from 0. The caller knows the types; a wrong
    // width is a bug.
    bool is_null(std::size_t field) const;
    std::int64_t int64(std::size_t field) const;
    std::int32_t int32(std::size_t field) const;
    Timestamp instant(std::size_t field) const;       // timestamptz
    std::string_view bytes(std::size_t field) const;  // bytea or text; valid until next()

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

/// Streams rows into one table in binary COPY format, buffered. Without finish() nothing is stored.
/// @throws DatabaseError with the name when the server refuses.
class CopyWriter {
  public:
    /// @param target `keyrota.table (column, ...)`; identifiers already quoted.
    CopyWriter(Session& session, const char* name, const std::string& target);
    ~CopyWriter();
    CopyWriter(const CopyWriter&) = delete;
    CopyWriter& operator=(const CopyWriter&) = delete;

    /// Starts a row of this many fields; then exactly that many values, in the target's order and
    /// of its types.
    void row(int fields);
    void null();
    void int64(std::int64_t v);
    void int32(std::int32_t v);
    void int16(std::int16_t v);
    void boolean(bool v);
    void text(std::string_view v);  // also for bytea
    void jsonb(std::string_view v);
    void instant(Timestamp v);  // timestamptz
    void text_array(const std::vector<std::string_view>& v);
    /// An IPv4 network for a cidr column.
    void cidr4(std::uint32_t address, unsigned prefix_length);
    /// An IPv6 network, of its first 64 bits.
    void cidr6(std::uint64_t first_half, unsigned prefix_length);

    void finish();

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace keyrota
