#include "postgres/started_statement.h"

#include <libpq-fe.h>

#include <utility>

#include "error/error.h"
#include "postgres/refusal.h"

namespace keyrota {
namespace {

constexpr const char* kConnectionFailure = "08006";

}  // namespace

StartedStatement::~StartedStatement() {
    try {
        finish();
    } catch (const DatabaseError&) {
        // Another error is on its way, or the connection is gone and the next statement says so.
    }
}

void StartedStatement::start(const Statement& statement,
                             const std::vector<std::optional<std::string>>& values) {
    finish();
    std::vector<const char*> texts;
    texts.reserve(values.size());
    for (const auto& value : values) texts.push_back(value ? value->c_str() : nullptr);
    if (PQsendQueryParams(session_.native(), statement.text, static_cast<int>(texts.size()),
                          nullptr, texts.data(), nullptr, nullptr, 0) != 1)
        throw refused(kConnectionFailure, statement.name, session_.native());
    name_ = statement.name;
}

void StartedStatement::finish() {
    if (!name_) return;
    const char* name = std::exchange(name_, nullptr);
    std::string trouble;
    while (PGresult* result = PQgetResult(session_.native())) {
        const ExecStatusType status = PQresultStatus(result);
        const char* sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
        if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
            trouble = sqlstate ? sqlstate : kConnectionFailure;
        PQclear(result);
    }
    if (!trouble.empty()) throw refused(trouble, name, session_.native());
}

}  // namespace keyrota
