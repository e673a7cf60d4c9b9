#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "audit/head.h"
#include "error/error.h"
#include "postgres/session.h"
#include "time/timestamp.h"

namespace keyrota {

/// A place in the trail that does not fit.
struct AuditFault {
    std::string what;                        // for people, with the place
    std::optional<std::int64_t> height{};    // of the block
    std::optional<std::int64_t> entry_id{};  // where it is one entry
    std::optional<Timestamp> at{};           // of that entry
    std::string action{};                    // of that entry
};

/// What recomputing the whole audit trail found.
struct AuditVerdict {
    std::int64_t blocks_total = 0;
    std::int64_t entries_total = 0;
    std::string head;                   // hex of the last block's hash
    std::optional<AuditFault> fault{};  // the first place, by height
    bool intact() const { return !fault; }
    std::string broken() const { return fault ? fault->what : ""; }
};

/// Recomputes every block from its entries' payloads and compares each entry's columns with its
/// payload, in one snapshot, streaming: memory does not grow with the trail. Finds a changed,
/// added, moved or removed entry, a changed, removed, moved or replaced block, and a head that is
/// not the last block. What was rewritten from some block to the end, head included, shows only
/// against a head that was kept elsewhere.
/// @param second another session of the same role and database: entries and blocks are read side by
/// side.
/// @param kept heads that the trail must contain.
AuditVerdict verify_audit(Session& session, Session& second, std::vector<KeptHead> kept = {});

/// How whoever verified it must end (exit 11): which place is broken, and what to do now.
Error audit_is_broken(const AuditVerdict& verdict);

}  // namespace keyrota
