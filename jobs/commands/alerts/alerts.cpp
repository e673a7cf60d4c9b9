#include "commands/alerts/alerts.h"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include "audit/audit.h"
#include "commands/alerts/alert_terms.h"
#include "commands/find_key.h"
#include "commands/find_named.h"
#include "error/error.h"
#include "jobs_sql.h"
#include "postgres/cursor.h"
#include "postgres/database.h"
#include "report/json_text.h"

namespace keyrota {
namespace {

// The holder as the table has it: one of the two is 0.
struct Holder {
    std::int64_t key_id = 0;
    std::int64_t owner_id = 0;

    std::string text() const {
        return key_id != 0 ? fmt::format("key {}", key_id) : fmt::format("owner {}", owner_id);
    }
};

Holder find_holder(Session& session, const AlertHolder& holder) {
    if (holder.owner.empty() == holder.key.empty())
        throw Error(ExitCode::usage, "whose settings?",
                    "Name an owner with --owner, or a key with --key.");
    if (!holder.key.empty()) return {.key_id = find_key(session, holder.key)};
    return {.owner_id = find_owner(session, holder.owner)};
}

Params row_of(const Holder& holder, const std::string& check_id) {
    return {{"key_id", holder.key_id}, {"owner_id", holder.owner_id}, {"check_id", check_id}};
}

}  // namespace

ExitCode alerts_list(const Config& config, const AlertHolder& holder, Format format,
                     std::ostream& out) {
    Session session = open_session(config, Access::runner);
    std::optional<std::int64_t> owner_id, key_id;
    if (!holder.owner.empty()) owner_id = find_owner(session, holder.owner);
    if (!holder.key.empty()) key_id = find_key(session, holder.key);
    Listing listing(out, format,
                    {{"owner"},
                     {"key"},
                     {"check"},
                     {"mail"},
                     {"thresholds"},
                     {"updated_at"},
                     {"owner_id", Shown::data},
                     {"key_id", Shown::data},
                     {"settings", Shown::data}});
    Transaction reading(session);
    for_each_row(
        session, sql::alerts_list, {{"owner_id", owner_id}, {"key_id", key_id}},
        [&](const Row& row) {
            listing.row({text_cell(row, "owner"), text_cell(row, "key"), row.text("check_id"),
                         text_cell(row, "mail"), text_cell(row, "thresholds"),
                         row.instant("updated_at"), number_cell(row, "owner_id"),
                         number_cell(row, "key_id"), Json{row.text("settings")}});
        });
    listing.end("no settings: the policy applies to all");
    return ExitCode::done;
}

ExitCode alerts_set(const Config& config, const AlertHolder& holder, const std::string& check_id,
                    const AlertWishes& wishes, std::ostream& out) {
    require_alertable(config, check_id);
    require_mail_possible(check_id, wishes.mail);
    if (check_id == "USAGE-REPORT" && !holder.key.empty())
        throw Error(ExitCode::usage, "USAGE-REPORT is about all keys of an owner",
                    "Name the owner with --owner.");
    Poco::JSON::Object json = thresholds_of(check_id, wishes.thresholds);
    if (!wishes.mail.empty()) json.set("mail", wishes.mail);
    if (json.size() == 0)
        throw Error(ExitCode::usage, "set what?",
                    "`keyrota alerts set --help` lists what can be set.");
    Session session = open_session(config, Access::runner);
    const Holder whose = find_holder(session, holder);
    Params params = row_of(whose, check_id);
    params.emplace_back("wishes", json_text(json));
    Transaction transaction(session);
    const auto done = session.row(sql::alert_set, params);
    if (!done) {
        fmt::print(out, "{} of {} needs no change\n", check_id, whose.text());
        return ExitCode::done;
    }
    record_audit(session, {.action = "alert.set",
                           .key_id = whose.key_id,
                           .before = done->text_or("before", "null"),
                           .after = done->text("after")});
    transaction.commit();
    fmt::print(out, "{} of {} set\n", check_id, whose.text());
    return ExitCode::done;
}

ExitCode alerts_unset(const Config& config, const AlertHolder& holder, const std::string& check_id,
                      std::ostream& out) {
    require_alertable(config, check_id);
    Session session = open_session(config, Access::runner);
    const Holder whose = find_holder(session, holder);
    Transaction transaction(session);
    const auto done = session.row(sql::alert_unset, row_of(whose, check_id));
    if (!done) {
        fmt::print(out, "{} has no settings for {}\n", whose.text(), check_id);
        return ExitCode::done;
    }
    record_audit(session,
                 {.action = "alert.unset", .key_id = whose.key_id, .before = done->text("before")});
    transaction.commit();
    fmt::print(out, "{} of {} unset: the next setting in line applies, finally the policy's\n",
               check_id, whose.text());
    return ExitCode::done;
}

}  // namespace keyrota
