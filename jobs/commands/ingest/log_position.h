#pragma once

#include <cstdint>
#include <string>

#include "commands/ingest/log_bytes.h"
#include "commands/ingest/log_lines.h"
#include "postgres/session.h"

namespace keyrota {

/// How far a log was read and counted, as the database has it (keyrota.ingest_position).
struct LogPosition {
    std::int64_t id = 0;  // 0: the database has none
    std::int64_t offset = 0;
    bool is_shorter = false;  // than what was counted of it: there is nothing new in it
};

/// Finds the log's position by its content, and has the lines go on there.
/// @param make where there is none, in the caller's transaction; nobody else can make one of the
/// same log before that ends.
LogPosition find_position(Session& session, const LogBytes& bytes, LogLines& lines, bool make);

/// How a position moves: all that the database is told of it.
struct PositionMove {
    std::int64_t id = 0;
    std::int64_t from = 0, to = 0;
    std::string beginning_hash;
    std::int64_t beginning_length = 0;
    std::string tail_hash;  // of what stands before `to`
    std::string file;
};

/// From where the position stands to where the present line ends.
PositionMove move_to_line_end(const LogPosition& position, const LogBytes& bytes,
                              const LogLines& lines);
/// In the caller's transaction.
/// @throws Error{lease_held} where somebody else moved it since.
void move_position(Session& session, const PositionMove& move);

}  // namespace keyrota
