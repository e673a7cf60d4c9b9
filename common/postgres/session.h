#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "postgres/connection.h"
#include "postgres/statement.h"

struct pg_conn;

namespace keyrota {

/// One row of a result. SQL hands over bigint, double precision and text only (casts of the
/// statement: instants as keyrota.micros(...), booleans as ::int, arrays and jsonb as ::text);
/// anything else is a bug and asserts.
class Row {
  public:
    bool is_null(std::string_view column) const;
    std::int64_t int64(std::string_view column) const;
    double real(std::string_view column) const;
    const std::string& text(std::string_view column) const;
    Timestamp instant(std::string_view column) const { return from_micros(int64(column)); }
    std::optional<std::int64_t> optional_int64(std::string_view column) const;
    std::optional<Timestamp> optional_instant(std::string_view column) const;
    std::string text_or(std::string_view column, std::string_view otherwise) const;

    void add(std::string column, Value value) {
        cells_.emplace_back(std::move(column), std::move(value));
    }

  private:
    const Value& cell(std::string_view column) const;
    std::vector<std::pair<std::string, Value>> cells_;
};

/// One connection to PostgreSQL. Pins statement_timeout, lock_timeout,
/// idle_in_transaction_session_timeout, TimeZone (UTC) and search_path (pg_catalog: our SQL names
/// its schema); application_name is keyrota unless the connection or PGAPPNAME names another.
///
/// Built on SOCI, which stays behind this header. One thread at a time, but for cancel(). A pooler
/// in between must keep it one backend: who hands them out by the transaction is refused.
///
/// Every member that talks to the server throws DatabaseError with SQLSTATE and the statement's
/// name, never with a bound value; a refused connection throws it too.
class Session {
  public:
    explicit Session(const Connection& connection);
    ~Session();
    Session(Session&&) noexcept;
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    /// @returns the number of rows affected.
    std::int64_t execute(const Statement& statement, const Params& params = {});
    std::vector<Row> rows(const Statement& statement, const Params& params = {});
    /// The first row, if any.
    std::optional<Row> row(const Statement& statement, const Params& params = {});
    /// The row of a statement that always returns one; an empty result is a bug and throws.
    Row one(const Statement& statement, const Params& params = {});

    /// Sends text as it is, one statement, without SOCI's parsing of `:x` (DDL, function bodies).
    void execute_verbatim(const char* name, const std::string& sql);

    /// Asks the server to cancel what this session is doing; from any thread. The statement throws
    /// SQLSTATE 57014.
    void cancel();

    /// The libpq connection beneath, for COPY.
    pg_conn* native();

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

/// A transaction that rolls back unless commit() was called. Not nestable.
class Transaction {
  public:
    explicit Transaction(Session& session);
    ~Transaction();
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;
    /// @throws DatabaseError 25P02 where a statement of it was refused: nothing can be committed.
    void commit();

  private:
    Session& session_;
    bool open_ = true;
};

/// Runs `batch` (which opens and commits its own transaction) and repeats it after a lock timeout,
/// a deadlock or a serialization failure, `tries` times in all, with growing pauses; the last
/// failure is thrown.
void with_retries(int tries, const std::function<void()>& batch);

}  // namespace keyrota
