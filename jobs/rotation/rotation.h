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

/// Under what a change to keys is written: one transaction's audit block, the instant that counts
/// in it, and who acts.
struct ActOfRotation {
    std::int64_t block_id = 0;
    Timestamp as_of{};
    std::string actor;                     // audit_actor()
    std::string reason;                    // scheduled | breach | leaver | manual
    std::optional<std::int64_t> run_id{};  // of a job
};

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

/// How far a rotation has come when it is written down.
struct RotationStart {
    std::string state;
    std::string sink;
    std::chrono::microseconds overlap{};
};

/// Makes them, active at once, in the caller's transaction, which holds the predecessors' locks and
/// has judged them (rotation_judge.sql). Set-based: one statement for all.
std::vector<Successor> make_successors(Session& session, const ActOfRotation& act,
                                       const std::vector<Predecessor>& predecessors,
                                       const RotationStart& start);

/// How keys end, and what their audit entries say of it.
struct Ending {
    Timestamp ends_at{};     // as_of: they are expired; later: their overlap begins
    std::string action;      // key.retire, key.overlap, key.breach
    std::string why = "{}";  // JSON
};

/// Ends keys in the caller's transaction, which holds their locks; no end date moves back.
/// @returns those that were not expired already.
std::vector<std::int64_t> end_keys(Session& session, const ActOfRotation& act,
                                   const std::vector<std::int64_t>& ids, const Ending& ending);

/// Takes the keys for the present transaction, in their order, waiting for who has them. A gateway
/// that looks one up waits for none of it.
void lock_keys(Session& session, const std::vector<std::int64_t>& ids);

/// `{1,2,3}`
std::string id_array(const std::vector<std::int64_t>& ids);

/// How long a successor of this key lives by the policy in force; 0: it has no end date.
std::chrono::microseconds successor_lifetime(Session& session, const std::vector<PolicyRule>& rules,
                                             std::int64_t key_id);

}  // namespace keyrota
