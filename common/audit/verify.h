#pragma once

#include <cstdint>
#include <string>

#include "postgres/session.h"

namespace keyrota {

/// What recomputing the whole audit trail found.
struct AuditVerdict {
    std::int64_t blocks_total = 0;
    std::int64_t entries_total = 0;
    std::string head;    // hex of the last block's hash
    std::string broken;  // empty: intact; else what is wrong and where, the first place
    bool intact() const { return broken.empty(); }
};

/// Recomputes every block from its entries' payloads, in one snapshot, streaming: memory does not
/// grow with the trail. Finds a changed, added or removed entry, a changed, removed or reordered
/// block, and a head that is not the last block. A tail cut off together with its head shows only
/// against a head kept elsewhere.
AuditVerdict verify_audit(Session& session);

}  // namespace keyrota
