#include "commands/waivers/waivers.h"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include <algorithm>

#include "check_waivers/check_waivers.h"
#include "commands/find_key.h"
#include "commands/find_named.h"
#include "config/options.h"
#include "error/error.h"
#include "error/suggestion.h"
#include "jobs_sql.h"
#include "postgres/cursor.h"
#include "postgres/database.h"
#include "report/escape.h"
#include "report/facts.h"
#include "waiver/waivers.h"

namespace keyrota {
namespace {

constexpr Statement kClock{"clock", "select keyrota.micros(clock_timestamp()) as now"};
constexpr Statement kTeamName{"team_name",
                              "select name from keyrota.team where team_id = :team_id"};
constexpr Statement kOwnerEmail{"owner_email",
                                "select email from keyrota.owner where owner_id = :owner_id"};
constexpr Statement kChecksEverRun{"checks_ever_run",
                                   "select distinct check_id from keyrota.run_check"};

// The option that says what the file calls so.
std::string option_of(const std::string& field) {
    if (field == "checks") return "--check";
    if (field == "reason") return "--why";
    std::string option = field;
    if (const std::size_t dot = field.find('.'); dot != std::string::npos) {
        const std::string kind = field.substr(dot + 1);
        option = kind == "names" ? "key-name" : kind == "key_ids" ? "key" : kind;
        if (option.ends_with('s')) option.pop_back();
        if (field.starts_with("except.")) option.insert(0, "except-");
    }
    std::replace(option.begin(), option.end(), '_', '-');
    return option.insert(0, "--");
}

void set(Waiver& waiver, const std::string& field, const std::string& text) {
    if (const auto complaint = set_waiver_field(waiver, field, text))
        throw Error(
            ExitCode::usage,
            fmt::format("{}: {}", field == "name" ? "NAME" : option_of(field), complaint->message),
            complaint->hint);
}

void require_known(Session& session, const Config& config, const WaiverWishes& wishes,
                   Timestamp now) {
    Interruption interruption;
    std::vector<std::string> known = checks_of_jobs({config, now, interruption}, nullptr);
    for (const Row& row : session.rows(kChecksEverRun)) known.push_back(row.text("check_id"));
    for (const std::string& check : wishes.checks)
        if (std::find(known.begin(), known.end(), check) == known.end()) {
            std::string hint = did_you_mean(check, known);
            if (hint.empty()) hint = "`keyrota findings list` shows checks in its second column.";
            throw Error(ExitCode::usage, fmt::format("--check: no job checks {}", in_quotes(check)),
                        hint);
        }
}

void set_match(Session& session, Waiver& waiver, const std::string& section,
               const KeyMatchWishes& wishes) {
    const auto add = [&](const char* kind, const std::string& text) {
        set(waiver, fmt::format("{}.{}", section, kind), text);
    };
    for (const std::string& team : wishes.teams)
        add("teams", session.one(kTeamName, {{"team_id", find_team(session, team)}}).text("name"));
    for (const std::string& owner : wishes.owners)
        add("owners", session.one(kOwnerEmail, {{"owner_id", find_owner(session, owner)}})
                          .text_or("email", ""));
    for (const std::string& environment : wishes.environments) add("environments", environment);
    for (const std::string& name : wishes.names) add("names", name);
    for (const std::string& key : wishes.keys)
        add("key_ids", std::to_string(find_key(session, key)));
}

void set_end(Waiver& waiver, const WaiverWishes& wishes, Timestamp now,
             std::chrono::microseconds most) {
    if (wishes.expires_at.empty() == wishes.lasts.empty())
        throw Error(ExitCode::usage, "until when?",
                    fmt::format("Give either --for a duration or --expires-at an instant, at most "
                                "{} ahead.",
                                to_string(most)));
    if (wishes.lasts.empty()) {
        set(waiver, "expires_at", wishes.expires_at);
    } else if (const auto lasts = parse_duration(wishes.lasts)) {
        // Beyond any limit, and no overflow.
        waiver.expires_at = now + std::min(*lasts, most + std::chrono::hours(1));
    } else {
        throw Error(ExitCode::usage,
                    fmt::format("--for: {} is not a duration", in_quotes(wishes.lasts)),
                    "For example 30d.");
    }
    if (*waiver.expires_at <= now)
        throw Error(ExitCode::usage,
                    fmt::format("--expires-at: {} is in the past", to_string(*waiver.expires_at)));
    if (const auto complaint = why_too_long(waiver, now, most))
        throw Error(ExitCode::usage, complaint->message, complaint->hint);
}

Waiver waiver_of(Session& session, const Config& config, const WaiverWishes& wishes,
                 Timestamp now) {
    Waiver waiver;
    set(waiver, "name", wishes.name);
    for (const std::string& check : wishes.checks) set(waiver, "checks", check);
    require_known(session, config, wishes, now);
    set_match(session, waiver, "match", wishes.match);
    set_match(session, waiver, "except", wishes.except);
    set(waiver, "reason", wishes.why);
    set(waiver, "requested_by", wishes.requested_by);
    set(waiver, "approved_by", wishes.approved_by);
    set_end(waiver, wishes, now, config.waivers.max_duration);
    for (const Complaint& complaint : complaints_about(waiver))
        throw Error(ExitCode::usage, complaint.message, complaint.hint);
    return waiver;
}

Json json_cell(const Row& row, const char* column) {
    return Json{row.text_or(column, "null")};
}

// What a waiver is, for programs; a person gets the table.
Facts facts_of(const Row& row) {
    Facts facts;
    facts.add("waiver", row.text("name"));
    facts.add("checks", json_cell(row, "checks_json"));
    facts.add("match", json_cell(row, "match_json"));
    facts.add("except", json_cell(row, "except_json"));
    facts.add("expires_at", instant_cell(row, "expires_at"));
    facts.add("keys", row.int64("keys"));
    facts.add("findings", row.int64("findings"));
    return facts;
}

// What of the file the next run will take over.
void print_file_news(Session& session, const Config& config, Timestamp now, std::ostream& out) {
    if (config.waivers.file.empty()) return;
    const std::string file = for_terminal(config.waivers.file.string());
    try {
        for (const WaiverChange& change : waiver_changes(session, config.waivers, now))
            fmt::print(out, "{}: {} {}s {}\n", file, "the next run",
                       change.kind == "taken" ? "refuse" : change.kind, change.name);
    } catch (const Error& error) {
        if (error.code() != ExitCode::config) throw;
        fmt::print(out, "{} is refused; `keyrota config check` says why\n", file);
    }
}

}  // namespace

ExitCode waivers_add(const Config& config, const WaiverWishes& wishes, Format format,
                     std::ostream& out) {
    Session session = open_session(config, Access::runner);
    Transaction transaction(session);
    const Timestamp now = session.one(kClock).instant("now");
    const Waiver waiver = waiver_of(session, config, wishes, now);
    const std::int64_t waiver_id =
        add_waiver(session, waiver, {now}, wishes.dry_run ? Trail::left_out : Trail::written);
    if (!wishes.dry_run) transaction.commit();
    // Counting reads all keys, and must not hold the trail's head meanwhile.
    const Row row = session.one(sql::waiver_reach, {{"waiver_id", waiver_id}});
    if (format == Format::json) {
        Facts facts = facts_of(row);
        facts.add("dry_run", wishes.dry_run);
        out << facts.json() << "\n";
        return ExitCode::done;
    }
    const std::int64_t keys = row.int64("keys");
    const std::int64_t findings = row.int64("findings");
    fmt::print(out, "{} {} until {}: {} {}, with {} unresolved {}\n",
               wishes.dry_run ? "would add" : "added", waiver.name, to_string(*waiver.expires_at),
               keys, keys == 1 ? "key" : "keys", findings, findings == 1 ? "finding" : "findings");
    if (keys == 0)
        out << "No key matches now: names and teams are compared exactly, except for * and ? in a "
               "key's name.\n";
    else if (!wishes.dry_run)
        out << "The next run of each check waives them.\n";
    return ExitCode::done;
}

ExitCode waivers_list(const Config& config, bool all, Format format, std::ostream& out) {
    Session session = open_session(config, Access::runner);
    const Transaction reading(session);
    const Timestamp now = session.one(kClock).instant("now");
    Listing listing(out, format,
                    {{"waiver"},
                     {"state"},
                     {"checks"},
                     {"keys"},
                     {"findings"},
                     {"expires_at"},
                     {"approved_by"},
                     {"reason"},
                     {"requested_by", Shown::data},
                     {"source", Shown::data},
                     {"matches_keys", Shown::data},
                     {"match", Shown::data},
                     {"except", Shown::data},
                     {"created_at", Shown::data},
                     {"ended_at", Shown::data},
                     {"ended_why", Shown::data}});
    std::vector<std::string> unmatched;
    for (const Row& row : session.rows(sql::waivers_list, {{"all", all ? 1 : 0}, {"at", now}})) {
        const bool matches = row.int64("matches_keys") != 0;
        if (!matches && row.text("state") == "in force") unmatched.push_back(row.text("name"));
        listing.row({row.text("name"), row.text("state"), row.text("checks"), row.text("keys"),
                     row.int64("findings"), instant_cell(row, "expires_at"),
                     row.text("approved_by"), row.text("reason"), row.text("requested_by"),
                     row.text("source"), matches, json_cell(row, "match_json"),
                     json_cell(row, "except_json"), instant_cell(row, "created_at"),
                     instant_cell(row, "ended_at"), text_cell(row, "ended_why")});
    }
    listing.end("no waivers");
    if (format != Format::text) return ExitCode::done;
    for (const std::string& name : unmatched) fmt::print(out, "{} matches no key\n", name);
    print_file_news(session, config, now, out);
    return ExitCode::done;
}

ExitCode waivers_end(const Config& config, const std::string& name, const std::string& why,
                     std::ostream& out) {
    Session session = open_session(config, Access::runner);
    Waiver checked;
    set(checked, "reason", why);
    Transaction transaction(session);
    end_waiver(session, name, why, {session.one(kClock).instant("now")});
    transaction.commit();
    fmt::print(out, "ended {}; the next run of each check opens its findings again\n", name);
    return ExitCode::done;
}

}  // namespace keyrota
