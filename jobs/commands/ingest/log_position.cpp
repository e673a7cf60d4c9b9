#include "commands/ingest/log_position.h"

#include <fmt/format.h>

#include "error/error.h"
#include "jobs_sql.h"
#include "secret/sha256.h"

namespace keyrota {
namespace {

constexpr Statement kLock{
    "ingest_lock",
    "select pg_advisory_xact_lock(hashtext('keyrota.ingest_position'))::text as locked"};
constexpr Statement kLengths{"ingest_position_lengths",
                             "select distinct beginning_length::bigint as length"
                             "  from keyrota.ingest_position where beginning_length <= :most"
                             " order by 1 desc"};

std::string beginning_hash(std::string_view beginning) {
    return to_hex(sha256(beginning));
}

}  // namespace

// A log that is shorter than what was counted of it, and begins as that did for kBeginning bytes,
// is an early copy. The further one of several: all before it was counted.
LogPosition find_position(Session& session, const LogBytes& bytes, LogLines& lines, bool make) {
    using Reached = LogLines::Reached;
    LogPosition found;
    const std::string_view beginning = bytes.beginning();
    if (beginning.empty()) return found;
    if (make) session.one(kLock);
    for (const Row& length :
         session.rows(kLengths, {{"most", static_cast<std::int64_t>(beginning.size())}})) {
        const auto size = static_cast<std::size_t>(length.int64("length"));
        for (const Row& row :
             session.rows(sql::ingest_positions,
                          {{"beginning_hash", beginning_hash(beginning.substr(0, size))},
                           {"beginning_length", length.int64("length")}})) {
            found.id = row.int64("id");
            found.offset = row.int64("byte_offset");
            const Reached reached = lines.go_to(found.offset, row.text("tail_hash"));
            found.is_shorter = reached == Reached::ends_before && size == LogBytes::kBeginning;
            if (reached == Reached::there || found.is_shorter) return found;
        }
    }
    lines.go_to_start();
    found = {};
    if (make)
        found.id = session
                       .one(sql::ingest_position_make,
                            {{"beginning_hash", beginning_hash(beginning)},
                             {"beginning_length", static_cast<std::int64_t>(beginning.size())},
                             {"tail_hash", lines.tail_hash()},
                             {"file", bytes.name()}})
                       .int64("id");
    return found;
}

PositionMove move_to_line_end(const LogPosition& position, const LogBytes& bytes,
                              const LogLines& lines) {
    const std::string_view beginning = bytes.beginning();
    return {.id = position.id,
            .from = position.offset,
            .to = lines.ends_at(),
            .beginning_hash = beginning_hash(beginning),
            .beginning_length = static_cast<std::int64_t>(beginning.size()),
            .tail_hash = lines.tail_hash(),
            .file = bytes.name()};
}

void move_position(Session& session, const PositionMove& move) {
    const std::int64_t moved =
        session.execute(sql::ingest_position_move, {{"id", move.id},
                                                    {"was", move.from},
                                                    {"byte_offset", move.to},
                                                    {"beginning_hash", move.beginning_hash},
                                                    {"beginning_length", move.beginning_length},
                                                    {"tail_hash", move.tail_hash},
                                                    {"file", move.file}});
    if (moved != 1)
        throw Error(ExitCode::lease_held,
                    fmt::format("{}: another process is reading it at the same time", move.file),
                    "Run it again when that has finished: nothing is counted twice.");
}

}  // namespace keyrota
