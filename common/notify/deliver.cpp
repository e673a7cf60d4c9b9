#include "notify/deliver.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <random>

#include "common_sql.h"
#include "error/error.h"
#include "notify/webhook.h"
#include "postgres/started_statement.h"
#include "report/escape.h"

namespace keyrota {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::minutes;
using std::chrono::steady_clock;
using Kind = Answer::Kind;

constexpr std::int64_t kClaimed = 200;  // at a time: some seconds of work
constexpr minutes kClaimUsed(5);        // half of what a claim is good for
constexpr int kBrokenInARow = 3;        // connections; then it is not the message
constexpr std::size_t kLongestAnswer = 500;
constexpr std::int64_t kUnflushed = 50;  // messages that a crash of the database's machine forgets

constexpr Statement kInstallation{
    "installation_uuid", "select installation_uuid::text as uuid from keyrota.installation"};

struct Claimed {
    OutgoingMessage message;
    Timestamp expires_at{};
    std::string suppressed{};  // why its recipient gets no mail; empty: they do
};

Claimed claimed_of(const Row& row) {
    return {.message = {.message_id = row.int64("message_id"),
                        .run_id = row.int64("run_id"),
                        .kind = row.text("kind"),
                        .channel = row.text("channel"),
                        .recipient = row.text("recipient"),
                        .recipient_name = row.text_or("recipient_name", ""),
                        .subject = row.text("subject"),
                        .text_body = row.text("text_body"),
                        .html_body = row.text_or("html_body", ""),
                        .root_id = row.optional_int64("root_id"),
                        .severity = row.int64("severity"),
                        .tries = row.int64("tries"),
                        .created_at = row.instant("created_at")},
            .expires_at = row.instant("expires_at"),
            .suppressed = row.text_or("suppressed", "")};
}

// An address that is not there, by the enhanced codes of RFC 3463; 5.1.7 and 5.1.8 are about the
// sender's.
bool is_certain(const Answer& answer) {
    return answer.code.find(" 5.1.") != std::string::npos && !answer.code.ends_with(".7") &&
           !answer.code.ends_with(".8");
}

// Whether it says something of this message's recipient, and not of the way to anybody.
bool is_about_recipient(const Answer& answer) {
    return answer.kind == Kind::later && !answer.code.empty() && !answer.about_sender;
}

constexpr Statement kPassed{
    "mail_passed",
    "select count(*) as total from (select from keyrota.message m where m.state = 'sent'"
    "   and m.channel = :channel and m.created_at >= keyrota.instant(:since) limit 1) passed"};

class Deliverer {
  public:
    Deliverer(Session& session, const Config& config, const DeliveryOptions& options)
        : session_(session), config_(config), options_(options), logging_(session) {}

    DeliveryReport run();

  private:
    bool work_on_a_part();
    Answer send(const Claimed& claimed);
    void settle(const Claimed& claimed, const Answer& answer);
    void log_as_sent(const Claimed& claimed, const Answer& answer);
    void settle_in_database(const Claimed& claimed, const Answer& answer, const char* state,
                            Timestamp next_try_at);
    void bury(const Claimed& claimed, const Answer& answer);
    bool is_given_up(const Claimed& claimed, const Answer& answer, Timestamp next);
    void note_trouble(const Claimed& claimed, const Answer& answer);
    Transport& mail();
    void release();
    void add(std::int64_t DeliveryReport::*total);
    Timestamp now() const;

    Session& session_;
    const Config& config_;
    const DeliveryOptions& options_;
    StartedStatement logging_;  // that the message before was sent
    std::unique_ptr<Transport> mail_;
    std::map<std::string, WebhookTransport> webhooks_{};  // by recipient
    DeliveryReport all_{};
    DeliveryReport part_{};
    int broken_in_a_row_ = 0;
    steady_clock::time_point started_ = steady_clock::now();
    std::mt19937 random_{std::random_device{}()};
};

// A mail server's clock is real, a simulation's is not: time passes, from wherever it began.
Timestamp Deliverer::now() const {
    return options_.as_of +
           std::chrono::duration_cast<microseconds>(steady_clock::now() - started_);
}

void Deliverer::add(std::int64_t DeliveryReport::*total) {
    ++(all_.*total);
    ++(part_.*total);
}

// Made when the first message needs it: a queue of webhooks needs no mail server.
Transport& Deliverer::mail() {
    if (!mail_) {
        logging_.finish();
        mail_ = make_mail_transport(config_, session_.one(kInstallation).text("uuid"));
    }
    return *mail_;
}

Answer Deliverer::send(const Claimed& claimed) {
    if (!claimed.suppressed.empty())
        return {Kind::never, "", "this address gets no mail: " + claimed.suppressed};
    // No message is given out of hand before the one before is in the log: so a kill leaves one at
    // most of which nobody knows.
    const auto before_content = [this] { logging_.finish(); };
    if (claimed.message.channel == "webhook") {
        const Config::Webhook* webhook = find_webhook(config_, claimed.message.recipient);
        if (!webhook) return {Kind::later, "", "the configuration has no such webhook"};
        return webhooks_.try_emplace(claimed.message.recipient, *webhook)
            .first->second.send(claimed.message, before_content);
    }
    return mail().send(claimed.message, before_content);
}

// What a server says may hold anything, and is shown to people.
std::string shown_words(const Answer& answer) {
    return shortened(for_terminal(answer.words), kLongestAnswer);
}

void Deliverer::settle_in_database(const Claimed& claimed, const Answer& answer, const char* state,
                                   Timestamp next_try_at) {
    const char* outcome = answer.kind == Kind::never ? "refused" : "deferred";
    session_.one(sql::mail_settle, {{"message_id", claimed.message.message_id},
                                    {"token", options_.token},
                                    {"state", state},
                                    {"outcome", outcome},
                                    {"at", now()},
                                    {"next_try_at", next_try_at},
                                    text_or_null("code", answer.code),
                                    text_or_null("answer", shown_words(answer))});
}

// The server writes it down while the next message is begun.
void Deliverer::log_as_sent(const Claimed& claimed, const Answer& answer) {
    const auto text = [](const std::string& value) {
        return value.empty() ? std::nullopt : std::optional(value);
    };
    const bool is_flushed = (all_.sent + 1) % kUnflushed == 0;
    logging_.start(sql::mail_sent, {fmt::to_string(claimed.message.message_id), options_.token,
                                    fmt::to_string(to_micros(now())), text(answer.code),
                                    text(shown_words(answer)), is_flushed ? "on" : "off"});
}

// Nobody will get it. What stood in it goes to the next in line, and the address is remembered.
void Deliverer::bury(const Claimed& claimed, const Answer& answer) {
    Transaction transaction(session_);
    settle_in_database(claimed, answer, "dead", now());
    session_.execute(sql::mail_undeliverable, {{"message_id", claimed.message.message_id}});
    if (answer.kind == Kind::never && claimed.message.channel == "email" &&
        claimed.suppressed.empty() && !answer.about_sender)
        session_.execute(sql::mail_suppress, {{"address", claimed.message.recipient},
                                              {"is_certain", is_certain(answer) ? 1 : 0},
                                              {"reason", shown_words(answer)},
                                              {"at", now()}});
    transaction.commit();
    add(&DeliveryReport::dead);
}

// Its time is over only where others' mail went out meanwhile: while none does it is the way out
// that fails and not the message, and the next in line would not hear of it either.
bool Deliverer::is_given_up(const Claimed& claimed, const Answer& answer, Timestamp next) {
    if (next <= claimed.expires_at || answer.kind == Kind::unreachable) return false;
    if (is_about_recipient(answer)) return true;
    return session_
               .one(kPassed,
                    {{"channel", claimed.message.channel}, {"since", claimed.message.created_at}})
               .int64("total") > 0;
}

void Deliverer::settle(const Claimed& claimed, const Answer& answer) {
    if (answer.is_sent()) {
        log_as_sent(claimed, answer);
        return add(&DeliveryReport::sent);
    }
    if (answer.kind == Kind::never) return bury(claimed, answer);
    const double chance = std::uniform_real_distribution<double>(0, 1)(random_);
    const Timestamp next = now() + backoff(claimed.message.tries, chance);
    if (is_given_up(claimed, answer, next)) return bury(claimed, answer);
    settle_in_database(claimed, answer, "pending", next);
    add(&DeliveryReport::deferred);
}

// Whether the next message would meet the same; then the run is over, and what is left waits. A
// webhook that is not reached stops no mail.
void Deliverer::note_trouble(const Claimed& claimed, const Answer& answer) {
    if (claimed.message.channel == "webhook") return;
    const bool is_broken = answer.kind == Kind::later && answer.code.empty();
    broken_in_a_row_ = is_broken ? broken_in_a_row_ + 1 : 0;
    if (!answer.ends_run() && broken_in_a_row_ < kBrokenInARow) return;
    const std::string words = shown_words(answer);
    if (answer.kind == Kind::denied) {
        all_.trouble = "the mail server refuses the login: " + words;
        all_.hint = "Check mail.user and mail.password; nothing is lost, the messages wait.";
    } else if (answer.about_sender) {
        all_.trouble = "the mail server refuses mail.from: " + words;
        all_.hint = "Once that is fixed, `keyrota mail retry --dead` sends what was refused.";
    } else {
        all_.trouble = "cannot hand over messages: " + words;
        all_.hint = "`keyrota doctor` checks the mail setup; the messages wait and are retried.";
    }
}

void Deliverer::release() {
    session_.execute(sql::mail_release,
                     {{"token", options_.token}, {"holds_lease", options_.holds_lease ? 1 : 0}});
}

// @returns whether there may be more.
bool Deliverer::work_on_a_part() {
    std::int64_t count = kClaimed;
    if (options_.limit >= 0)
        count = std::min(count, options_.limit - all_.sent - all_.deferred - all_.dead);
    if (count <= 0) return false;
    const std::vector<Row> rows = session_.rows(sql::mail_claim, {{"token", options_.token},
                                                                  {"count", count},
                                                                  {"at", options_.as_of},
                                                                  {"only", options_.only}});
    const auto claimed_at = steady_clock::now();
    bool is_whole = true;
    for (const Row& row : rows) {
        is_whole = !options_.interrupted() && steady_clock::now() - claimed_at < kClaimUsed;
        if (!is_whole) break;
        const Claimed claimed = claimed_of(row);
        const Answer answer = send(claimed);
        logging_.finish();
        // Who is not let in has tried nothing.
        if (answer.kind != Kind::denied) settle(claimed, answer);
        note_trouble(claimed, answer);
        if (!all_.trouble.empty()) break;
    }
    logging_.finish();
    release();
    return !rows.empty() && all_.trouble.empty() && !options_.interrupted();
}

DeliveryReport Deliverer::run() {
    release();
    bool may_be_more = true;
    while (may_be_more) {
        part_ = {};
        try {
            may_be_more = work_on_a_part();
        } catch (const DatabaseError&) {
            throw;
        } catch (const Error& error) {  // the configuration of the way out is not whole
            release();
            all_.trouble = error.what();
            all_.hint = error.hint();
            may_be_more = false;
        }
        options_.progress(part_);
    }
    return all_;
}

}  // namespace

microseconds backoff(std::int64_t tries, double chance) {
    constexpr microseconds kLeast = minutes(1);
    constexpr microseconds kMost = hours(4);
    const microseconds doubled =
        kLeast * (std::int64_t{1} << std::clamp<std::int64_t>(tries, 0, 8));
    const double spread = 0.8 + 0.4 * chance;
    const microseconds spread_out(
        static_cast<std::int64_t>(static_cast<double>(std::min(doubled, kMost).count()) * spread));
    return std::clamp(spread_out, kLeast, kMost);
}

DeliveryReport deliver(Session& session, const Config& config, const DeliveryOptions& options) {
    return Deliverer(session, config, options).run();
}

}  // namespace keyrota
