#include "commands/key_facts.h"

#include "jobs_sql.h"

namespace keyrota {

Row key_facts_row(Session& session, std::int64_t key_id) {
    return session.one(sql::key_facts, {{"key_id", key_id}});
}

Facts key_facts(const Row& key) {
    Facts facts;
    facts.add("key_id", key.int64("key_id"));
    facts.add("key", key.text("masked"));
    for (const char* name : {"name", "status", "type", "environment", "scopes", "service_plan"})
        facts.add(name, text_cell(key, name));
    facts.add("limit_per_minute", number_cell(key, "limit_per_minute"));
    facts.add("owner", text_cell(key, "owner"));
    facts.add("owner_name", text_cell(key, "owner_name"));
    facts.add("owner_left",
              key.optional_int64("owner_left").value_or(0) != 0 ? Cell(true) : Cell{});
    facts.add("team", text_cell(key, "team"));
    facts.add("source", text_cell(key, "source"));
    facts.add("external_id", text_cell(key, "external_id"));
    facts.add("created_at", instant_cell(key, "created_at"));
    facts.add("age_days", number_cell(key, "age_days"));
    for (const char* name : {"expires_at", "last_used_at", "retire_at", "deactivated_at"})
        facts.add(name, instant_cell(key, name));
    facts.add("lineage_id", number_cell(key, "lineage_id"));
    facts.add("predecessor_id", number_cell(key, "predecessor_id"));
    facts.add("successor_id", number_cell(key, "successor_id"));
    facts.add("findings_open", number_cell(key, "findings_open"));
    return facts;
}

}  // namespace keyrota
