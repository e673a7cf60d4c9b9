#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "config/config.h"
#include "postgres/session.h"

namespace keyrota {

/// Runs one piece of work as a transaction of its own (or inside an open one, for a dry run).
using InBatch = std::function<void(const std::function<void()>&)>;

/// A dry run rolls all of it back, so it neither audits nor locks what every other run has to
/// write.
enum class Refresh { kept, rolled_back };

/// Brings policy_rule and every api_key.policy_rule_id in line with the configuration: all keys
/// when the rules changed (found by their hash in installation), else only those that wait for a
/// rule, and of these not what somebody holds locked. Bounded batches; killed anywhere, the next
/// call completes it. A change of the rules is audited.
/// @returns how many keys were given another rule.
std::int64_t refresh_policy(Session& session, const std::vector<PolicyRule>& rules,
                            const InBatch& in_batch, Refresh refresh = Refresh::kept);

/// The same with a plain transaction for each batch: for set-up, where no lease is held.
std::int64_t refresh_policy(Session& session, const std::vector<PolicyRule>& rules);

/// Whether every key has its rule by these rules, but for the few that wait for one.
bool policy_is_current(Session& session, const std::vector<PolicyRule>& rules);

/// How a rule stands to a key.
struct RuleVerdict {
    std::string rule;
    std::string differs;  // the first reason why it does not match; empty where it does
};

/// How each rule stands to a key, in their order, by what the tables say of it now.
std::vector<RuleVerdict> judge_rules(Session& session, const std::vector<PolicyRule>& rules,
                                     std::int64_t key_id);

}  // namespace keyrota
