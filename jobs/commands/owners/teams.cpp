#include "commands/owners/teams.h"

#include <Poco/JSON/Object.h>
#include <fmt/format.h>
#include <fmt/ostream.h>

#include <algorithm>

#include "audit/audit.h"
#include "commands/find_named.h"
#include "commands/owners/require.h"
#include "config/options.h"
#include "error/error.h"
#include "error/suggestion.h"
#include "jobs_sql.h"
#include "postgres/cursor.h"
#include "postgres/database.h"
#include "report/facts.h"
#include "report/json_text.h"

namespace keyrota {
namespace {

constexpr Statement kTeamWithName{"team_with_name",
                                  "select team_id from keyrota.team where name = :name"};
constexpr const char* kLook = "`keyrota teams list` shows it.";

void require_free(Session& session, const std::string& name, std::int64_t but_for) {
    const auto other = session.row(kTeamWithName, {{"name", name}});
    if (!other || other->int64("team_id") == but_for) return;
    throw Error(ExitCode::usage, fmt::format("--name: a team {} already exists", in_quotes(name)),
                fmt::format("`keyrota teams show {}` shows it.", other->int64("team_id")));
}

void set_email(Poco::JSON::Object& json, const char* column, const char* option,
               const std::string& email) {
    if (email.empty()) return;
    if (email != "none") require_email(option, email);
    json.set(column, email == "none" ? Poco::Dynamic::Var() : Poco::Dynamic::Var(email));
}

void set_webhook(Poco::JSON::Object& json, const Config& config, const std::string& name) {
    if (name.empty()) return;
    Poco::Dynamic::Var chosen;
    if (name != "none") {
        std::vector<std::string> names;
        for (const auto& webhook : config.webhooks) names.push_back(webhook.name);
        if (std::find(names.begin(), names.end(), name) == names.end()) {
            std::string hint = did_you_mean(name, names);
            if (hint.empty()) hint = "The configuration names them under `webhooks`.";
            throw Error(ExitCode::usage,
                        fmt::format("--webhook: no webhook is named {}", in_quotes(name)), hint);
        }
        chosen = name;
    }
    json.set("webhook", chosen);
}

// By the names of the table's columns.
Poco::JSON::Object wishes_json(Session& session, const Config& config, const TeamWishes& wishes,
                               std::int64_t team_id) {
    Poco::JSON::Object json;
    if (!wishes.name.empty()) {
        require_name(wishes.name);
        require_free(session, wishes.name, team_id);
        json.set("name", wishes.name);
    }
    set_email(json, "email", "--email", wishes.email);
    set_email(json, "security_email", "--security-email", wishes.security_email);
    set_webhook(json, config, wishes.webhook);
    return json;
}

// Addresses stay out of the trail.
std::string record(std::int64_t team_id, const std::string& name) {
    Poco::JSON::Object json;
    json.set("team_id", team_id);
    json.set("name", name);
    return json_text(json);
}

void show(Session& session, std::int64_t team_id, Format format, std::ostream& out) {
    const Row row =
        session.one(sql::teams_list, {{"team_id", team_id}, {"limit", std::monostate{}}});
    Facts facts;
    facts.add("team_id", row.int64("team_id"));
    facts.add("name", row.text("name"));
    facts.add("email", text_cell(row, "email"));
    facts.add("security_email", text_cell(row, "security_email"));
    facts.add("webhook", text_cell(row, "webhook"));
    for (const char* count : {"owners", "keys", "findings"}) facts.add(count, row.int64(count));
    if (format == Format::json)
        out << facts.json() << "\n";
    else
        facts.print_text(out);
}

}  // namespace

ExitCode teams_create(const Config& config, const TeamWishes& team, Format format,
                      std::ostream& out) {
    Session session = open_session(config, Access::runner);
    const Poco::JSON::Object json = wishes_json(session, config, team, 0);
    const auto text = [&](const char* name) {
        return text_or_null(name, json.isNull(name) ? "" : json.getValue<std::string>(name));
    };
    Transaction transaction(session);
    const Params params{
        {"name", team.name}, text("email"), text("security_email"), text("webhook")};
    const std::int64_t team_id =
        or_taken([&] { return session.one(sql::team_create, params); }, "name", kLook)
            .int64("team_id");
    record_audit(session, {.action = "team.create", .after = record(team_id, team.name)});
    transaction.commit();
    if (format == Format::text) fmt::print(out, "created team {}\n\n", team_id);
    show(session, team_id, format, out);
    return ExitCode::done;
}

ExitCode teams_list(const Config& config, std::optional<std::int64_t> limit, Format format,
                    std::ostream& out) {
    Session session = open_session(config, Access::runner);
    const auto shown = rows_of(limit, format == Format::text);
    std::optional<std::int64_t> rows_needed;
    if (shown) rows_needed = *shown + 1;  // to know whether there are more
    Listing listing(out, format,
                    {{"team_id"},
                     {"name"},
                     {"email"},
                     {"security_email"},
                     {"webhook"},
                     {"owners"},
                     {"keys"},
                     {"findings"}});
    bool is_cut = false;
    Transaction reading(session);
    for_each_row(session, sql::teams_list, {{"team_id", std::monostate{}}, {"limit", rows_needed}},
                 [&](const Row& row) {
                     is_cut = shown && listing.rows_total() == *shown;
                     if (is_cut) return;
                     listing.row({row.int64("team_id"), row.text("name"), text_cell(row, "email"),
                                  text_cell(row, "security_email"), text_cell(row, "webhook"),
                                  row.int64("owners"), row.int64("keys"), row.int64("findings")});
                 });
    listing.end("no teams", is_cut);
    return ExitCode::done;
}

ExitCode teams_show(const Config& config, const std::string& team, Format format,
                    std::ostream& out) {
    Session session = open_session(config, Access::runner);
    show(session, find_team(session, team), format, out);
    return ExitCode::done;
}

ExitCode teams_update(const Config& config, const std::string& team, const TeamWishes& wishes,
                      std::ostream& out) {
    Session session = open_session(config, Access::runner);
    const std::int64_t team_id = find_team(session, team);
    const Poco::JSON::Object json = wishes_json(session, config, wishes, team_id);
    if (json.size() == 0)
        throw Error(ExitCode::usage, "update what?",
                    "`keyrota teams update --help` lists what can be set.");
    Transaction transaction(session);
    const Params params{{"team_id", team_id}, {"wishes", json_text(json)}};
    const auto done =
        or_taken([&] { return session.row(sql::team_update, params); }, "name", kLook);
    if (!done) {
        fmt::print(out, "team {} needs no change\n", team_id);
        return ExitCode::done;
    }
    Poco::JSON::Object why;
    why.set("changed", done->text("changed"));
    record_audit(session, {.action = "team.update",
                           .before = record(team_id, done->text("before")),
                           .after = record(team_id, done->text("after")),
                           .why = json_text(why)});
    transaction.commit();
    fmt::print(out, "team {} updated: {}\n", team_id, done->text("changed"));
    return ExitCode::done;
}

}  // namespace keyrota
