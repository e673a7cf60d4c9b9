#include "commands/explain/explain.h"

#include <fmt/format.h>
#include <fmt/ostream.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <sstream>

#include "commands/audit_trail/audit.h"
#include "commands/find_key.h"
#include "commands/key_facts.h"
#include "commands/policy.h"
#include "finding/severity.h"
#include "jobs_sql.h"
#include "postgres/database.h"
#include "report/escape.h"
#include "report/facts.h"

namespace keyrota {
namespace {

constexpr std::int64_t kAuditEntries = 20;

void print_policy(const KeyPolicy& policy, std::ostream& out) {
    if (policy.is_default)
        out << "\nNo policy rule matches it, so the defaults apply:\n";
    else
        fmt::print(out, "\nThe policy rule {} applies, the first that matches it ({}):\n",
                   policy.rule, for_terminal(fmt::format("{}", fmt::join(policy.match, ", "))));
    for (const Threshold& threshold : policy.thresholds)
        fmt::print(out, "  {}: {}\n", threshold.option, for_terminal(threshold.value));
    if (!policy.pending.empty())
        fmt::print(out, "Not in force yet: {}.\n", for_terminal(policy.pending));
}

Json thresholds_json(const KeyPolicy& policy) {
    Facts facts;
    for (const Threshold& threshold : policy.thresholds)
        facts.add(threshold.option, threshold.value);
    return Json{facts.json()};
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
                     {"waiver", Shown::data},
                     {"waived_until", Shown::data},
                     {"decided_by", Shown::data},
                     {"decided_why", Shown::data}});
    const std::vector<Row> rows = session.rows(sql::explain_findings, {{"key_id", key_id}});
    for (const Row& row : rows)
        listing.row({std::string(severity_name(row.int64("severity"))), row.text("check_id"),
                     row.text("status"), instant_cell(row, "opened_at"),
                     instant_cell(row, "due_at"), instant_cell(row, "resolved_at"),
                     text_cell(row, "resolution"), row.int64("episode"), row.text("uid"),
                     text_cell(row, "waiver"), instant_cell(row, "waived_until"),
                     text_cell(row, "decided_by"), text_cell(row, "decided_why")});
    listing.end();
    if (format != Format::text) return;
    if (rows.empty()) out << "none\n";
    for (const Row& row : rows) {
        if (row.is_null("waiver")) continue;
        fmt::print(out, "{} is waived until {} by {}, approved by {}: {}\n", row.text("check_id"),
                   short_instant(row.instant("waived_until")), row.text("waiver"),
                   for_terminal(row.text("decided_by")), for_terminal(row.text("decided_why")));
    }
}

template <typename List>
Json listed(const List& list) {
    std::ostringstream json;
    list(json);
    return Json{json.str().substr(0, json.str().size() - 1)};
}

}  // namespace

ExitCode explain(const LoadedConfig& loaded, const std::string& key, Format format,
                 std::ostream& out) {
    Session session = open_session(loaded.config, Access::runner);
    const Transaction reading(session);
    const std::int64_t key_id = find_key(session, key);
    const Row row = key_facts_row(session, key_id);
    const KeyPolicy policy = policy_of_key(session, loaded, key_id, row.text_or("policy_rule", ""));
    const Cell refused = text_cell(row, "refused_because");

    if (format == Format::json) {
        Facts facts = key_facts(row);
        facts.add("refused_because", refused);
        facts.add("policy_rule", policy.rule);
        facts.add("policy_thresholds", thresholds_json(policy));
        facts.add("policy_pending", policy.pending.empty() ? Cell{} : Cell(policy.pending));
        facts.add("findings", listed([&](std::ostream& json) {
                      list_findings(session, key_id, format, json);
                  }));
        facts.add("audit_entries", listed([&](std::ostream& json) {
                      list_audit(session, key_id, kAuditEntries, format, json);
                  }));
        out << facts.json() << "\n";
        return ExitCode::done;
    }

    key_facts(row).print_text(out);
    if (const auto* because = std::get_if<std::string>(&refused))
        fmt::print(out, "\nA call with it would be refused now: {}.\n", *because);
    else
        fmt::print(out, "\nA call with it would be accepted now.\n");

    print_policy(policy, out);
    out << "\nFINDINGS\n";
    list_findings(session, key_id, format, out);
    fmt::print(out, "\nAUDIT TRAIL (newest first, {} at most)\n", kAuditEntries);
    if (list_audit(session, key_id, kAuditEntries, format, out) == 0) out << "none\n";
    return ExitCode::done;
}

}  // namespace keyrota
