#include "policy/policy.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include "audit/audit.h"
#include "common_sql.h"

namespace keyrota {
namespace {

constexpr int kKeysInBatch = 10'000;

constexpr Statement kStoredHash{
    "policy_stored_hash", "select coalesce(policy_hash, '') as hash from keyrota.installation"};
constexpr Statement kStoreHash{"policy_store_hash",
                               "update keyrota.installation set policy_hash = :hash"};
// A rule that left the configuration stands aside until no key points at it.
constexpr Statement kSetAside{"policy_set_aside", "update keyrota.policy_rule set rank = -1"};
constexpr Statement kDropUnused{"policy_drop_unused",
                                "delete from keyrota.policy_rule where rank = -1"};

std::string interval_array(const std::vector<std::chrono::microseconds>& durations) {
    std::string text;
    for (const auto duration : durations)
        text += fmt::format("{}\"{} microseconds\"", text.empty() ? "" : ",", duration.count());
    return "{" + text + "}";
}

// Everything a rule says, length-prefixed: two different policies have two different hashes.
std::string hash_of(const std::vector<PolicyRule>& rules) {
    std::string all;
    const auto add = [&](const std::string& text) {
        all += fmt::format("{}:{}", text.size(), text);
    };
    for (const PolicyRule& rule : rules)
        for (const std::string& text :
             {rule.name, rule.type, rule.environment, rule.service_plan, rule.team, rule.owner,
              rule.scope, interval_array(rule.expiry_notice_before)})
            add(text);
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    EVP_Digest(all.data(), all.size(), digest, &size, EVP_sha256(), nullptr);
    std::string hex;
    for (unsigned int i = 0; i < size; ++i) hex += fmt::format("{:02x}", digest[i]);
    return hex;
}

void store_rules(Session& session, const std::vector<PolicyRule>& rules) {
    const std::string before = session.one(sql::policy_rules_json).text("rules");
    // Until all keys follow, the rows reflect no policy: neither the new one nor, if the change is
    // taken back after an interruption, the old one.
    session.execute(kStoreHash, {{"hash", ""}});
    session.execute(kSetAside);
    int rank = 0;
    for (const PolicyRule& rule : rules)
        session.execute(sql::policy_store_rule,
                        {{"name", rule.name},
                         {"rank", rank++},
                         {"type", rule.type},
                         {"environment", rule.environment},
                         {"service_plan", rule.service_plan},
                         {"team", rule.team},
                         {"owner", rule.owner},
                         {"scope", rule.scope},
                         {"expiry_notice_before", interval_array(rule.expiry_notice_before)}});
    const std::string after = session.one(sql::policy_rules_json).text("rules");
    if (before != after)
        record_audit(session, {.action = "policy.update", .before = before, .after = after});
}

std::int64_t assign_rules(Session& session, bool only_unassigned, const InBatch& in_batch) {
    std::int64_t assigned = 0;
    for (std::int64_t after = -1;;) {
        const Row batch =
            session.one(sql::policy_next_keys, {{"after", after},
                                                {"only_unassigned", only_unassigned ? 1 : 0},
                                                {"size", kKeysInBatch}});
        if (batch.int64("total") == 0) return assigned;
        std::int64_t changed = 0;  // of the try that succeeds
        in_batch([&] {
            changed = session.execute(sql::policy_assign, {{"ids", batch.text("ids")}});
        });
        assigned += changed;
        after = batch.int64("last");
    }
}

}  // namespace

std::int64_t refresh_policy(Session& session, const std::vector<PolicyRule>& rules,
                            const InBatch& in_batch) {
    const std::string hash = hash_of(rules);
    const bool is_current = session.one(kStoredHash).text("hash") == hash;
    if (is_current) return assign_rules(session, true, in_batch);

    in_batch([&] { store_rules(session, rules); });
    const std::int64_t assigned = assign_rules(session, false, in_batch);
    in_batch([&] {
        session.execute(kDropUnused);
        session.execute(kStoreHash, {{"hash", hash}});
    });
    return assigned;
}

std::int64_t refresh_policy(Session& session, const std::vector<PolicyRule>& rules) {
    return refresh_policy(session, rules, [&](const std::function<void()>& work) {
        Transaction transaction(session);
        work();
        transaction.commit();
    });
}

}  // namespace keyrota
