#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/config.h"
#include "postgres/session.h"
#include "secret/secret.h"

namespace keyrota {

using KeyIds = std::vector<std::int64_t>;

/// Under what a change to keys is written: one transaction's audit block, the instant that counts
/// in it, and who acts.
struct ActOfRotation {
    std::int64_t block_id = 0;
    Timestamp as_of{};
    std::string actor{};                   // audit_actor()
    std::string reason{};                  // scheduled | breach | leaver | manual
    std::optional<std::int64_t> run_id{};  // of a job
};

/// A rotation as its key and token say it.
struct RotationId {
    std::int64_t key_id = 0;  // the predecessor
    std::string token;
};

/// What a command asks for; what it leaves open, the policy says.
struct RotationWish {
    std::optional<std::string> sink{};
    std::optional<std::chrono::microseconds> overlap{};
};

/// Asks for the rotation of keys, in the caller's transaction, which holds their locks and has
/// judged them. @returns those that had no unfinished rotation.
std::vector<RotationId> request_rotations(Session& session, const ActOfRotation& act,
                                          const KeyIds& ids, const RotationWish& wish = {});

/// A change to a rotation that is still as it was seen.
struct RotationChange {
    RotationId rotation;
    std::string was_state;
    std::optional<std::int64_t> was_successor_id{};
    std::string becomes;       // JSON object: the columns of keyrota.rotation that differ
    std::string why = "null";  // JSON, for the audit trail
};

/// Writes them with their audit entries, in the caller's transaction, which holds the keys' locks.
/// @returns the keys of those that were as they were seen.
KeyIds change_rotations(Session& session, const ActOfRotation& act, const char* action,
                        const std::vector<RotationChange>& changes);

/// A key that is to have a successor.
struct Predecessor {
    std::int64_t key_id = 0;
    std::string prefix;
    std::chrono::microseconds successor_lifetime{};  // 0: no end date
};

/// A key in the place of another; nobody else knows its secret.
struct Successor {
    std::int64_t key_id = 0;
    std::int64_t predecessor_id = 0;
    Secret secret;
};

/// Makes them, active at once, in the caller's transaction, which holds the predecessors' locks and
/// has judged them. Set-based: one statement for all. @returns them in the predecessors' order.
std::vector<Successor> make_successors(Session& session, const ActOfRotation& act,
                                       const std::vector<Predecessor>& predecessors);

/// How keys end, and what their audit entries say of it.
struct Ending {
    Timestamp ends_at{};     // as_of: they are expired; later: their overlap begins
    std::string action;      // key.retire, key.overlap, key.breach
    std::string why = "{}";  // JSON
};

/// Ends keys in the caller's transaction, which holds their locks; no end date moves back.
/// @returns those that were not expired already.
KeyIds end_keys(Session& session, const ActOfRotation& act, const KeyIds& ids,
                const Ending& ending);

/// Takes the keys for the present transaction, in their order, waiting for who has them. A gateway
/// that looks one up waits for none of it. @returns those that are there.
KeyIds lock_keys(Session& session, const KeyIds& ids);
/// The same without those that somebody else has.
KeyIds lock_free_keys(Session& session, const KeyIds& ids);

/// `{1,2,3}`
std::string id_array(const KeyIds& ids);
/// The other way round: PostgreSQL's text of a bigint[].
KeyIds ids_of(const std::string& array);

/// How long a successor of this key lives by the policy in force; 0: it has no end date.
std::chrono::microseconds successor_lifetime(Session& session, const std::vector<PolicyRule>& rules,
                                             std::int64_t key_id);

}  // namespace keyrota
