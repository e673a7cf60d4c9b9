#include "commands/keys/show.h"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include "commands/find_key.h"
#include "commands/key_facts.h"
#include "jobs_sql.h"
#include "postgres/database.h"

namespace keyrota {
namespace {

// `1 expired, 5 active until 2027-01-01T00:00:00Z, 7 active`
std::string lineage_text(const std::vector<Row>& family) {
    std::string text;
    for (const Row& key : family) {
        text += fmt::format("{}{} {}", text.empty() ? "" : ", ", key.int64("key_id"),
                            key.text("status"));
        if (const auto retires_at = key.optional_int64("retire_at");
            retires_at && key.text("status") == "active")
            text += " until " + short_instant(from_micros(*retires_at));
    }
    return text;
}

std::string lineage_json(const std::vector<Row>& family) {
    std::string list;
    for (const Row& key : family) {
        Facts facts;
        facts.add("key_id", key.int64("key_id"));
        facts.add("status", key.text("status"));
        facts.add("reason", text_cell(key, "reason"));
        for (const char* name : {"created_at", "expires_at", "retire_at"})
            facts.add(name, instant_cell(key, name));
        list += (list.empty() ? "" : ", ") + facts.json();
    }
    return "[" + list + "]";
}

}  // namespace

ExitCode keys_show(const Config& config, const std::string& key, Format format, std::ostream& out) {
    Session session = open_session(config, Access::runner);
    const std::int64_t key_id = find_key(session, key);
    Facts facts = key_facts(key_facts_row(session, key_id));
    const std::vector<Row> family = session.rows(sql::lineage, {{"key_id", key_id}});
    if (format == Format::json) {
        facts.add("lineage", Json{lineage_json(family)});
        out << facts.json() << "\n";
        return ExitCode::done;
    }
    if (family.size() > 1) facts.add("lineage", lineage_text(family));
    facts.print_text(out);
    fmt::print(out, "\n`keyrota explain {}` shows its policy, findings and trail.\n", key_id);
    return ExitCode::done;
}

}  // namespace keyrota
