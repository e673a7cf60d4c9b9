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

constexpr Statement kMessagesToday{
    "messages_today",
    "select count(*) as total from keyrota.message"
    " where kind = 'notice' and created_at > keyrota.instant(:as_of) - interval '1 day'"};

struct DueRecipient {
    std::string address;
    std::string name;
    std::string time_zone;
    std::int64_t severity = 1;
    std::int64_t messages_today = 0;
    bool is_operator = false;  // what waits is about keyrota itself
    bool at_once = false;      // nothing of it waited for a digest
};

DueRecipient recipient_of(const Row& row) {
    return {.address = row.text("recipient"),
            .name = row.text("recipient_name"),
            .time_zone = row.text("time_zone"),
            .severity = row.int64("severity"),
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
    void write_message(const DueRecipient& recipient, const std::vector<Row>& due);
    void insert(const DueRecipient& recipient, const RenderedMail& mail,
                std::optional<std::int64_t> root_id, const std::string& kind);
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

void Writer::insert(const DueRecipient& recipient, const RenderedMail& mail,
                    std::optional<std::int64_t> root_id, const std::string& kind) {
    const auto add = [&](const char* channel, const std::string& to, const std::string& html) {
        const Params params = {{"kind", kind},
                               {"channel", channel},
                               {"recipient", to},
                               {"recipient_name", recipient.name},
                               {"subject", mail.subject},
                               {"text_body", mail.text},
                               {"html_body", html},
                               {"severity", recipient.severity},
                               {"as_of", run_.as_of},
                               {"run_id", run_.run_id},
                               {"root_id", root_id}};
        return run_.session.one(sql::insert_message, params).int64("message_id");
    };
    const bool is_webhook = recipient.address.starts_with(kWebhookPrefix);
    const std::int64_t message_id = is_webhook ? add("webhook", recipient.address, "")
                                               : add("email", recipient.address, mail.html);
    Params told = due_params(recipient);
    told.emplace_back("message_id", message_id);
    run_.session.execute(sql::notices_told, told);
    if (kind == "operator" && !run_.config.webhook.url.empty()) {
        root_id.reset();
        add("webhook", "operator", "");
    }
}

void Writer::write_message(const DueRecipient& recipient, const std::vector<Row>& due) {
    NoticeMail mail = notice_mail(run_.session, run_.config, due, run_.as_of);
    mail.recipient = recipient.address;
    mail.recipient_name = recipient.name;
    mail.time_zone = recipient.time_zone;
    mail.run_id = run_.run_id;
    insert(recipient, render(templates_, mail), due.front().optional_int64("root_id"),
           recipient.is_operator ? "operator" : "notice");
    if (!recipient.is_operator) --cap_left_;
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
        run_.session.execute(sql::supersede_notices, {{"recipient", recipient.address},
                                                      {"announcing", announcing_checks()}});
        if (postpone(recipient)) return;
        Params params = due_params(recipient);
        params.emplace_back("count", kShownNotices);
        const std::vector<Row> due = run_.session.rows(sql::due_notices, params);
        // All that was left may be what ended, which waits for company.
        if (due.empty() || due.front().text("stage") == kResolvedStage) return;
        write_message(recipient, due);
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

PlannedStep messages_step() {
    return {"messages", sql::messages_due, write_messages};
}

}  // namespace keyrota
