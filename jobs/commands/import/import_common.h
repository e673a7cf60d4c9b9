#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "commands/import/problems.h"
#include "commands/import/records.h"
#include "postgres/session.h"

namespace keyrota {

/// What every import is told.
struct ImportInput {
    std::string file;  // `-`: standard input
    FileFormat format = FileFormat::csv;
    std::string map;  // a ready map's name or a file; empty: plain
    bool dry_run = false;
};

/// Sets the transaction up for a file of any length.
void prepare_import(Session& session);

/// Until the end of the transaction no other import of this source goes on; waits for one that
/// does.
void wait_for_other_imports(Session& session, const std::string& source);

/// Which fields a file with these columns says anything about.
std::vector<bool> fields_said(const ImportKind& kind, const ImportMap& map,
                              const std::vector<bool>& columns_there);

/// Asks the database for bad lines. The statement takes :most and whatever else is given, and
/// returns line and total.
void add_problems(Session& session, const Statement& statement, Params params, Problems& problems,
                  const std::function<void(const Row&)>& add);

/// The audit blocks of one transaction that writes many entries: sealed together at its end, since
/// the chain's head is locked from the first seal to the commit, and none so large that sealing it
/// would need much memory on the server.
class AuditBlocks {
  public:
    static constexpr std::int64_t kEntries = 10'000;

    explicit AuditBlocks(Session& session) : session_(session) {}
    std::int64_t open();
    /// The last statements of the transaction.
    void seal();

    /// Calls `write` with first and last of each stretch of 1..total, and a block of its own.
    void for_stretches(std::int64_t total, const std::function<void(const Params& stretch)>& write);

  private:
    Session& session_;
    std::vector<std::int64_t> open_;
};

/// `why` of audit entries, as JSON: what was imported.
std::string import_reason(const std::string& source, const std::string& file);

}  // namespace keyrota
