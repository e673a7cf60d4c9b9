#include "commands/findings/findings.h"

#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>
#include <fmt/format.h>
#include <fmt/ostream.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <set>

#include "audit/audit.h"
#include "check_waivers/check_waivers.h"
#include "commands/find_key.h"
#include "commands/find_named.h"
#include "config/options.h"
#include "custom_checks/check_file.h"
#include "error/error.h"
#include "error/suggestion.h"
#include "finding/control.h"
#include "finding/severity.h"
#include "jobs_sql.h"
#include "notify/advice.h"
#include "postgres/caller.h"
#include "postgres/cursor.h"
#include "postgres/database.h"
#include "report/facts.h"
#include "report/json_text.h"

namespace keyrota {
namespace {

constexpr std::size_t kShortUid = 11;  // kf_ and 8 digits
constexpr std::int64_t kRowsForPeople = 100;
constexpr Statement kClock{"findings_clock", "select keyrota.micros(clock_timestamp()) as now"};
constexpr Statement kChecksFound{"checks_found",
                                 "select distinct check_id from keyrota.finding order by check_id"};

Cell severity_cell(const Row& row) {
    return std::string(severity_name(row.int64("severity")));
}
// What it is about, for people: the key's name, or for the runner itself the detail.
Cell subject_cell(const Row& row) {
    return row.int64("key_id") == 0 ? text_cell(row, "detail") : text_cell(row, "name");
}

Facts facts_of(const Row& row) {
    Facts facts;
    facts.add("finding", row.text("uid"));
    facts.add("check", row.text("check_id"));
    facts.add("severity", severity_cell(row));
    facts.add("status", row.text("status"));
    facts.add("key_id", row.int64("key_id"));
    facts.add("key", text_cell(row, "masked"));
    facts.add("name", text_cell(row, "name"));
    facts.add("environment", text_cell(row, "environment"));
    facts.add("owner", text_cell(row, "owner"));
    facts.add("detail", row.text("detail").empty() ? Cell{} : text_cell(row, "detail"));
    facts.add("episode", row.int64("episode"));
    facts.add("opened_at", instant_cell(row, "opened_at"));
    facts.add("due_at", instant_cell(row, "due_at"));
    facts.add("resolved_at", instant_cell(row, "resolved_at"));
    facts.add("resolution", text_cell(row, "resolution"));
    facts.add("waiver", text_cell(row, "waiver"));
    facts.add("waived_until", instant_cell(row, "waived_until"));
    facts.add("decided_by", text_cell(row, "decided_by"));
    facts.add("decided_at", instant_cell(row, "decided_at"));
    facts.add("decided_why", text_cell(row, "decided_why"));
    facts.add("run_id", row.int64("run_id") == 0 ? Cell{} : Cell(row.int64("run_id")));
    return facts;
}

// Evidence for people: a line each, instants readable.
void add_evidence(Facts& facts, const std::string& evidence) {
    constexpr std::string_view kInstant = "_at_us";
    constexpr std::size_t kUnit = 3;  // _us
    const auto object = Poco::JSON::Parser().parse(evidence).extract<Poco::JSON::Object::Ptr>();
    for (const auto& [name, value] : *object) {
        const bool is_instant = name.size() > kInstant.size() &&
                                name.substr(name.size() - kInstant.size()) == kInstant &&
                                value.isInteger();
        if (is_instant)
            facts.add("evidence: " + name.substr(0, name.size() - kUnit),
                      from_micros(value.convert<std::int64_t>()));
        else
            facts.add("evidence: " + name, value.toString());
    }
}

// What the author of a custom check says of it, if its file can still be read here.
void add_authors_words(Facts& facts, const Config& config, const std::string& check_id) {
    if (!check_id.starts_with("CUSTOM-")) return;
    try {
        for (const CustomCheck& check : load_custom_checks(config).checks) {
            if (check.check_id != check_id) continue;
            facts.add("title", check.title);
            facts.add("remediation", check.remediation);
        }
    } catch (const Error& error) {
        spdlog::debug("{}: {}", check_id, error.what());
    }
}

// A slip of the finger must not look like an empty list. Our own checks have an advice; those of
// the operator are made by a job, or were once and left findings.
void require_known_check(Session& session, const Config& config, const std::string& check_id) {
    if (check_id.empty() || check_id == advice_for(check_id).check_id) return;
    const Timestamp now = session.one(kClock).instant("now");
    Interruption interruption;
    std::vector<std::string> known = checks_of_jobs({config, now, interruption}, nullptr);
    for (const Row& row : session.rows(kChecksFound)) known.push_back(row.text("check_id"));
    if (std::find(known.begin(), known.end(), check_id) != known.end()) return;
    std::string hint = did_you_mean(check_id, known);
    if (hint.empty()) hint = "`keyrota findings list` shows checks in its second column.";
    throw Error(
        ExitCode::usage,
        fmt::format("--check: no job checks {}, and it has no findings", in_quotes(check_id)),
        hint);
}

// The same without a database: no clause speaks of a check that the operator made.
void require_check_of_ours(const std::string& check_id) {
    if (check_id.empty() || check_id == advice_for(check_id).check_id) return;
    std::vector<std::string> known;
    for (const Control& control : all_controls())
        known.insert(known.end(), control.checks.begin(), control.checks.end());
    throw Error(ExitCode::usage,
                fmt::format("--check: keyrota has no check {}", in_quotes(check_id)),
                did_you_mean(check_id, known));
}

Poco::JSON::Object status_json(const std::string& status) {
    Poco::JSON::Object object;
    object.set("status", status);
    return object;
}

}  // namespace

Params findings_list_params(Session& session, const Config& config, const FindingFilter& filter,
                            std::optional<std::int64_t> limit) {
    std::optional<std::int64_t> key_id, owner_id, team_id;
    if (!filter.key.empty()) key_id = find_key(session, filter.key);
    if (!filter.owner.empty()) owner_id = find_owner(session, filter.owner);
    if (!filter.team.empty()) team_id = find_team(session, filter.team);
    require_known_check(session, config, filter.check_id);
    std::string checks;
    if (!filter.control.empty())
        checks = fmt::format("{{{}}}", fmt::join(checks_of_control(filter.control), ","));
    return {text_or_null("check_id", filter.check_id),
            text_or_null("checks", checks),
            {"owner_id", owner_id},
            {"team_id", team_id},
            text_or_null("environment", filter.environment),
            {"key_id", key_id},
            {"severity", filter.severity},
            {"status", filter.status.empty() ? "unresolved" : filter.status},
            {"limit", limit}};
}

ExitCode findings_list(const Config& config, const FindingFilter& filter, Format format,
                       std::ostream& out) {
    Session session = open_session(config, Access::runner);
    std::optional<std::int64_t> limit = filter.limit;
    if (!limit && format == Format::text) limit = kRowsForPeople;
    if (limit && *limit == 0) limit.reset();

    const Shown of_waivers = filter.status == "waived" ? Shown::everywhere : Shown::data;
    Listing listing(out, format,
                    {{"severity"},
                     {"check"},
                     {"key_id"},
                     {"name"},
                     {"owner"},
                     {"due_at"},
                     {"opened_at"},
                     {"status"},
                     {"finding"},
                     {"waiver", of_waivers},
                     {"waived_until", of_waivers},
                     {"decided_by", of_waivers},
                     {"decided_why", of_waivers},
                     {"key", Shown::data},
                     {"environment", Shown::data},
                     {"team", Shown::data},
                     {"detail", Shown::data},
                     {"episode", Shown::data},
                     {"last_used_at", Shown::data},
                     {"resolved_at", Shown::data},
                     {"resolution", Shown::data},
                     {"evidence", Shown::data}});
    // One more, to know whether there are more; all, where a severe one may be the last.
    std::optional<std::int64_t> rows_needed;
    if (limit && !filter.fail_on) rows_needed = *limit + 1;
    bool is_over = false;
    bool is_cut = false;
    Transaction reading(session);
    for_each_row(
        session, sql::findings_list, findings_list_params(session, config, filter, rows_needed),
        [&](const Row& row) {
            if (filter.fail_on && row.text("status") == "open" &&
                row.int64("severity") >= *filter.fail_on)
                is_over = true;
            if (limit && listing.rows_total() == *limit) {
                is_cut = true;
                return;
            }
            const std::string& uid = row.text("uid");
            listing.row({severity_cell(row),
                         row.text("check_id"),
                         row.int64("key_id"),
                         format == Format::text ? subject_cell(row) : text_cell(row, "name"),
                         text_cell(row, "owner"),
                         instant_cell(row, "due_at"),
                         instant_cell(row, "opened_at"),
                         row.text("status"),
                         format == Format::text ? uid.substr(0, kShortUid) : uid,
                         text_cell(row, "waiver"),
                         instant_cell(row, "waived_until"),
                         text_cell(row, "decided_by"),
                         text_cell(row, "decided_why"),
                         text_cell(row, "masked"),
                         text_cell(row, "environment"),
                         text_cell(row, "team"),
                         row.text("detail"),
                         row.int64("episode"),
                         instant_cell(row, "last_used_at"),
                         instant_cell(row, "resolved_at"),
                         text_cell(row, "resolution"),
                         Json{row.text("evidence")}});
        });
    listing.end("no findings", is_cut);
    return is_over ? ExitCode::findings : ExitCode::done;
}

ExitCode findings_controls(const std::string& check_id, Format format, std::ostream& out) {
    require_check_of_ours(check_id);
    Listing listing(out, format,
                    {{"control"},
                     {"standard", Shown::data},
                     {"title"},
                     {"checks"},
                     {"reading", Shown::data},
                     {"source", Shown::data}});
    for (const Control& control : all_controls()) {
        if (!check_id.empty() && !control.covers(check_id)) continue;
        listing.row({control.id, control.standard, control.title,
                     fmt::format("{}", fmt::join(control.checks, " ")), "our reading",
                     control.source});
    }
    listing.end();
    if (format != Format::text) return ExitCode::done;
    out << (listing.rows_total() == 0 ? "no control\n"
                                      : "\nWhich check speaks to which clause is our reading; the "
                                        "sources are in --json and --csv.\n");
    return ExitCode::done;
}

ExitCode findings_show(const Config& config, const std::string& finding, Format format,
                       std::ostream& out) {
    Session session = open_session(config, Access::runner);
    const Row row = find_finding(session, finding);
    Facts facts = facts_of(row);
    add_authors_words(facts, config, row.text("check_id"));
    if (format == Format::json) {
        facts.add("evidence", Json{row.text("evidence")});
        out << facts.json() << "\n";
    } else {
        add_evidence(facts, row.text("evidence"));
        facts.print_text(out);
    }
    return ExitCode::done;
}

ExitCode findings_history(const Config& config, const std::string& finding, Format format,
                          std::ostream& out) {
    Session session = open_session(config, Access::runner);
    const Row found = find_finding(session, finding);
    Listing listing(out, format, {{"at"}, {"what"}, {"by"}, {"why"}});
    Transaction reading(session);
    for_each_row(session, sql::finding_history,
                 {{"key_id", found.int64("key_id")},
                  {"uid", found.text("uid")},
                  {"check_id", found.text("check_id")}},
                 [&](const Row& row) {
                     listing.row({instant_cell(row, "at"), row.text("what"), text_cell(row, "by"),
                                  text_cell(row, "why")});
                 });
    listing.end();
    return ExitCode::done;
}

ExitCode findings_decide(const Config& config, const std::vector<std::string>& findings,
                         Decision decision, const std::string& why, std::ostream& out) {
    const bool resolves = decision == Decision::resolve;
    Session session = open_session(config, Access::runner);
    Transaction transaction(session);
    const std::int64_t block_id = open_audit_block(session);
    std::set<std::string> decided;  // naming one twice is no second decision
    for (const std::string& named : findings) {
        const Row finding = find_finding(session, named);
        if (!decided.insert(finding.text("uid")).second) continue;
        const std::string status = resolves ? "resolved" : "acknowledged";
        const auto done =
            session.row(sql::finding_decide, {{"key_id", finding.int64("key_id")},
                                              {"uid", finding.text("uid")},
                                              {"status", status},
                                              {"decided_by", current_caller().os_user},
                                              {"decided_why", why}});
        if (!done)
            throw Error(ExitCode::usage, fmt::format("{} is already resolved", finding.text("uid")),
                        "Nothing was changed.");
        Poco::JSON::Object reason;
        reason.set("finding", finding.text("uid"));
        reason.set("check", finding.text("check_id"));
        reason.set("reason", why);
        record_audit(session, block_id,
                     {.action = resolves ? "finding.resolve" : "finding.acknowledge",
                      .key_id = finding.int64("key_id"),
                      .before = json_text(status_json(done->text("before"))),
                      .after = json_text(status_json(status)),
                      .why = json_text(reason)});
    }
    seal_audit_block(session, block_id);
    transaction.commit();
    fmt::print(out, "{} {}{}\n", decided.size(), decided.size() == 1 ? "finding " : "findings ",
               resolves ? "resolved; a check that still holds opens it again" : "acknowledged");
    return ExitCode::done;
}

}  // namespace keyrota
