#include "postgres/migrate.h"

#include <fmt/format.h>

#include <iterator>

#include "error/error.h"
#include "migrations_sql.h"
#include "secret/sha256.h"

namespace keyrota {
namespace {

constexpr Statement kHasSchema{
    "has_schema", "select (to_regclass('keyrota.schema_migration') is not null)::int as found"};
constexpr Statement kApplied{
    "applied_migrations",
    "select version::bigint as version, name, checksum from keyrota.schema_migration"
    " order by version"};
constexpr Statement kRecord{
    "record_migration",
    "insert into keyrota.schema_migration (version, name, checksum, program_version)"
    " values (:version, :name, :checksum, :program_version)"};
// Held to the end of the transaction; readers (checks of the schema version) pass.
constexpr Statement kLock{"lock_migrations",
                          "lock table keyrota.schema_migration in share row exclusive mode"};
constexpr Statement kWaitForLock{"wait_for_lock", "set local lock_timeout = '5min'"};
constexpr Statement kLockCreation{
    "lock_creation", "select pg_advisory_xact_lock(hashtext('keyrota db migrate'))::text as done"};
constexpr Statement kCreateTable{
    "create_schema_migration",
    "create table if not exists keyrota.schema_migration ("
    " version integer primary key, name text not null, checksum text not null,"
    " program_version text not null, applied_at timestamptz not null default now())"};

std::string checksum(const char* text) {
    return to_hex(sha256(text));
}

// `if not exists` by itself loses a race: of two that see no table, the second meets the first's.
void make_migration_table(Session& owner) {
    Transaction transaction(owner);
    owner.execute(kWaitForLock);
    owner.one(kLockCreation);
    owner.execute(kCreateTable);
    transaction.commit();
}

}  // namespace

SchemaState schema_state(Session& session) {
    SchemaState state;
    for (const Migration& migration : sql::migrations) state.program_version = migration.version;
    std::vector<Row> applied;
    if (session.one(kHasSchema).int64("found") != 0) applied = session.rows(kApplied);
    if (!applied.empty())
        state.database_version = static_cast<int>(applied.back().int64("version"));
    for (const Migration& migration : sql::migrations) {
        bool found = false;
        for (const Row& row : applied) {
            if (row.int64("version") != migration.version) continue;
            found = true;
            if (row.text("checksum") != checksum(migration.text))
                state.altered.emplace_back(migration.name);
        }
        if (!found) state.pending.emplace_back(migration.name);
    }
    return state;
}

void require_current_schema(Session& session) {
    const SchemaState state = schema_state(session);
    if (state.is_current()) return;
    if (state.database_version == 0)
        throw Error(ExitCode::config, "the database has no keyrota schema",
                    "Run `keyrota db init`.");
    if (!state.altered.empty())
        throw Error(ExitCode::config,
                    fmt::format("migration {} in the database differs from this program's",
                                state.altered.front()),
                    "Another build created the database; use that build, or restore.");
    if (state.database_version > state.program_version)
        throw Error(ExitCode::config,
                    fmt::format("the schema (version {}) is newer than this program (version {})",
                                state.database_version, state.program_version),
                    "Install the newer keyrota.");
    throw Error(ExitCode::config,
                fmt::format("the schema (version {}) is older than this program (version {})",
                            state.database_version, state.program_version),
                "Run `keyrota db migrate`.");
}

std::vector<std::string> apply_migrations(Session& owner) {
    make_migration_table(owner);
    std::vector<std::string> applied;
    for (const Migration& migration : sql::migrations) {
        Transaction transaction(owner);
        owner.execute(kWaitForLock);
        owner.execute(kLock);
        const SchemaState state =
            schema_state(owner);  // after the lock: another may just have done it
        if (!state.altered.empty() || state.database_version > state.program_version)
            require_current_schema(owner);
        if (state.pending.empty() || state.pending.front() != migration.name) continue;
        for (const std::string& statement : split_statements(migration.text))
            owner.execute_verbatim(migration.name, statement);
        owner.execute(kRecord, {{"version", migration.version},
                                {"name", migration.name},
                                {"checksum", checksum(migration.text)},
                                {"program_version", KEYROTA_VERSION}});
        transaction.commit();
        applied.emplace_back(migration.name);
    }
    return applied;
}

std::vector<std::string> split_statements(const std::string& sql) {
    std::vector<std::string> statements;
    std::string current;
    const auto finish = [&] {
        if (current.find_first_not_of(" \t\r\n") != std::string::npos)
            statements.push_back(current);
        current.clear();
    };
    std::size_t at = 0;
    // Takes everything up to and including `end` (or the rest) into the current statement.
    const auto take_through = [&](const std::string& end, std::size_t from) {
        std::size_t stop = sql.find(end, from);
        stop = stop == std::string::npos ? sql.size() : stop + end.size();
        current += sql.substr(at, stop - at);
        at = stop;
    };
    while (at < sql.size()) {
        if (sql.compare(at, 2, "--") == 0) {
            at = std::min(sql.find('\n', at), sql.size());
        } else if (sql.compare(at, 2, "/*") == 0) {
            const std::size_t close = sql.find("*/", at + 2);
            at = close == std::string::npos ? sql.size() : close + 2;
            current += ' ';  // a comment separates words
        } else if (sql[at] == '\'' || sql[at] == '"') {
            take_through(std::string(1, sql[at]), at + 1);
        } else if (sql[at] == '$') {
            const std::size_t close = sql.find('$', at + 1);
            const std::string tag =
                close == std::string::npos ? "$" : sql.substr(at, close - at + 1);
            take_through(tag, at + tag.size());
        } else if (sql[at] == ';') {
            finish();
            ++at;
        } else {
            current += sql[at++];
        }
    }
    finish();
    return statements;
}

}  // namespace keyrota
