#include "notify_owners/write_messages.h"

#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <map>

#include "jobs_sql.h"
#include "notify/render.h"
#include "notify/webhook.h"
#include "notify_owners/mode.h"
#include "notify_owners/notice_mail.h"
#include "report/json_text.h"
#include "runner/step.h"

namespace keyrota {
namespace {

constexpr std::int64_t kRecipients = 5000;  // that one statement finds, which looks at all who wait
constexpr std::size_t kTogether = 50;       // to whom one transaction writes

// Recipients' unsent mails are taken back: what they told waits again, so that one message each
// tells all that still holds. The oldest will be written anew (its Message-ID and its age stay),
// the others are done with. What a deliverer has claimed is its.
constexpr Statement kRecall{
    "recall_messages",
    "with unsent as ("
    "select m.message_id, m.recipient from keyrota.message m"
    " where m.state = 'pending' and m.channel = 'email'"
    "   and m.recipient = any (array(select jsonb_array_elements_text(cast(:recipients as jsonb))))"
    "   and m.kind in ('notice', 'operator')"
    "   for update skip locked),"
    " oldest as (select recipient, min(message_id) as message_id from unsent group by recipient),"
    " done_with as ("
    "update keyrota.message m set state = 'cancelled'"
    "  from unsent u join oldest o on o.recipient = u.recipient"
    " where m.message_id = u.message_id and m.message_id <> o.message_id),"
    " recalled as ("
    "update keyrota.notice n set state = 'waiting', message_id = null from unsent u"
    " where n.message_id = u.message_id and n.state = 'told')"
    " select recipient, message_id from oldest"};

// It is tried at once, as a new one would be.
constexpr Statement kRewrite{
    "rewrite_message",
    "update keyrota.message set subject = :subject, text_body = :text_body,"
    " html_body = nullif(cast(:html_body as text), ''), severity = :severity,"
    " root_id = nullif(cast(:root_id as bigint), message_id),"
    " next_try_at = keyrota.instant(:as_of), run_id = :run_id where message_id = :message_id"};

// Nothing of them holds any more.
constexpr Statement kDrop{"drop_messages",
                          "update keyrota.message set state = 'cancelled'"
                          " where message_id = any (cast(:message_ids as bigint[]))"};

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

    /// Writes to the next recipients. @returns whether there may be more.
    bool next_recipients();

  private:
    using Recipients = std::vector<DueRecipient>;
    using Recalled = std::map<std::string, std::int64_t>;  // messages to write anew, by recipient

    std::size_t together(const Recipients& all, std::size_t begin) const;
    void write_to(const Recipients& recipients);
    Recalled recall(const Recipients& recipients);
    Recipients postpone(const Recipients& recipients, const Recalled& recalled);
    std::vector<Row> due_notices(const Recipients& recipients);
    std::int64_t write_message(const DueRecipient& recipient, const std::vector<Row>& due,
                               const KeysInMail& keys, std::int64_t recalled);
    std::int64_t store(const DueRecipient& recipient, const RenderedMail& mail, const Row& gravest,
                       std::int64_t recalled);

    StepRun& run_;
    Templates templates_;
    const SendingHours hours_;
    const std::int64_t observes_;
    std::int64_t cap_left_;
    std::int64_t seen_ = 0;
};

std::string addresses_json(const std::vector<DueRecipient>& recipients) {
    Poco::JSON::Array addresses;
    for (const DueRecipient& recipient : recipients) addresses.add(recipient.address);
    return json_text(addresses);
}

Writer::Recalled Writer::recall(const Recipients& recipients) {
    Recalled recalled;
    for (const Row& row : run_.session.rows(kRecall, {{"recipients", addresses_json(recipients)}}))
        recalled.emplace(row.text("recipient"), row.int64("message_id"));
    return recalled;
}

// @returns the message, new or written anew.
std::int64_t Writer::store(const DueRecipient& recipient, const RenderedMail& mail,
                           const Row& gravest, std::int64_t recalled) {
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
    std::int64_t message_id = recalled;
    if (recalled != 0) {
        Params params = content;
        params.insert(params.end(), {{"message_id", recalled}, {"html_body", html}});
        run_.session.execute(kRewrite, params);
    } else {
        message_id = add(is_webhook ? "webhook" : "email", recipient.address, html);
    }
    if (kind == "operator" && !run_.config.webhook.url.empty()) {
        content.back() = {"root_id", std::monostate()};
        add("webhook", "operator", "");
    }
    return message_id;
}

std::int64_t Writer::write_message(const DueRecipient& recipient, const std::vector<Row>& due,
                                   const KeysInMail& keys, std::int64_t recalled) {
    NoticeMail mail = notice_mail(run_.config, due, keys, run_.as_of);
    mail.recipient = recipient.address;
    mail.recipient_name = recipient.name;
    mail.time_zone = recipient.time_zone;
    mail.run_id = run_.run_id;
    return store(recipient, render(templates_, mail), due.front(), recalled);
}

// Somebody who had a mailbox full today waits for the digest, where all of it is one message.
// @returns the others.
Writer::Recipients Writer::postpone(const Recipients& recipients, const Recalled& recalled) {
    Recipients others;
    Poco::JSON::Array postponed;
    for (const DueRecipient& recipient : recipients) {
        if (recipient.is_operator || !recipient.at_once || recalled.contains(recipient.address) ||
            recipient.messages_today < run_.config.mail.max_per_recipient_per_day) {
            others.push_back(recipient);
            continue;
        }
        Poco::JSON::Object until;
        until.set("recipient", recipient.address);
        until.set("not_before_us",
                  to_micros(next_time_of_day(run_.as_of + std::chrono::seconds(1), hours_.digest_at,
                                             recipient.time_zone)));
        postponed.add(until);
    }
    if (postponed.size() > 0)
        run_.session.execute(sql::postpone_notices,
                             {{"postponed", json_text(postponed)}, {"as_of", run_.as_of}});
    return others;
}

std::vector<Row> Writer::due_notices(const Recipients& recipients) {
    return run_.session.rows(sql::due_notices, {{"recipients", addresses_json(recipients)},
                                                {"as_of", run_.as_of},
                                                {"observes", observes_},
                                                {"count", kShownNotices}});
}

// In one transaction, so that the statements, which cost more than the mail, are asked once for
// all.
void Writer::write_to(const Recipients& recipients) {
    std::int64_t new_mails = 0;
    run_.in_batch([&] {
        new_mails = 0;
        Recalled recalled = recall(recipients);
        run_.session.execute(sql::supersede_notices,
                             {{"recipients", addresses_json(recipients)},
                              {"announcing", announcing_checks()},
                              {"operator", run_.config.notify.operator_address}});
        const Recipients now = postpone(recipients, recalled);
        const std::vector<Row> all_due = due_notices(now);
        const KeysInMail keys = keys_in_mail(run_.session, all_due, run_.as_of);
        std::map<std::string, std::vector<Row>> due;
        for (const Row& row : all_due) due[row.text("recipient")].push_back(row);

        Poco::JSON::Array written;
        for (const DueRecipient& recipient : now) {
            const std::vector<Row>& things = due[recipient.address];
            // All that was left may be what ended, which waits for company.
            if (things.empty() || things.front().text("stage") == kResolvedStage) continue;
            const auto anew = recalled.extract(recipient.address);
            if (!anew && !recipient.is_operator) ++new_mails;
            Poco::JSON::Object message;
            message.set("recipient", recipient.address);
            message.set("message_id",
                        write_message(recipient, things, keys, anew ? anew.mapped() : 0));
            written.add(message);
        }
        run_.session.execute(
            sql::notices_told,
            {{"written", json_text(written)}, {"as_of", run_.as_of}, {"observes", observes_}});
        std::vector<std::int64_t> useless;  // that nothing was written into
        for (const auto& [address, message_id] : recalled) useless.push_back(message_id);
        run_.session.execute(kDrop,
                             {{"message_ids", fmt::format("{{{}}}", fmt::join(useless, ","))}});
        const auto total = static_cast<std::int64_t>(written.size());
        run_.count({.found = total, .applied = total});
    });
    cap_left_ -= new_mails;
}

// How many of them, from there on, one transaction may write to: none where the limit of the run or
// of the day is reached. The operator is told all the same: also that mail is held.
std::size_t Writer::together(const Recipients& all, std::size_t begin) const {
    std::int64_t room = std::max<std::int64_t>(cap_left_, 0);
    std::size_t end = begin;
    while (end < all.size() && end - begin < kTogether) {
        if (run_.limit && seen_ + static_cast<std::int64_t>(end - begin) >= *run_.limit) break;
        if (!all[end].is_operator && --room < 0) break;
        ++end;
    }
    return end - begin;
}

bool Writer::next_recipients() {
    Recipients all;
    for (const Row& row : run_.session.rows(sql::due_recipients, {{"as_of", run_.as_of},
                                                                  {"observes", observes_},
                                                                  {"urgent", kUrgent},
                                                                  {"count", kRecipients}}))
        all.push_back(recipient_of(row));
    for (std::size_t begin = 0; begin < all.size();) {
        if (run_.interrupted()) return false;
        const std::size_t count = together(all, begin);
        if (count == 0) {
            if (cap_left_ <= 0)
                spdlog::info("mail.max_messages_per_day is reached: the rest of the mail waits");
            return false;
        }
        const auto first = all.begin() + static_cast<std::ptrdiff_t>(begin);
        write_to({first, first + static_cast<std::ptrdiff_t>(count)});
        begin += count;
        seen_ += static_cast<std::int64_t>(count);
    }
    return static_cast<std::int64_t>(all.size()) == kRecipients;
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
