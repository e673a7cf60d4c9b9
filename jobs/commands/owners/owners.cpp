#include "commands/owners/owners.h"

#include <Poco/JSON/Object.h>
#include <fmt/format.h>
#include <fmt/ostream.h>

#include "audit/audit.h"
#include "commands/find_named.h"
#include "commands/owners/require.h"
#include "config/options.h"
#include "error/error.h"
#include "jobs_sql.h"
#include "postgres/cursor.h"
#include "postgres/database.h"
#include "report/facts.h"
#include "report/json_text.h"

namespace keyrota {
namespace {

constexpr Statement kOwnerWithEmail{
    "owner_with_email", "select owner_id from keyrota.owner where lower(email) = lower(:email)"};
constexpr const char* kLook = "`keyrota owners list` shows whose it is.";

void require_free(Session& session, const std::string& email, std::int64_t but_for) {
    const auto other = session.row(kOwnerWithEmail, {{"email", email}});
    if (!other || other->int64("owner_id") == but_for) return;
    throw Error(ExitCode::usage,
                fmt::format("--email: owner {} already has this address", other->int64("owner_id")),
                "Each owner needs an address of their own.");
}

Poco::Dynamic::Var id_or_none(const std::string& given,
                              std::int64_t (*find)(Session&, const std::string&),
                              Session& session) {
    if (given == "none") return {};
    return find(session, given);
}

// By the names of the table's columns.
Poco::JSON::Object wishes_json(Session& session, const OwnerWishes& wishes, std::int64_t owner_id) {
    Poco::JSON::Object json;
    if (!wishes.name.empty()) {
        require_name(wishes.name);
        json.set("name", wishes.name);
    }
    if (!wishes.email.empty()) {
        require_email("--email", wishes.email);
        require_free(session, wishes.email, owner_id);
        json.set("email", wishes.email);
    }
    if (!wishes.time_zone.empty()) {
        require_time_zone(session, wishes.time_zone);
        json.set("time_zone", wishes.time_zone);
    }
    if (!wishes.team.empty()) json.set("team_id", id_or_none(wishes.team, find_team, session));
    if (!wishes.active.empty()) json.set("active", wishes.active == "true");
    if (!wishes.fallback.empty()) {
        const Poco::Dynamic::Var fallback = id_or_none(wishes.fallback, find_active_owner, session);
        if (!fallback.isEmpty() && fallback.convert<std::int64_t>() == owner_id)
            throw Error(ExitCode::usage, "--fallback: an owner cannot be their own fallback",
                        "Name somebody else, or none.");
        json.set("fallback_owner_id", fallback);
    }
    return json;
}

Row owner_row(Session& session, std::int64_t owner_id) {
    return session.one(sql::owners_list, {{"owner_id", owner_id},
                                          {"team_id", std::monostate{}},
                                          {"active", std::monostate{}},
                                          {"limit", std::monostate{}}});
}

Facts facts_of(const Row& row) {
    Facts facts;
    facts.add("owner_id", row.int64("owner_id"));
    facts.add("name", row.text("name"));
    facts.add("email", text_cell(row, "email"));
    facts.add("team", text_cell(row, "team"));
    facts.add("time_zone", row.text("time_zone"));
    facts.add("active", flag_cell(row, "active"));
    facts.add("fallback", text_cell(row, "fallback"));
    facts.add("created_at", instant_cell(row, "created_at"));
    facts.add("keys", row.int64("keys"));
    facts.add("findings", row.int64("findings"));
    return facts;
}

void show(Session& session, std::int64_t owner_id, Format format, std::ostream& out) {
    const Facts facts = facts_of(owner_row(session, owner_id));
    if (format == Format::json)
        out << facts.json() << "\n";
    else
        facts.print_text(out);
}

}  // namespace

ExitCode owners_create(const Config& config, const OwnerWishes& owner, Format format,
                       std::ostream& out) {
    Session session = open_session(config, Access::runner);
    const Poco::JSON::Object json = wishes_json(session, owner, 0);
    const auto id = [&](const char* name) -> std::optional<std::int64_t> {
        if (json.isNull(name)) return std::nullopt;
        return json.getValue<std::int64_t>(name);
    };
    Transaction transaction(session);
    const Params params{{"name", owner.name},
                        {"email", owner.email},
                        {"team_id", id("team_id")},
                        {"time_zone", owner.time_zone.empty() ? "UTC" : owner.time_zone},
                        {"fallback_owner_id", id("fallback_owner_id")}};
    const Row made =
        or_taken([&] { return session.one(sql::owner_create, params); }, "address", kLook);
    record_audit(session, {.action = "owner.create", .after = made.text("record")});
    transaction.commit();
    if (format == Format::text) fmt::print(out, "created owner {}\n\n", made.int64("owner_id"));
    show(session, made.int64("owner_id"), format, out);
    return ExitCode::done;
}

ExitCode owners_list(const Config& config, const OwnerFilter& filter, Format format,
                     std::ostream& out) {
    Session session = open_session(config, Access::runner);
    const auto shown = rows_of(filter.limit, format == Format::text);
    std::optional<std::int64_t> team_id, active, rows_needed;
    if (!filter.team.empty()) team_id = find_team(session, filter.team);
    if (!filter.active.empty()) active = filter.active == "true" ? 1 : 0;
    if (shown) rows_needed = *shown + 1;  // to know whether there are more
    Listing listing(out, format,
                    {{"owner_id"},
                     {"name"},
                     {"email"},
                     {"team"},
                     {"time_zone"},
                     {"active"},
                     {"keys"},
                     {"findings"},
                     {"fallback", Shown::data},
                     {"created_at", Shown::data}});
    bool is_cut = false;
    Transaction reading(session);
    for_each_row(
        session, sql::owners_list,
        {{"owner_id", std::monostate{}},
         {"team_id", team_id},
         {"active", active},
         {"limit", rows_needed}},
        [&](const Row& row) {
            is_cut = shown && listing.rows_total() == *shown;
            if (is_cut) return;
            listing.row({row.int64("owner_id"), row.text("name"), text_cell(row, "email"),
                         text_cell(row, "team"), row.text("time_zone"), flag_cell(row, "active"),
                         row.int64("keys"), row.int64("findings"), text_cell(row, "fallback"),
                         instant_cell(row, "created_at")});
        });
    listing.end("no owners", is_cut);
    return ExitCode::done;
}

ExitCode owners_show(const Config& config, const std::string& owner, Format format,
                     std::ostream& out) {
    Session session = open_session(config, Access::runner);
    show(session, find_owner(session, owner), format, out);
    return ExitCode::done;
}

ExitCode owners_update(const Config& config, const std::string& owner, const OwnerWishes& wishes,
                       std::ostream& out) {
    Session session = open_session(config, Access::runner);
    const std::int64_t owner_id = find_owner(session, owner);
    const Poco::JSON::Object json = wishes_json(session, wishes, owner_id);
    if (json.size() == 0)
        throw Error(ExitCode::usage, "update what?",
                    "`keyrota owners update --help` lists what can be set.");
    Transaction transaction(session);
    const Params params{{"owner_id", owner_id}, {"wishes", json_text(json)}};
    const auto done =
        or_taken([&] { return session.row(sql::owner_update, params); }, "address", kLook);
    if (!done) {
        fmt::print(out, "owner {} needs no change\n", owner_id);
        return ExitCode::done;
    }
    Poco::JSON::Object why;
    why.set("changed", done->text("changed"));
    record_audit(session, {.action = "owner.update",
                           .before = done->text("before"),
                           .after = done->text("after"),
                           .why = json_text(why)});
    transaction.commit();
    fmt::print(out, "owner {} updated: {}\n", owner_id, done->text("changed"));
    const std::int64_t keys = owner_row(session, owner_id).int64("keys");
    if (wishes.active == "false" && keys > 0)
        fmt::print(out, "Their {}; `keyrota leaver {}` hands them over or switches them off.\n",
                   keys == 1 ? "key still works" : fmt::format("{} keys still work", keys),
                   owner_id);
    return ExitCode::done;
}

}  // namespace keyrota
