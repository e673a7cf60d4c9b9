#include "commands/mail/mail.h"

#include <Poco/JSON/Object.h>
#include <fmt/format.h>
#include <fmt/ostream.h>
#include <fmt/ranges.h>

#include <optional>

#include "audit/audit.h"
#include "error/error.h"
#include "jobs_sql.h"
#include "notify/deliver.h"
#include "notify/webhook.h"
#include "postgres/caller.h"
#include "postgres/cursor.h"
#include "postgres/database.h"
#include "report/escape.h"
#include "report/facts.h"
#include "report/json_text.h"
#include "text/email_address.h"

namespace keyrota {
namespace {

constexpr std::int64_t kShown = 100;
constexpr std::size_t kSubjectWidth = 50;

constexpr Statement kClock{"clock", "select keyrota.micros(clock_timestamp()) as now"};
constexpr Statement kOutcome{
    "message_outcome",
    "select state, coalesce(last_answer, '') as last_answer from keyrota.message where message_id "
    "= :message_id"};
constexpr Statement kGiveUp{"message_give_up",
                            "update keyrota.message set state = 'cancelled' where message_id = "
                            ":message_id and state = 'pending'"};

Error no_message(std::int64_t message_id) {
    return {ExitCode::usage, fmt::format("there is no message {}", message_id),
            "`keyrota mail queue --state all` lists them."};
}

// Claims of a person: another run of the job does not take them for its own.
std::string token_by_hand() {
    return "by hand, " + current_caller().display();
}

void print_counts(const DeliveryReport& report, Format format, std::ostream& out) {
    Facts facts;
    facts.add("sent", report.sent);
    facts.add("to_be_tried_again", report.deferred);
    facts.add("dead", report.dead);
    if (format == Format::json)
        out << facts.json() << "\n";
    else
        facts.print_text(out);
}

void print_changed(const char* name, std::int64_t total, Format format, std::ostream& out) {
    if (format == Format::json) {
        Facts facts;
        facts.add(name, total);
        out << facts.json() << "\n";
        return;
    }
    fmt::print(out, "{} message{} {}\n", total, total == 1 ? "" : "s", name);
}

const char* after_a_try(bool is_webhook) {
    return is_webhook ? "Check the webhook's url and what it answered; this message is not retried."
                      : "`keyrota doctor` checks the mail setup; this message is not retried.";
}

}  // namespace

ExitCode mail_queue(const Config& config, const std::string& state, std::int64_t limit,
                    Format format, std::ostream& out) {
    Session session = open_session(config, Access::runner);
    std::optional<std::int64_t> rows;
    if (limit > 0) rows = limit;
    if (limit < 0 && format == Format::text) rows = kShown;
    Listing listing(out, format,
                    {{"message_id"},
                     {"state"},
                     {"kind", Shown::data},
                     {"channel", Shown::data},
                     {"recipient"},
                     {"subject"},
                     {"severity", Shown::data},
                     {"tries"},
                     {"created_at"},
                     {"next_try_at"},
                     {"sent_at", Shown::data},
                     {"last_answer"}});
    Transaction reading(session);
    for_each_row(
        session, sql::mail_queue, {{"state", state.empty() ? "unsent" : state}, {"limit", rows}},
        [&](const Row& row) {
            const std::string& subject = row.text("subject");
            const std::string answer = row.text_or("last_answer", "");
            const bool is_text = format == Format::text;
            listing.row({row.int64("message_id"), row.text("state"), row.text("kind"),
                         row.text("channel"), row.text("recipient"),
                         is_text ? shortened(for_terminal(subject), kSubjectWidth) : subject,
                         row.int64("severity"), row.int64("tries"), instant_cell(row, "created_at"),
                         instant_cell(row, "next_try_at"), instant_cell(row, "sent_at"),
                         answer.empty() ? Cell{}
                         : is_text      ? Cell(shortened(for_terminal(answer), kSubjectWidth))
                                        : Cell(answer)});
        });
    listing.end("no messages", rows && listing.rows_total() == *rows);
    return ExitCode::done;
}

ExitCode mail_show(const Config& config, std::int64_t message_id, Format format,
                   std::ostream& out) {
    Session session = open_session(config, Access::runner);
    const auto row = session.row(sql::mail_show, {{"message_id", message_id}});
    if (!row) throw no_message(message_id);
    Facts facts;
    facts.add("message_id", message_id);
    facts.add("message_id_header", fmt::format("<{}@{}>", message_id, row->text("installation")));
    for (const char* name : {"state", "kind", "channel", "recipient", "recipient_name", "subject"})
        facts.add(name, text_cell(*row, name));
    for (const char* name : {"severity", "tries", "root_id", "run_id"})
        facts.add(name, number_cell(*row, name));
    for (const char* name : {"created_at", "next_try_at", "expires_at", "sent_at"})
        facts.add(name, instant_cell(*row, name));
    for (const char* name : {"claimed_by", "last_answer"}) facts.add(name, text_cell(*row, name));
    facts.add("deliveries", Json{row->text("deliveries")});
    if (format == Format::json) {
        facts.add("text", row->text("text_body"));
        out << facts.json() << "\n";
        return ExitCode::done;
    }
    facts.print_text(out);
    out << "\n";
    const std::string& body = row->text("text_body");
    for (std::size_t from = 0; from < body.size();) {
        const std::size_t end = std::min(body.find('\n', from), body.size());
        fmt::print(out, "{}\n", for_terminal(body.substr(from, end - from)));
        from = end + 1;
    }
    return ExitCode::done;
}

ExitCode mail_retry(const Config& config, const std::vector<std::int64_t>& messages, Format format,
                    std::ostream& out) {
    Session session = open_session(config, Access::runner);
    Transaction transaction(session);
    const std::string ids = messages.empty() ? "" : fmt::format("{{{}}}", fmt::join(messages, ","));
    const std::int64_t total =
        session.one(sql::mail_retry, {text_or_null("ids", ids)}).int64("total");
    if (!messages.empty() && total != static_cast<std::int64_t>(messages.size()))
        throw Error(ExitCode::usage, "not all of these messages are dead or waiting",
                    "Nothing was changed; `keyrota mail show MESSAGE` shows the state of each.");
    transaction.commit();
    print_changed("queued", total, format, out);
    return ExitCode::done;
}

ExitCode mail_cancel(const Config& config, const std::vector<std::int64_t>& messages,
                     const std::string& why, Format format, std::ostream& out) {
    Session session = open_session(config, Access::runner);
    Transaction transaction(session);
    const std::int64_t block_id = open_audit_block(session);
    for (const std::int64_t message_id : messages) {
        const auto done = session.row(sql::mail_cancel, {{"message_id", message_id}});
        if (!done)
            throw Error(ExitCode::usage,
                        fmt::format("message {} is neither waiting nor dead", message_id),
                        "Nothing was changed; `keyrota mail queue` lists those that are.");
        Poco::JSON::Object cancelled;
        cancelled.set("message", message_id);
        cancelled.set("kind", done->text("kind"));
        cancelled.set("reason", why);
        record_audit(session, block_id, {.action = "mail.cancel", .why = json_text(cancelled)});
    }
    seal_audit_block(session, block_id);
    transaction.commit();
    print_changed("cancelled", static_cast<std::int64_t>(messages.size()), format, out);
    return ExitCode::done;
}

ExitCode mail_flush(const Config& config, Format format, std::ostream& out) {
    Session session = open_session(config, Access::runner);
    session.execute(sql::mail_flush);
    const DeliveryReport report = deliver(
        session, config, {.token = token_by_hand(), .as_of = session.one(kClock).instant("now")});
    print_counts(report, format, out);
    if (!report.trouble.empty()) throw Error(ExitCode::delivery, report.trouble, report.hint);
    return ExitCode::done;
}

ExitCode mail_test(const Config& config, const std::string& address, Format format,
                   std::ostream& out) {
    const std::string recipient = address == "webhook" ? "operator" : address;
    const bool is_webhook = recipient == "operator" || address.starts_with(kWebhookPrefix);
    if (!is_webhook)
        if (const auto why = why_no_email_address(address))
            throw Error(ExitCode::usage, fmt::format("no mail can go to that address: {}", *why),
                        "Give an address like ada@example.com, or webhook.");
    if (is_webhook && !find_webhook(config, recipient))
        throw Error(ExitCode::config, "the configuration has no such webhook",
                    "webhook means webhook.url; webhook:NAME means one of `webhooks`.");
    Session session = open_session(config, Access::runner);
    const Row made = session.one(
        sql::mail_test_message,
        {{"channel", is_webhook ? "webhook" : "email"},
         {"recipient", recipient},
         {"subject", "[keyrota] test message"},
         {"text_body",
          "This is a test. keyrota can send messages this way.\n\nNobody needs to do "
          "anything.\n"},
         {"html_body",
          "<!doctype html><html lang=\"en\"><body><p>This is a test. keyrota can send messages "
          "this way.</p><p>Nobody needs to do anything.</p></body></html>\n"}});
    const std::int64_t message_id = made.int64("message_id");
    const DeliveryReport report = deliver(
        session, config,
        {.token = token_by_hand(), .as_of = made.instant("created_at"), .only = message_id});
    session.execute(kGiveUp, {{"message_id", message_id}});  // a test that failed is over
    const Row outcome = session.one(kOutcome, {{"message_id", message_id}});
    // A configuration that cannot send says itself what to do; no server was asked then.
    const bool was_tried = report.deferred + report.dead > 0;
    if (outcome.text("state") != "sent")
        throw Error(ExitCode::delivery,
                    report.trouble.empty()
                        ? "the message was not accepted: " + outcome.text("last_answer")
                        : report.trouble,
                    was_tried || report.hint.empty() ? after_a_try(is_webhook) : report.hint);
    Facts facts;
    facts.add("message_id", message_id);
    facts.add("sent_by", is_webhook ? "webhook" : mail_transport(config));
    facts.add("answer", outcome.text("last_answer"));
    if (format == Format::json)
        out << facts.json() << "\n";
    else
        facts.print_text(out);
    return ExitCode::done;
}

}  // namespace keyrota
