#include "policy/policy.h"

#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "audit/audit.h"
#include "common_sql.h"
#include "config/options.h"
#include "error/error.h"
#include "report/json_text.h"
#include "secret/sha256.h"

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

// What the configuration says of a rule, by column of policy_rule: the option
// policy.rules[].expiry.notice_before is the column expiry_notice_before, and what stands under
// match has the name of what it matches.
using Columns = std::vector<std::pair<std::string, const Option*>>;
Columns rule_columns() {
    constexpr std::string_view kMatch = "match.";
    Columns columns;
    for (const Option& option : options()) {
        if (option.path.compare(0, kPolicyRules.size(), kPolicyRules) != 0) continue;
        std::string column = option.path.substr(kPolicyRules.size());
        if (column.compare(0, kMatch.size(), kMatch) == 0) column.erase(0, kMatch.size());
        std::replace(column.begin(), column.end(), '.', '_');
        columns.emplace_back(column, &option);
    }
    return columns;
}

std::string interval(std::chrono::microseconds duration) {
    return fmt::format("{} microseconds", duration.count());
}

// A value as jsonb_populate_record reads it into its column; a matcher that matches all is null, as
// is a sink that is none.
struct ToJson {
    Poco::Dynamic::Var operator()(const std::string* text) const {
        return text->empty() ? Poco::Dynamic::Var() : Poco::Dynamic::Var(*text);
    }
    Poco::Dynamic::Var operator()(const std::filesystem::path* path) const {
        return path->string();
    }
    Poco::Dynamic::Var operator()(const std::int64_t* number) const { return *number; }
    Poco::Dynamic::Var operator()(const std::chrono::microseconds* duration) const {
        return interval(*duration);
    }
    Poco::Dynamic::Var operator()(const std::vector<std::chrono::microseconds>* durations) const {
        Poco::JSON::Array list;
        for (const auto duration : *durations) list.add(interval(duration));
        return list;
    }
    Poco::Dynamic::Var operator()(const Schedules*) const { return {}; }  // no rule has any
    Poco::Dynamic::Var operator()(const std::vector<std::string>* words) const {
        Poco::JSON::Array list;
        for (const std::string& word : *words) list.add(word);
        return list;
    }
};

std::string rule_json(PolicyRule rule) {
    Poco::JSON::Object json(Poco::JSON_PRESERVE_KEY_ORDER);
    Config no_config;  // an option of a rule points into the rule
    ListItem item{.rule = std::move(rule)};
    for (const auto& [column, option] : rule_columns())
        json.set(column, std::visit(ToJson{}, option->member(no_config, item)));
    return json_text(json);
}

// Two different policies have two different hashes: each rule is JSON, and they stand in order.
std::string hash_of(const std::vector<PolicyRule>& rules) {
    Sha256 hash;
    for (const PolicyRule& rule : rules) hash.add(rule_json(rule));
    return to_hex(hash.finish());
}

// One rule of the configuration. Found by name, so that a rule keeps its id when it changes. The
// columns are those of the options, so that a new threshold is one option and one column.
std::string store_rule_statement() {
    std::string columns, values, changes;
    for (const auto& [column, option] : rule_columns()) {
        columns += ", " + column;
        values += ", said." + column;
        changes += fmt::format(", {0} = excluded.{0}", column);
    }
    return fmt::format(
        "insert into keyrota.policy_rule (rank{})"
        " select cast(:rank as int){}"
        "   from jsonb_populate_record(null::keyrota.policy_rule, cast(:rule as jsonb)) said"
        "     on conflict (name) do update set rank = excluded.rank{}",
        columns, values, changes);
}

void store_rules(Session& session, const std::vector<PolicyRule>& rules, Refresh refresh) {
    const std::string before = session.one(sql::policy_rules_json).text("rules");
    // Until all keys follow, the rows reflect no policy: neither the new one nor, if the change is
    // taken back after an interruption, the old one.
    if (refresh == Refresh::kept) session.execute(kStoreHash, {{"hash", ""}});
    session.execute(kSetAside);
    const std::string store_rule = store_rule_statement();
    int rank = 0;
    for (const PolicyRule& rule : rules)
        session.execute({"policy_store_rule", store_rule.c_str()},
                        {{"rank", rank++}, {"rule", rule_json(rule)}});
    const std::string after = session.one(sql::policy_rules_json).text("rules");
    if (before != after && refresh == Refresh::kept)
        record_audit(session, {.action = "policy.update", .before = before, .after = after});
}

// What a rule asks of a key, by column of policy_rule.
std::string asked_for(PolicyRule rule, const std::string& column) {
    Config no_config;
    ListItem item{.rule = std::move(rule)};
    for (const auto& [name, option] : rule_columns())
        if (name == column) return shown(*option, option->member(no_config, item));
    return "";
}

std::string reason(const Row& verdict, const PolicyRule& rule) {
    const std::string column = verdict.text_or("differs", "");
    if (column.empty()) return "";
    const std::string asked = asked_for(rule, column);
    if (column == "scope") return fmt::format("it does not have the scope {}", asked);
    std::string what = column;
    std::replace(what.begin(), what.end(), '_', ' ');
    if (verdict.is_null(column))
        return fmt::format("it has no {}; the rule asks for {}", what, asked);
    return fmt::format("{} is {}, not {}", what, verdict.text(column), asked);
}

std::int64_t assign_rules(Session& session, bool only_unassigned, const InBatch& in_batch,
                          Refresh refresh) {
    std::int64_t assigned = 0;
    for (std::int64_t after = -1;;) {
        const Row batch =
            session.one(sql::policy_next_keys, {{"after", after},
                                                {"only_unassigned", only_unassigned ? 1 : 0},
                                                {"size", kKeysInBatch}});
        if (batch.int64("total") == 0) return assigned;
        std::int64_t changed = 0;  // of the try that succeeds
        try {
            in_batch([&] {
                changed = session.execute(sql::policy_assign, {{"ids", batch.text("ids")}});
            });
        } catch (const DatabaseError& error) {
            // Without a rule no check finds or resolves anything of them; the next run looks again.
            if (!only_unassigned || refresh == Refresh::rolled_back || !error.is_contention())
                throw;
            spdlog::warn("keys that wait for their rule are locked by another session");
            return assigned;
        }
        assigned += changed;
        after = batch.int64("last");
    }
}

}  // namespace

std::int64_t refresh_policy(Session& session, const std::vector<PolicyRule>& rules,
                            const InBatch& in_batch, Refresh refresh) {
    const std::string hash = hash_of(rules);
    if (policy_is_current(session, rules)) return assign_rules(session, true, in_batch, refresh);

    in_batch([&] { store_rules(session, rules, refresh); });
    const std::int64_t assigned = assign_rules(session, false, in_batch, refresh);
    in_batch([&] {
        session.execute(kDropUnused);
        if (refresh == Refresh::kept) session.execute(kStoreHash, {{"hash", hash}});
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

bool policy_is_current(Session& session, const std::vector<PolicyRule>& rules) {
    return session.one(kStoredHash).text("hash") == hash_of(rules);
}

std::vector<RuleVerdict> judge_rules(Session& session, const std::vector<PolicyRule>& rules,
                                     std::int64_t key_id) {
    std::string list;
    for (const PolicyRule& rule : rules) list += (list.empty() ? "" : ",") + rule_json(rule);
    std::vector<RuleVerdict> verdicts;
    for (const Row& row :
         session.rows(sql::policy_judge, {{"rules", "[" + list + "]"}, {"key_id", key_id}})) {
        const PolicyRule& rule = rules.at(verdicts.size());
        verdicts.push_back({rule.name, reason(row, rule)});
    }
    return verdicts;
}

}  // namespace keyrota
