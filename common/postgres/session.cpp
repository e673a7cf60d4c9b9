#include "postgres/session.h"

#include <fmt/format.h>
#include <libpq-fe.h>
#include <soci/postgresql/soci-postgresql.h>
#include <soci/soci.h>

#include <cassert>
#include <deque>
#include <random>
#include <thread>

#include "error/error.h"
#include "postgres/refusal.h"

namespace keyrota {
namespace {

constexpr const char* kConnectionFailure = "08006";

struct ConnectFailure {
    std::string_view text;
    const char* hint;  // {}: the option that named the server
};
constexpr ConnectFailure kConnectFailures[] = {
    {"password",
     "Put the password into a passfile (~/.pgpass) or PGPASSWORD, and check the user's name."},
    {"certificate", "Set sslrootcert in {}, or choose another sslmode there."},
    {"SSL", "The server must offer TLS, or choose another sslmode in {}."},
    {"database \"", "Create the database, or correct {}."},
    {"role \"", "Run `keyrota db init` with database.admin_url, or correct the user in {}."},
    // It tells no SQLSTATE for that: a full disk, which each new connection may meet.
    {"could not write init file", "Free space on the server, then run it again."},
    {"", "Is the server running, and is {} right?"},
};

// libpq's connect errors name host, port, user and database, never a password. Several attempts
// make several lines.
DatabaseError connect_failed(std::string text, const Connection& connection) {
    const std::size_t fatal = text.find("FATAL:");
    if (fatal != std::string::npos) text = text.substr(fatal + 6);
    for (const std::string_view prefix :
         {"Cannot establish connection to the database.", "\n", " "})
        while (text.compare(0, prefix.size(), prefix) == 0) text.erase(0, prefix.size());
    std::string line;
    for (const char c : text.substr(0, text.find_last_not_of("\n\t ") + 1)) {
        if (c == '\n')
            line += "; ";
        else if (c != '\t')
            line += c;
    }
    for (const ConnectFailure& failure : kConnectFailures)
        if (line.find(failure.text) != std::string::npos)
            return {"08001", fmt::format("cannot connect to {}: {}", connection.display(), line),
                    fmt::format(fmt::runtime(failure.hint), connection.option)};
    return {"08001", line};
}

constexpr Statement kPinSession{
    "pin_session",
    "select set_config('statement_timeout', :statement, false),"
    "       set_config('lock_timeout', :lock, false),"
    "       set_config('idle_in_transaction_session_timeout', :idle, false),"
    "       set_config('TimeZone', 'UTC', false), set_config('search_path', 'pg_catalog', false),"
    "       set_config('keyrota.session', :mark, false), pg_backend_pid()::bigint as pid"};
constexpr Statement kMark{"session_mark", "show keyrota.session"};
constexpr const char* kUnknownSetting = "42704";
constexpr Statement kBegin{"begin", "begin"};
constexpr Statement kRollback{"rollback", "rollback"};
constexpr Statement kBackend{"backend", "select pg_backend_pid()::bigint as pid"};

constexpr const char* kSharedBackend =
    "a pooler hands the session's backend to others between transactions";
constexpr const char* kNoSharedBackend =
    "Point database.url at the server itself, or at a pool in session mode.";

void ignore_notice(void*, const char*) {}

Value cell_of(const soci::row& row, std::size_t i) {
    if (row.get_indicator(i) == soci::i_null) return {};
    switch (row.get_properties(i).get_data_type()) {
        case soci::dt_string:
        case soci::dt_xml:
            return row.get<std::string>(i);
        case soci::dt_double:
            return row.get<double>(i);
        case soci::dt_integer:
            return std::int64_t{row.get<int>(i)};
        case soci::dt_long_long:
            return static_cast<std::int64_t>(row.get<long long>(i));
        case soci::dt_unsigned_long_long:
        case soci::dt_date:
        case soci::dt_blob:
            break;
    }
    assert(false && "a statement hands over bigint, double precision and text only");
    return {};
}

}  // namespace

const Value& Row::cell(std::string_view column) const {
    for (const auto& [name, value] : cells_)
        if (name == column) return value;
    assert(false && "no such column in the result");
    static const Value null;
    return null;
}
bool Row::is_null(std::string_view column) const {
    return std::holds_alternative<std::monostate>(cell(column));
}
std::int64_t Row::int64(std::string_view column) const {
    return std::get<std::int64_t>(cell(column));
}
double Row::real(std::string_view column) const {
    return std::get<double>(cell(column));
}
const std::string& Row::text(std::string_view column) const {
    return std::get<std::string>(cell(column));
}
std::optional<std::int64_t> Row::optional_int64(std::string_view column) const {
    if (is_null(column)) return std::nullopt;
    return int64(column);
}
std::optional<Timestamp> Row::optional_instant(std::string_view column) const {
    const auto micros = optional_int64(column);
    return micros ? std::optional(from_micros(*micros)) : std::nullopt;
}

std::string Row::text_or(std::string_view column, std::string_view otherwise) const {
    return is_null(column) ? std::string(otherwise) : text(column);
}

struct Session::Impl {
    soci::session soci;
    PGcancel* canceller = nullptr;  // its own copy of what cancel needs: usable from another thread
    std::int64_t backend_pid = 0;   // of the one that has the session's settings
    std::string mark = fmt::format("{:08x}{:08x}", std::random_device{}(), std::random_device{}());

    ~Impl() { PQfreeCancel(canceller); }

    PGconn* native() {
        return static_cast<soci::postgresql_session_backend*>(soci.get_backend())->conn_;
    }

    DatabaseError translate(const soci::soci_error& error, const char* statement) {
        std::string sqlstate;
        if (const auto* postgres = dynamic_cast<const soci::postgresql_soci_error*>(&error))
            sqlstate = postgres->sqlstate();
        // A broken connection may come without a SQLSTATE, or with one of blanks.
        if (sqlstate.size() != 5 || sqlstate.front() == ' ')
            sqlstate = PQstatus(native()) == CONNECTION_BAD ? kConnectionFailure : "XX000";
        return refused(sqlstate, statement, native());
    }

    void open(const Connection& connection) {
        try {
            soci.open(soci::postgresql,
                      "fallback_application_name=keyrota " + connection.conninfo());
        } catch (const soci::soci_error& error) {
            throw connect_failed(error.get_error_message(), connection);
        }
    }

    std::int64_t ask_backend_pid() {
        std::vector<Row> rows;
        run(kBackend, {}, &rows);
        return rows.front().int64("pid");
    }

    // A backend tells its number to whoever connects; a pooler in between tells one of its own.
    bool is_pooled() { return backend_pid != PQbackendPID(native()); }

    // Whether the pooler gives this session's backend to others between its transactions: it does
    // not have it the next time, or a second connection, which is not kept, has it now. A busy pool
    // may hide it from this; each transaction looks again.
    bool is_backend_shared(const Connection& connection) {
        if (ask_backend_pid() != backend_pid) return true;
        Impl second;
        second.open(connection);
        return second.ask_backend_pid() == backend_pid || ask_backend_pid() != backend_pid;
    }

    // As a transaction begins, which keeps its backend to its end. SHOW takes no snapshot: a
    // transaction's characteristics can still be set.
    void require_own_backend() {
        if (!is_pooled() || has_mark()) return;
        run(kRollback, {}, nullptr);
        throw DatabaseError("08P01", kSharedBackend, kNoSharedBackend);
    }
    bool has_mark() {
        try {
            std::vector<Row> rows;
            run(kMark, {}, &rows);
            return rows.front().text("keyrota.session") == mark;
        } catch (const DatabaseError& error) {
            if (error.sqlstate() == kUnknownSetting) return false;
            throw;
        }
    }

    // The one place where values are bound: named variables that live until the statement has run
    // (SOCI keeps references), and a statement sent once, so that no prepared name is left behind.
    // @returns rows affected.
    std::int64_t run(const Statement& statement, const Params& params, std::vector<Row>* rows) {
        std::deque<long long> integers;
        std::deque<std::pair<std::string, soci::indicator>> texts;
        std::deque<double> reals;
        soci::row row;
        try {
            soci::statement prepared(soci);
            for (const Param& param : params) {
                if (const auto* i = std::get_if<std::int64_t>(&param.value))
                    prepared.exchange(soci::use(integers.emplace_back(*i), param.name));
                else if (const auto* d = std::get_if<double>(&param.value))
                    prepared.exchange(soci::use(reals.emplace_back(*d), param.name));
                else {
                    const auto* text = std::get_if<std::string>(&param.value);
                    // SOCI would send what stands before it.
                    if (text && text->find('\0') != std::string::npos)
                        throw refused("22021", statement.name, native());
                    auto& bound = texts.emplace_back(text ? *text : std::string(),
                                                     text ? soci::i_ok : soci::i_null);
                    prepared.exchange(soci::use(bound.first, bound.second, param.name));
                }
            }
            prepared.alloc();
            prepared.prepare(statement.text, soci::details::st_one_time_query);
            prepared.define_and_bind();
            if (!rows) {
                prepared.execute(true);
                return prepared.get_affected_rows();
            }
            prepared.exchange_for_rowset(soci::into(row));
            prepared.execute(false);
            while (prepared.fetch()) {
                Row& copy = rows->emplace_back();
                for (std::size_t i = 0; i < row.size(); ++i)
                    copy.add(row.get_properties(i).get_name(), cell_of(row, i));
            }
            return static_cast<std::int64_t>(rows->size());
        } catch (const soci::soci_error& error) {
            throw translate(error, statement.name);
        }
    }
};

Session::Session(const Connection& connection) : impl_(std::make_unique<Impl>()) {
    impl_->open(connection);
    PQsetNoticeProcessor(impl_->native(), ignore_notice, nullptr);
    impl_->canceller = PQgetCancel(impl_->native());
    const Row pinned =
        one(kPinSession, {{"statement", std::to_string(connection.statement_timeout.count())},
                          {"lock", std::to_string(connection.lock_timeout.count())},
                          {"idle", std::to_string(connection.idle_in_transaction_timeout.count())},
                          {"mark", impl_->mark}});
    impl_->backend_pid = pinned.int64("pid");
    if (impl_->is_pooled() && impl_->is_backend_shared(connection))
        throw DatabaseError(
            "08001", fmt::format("cannot connect to {}: {}", connection.display(), kSharedBackend),
            kNoSharedBackend);
}
Session::~Session() = default;
Session::Session(Session&&) noexcept = default;

std::int64_t Session::execute(const Statement& statement, const Params& params) {
    const std::int64_t affected = impl_->run(statement, params, nullptr);
    if (std::string_view(statement.text) == kBegin.text) impl_->require_own_backend();
    return affected;
}

std::vector<Row> Session::rows(const Statement& statement, const Params& params) {
    std::vector<Row> rows;
    impl_->run(statement, params, &rows);
    return rows;
}

std::optional<Row> Session::row(const Statement& statement, const Params& params) {
    std::vector<Row> all = rows(statement, params);
    if (all.empty()) return std::nullopt;
    return std::move(all.front());
}

Row Session::one(const Statement& statement, const Params& params) {
    std::optional<Row> found = row(statement, params);
    if (!found)
        throw Error(ExitCode::internal,
                    fmt::format("statement {} returned no row", statement.name));
    return std::move(*found);
}

void Session::execute_verbatim(const char* name, const std::string& sql) {
    const std::unique_ptr<PGresult, decltype(&PQclear)> result(PQexec(native(), sql.c_str()),
                                                               PQclear);
    const ExecStatusType status = PQresultStatus(result.get());
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) return;
    const char* sqlstate = PQresultErrorField(result.get(), PG_DIAG_SQLSTATE);
    throw refused(sqlstate ? sqlstate : kConnectionFailure, name, native());
}

void Session::cancel() {
    char ignored[256];
    PQcancel(impl_->canceller, ignored, sizeof ignored);
}

pg_conn* Session::native() {
    return impl_->native();
}

Transaction::Transaction(Session& session) : session_(session) {
    session_.execute(kBegin);
}

Transaction::~Transaction() {
    if (!open_) return;
    try {
        session_.execute(kRollback);
    } catch (const DatabaseError&) {
        // The connection is gone, and with it the transaction; the cause is already on its way.
    }
}

void Transaction::commit() {
    // After a refused statement PostgreSQL answers COMMIT with a rollback, and without an error.
    if (PQtransactionStatus(session_.native()) == PQTRANS_INERROR)
        throw refused("25P02", "commit", session_.native());
    open_ = false;
    session_.execute({"commit", "commit"});
}

void with_retries(int tries, const std::function<void()>& batch) {
    std::chrono::milliseconds pause(20);
    for (int attempt = 1;; ++attempt, pause *= 2) {
        try {
            return batch();
        } catch (const DatabaseError& error) {
            if (!error.is_contention() || attempt >= tries) throw;
        }
        std::this_thread::sleep_for(std::min(pause, std::chrono::milliseconds(1000)));
    }
}

}  // namespace keyrota
