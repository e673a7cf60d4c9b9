#include "commands/explain.h"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include <algorithm>
#include <sstream>

#include "commands/find_key.h"
#include "commands/key_facts.h"
#include "config/options.h"
#include "error/error.h"
#include "finding/severity.h"
#include "jobs_sql.h"
#include "postgres/database.h"
#include "report/escape.h"

namespace keyrota {
namespace {

// Options of a rule by name, as the configuration spells them, and their values.
using Settings = std::vector<std::pair<std::string, std::string>>;

void print(const Settings& settings, std::ostream& out) {
    for (const auto& [name, value] : settings)
        fmt::print(out, "  {}: {}\n", name, for_terminal(value));
}

Json settings_json(const Settings& settings) {
    Facts facts;
    for (const auto& [name, value] : settings) facts.add(name, value);
    return Json{facts.json()};
}

// The rule that holds: what it asks of a key (why it applies), and the thresholds it sets.
struct AppliedRule {
    Settings match;
    Settings thresholds;
    bool is_default = false;
};
std::optional<AppliedRule> applied_rule(const Config& config, const std::string& name) {
    constexpr std::string_view kMatch = "match.";
    const auto found = std::find_if(config.policy.begin(), config.policy.end(),
                                    [&](const PolicyRule& rule) { return rule.name == name; });
    if (found == config.policy.end()) return std::nullopt;
    PolicyRule rule = *found;
    Config unused;
    AppliedRule applied{{}, {}, found + 1 == config.policy.end()};
    for (const Option& option : options()) {
        if (option.path.compare(0, kPolicyRules.size(), kPolicyRules) != 0) continue;
        const std::string path = option.path.substr(kPolicyRules.size());
        const std::string value = shown(option, option.member(unused, rule));
        if (path == "name") continue;
        if (path.compare(0, kMatch.size(), kMatch) != 0)
            applied.thresholds.emplace_back(path, value);
        else if (!std::get<std::string*>(option.member(unused, rule))->empty())
            applied.match.emplace_back(path.substr(kMatch.size()), value);
    }
    return applied;
}

void list_findings(Session& session, std::int64_t key_id, Format format, std::ostream& out) {
    Listing listing(out, format,
                    {{"severity"},
                     {"check"},
                     {"status"},
                     {"opened_at"},
                     {"due_at"},
                     {"resolved_at"},
                     {"resolution"},
                     {"episode"},
                     {"finding"},
                     {"decided_by", Shown::data},
                     {"decided_why", Shown::data}});
    for (const Row& row : session.rows(sql::explain_findings, {{"key_id", key_id}}))
        listing.row({std::string(severity_name(row.int64("severity"))), row.text("check_id"),
                     row.text("status"), instant_cell(row, "opened_at"),
                     instant_cell(row, "due_at"), instant_cell(row, "resolved_at"),
                     text_cell(row, "resolution"), row.int64("episode"), row.text("uid"),
                     text_cell(row, "decided_by"), text_cell(row, "decided_why")});
    listing.end();
    if (format == Format::text && listing.rows_total() == 0) out << "none\n";
}

void list_audit(Session& session, std::int64_t key_id, Format format, std::ostream& out) {
    Listing listing(out, format, {{"at"}, {"action"}, {"run_id"}, {"by"}, {"before"}, {"after"}});
    for (const Row& row : session.rows(sql::explain_audit, {{"key_id", key_id}}))
        listing.row({instant_cell(row, "at"), row.text("action"), number_cell(row, "run_id"),
                     text_cell(row, "by"), text_cell(row, "before"), text_cell(row, "after")});
    listing.end();
    if (format == Format::text && listing.rows_total() == 0) out << "none\n";
}

template <typename List>
Json listed(const List& list) {
    std::ostringstream json;
    list(json);
    return Json{json.str().substr(0, json.str().size() - 1)};
}

}  // namespace

ExitCode explain(const Config& config, const std::string& key, Format format, std::ostream& out) {
    Session session = open_session(config, Access::runner);
    const std::int64_t key_id = find_key(session, key);
    const Row row = key_facts_row(session, key_id);
    const std::string rule_name = row.text_or("policy_rule", "");
    const auto rule = applied_rule(config, rule_name);
    const Cell refused = text_cell(row, "refused_because");

    if (format == Format::json) {
        Facts facts = key_facts(row);
        facts.add("refused_because", refused);
        facts.add("policy_rule", rule_name.empty() ? Cell{} : Cell(rule_name));
        if (rule) {
            facts.add("policy_match", settings_json(rule->match));
            facts.add("policy_thresholds", settings_json(rule->thresholds));
        }
        facts.add("findings", listed([&](std::ostream& json) {
                      list_findings(session, key_id, format, json);
                  }));
        facts.add("audit_entries",
                  listed([&](std::ostream& json) { list_audit(session, key_id, format, json); }));
        out << facts.json() << "\n";
        return ExitCode::done;
    }

    key_facts(row).print_text(out);
    if (const auto* because = std::get_if<std::string>(&refused))
        fmt::print(out, "\nA call with it would be refused now: {}.\n", *because);
    else
        fmt::print(out, "\nA call with it would be accepted now.\n");

    if (rule_name.empty()) {
        out << "\nNo policy rule is assigned yet: the next run does it.\n";
    } else if (!rule) {
        fmt::print(out,
                   "\nThe policy rule {} held at the last run; the configuration no longer has it, "
                   "and the next run assigns another.\n",
                   rule_name);
    } else if (rule->is_default) {
        fmt::print(out, "\nThe policy's defaults hold, since no rule matches it:\n");
        print(rule->thresholds, out);
    } else {
        fmt::print(out, "\nThe policy rule {} holds, the first that matches it, by\n", rule_name);
        print(rule->match, out);
        out << "and sets\n";
        print(rule->thresholds, out);
    }
    out << "\nFINDINGS\n";
    list_findings(session, key_id, format, out);
    out << "\nAUDIT TRAIL (newest first, 20 at most)\n";
    list_audit(session, key_id, format, out);
    return ExitCode::done;
}

}  // namespace keyrota
