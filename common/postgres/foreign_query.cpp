#include "postgres/foreign_query.h"

#include <fmt/format.h>
#include <libpq-fe.h>

#include <algorithm>
#include <charconv>

#include "error/error.h"

namespace keyrota {
namespace {

constexpr Oid kTimestamptz = 1184;

using Result = std::unique_ptr<PGresult, decltype(&PQclear)>;

// `line 3: column "nme" does not exist (SQLSTATE 42703)`
DatabaseError refusal(PGconn* connection, const PGresult* result, const std::string& text) {
    const auto field = [&](int code) {
        const char* said = result ? PQresultErrorField(result, code) : nullptr;
        return std::string(said ? said : "");
    };
    std::string sqlstate = field(PG_DIAG_SQLSTATE);
    if (sqlstate.empty()) sqlstate = PQstatus(connection) == CONNECTION_BAD ? "08006" : "XX000";
    std::string message = field(PG_DIAG_MESSAGE_PRIMARY);
    if (message.empty()) message = "the connection broke";
    const std::string position = field(PG_DIAG_STATEMENT_POSITION);  // in characters, from 1
    std::size_t characters = 0;
    std::from_chars(position.data(), position.data() + position.size(), characters);
    std::string place;
    if (characters > 0) {
        std::size_t at = 0;
        for (; at < text.size() && characters > 0; ++at)
            if ((static_cast<unsigned char>(text[at]) & 0xc0) != 0x80) --characters;
        const auto end = text.begin() + static_cast<std::ptrdiff_t>(at);
        place = fmt::format("line {}: ", 1 + std::count(text.begin(), end, '\n'));
    }
    return {sqlstate, fmt::format("{}{} (SQLSTATE {})", place, message, sqlstate)};
}

}  // namespace

struct ForeignQuery::Impl {
    PGconn* connection;
    std::string text;
    std::string as_of;
    std::vector<Column> columns{};
    bool is_sent = false;
    bool is_over = false;
    Result row{nullptr, PQclear};

    Result checked(PGresult* answer) const {
        Result result(answer, PQclear);
        const ExecStatusType status = PQresultStatus(result.get());
        if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_SINGLE_TUPLE)
            return result;
        throw refusal(connection, result.get(), text);
    }
    void send() {
        const char* const values[] = {as_of.c_str()};
        is_sent = PQsendQueryPrepared(connection, "", 1, values, nullptr, nullptr, 0) == 1 &&
                  PQsetSingleRowMode(connection) == 1;
        if (!is_sent) throw refusal(connection, nullptr, text);
    }
};

ForeignQuery::ForeignQuery(Session& session, const std::string& text, Timestamp as_of)
    : impl_(new Impl{.connection = session.native(), .text = text, .as_of = to_string(as_of)}) {
    if (text.find('\0') != std::string::npos)
        throw DatabaseError(
            "22021", "it contains a NUL byte: the server would see only what comes before it");
    const Oid types[] = {kTimestamptz};
    impl_->checked(PQprepare(impl_->connection, "", text.c_str(), 1, types));
    const Result described = impl_->checked(PQdescribePrepared(impl_->connection, ""));
    if (PQnparams(described.get()) > 1)
        throw DatabaseError("42P02", "it has more parameters than $1, the instant of the run");
    for (int i = 0; i < PQnfields(described.get()); ++i)
        impl_->columns.push_back({PQfname(described.get(), i), PQftype(described.get(), i)});
}

ForeignQuery::~ForeignQuery() {
    if (!impl_->is_sent || impl_->is_over) return;
    if (PGcancel* canceller = PQgetCancel(impl_->connection)) {
        char ignored[256];
        PQcancel(canceller, ignored, sizeof ignored);
        PQfreeCancel(canceller);
    }
    while (const Result rest{PQgetResult(impl_->connection), PQclear}) continue;
}

const std::vector<ForeignQuery::Column>& ForeignQuery::columns() const {
    return impl_->columns;
}

bool ForeignQuery::next() {
    if (impl_->is_over) return false;
    if (!impl_->is_sent) impl_->send();
    impl_->row.reset();
    PGresult* answer = PQgetResult(impl_->connection);
    if (answer != nullptr && PQresultStatus(answer) == PGRES_SINGLE_TUPLE) {
        impl_->row.reset(answer);
        return true;
    }
    impl_->is_over = true;
    const Result last{answer, PQclear};
    const ExecStatusType status = PQresultStatus(last.get());
    while (const Result rest{PQgetResult(impl_->connection), PQclear}) continue;
    if (status != PGRES_TUPLES_OK) throw refusal(impl_->connection, last.get(), impl_->text);
    return false;
}

bool ForeignQuery::is_null(std::size_t field) const {
    return PQgetisnull(impl_->row.get(), 0, static_cast<int>(field)) != 0;
}

std::string_view ForeignQuery::text(std::size_t field) const {
    const int column = static_cast<int>(field);
    return {PQgetvalue(impl_->row.get(), 0, column),
            static_cast<std::size_t>(PQgetlength(impl_->row.get(), 0, column))};
}

}  // namespace keyrota
