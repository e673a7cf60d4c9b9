#include <Poco/JSON/Object.h>
#include <fmt/format.h>
#include <fmt/ostream.h>

#include "audit/audit.h"
#include "commands/mail/mail.h"
#include "error/error.h"
#include "jobs_sql.h"
#include "postgres/caller.h"
#include "postgres/database.h"
#include "report/json_text.h"
#include "secret/sha256.h"
#include "text/email_address.h"

namespace keyrota {
namespace {

constexpr std::size_t kDigits = 16;

// The trail is never pruned, so no address goes into it: whoever has one can compute this.
Poco::JSON::Object shown(const std::string& address, const std::string& reason) {
    std::string lower = address;
    for (char& c : lower)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    Poco::JSON::Object json;
    json.set("address_sha256", to_hex(sha256(lower)).substr(0, kDigits));
    json.set("reason", reason);
    return json;
}

}  // namespace

ExitCode suppressions_list(const Config& config, Format format, std::ostream& out) {
    Session session = open_session(config, Access::runner);
    Listing listing(out, format,
                    {{"address"},
                     {"suppressed_at"},
                     {"failures"},
                     {"last_failure_at", Shown::data},
                     {"added_by"},
                     {"reason"}});
    for (const Row& row : session.rows(sql::suppressions_list))
        listing.row({row.text("address"), instant_cell(row, "suppressed_at"), row.int64("failures"),
                     instant_cell(row, "last_failure_at"), row.text("added_by"),
                     row.text("reason")});
    listing.end("no address is suppressed");
    return ExitCode::done;
}

ExitCode suppressions_add(const Config& config, const std::string& address, const std::string& why,
                          std::ostream& out) {
    if (const auto trouble = why_no_email_address(address))
        throw Error(ExitCode::usage, fmt::format("that is not an email address: {}", *trouble));
    Session session = open_session(config, Access::runner);
    Transaction transaction(session);
    const auto added = session.row(
        sql::suppression_add,
        {{"address", address}, {"reason", why}, {"added_by", current_caller().os_user}});
    if (!added)
        throw Error(ExitCode::usage, "this address is already suppressed",
                    "`keyrota mail suppressions list` says why.");
    record_audit(session, {.action = "suppression.add", .after = json_text(shown(address, why))});
    transaction.commit();
    fmt::print(out, "{} gets no more mail; the next in line is notified\n", added->text("address"));
    return ExitCode::done;
}

ExitCode suppressions_remove(const Config& config, const std::string& address, std::ostream& out) {
    Session session = open_session(config, Access::runner);
    Transaction transaction(session);
    const auto removed = session.row(sql::suppression_remove, {{"address", address}});
    if (!removed)
        throw Error(ExitCode::usage, "this address is not suppressed",
                    "`keyrota mail suppressions list` lists those that are.");
    record_audit(session, {.action = "suppression.remove",
                           .before = json_text(shown(address, removed->text("reason")))});
    transaction.commit();
    out << "the address gets mail again\n";
    return ExitCode::done;
}

}  // namespace keyrota
