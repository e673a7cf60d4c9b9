#include "notify_owners/write_messages.h"

#include <spdlog/spdlog.h>

#include "jobs_sql.h"
#include "notify/render.h"
#include "notify/webhook.h"
#include "notify_owners/mode.h"
#include "notify_owners/notice_mail.h"
#include "runner/step.h"

namespace keyrota {
namespace {

constexpr std::int64_t kRecipients = 5000;  // that one statement finds, which looks at all who wait

// A recipient's unsent mails are taken back: what they told waits again, so that one message
// tells all that still holds. The oldest will be written anew (its Message-ID and its age stay),
// the others are done with. What a deliverer has claimed is its.
constexpr Statement kRecall{
    "recall_messages",
    "with unsent as ("
    "select m.message_id from keyrota.message m"
    " where m.state = 'pending' and m.channel = 'email' and m.recipient = :recipient"
    "   and m.kind in ('notice', 'operator')"
    "   for update skip locked),"
    " oldest as (select min(message_id) as message_id from unsent),"
    " done_with as ("
    "update keyrota.message m set state = 'cancelled' from unsent u, oldest o"
    " where m.message_id = u.message_id and m.message_id <> o.message_id),"
    " recalled as ("
    "update keyrota.notice n set state = 'waiting', message_id = null from unsent u"
    " where n.message_id = u.message_id and n.state = 'told')"
    " select coalesce(message_id, 0) as message_id from oldest"};

// It is tried at once, as a new one would be.
constexpr Statement kRewrite{
    "rewrite_message",
    "update keyrota.message set subject = :subject, text_body = :text_body,"
    " html_body = nullif(cast(:html_body as text), ''), severity = :severity,"
    " root_id = nullif(cast(:root_id as bigint), message_id),"
    " next_try_at = keyrota.instant(:as_of), run_id = :run_id where message_id = :message_id"};

// Nothing of it holds any more.
constexpr Statement kDrop{
    "drop_message",
    "update keyrota.message set state = 'cancelled' where message_id = :message_id"};

constexpr Statement kMessagesToday{
    "messages_today",
    "select count(*) as total from keyrota.message"
    " where kind = 'notice' and created_at > keyrota.instant(:as_of) - interval '1 day'"};

struct DueRecipient {
    std::string address;
    std::string name;
    std::string time_zone;
    std::int64_t messages_today = 0;
    bool is_operator = false;  // what waits is about keyrota itself
    bool at_once = false;      // nothing of it waited for a digest
};

DueRecipient recipient_of(const Row& row) {
    return {.address = row.text("recipient"),
            .name = row.text("recipient_name"),
            .time_zone = row.text("time_zone"),
            .messages_today = row.int64("messages_today"),
            .is_operator = row.int64("is_operator") != 0,
            .at_once = row.int64("at_once") != 0};
}

class Writer {
  public:
    explicit Writer(StepRun& run)
        : run_(run),
          templates_(run.config.notify.templates),
          hours_(sending_hours(run.config)),
          observes_(observes(run) ? 1 : 0),
          cap_left_(run.config.mail.max_messages_per_day -
                    run.session.one(kMessagesToday, {{"as_of", run.as_of}}).int64("total")) {}

    /// Writes to the next recipients, in a transaction each. @returns whether there may be more.
    bool next_recipients();

  private:
    void write_to(const DueRecipient& recipient);
    bool postpone(const DueRecipient& recipient);
    std::int64_t recall(const DueRecipient& recipient);
    void write_message(const DueRecipient& recipient, const std::vector<Row>& due,
                       std::int64_t recalled);
    void store(const DueRecipient& recipient, const RenderedMail& mail, const Row& gravest,
               std::int64_t recalled);
    Params due_params(const DueRecipient& recipient) const {
        return {{"recipient", recipient.address}, {"as_of", run_.as_of}, {"observes", observes_}};
    }

    StepRun& run_;
    Templates templates_;
    const SendingHours hours_;
    const std::int64_t observes_;
    std::int64_t cap_left_;
    std::int64_t written_ = 0;
};

// @returns the message that is to be written anew, 0 where none waits.
std::int64_t Writer::recall(const DueRecipient& recipient) {
    return run_.session.one(kRecall, {{"recipient", recipient.address}}).int64("message_id");
}

void Writer::store(const DueRecipient& recipient, const RenderedMail& mail, const Row& gravest,
                   std::int64_t recalled) {
    const std::string kind = recipient.is_operator ? "operator" : "notice";
    Params content = {{"subject", mail.subject},
                      {"text_body", mail.text},
                      {"severity", gravest.int64("severity")},
                      {"as_of", run_.as_of},
                      {"run_id", run_.run_id},
                      {"root_id", gravest.optional_int64("root_id")}};
    const auto add = [&](const char* channel, const std::string& to, const std::string& html) {
        Params params = content;
        params.insert(params.end(), {{"kind", kind},
                                     {"channel", channel},
                                     {"recipient", to},
                                     {"recipient_name", recipient.name},
                                     {"html_body", html}});
        return run_.session.one(sql::insert_message, params).int64("message_id");
    };
    const bool is_webhook = recipient.address.starts_with(kWebhookPrefix);
    const std::string html = is_webhook ? "" : mail.html;
    if (recalled != 0) {
        Params params = content;
        params.insert(params.end(), {{"message_id", recalled}, {"html_body", html}});
        run_.session.execute(kRewrite, params);
    }
    Params told = due_params(recipient);
    told.emplace_back(
        "message_id",
        recalled != 0 ? recalled : add(is_webhook ? "webhook" : "email", recipient.address, html));
    run_.session.execute(sql::notices_told, told);
    if (kind == "operator" && !run_.config.webhook.url.empty()) {
        content.back() = {"root_id", std::monostate()};
        add("webhook", "operator", "");
    }
}

void Writer::write_message(const DueRecipient& recipient, const std::vector<Row>& due,
                           std::int64_t recalled) {
    NoticeMail mail = notice_mail(run_.session, run_.config, due, run_.as_of);
    mail.recipient = recipient.address;
    mail.recipient_name = recipient.name;
    mail.time_zone = recipient.time_zone;
    mail.run_id = run_.run_id;
    store(recipient, render(templates_, mail), due.front(), recalled);
    if (!recipient.is_operator && recalled == 0) --cap_left_;
}

// Somebody who had a mailbox full today waits for the digest, where all of it is one message.
bool Writer::postpone(const DueRecipient& recipient) {
    if (recipient.is_operator || !recipient.at_once ||
        recipient.messages_today < run_.config.mail.max_per_recipient_per_day)
        return false;
    run_.session.execute(
        sql::postpone_notices,
        {{"recipient", recipient.address},
         {"as_of", run_.as_of},
         {"not_before_at", next_time_of_day(run_.as_of + std::chrono::seconds(1), hours_.digest_at,
                                            recipient.time_zone)}});
    return true;
}

void Writer::write_to(const DueRecipient& recipient) {
    run_.in_batch([&] {
        const std::int64_t recalled = recall(recipient);
        run_.session.execute(sql::supersede_notices, {{"recipient", recipient.address},
                                                      {"announcing", announcing_checks()}});
        if (recalled == 0 && postpone(recipient)) return;
        Params params = due_params(recipient);
        params.emplace_back("count", kShownNotices);
        const std::vector<Row> due = run_.session.rows(sql::due_notices, params);
        // All that was left may be what ended, which waits for company.
        if (due.empty() || due.front().text("stage") == kResolvedStage) {
            if (recalled != 0) run_.session.execute(kDrop, {{"message_id", recalled}});
            return;
        }
        write_message(recipient, due, recalled);
        run_.count({.found = 1, .applied = 1});
    });
}

bool Writer::next_recipients() {
    const std::vector<Row> recipients =
        run_.session.rows(sql::due_recipients, {{"as_of", run_.as_of},
                                                {"observes", observes_},
                                                {"urgent", kUrgent},
                                                {"count", kRecipients}});
    for (const Row& row : recipients) {
        const DueRecipient recipient = recipient_of(row);
        if (run_.interrupted() || (run_.limit && written_ >= *run_.limit)) return false;
        // The operator is told all the same: also that mail is held.
        if (!recipient.is_operator && cap_left_ <= 0) {
            spdlog::info("mail.max_messages_per_day is reached: the rest of the mail waits");
            return false;
        }
        write_to(recipient);
        ++written_;
    }
    return static_cast<std::int64_t>(recipients.size()) == kRecipients;
}

void write_messages(StepRun& run) {
    Writer writer(run);
    while (writer.next_recipients()) {
    }
}

}  // namespace

PlannedStep messages_step(const Config& config) {
    return {"messages",
            sql::messages_due,
            write_messages,
            {{"observes", config.notify.mode == "observe" ? 1 : 0}}};
}

}  // namespace keyrota
