#pragma once

#include <optional>
#include <string>

#include "postgres/session.h"

namespace keyrota {

/// Who acts, as the operating system says: JSON for the `actor` of audit entries. The server adds
/// its session_user.
std::string audit_actor();

/// The block that the present transaction's entries belong to. Not yet in the chain: seal it as the
/// last statement.
std::int64_t open_audit_block(Session& session);

/// Puts the block into the chain. Holds the chain's head until the transaction ends: a transaction
/// that fills several blocks seals them all at its end.
void seal_audit_block(Session& session, std::int64_t block_id);

/// A change that no batch writes. Texts other than `action` are JSON; before and after may be
/// `null`.
struct AuditRecord {
    std::string action;  // policy.update, sample.load, ...
    std::int64_t key_id = 0;
    std::optional<std::int64_t> run_id{};
    std::string before = "null";
    std::string after = "null";
    std::string why = "null";
};
/// Writes it into the block, in the present transaction.
void record_audit(Session& session, std::int64_t block_id, const AuditRecord& record);
/// Writes and seals it alone, as the last statement of the present transaction.
void record_audit(Session& session, const AuditRecord& record);

}  // namespace keyrota
