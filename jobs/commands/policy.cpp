#include "commands/policy.h"

#include <fmt/format.h>
#include <fmt/ostream.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <sstream>

#include "commands/find_key.h"
#include "commands/key_facts.h"
#include "config/options.h"
#include "jobs_sql.h"
#include "postgres/database.h"
#include "report/escape.h"
#include "report/facts.h"

namespace keyrota {
namespace {

constexpr std::string_view kMatch = "match.";

// The settings of a rule, or of the defaults, as `config show` has them.
template <typename Visit>
void for_each_setting(const LoadedConfig& loaded, const KeyPolicy& policy, Visit visit) {
    const std::string section = policy.is_default ? std::string(kPolicyDefaults)
                                                  : fmt::format("policy.rules.{}.", policy.rule);
    for (const Setting& setting : loaded.settings)
        if (setting.path.starts_with(section)) visit(setting.path.substr(section.size()), setting);
}

void add_settings(const LoadedConfig& loaded, KeyPolicy& policy) {
    for_each_setting(loaded, policy, [&](const std::string& option, const Setting& setting) {
        if (option.starts_with(kMatch)) {
            std::string what = option.substr(kMatch.size());
            std::replace(what.begin(), what.end(), '_', ' ');
            policy.match.push_back(fmt::format("{} is {}", what, setting.value));
            return;
        }
        const bool built_in = setting.origin == "default";
        const bool by_rule = !policy.is_default && !setting.inherited;
        policy.thresholds.push_back({option, setting.value,
                                     built_in  ? "built-in"
                                     : by_rule ? "rule"
                                               : "defaults",
                                     built_in ? "" : setting.origin});
    });
}

std::string why_pending(Session& session, const LoadedConfig& loaded, const KeyPolicy& policy,
                        const std::string& assigned) {
    if (!policy_is_current(session, loaded.config.policy))
        return fmt::format("the database still has another policy{}; the next run updates it",
                           assigned.empty() ? "" : fmt::format(", in which {} applies", assigned));
    if (assigned.empty())
        return "the database has no rule for the key yet; the next run assigns one";
    if (assigned != policy.rule)
        return fmt::format("the database still has the rule {} for the key", assigned);
    return "";
}

// Why a rule holds or does not, of the rules above it the answer is known.
std::string why(const KeyPolicy& policy, const RuleVerdict& verdict, bool is_decided) {
    if (!verdict.differs.empty()) return verdict.differs;
    if (is_decided) return "matches, but a rule above it comes first";
    if (policy.is_default) return "no rule matches";
    return fmt::format("{}", fmt::join(policy.match, ", "));
}

void print_rules(const KeyPolicy& policy, std::ostream& out) {
    std::size_t width = 0;
    for (const RuleVerdict& verdict : policy.verdicts) width = std::max(width, verdict.rule.size());
    out << "RULES (the first match applies)\n";
    bool is_decided = false;
    for (const RuleVerdict& verdict : policy.verdicts) {
        const bool holds = verdict.rule == policy.rule;
        fmt::print(out, "{} {:<{}}  {}{}\n", holds ? ">" : " ", verdict.rule, width,
                   holds ? "applies: " : "", for_terminal(why(policy, verdict, is_decided)));
        is_decided = is_decided || holds;
    }
}

void print_thresholds(const KeyPolicy& policy, std::ostream& out) {
    std::size_t option_width = 0;
    std::size_t value_width = 0;
    for (const Threshold& threshold : policy.thresholds) {
        option_width = std::max(option_width, threshold.option.size());
        value_width = std::max(value_width, threshold.value.size());
    }
    out << "\nTHRESHOLDS\n";
    for (const Threshold& threshold : policy.thresholds)
        fmt::print(out, "  {:<{}}  {:<{}}  {}{}{}\n", threshold.option, option_width,
                   for_terminal(threshold.value), value_width, threshold.from,
                   threshold.origin.empty() ? "" : ", ", for_terminal(threshold.origin));
}

Json rules_json(const KeyPolicy& policy) {
    std::ostringstream json;
    Listing listing(json, Format::json, {{"rule"}, {"holds"}, {"why"}});
    bool is_decided = false;
    for (const RuleVerdict& verdict : policy.verdicts) {
        const bool holds = verdict.rule == policy.rule;
        listing.row({verdict.rule, holds, why(policy, verdict, is_decided)});
        is_decided = is_decided || holds;
    }
    listing.end();
    return Json{json.str().substr(0, json.str().size() - 1)};
}

Json thresholds_json(const KeyPolicy& policy) {
    std::ostringstream json;
    Listing listing(json, Format::json, {{"threshold"}, {"value"}, {"from"}, {"set_at"}});
    for (const Threshold& threshold : policy.thresholds)
        listing.row({threshold.option, threshold.value, threshold.from,
                     threshold.origin.empty() ? Cell{} : Cell(threshold.origin)});
    listing.end();
    return Json{json.str().substr(0, json.str().size() - 1)};
}

}  // namespace

KeyPolicy policy_of_key(Session& session, const LoadedConfig& loaded, std::int64_t key_id,
                        const std::string& assigned) {
    KeyPolicy policy;
    policy.verdicts = judge_rules(session, loaded.config.policy, key_id);
    // The default stands last and matches every key.
    const auto first =
        std::find_if(policy.verdicts.begin(), policy.verdicts.end(),
                     [](const RuleVerdict& verdict) { return verdict.differs.empty(); });
    policy.rule = first->rule;
    policy.is_default = first + 1 == policy.verdicts.end();
    add_settings(loaded, policy);
    policy.pending = why_pending(session, loaded, policy, assigned);
    return policy;
}

ExitCode policy_explain(const LoadedConfig& loaded, const std::string& key, Format format,
                        std::ostream& out) {
    Session session = open_session(loaded.config, Access::runner);
    const std::int64_t key_id = find_key(session, key);
    const Row row = key_facts_row(session, key_id);
    const std::string assigned = row.text_or("policy_rule", "");
    const KeyPolicy policy = policy_of_key(session, loaded, key_id, assigned);

    if (format == Format::json) {
        Facts facts;
        facts.add("key_id", key_id);
        facts.add("key", row.text("masked"));
        facts.add("name", row.text("name"));
        facts.add("policy_rule", policy.rule);
        facts.add("assigned_rule", text_cell(row, "policy_rule"));
        facts.add("pending", policy.pending.empty() ? Cell{} : Cell(policy.pending));
        facts.add("rules", rules_json(policy));
        facts.add("thresholds", thresholds_json(policy));
        out << facts.json() << "\n";
        return ExitCode::done;
    }
    fmt::print(out, "key {}, {} ({})\n\n", key_id, for_terminal(row.text("masked")),
               for_terminal(row.text("name")));
    print_rules(policy, out);
    print_thresholds(policy, out);
    if (!policy.pending.empty())
        fmt::print(out, "\nNot in force yet: {}.\n", for_terminal(policy.pending));
    return ExitCode::done;
}

}  // namespace keyrota
