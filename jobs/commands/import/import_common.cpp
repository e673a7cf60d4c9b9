#include "commands/import/import_common.h"

#include <Poco/JSON/Object.h>

#include <algorithm>

#include "audit/audit.h"
#include "jobs_sql.h"
#include "report/json_text.h"

namespace keyrota {
namespace {

constexpr Statement kLockTimeout{"import_lock_timeout",
                                 "select current_setting('lock_timeout') as was,"
                                 "       set_config('lock_timeout', '0', true) as is_now"};
constexpr Statement kRestoreLockTimeout{"import_restore_lock_timeout",
                                        "select set_config('lock_timeout', :was, true) as is_now"};

}  // namespace

void prepare_import(Session& session) {
    session.one(sql::import_settings);
}

void wait_for_other_imports(Session& session, const std::string& source) {
    const Row timeout = session.one(kLockTimeout);
    session.one(sql::import_lock_source, {{"source", source}});
    session.one(kRestoreLockTimeout, {{"was", timeout.text("was")}});
}

std::vector<bool> fields_said(const ImportKind& kind, const ImportMap& map,
                              const std::vector<bool>& columns_there) {
    std::vector<bool> said(kind.fields.size());
    for (const MapEntry& entry : map.entries)
        for (std::size_t field = 0; field < said.size(); ++field) {
            if (!entry.fields[field]) continue;
            const std::vector<MapPiece>& pieces = entry.fields[field]->pieces;
            if (std::all_of(pieces.begin(), pieces.end(), [&](const MapPiece& piece) {
                    return !piece.column || columns_there[*piece.column];
                }))
                said[field] = true;
        }
    return said;
}

void add_problems(Session& session, const Statement& statement, Params params, Problems& problems,
                  const std::function<void(const Row&)>& add) {
    params.emplace_back("most", static_cast<std::int64_t>(Problems::kMostShown));
    const std::vector<Row> rows = session.rows(statement, params);
    for (const Row& row : rows) add(row);
    if (!rows.empty())
        problems.count_more(rows.front().int64("total") - static_cast<std::int64_t>(rows.size()));
}

std::int64_t AuditBlocks::open() {
    return open_.emplace_back(open_audit_block(session_));
}

void AuditBlocks::seal() {
    for (const std::int64_t block_id : open_) seal_audit_block(session_, block_id);
    open_.clear();
}

void AuditBlocks::for_stretches(std::int64_t total,
                                const std::function<void(const Params& stretch)>& write) {
    for (std::int64_t first = 1; first <= total; first += kEntries)
        write({{"first", first},
               {"last", std::min(total, first + kEntries - 1)},
               {"block_id", open()}});
}

std::string import_reason(const std::string& source, const std::string& file) {
    Poco::JSON::Object import;
    if (!source.empty()) import.set("source", source);
    import.set("file", file == "-" ? "stdin" : file);
    Poco::JSON::Object why;
    why.set("import", import);
    return json_text(why);
}

}  // namespace keyrota
