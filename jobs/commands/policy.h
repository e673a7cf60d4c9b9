#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "config/load.h"
#include "error/exit_code.h"
#include "policy/policy.h"
#include "report/listing.h"

namespace keyrota {

/// A threshold that holds for a key, by the option of the configuration that sets it.
struct Threshold {
    std::string option;  // without policy.defaults or policy.rules
    std::string value;
    std::string from;    // `rule`, `defaults` or `built-in`
    std::string origin;  // who set it; empty for what is built in
};

/// What the policy says of one key.
struct KeyPolicy {
    std::string rule;                   // the first that matches
    bool is_default = false;            // no rule does
    std::vector<std::string> match;     // what that rule asks for: `type is test`
    std::vector<RuleVerdict> verdicts;  // on every rule, in their order
    std::vector<Threshold> thresholds;
    std::string pending;  // why the database does not go by this yet; empty where it does
};

/// @param assigned the rule that the database has for the key, if any.
KeyPolicy policy_of_key(Session& session, const LoadedConfig& loaded, std::int64_t key_id,
                        const std::string& assigned);

/// `keyrota policy explain KEY`: every rule in its order and why it does not match, the one that
/// holds, and where each of its thresholds comes from.
ExitCode policy_explain(const LoadedConfig& loaded, const std::string& key, Format format,
                        std::ostream& out);

}  // namespace keyrota
