#include "postgres/refusal.h"

#include <fmt/format.h>
#include <libpq-fe.h>

#include <string_view>

namespace keyrota {
namespace {

// What SQLSTATE means to an operator; the server's own text may hold values and is not shown.
struct Condition {
    std::string_view sqlstate;  // a whole one, or a class of two characters
    const char* meaning;
    const char* hint;
};
constexpr Condition kConditions[] = {
    {"42501", "permission denied",
     "Connect as a role that was granted keyrota_runner (keyrota_owner for migrations)."},
    {"25006", "the server is read-only",
     "Its default_transaction_read_only is on, or that of the role or the database."},
    {"42P01", "a table is missing", "Run `keyrota db check`."},
    {"42703", "a column is missing", "Run `keyrota db check`."},
    {"42883", "a function is missing", "Run `keyrota db check`."},
    {"3F000", "the schema keyrota is missing", "Run `keyrota db init`."},
    {"55P03", "lock timeout",
     "Another session holds a row or table lock for longer than database.lock_timeout."},
    {"40P01", "deadlock", "Run it again."},
    {"40001", "serialization failure", "Run it again."},
    {"57014", "cancelled or over database.statement_timeout", ""},
    {"53100", "the server's disk is full", "Free space on the server, then run it again."},
    {"53300", "too many connections", "Raise max_connections on the server or stop other clients."},
    {"23", "a constraint was violated", ""},
    {"57P", "the server is shutting down",
     "Run it again when the server is back; nothing is lost."},
    {"08", "the connection broke",
     "Run it again; what was committed stays, the rest was not done."},
};

// Of a server that says so itself.
constexpr Condition kStandby{"25006", "the server is a standby, which is read-only,",
                             "Point database.url at the primary."};

bool is_standby(const PGconn* connection) {
    const char* said = PQparameterStatus(connection, "in_hot_standby");
    return said != nullptr && std::string_view(said) == "on";
}

DatabaseError refused(const std::string& sqlstate, const Condition& condition,
                      const char* statement) {
    return {sqlstate,
            fmt::format("database: {} in statement {} (SQLSTATE {})", condition.meaning, statement,
                        sqlstate),
            condition.hint};
}

}  // namespace

DatabaseError refused(const std::string& sqlstate, const char* statement,
                      const PGconn* connection) {
    if (sqlstate == kStandby.sqlstate && is_standby(connection))
        return refused(sqlstate, kStandby, statement);
    for (const Condition& condition : kConditions)
        if (sqlstate.compare(0, condition.sqlstate.size(), condition.sqlstate) == 0)
            return refused(sqlstate, condition, statement);
    return {sqlstate,
            fmt::format("database: statement {} failed (SQLSTATE {})", statement, sqlstate)};
}

}  // namespace keyrota
