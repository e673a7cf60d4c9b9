// What becomes of the outbox, with a real database at one end and a real server at the other.

#include "notify/deliver.h"

#include <fmt/format.h>

#include <fstream>
#include <iterator>
#include <set>
#include <thread>

#include "notify/webhook.h"
#include "support/mail_server.h"
#include "support/outbox.h"

namespace keyrota::test {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::Not;
using ::testing::SizeIs;
using namespace std::chrono_literals;

std::string text_of(const fs::path& file) {
    std::ifstream in(file);
    return {std::istreambuf_iterator<char>(in), {}};
}

class Deliver : public DatabaseTest {
  protected:
    void use(const SmtpServer& server) {
        config().mail.transport = "smtp";
        config().mail.host = server.host;
        config().mail.port = server.port;
        config().mail.tls = "none";
        config().mail.from = "keyrota@example.com";
    }
    std::int64_t given_message(const GivenMessage& given = {}) {
        execute(insert_messages(given));
        return number(kNewestMessage);
    }
    DeliveryReport deliver(Timestamp as_of = kNow, const std::string& token = "run 1") {
        return keyrota::deliver(runner(), config(),
                                {.token = token, .holds_lease = true, .as_of = as_of});
    }
    std::string state(std::int64_t id) {
        return text(fmt::format("select state from keyrota.message where message_id = {}", id));
    }
    std::string answer(std::int64_t id) {
        return text(
            fmt::format("select coalesce(last_answer, '') from keyrota.message where "
                        "message_id = {}",
                        id));
    }
    // How long the message waits from kNow.
    std::chrono::microseconds waits(std::int64_t id) {
        return from_micros(number(fmt::format("select keyrota.micros(next_try_at) from "
                                              "keyrota.message where message_id = {}",
                                              id))) -
               kNow;
    }
    std::vector<std::string> suppressions() {
        return texts(
            "select address || ' ' || failures || case when suppressed_at is null then '' else ' "
            "suppressed' end from keyrota.suppression order by 1");
    }
    std::vector<std::string> log() {
        return texts(
            "select concat_ws(' ', message_id, attempt, recipient, outcome, code) from "
            "keyrota.delivery order by message_id, attempt");
    }
};

TEST_F(Deliver, SendsWhatIsDueTheGravestFirstAndLogsItAfterwards) {
    const MailServer server;
    use(server.address());
    const auto later = given_message({.subject = "later", .next_try_at = kNow + 1us});
    const auto plain = given_message({.subject = "plain"});
    const auto grave = given_message({.subject = "grave", .severity = 5});
    const DeliveryReport report = deliver();
    EXPECT_EQ(report.sent, 2);
    EXPECT_EQ(report.trouble, "");
    ASSERT_THAT(server.taken(), SizeIs(2));
    EXPECT_EQ(server.taken()[0].header("Subject"), "grave");
    EXPECT_EQ(
        server.taken()[0].header("Message-Id"),
        fmt::format("<{}@{}>", grave, text("select installation_uuid from keyrota.installation")));
    EXPECT_EQ(server.taken()[1].header("Subject"), "plain");
    EXPECT_EQ(state(later), "pending");
    EXPECT_EQ(state(plain), "sent");
    EXPECT_THAT(log(), ElementsAre(fmt::format("{} 1 ada@example.com sent 250 2.0.0", plain),
                                   fmt::format("{} 1 ada@example.com sent 250 2.0.0", grave)));
    EXPECT_EQ(deliver().sent, 0) << "once";
}

TEST_F(Deliver, WhatIsNotTakenNowIsTriedAgainLaterAndLaterUntilItsTimeIsOver) {
    const MailServer server;
    use(server.address());
    const auto id = given_message({.recipient = "rcpt-450@example.com"});
    EXPECT_EQ(deliver().deferred, 1);
    EXPECT_EQ(state(id), "pending");
    EXPECT_THAT(waits(id), AllOf(Ge(1min), Le(2min)));
    EXPECT_THAT(answer(id), HasSubstr("greylisted"));
    EXPECT_EQ(deliver(kNow + 3 * 24h - 1min).dead, 1) << "the next try would be too late";
    EXPECT_EQ(state(id), "dead");
    EXPECT_THAT(answer(id), HasSubstr("greylisted"));
    EXPECT_THAT(suppressions(), IsEmpty()) << "nobody refused it for good";
    EXPECT_THAT(log(), SizeIs(2));
}

TEST(Backoff, DoublesFromAMinuteToFourHoursWithAFifthOfChance) {
    EXPECT_EQ(backoff(0, 0.5), 1min);
    EXPECT_EQ(backoff(0, 0), 1min);
    EXPECT_EQ(backoff(3, 0.5), 8min);
    EXPECT_EQ(backoff(3, 1), 576s);
    EXPECT_EQ(backoff(3, 0), 384s);
    EXPECT_EQ(backoff(8, 0.5), 4h);
    EXPECT_EQ(backoff(1'000'000, 1), 4h);
}

TEST_F(Deliver, ARefusalForGoodIsDeadWithTheServersWordsAndTheNextInLineIsTold) {
    const MailServer server;
    use(server.address());
    const auto id = given_message({.recipient = "data-554@example.com"});
    execute(fmt::format(
        "insert into keyrota.notice (key_id, finding_uid, episode, anchor_at, stage, recipient, "
        "state, severity, is_copy, at_once, recipient_name, time_zone, reason, not_before_at, "
        "message_id, created_at, run_id) values (1, 'kf_1', 1, '1970-01-01', 'open', "
        "'data-554@example.com', 'told', 2, false, false, '', 'UTC', 'x', now(), {}, now(), 1)",
        id));
    EXPECT_EQ(deliver().dead, 1);
    EXPECT_EQ(state(id), "dead");
    EXPECT_EQ(answer(id), "554 5.7.1 looks like spam");
    EXPECT_EQ(text("select state from keyrota.notice"), "failed");
}

TEST_F(Deliver, AnAddressThatIsNotThereGetsNoMoreMail) {
    const MailServer server;
    use(server.address());
    given_message({.recipient = "rcpt-550@example.com"});
    EXPECT_EQ(deliver().dead, 1);
    EXPECT_THAT(suppressions(), ElementsAre("rcpt-550@example.com 1 suppressed"));
    const auto second = given_message({.recipient = "RCPT-550@example.com"});
    use({.host = "localhost", .port = 1});  // which is not asked
    EXPECT_EQ(deliver().dead, 1);
    EXPECT_THAT(answer(second), HasSubstr("this address gets no mail: 550 5.1.1 no such user"));
    EXPECT_THAT(suppressions(), SizeIs(1));
}

TEST_F(Deliver, OtherRefusalsCountOnceADayAndAreForgottenByASuccess) {
    const MailServer server;
    use(server.address());
    const auto refused_at = [&](Timestamp at) {
        given_message({.recipient = "end-554@example.com", .next_try_at = at});
        EXPECT_EQ(deliver(at).dead, 1);
    };
    refused_at(kNow);
    refused_at(kNow + 1h);
    EXPECT_THAT(suppressions(), ElementsAre("end-554@example.com 2"));
    execute("update keyrota.suppression set address = 'ada@example.com'");
    given_message();
    EXPECT_EQ(deliver().sent, 1);
    EXPECT_THAT(suppressions(), IsEmpty());
    refused_at(kNow);
    refused_at(kNow + 24h);
    EXPECT_THAT(suppressions(), ElementsAre("end-554@example.com 2 suppressed"));
}

TEST_F(Deliver, WithoutTheRightPasswordNothingIsTriedAndNothingIsLost) {
    const MailServer server({"--auth", "ada:right"});
    use(server.address());
    config().mail.user = "ada";
    config().mail.password = "hunter2";
    const auto id = given_message();
    given_message();
    const DeliveryReport report = deliver();
    EXPECT_THAT(report.trouble, HasSubstr("the mail server refuses the login: "));
    EXPECT_THAT(report.trouble, Not(HasSubstr("hunter2")));
    EXPECT_EQ(report.sent + report.deferred + report.dead, 0);
    EXPECT_EQ(state(id), "pending");
    EXPECT_THAT(log(), IsEmpty());
    config().mail.password = "right";
    EXPECT_EQ(deliver().sent, 2);
}

TEST_F(Deliver, WhereNobodyIsThereOneMessageFindsOutAndTheOthersWait) {
    use({.host = "localhost", .port = 1});
    for (int i = 0; i < 5; ++i) given_message();
    const DeliveryReport report = deliver();
    EXPECT_THAT(report.trouble, HasSubstr("cannot hand over messages: "));
    EXPECT_EQ(report.deferred, 1);
    EXPECT_EQ(number("select count(*) from keyrota.message where state = 'pending'"), 5);
    EXPECT_THAT(log(), SizeIs(1));
}

TEST_F(Deliver, ARefusedSenderCostsOneMessageAndNoAddress) {
    const MailServer server({"--mail-code", "550"});
    use(server.address());
    for (int i = 0; i < 3; ++i) given_message();
    const DeliveryReport report = deliver();
    EXPECT_THAT(report.trouble, HasSubstr("refuses mail.from: 550"));
    EXPECT_EQ(report.dead, 1);
    EXPECT_EQ(number("select count(*) from keyrota.message where state = 'pending'"), 2);
    EXPECT_THAT(suppressions(), IsEmpty());
}

TEST_F(Deliver, ConnectionsThatBreakAgainAndAgainEndIt) {
    const MailServer server;
    use(server.address());
    for (int i = 0; i < 5; ++i) given_message({.recipient = "drop-data@example.com"});
    const DeliveryReport report = deliver();
    EXPECT_EQ(report.deferred, 3);
    EXPECT_NE(report.trouble, "");
    EXPECT_EQ(number("select count(*) from keyrota.message where state = 'pending'"), 5);
}

TEST_F(Deliver, AConfigurationThatIsNotWholeIsToldAndNothingIsLost) {
    config().mail.transport = "smtp";
    given_message();
    EXPECT_EQ(deliver().trouble, "no mail server is configured");
    config().mail.host = "localhost";
    config().mail.from = "keyrota <x@y>";
    EXPECT_THAT(deliver().trouble, HasSubstr("mail.from is not an email address"));
    config().mail.from = "keyrota@example.com";
    config().mail.host = "evil/../x@y";
    EXPECT_EQ(deliver().trouble, "mail.host is not a host name");
    EXPECT_EQ(number("select count(*) from keyrota.message where state = 'pending'"), 1);
}

TEST_F(Deliver, SeveralMayWorkSideBySideAndEachMessageGoesOutOnce) {
    const MailServer server;
    use(server.address());
    execute(insert_messages({}, 500));
    Session other = session_as("keyrota_runner");
    DeliveryReport theirs;
    std::thread thread(
        [&] { theirs = keyrota::deliver(other, config(), {.token = "by hand 1", .as_of = kNow}); });
    const DeliveryReport ours = deliver();
    thread.join();
    EXPECT_EQ(ours.sent + theirs.sent, 500);
    std::set<std::string> ids;
    for (const TakenMail& mail : server.taken()) ids.insert(mail.header("Message-Id"));
    EXPECT_EQ(ids.size(), 500U);
    EXPECT_THAT(server.taken(), SizeIs(500));
}

TEST_F(Deliver, AClaimWhoseHolderIsGoneIsNobodys) {
    const MailServer server;
    use(server.address());
    const auto claim = [&](const char* by, const char* until) {
        const auto id = given_message();
        execute(
            fmt::format("update keyrota.message set state = 'sending', claimed_by = '{}', "
                        "claim_expires_at = {} where message_id = {}",
                        by, until, id));
        return id;
    };
    const auto of_a_run = claim("run 99", "now() + interval '9 min'");
    const auto of_a_person = claim("by hand 1", "now() + interval '9 min'");
    const auto forgotten = claim("by hand 2", "now()");
    EXPECT_EQ(keyrota::deliver(runner(), config(), {.token = "by hand 3", .as_of = kNow}).sent, 1);
    EXPECT_EQ(state(forgotten), "sent");
    EXPECT_EQ(state(of_a_run), "sending") << "it may be alive";
    EXPECT_EQ(deliver().sent, 1) << "who holds the job's lease knows that it is not";
    EXPECT_EQ(state(of_a_run), "sent");
    EXPECT_EQ(state(of_a_person), "sending");
}

TEST_F(Deliver, WhatTheLogOfARunThatIsGoneSaysWasSentIsNotSentAgain) {
    const MailServer server;
    use(server.address());
    execute(insert_messages({.tries = 1}, 2));
    const std::int64_t unsent = number(kNewestMessage);
    execute(
        "update keyrota.message set state = 'sending', claimed_by = 'run 99',"
        " claim_expires_at = now() + interval '9 min'");
    execute(fmt::format(
        "insert into keyrota.delivery (message_id, attempt, at, recipient, outcome, answer) values"
        " ({0}, 2, keyrota.instant({1}), 'ada@example.com', 'sent', '250 as {0}'),"
        " ({2}, 1, keyrota.instant({1}), 'ada@example.com', 'deferred', '450 later')",
        unsent - 1, to_micros(kNow - 1h), unsent));
    EXPECT_EQ(deliver().sent, 1);
    ASSERT_THAT(server.taken(), SizeIs(1));
    EXPECT_THAT(server.taken()[0].header("Message-Id"), HasSubstr(fmt::format("<{}@", unsent)));
    EXPECT_EQ(answer(unsent - 1), fmt::format("250 as {}", unsent - 1));
    EXPECT_THAT(texts("select state || ' ' || tries from keyrota.message order by message_id"),
                ElementsAre("sent 2", "sent 2"));
    EXPECT_EQ(number(fmt::format("select keyrota.micros(sent_at) from keyrota.message where "
                                 "message_id = {}",
                                 unsent - 1)),
              to_micros(kNow - 1h));
}

TEST_F(Deliver, AMessageIsInTheLogBeforeTheNextIsOutOfHand) {
    const MailServer server;
    use(server.address());
    given_message({.severity = 5});
    given_message({.recipient = "hang-end@example.com", .severity = 4});
    config().mail.timeout = 2s;
    std::thread thread([&] { deliver(); });
    // The second is at the server, which says nothing.
    EXPECT_TRUE(eventually([&] { return !log().empty(); }));
    EXPECT_EQ(number("select count(*) from keyrota.message where state = 'sending'"), 2)
        << "and it is taken over with all others at the end";
    thread.join();
    EXPECT_EQ(number("select count(*) from keyrota.message where state = 'sent'"), 1);
}

TEST_F(Deliver, StopsAfterTheMessageInHandAndAtItsLimit) {
    const MailServer server;
    use(server.address());
    execute(insert_messages({}, 10));
    EXPECT_EQ(keyrota::deliver(runner(), config(),
                               {.token = "run 1", .holds_lease = true, .as_of = kNow, .limit = 3})
                  .sent,
              3);
    int asked = 0;
    const DeliveryReport report =
        keyrota::deliver(runner(), config(),
                         {.token = "run 1", .holds_lease = true, .as_of = kNow, .interrupted = [&] {
                              return ++asked > 2;
                          }});
    EXPECT_EQ(report.sent, 2);
    EXPECT_EQ(number("select count(*) from keyrota.message where state = 'pending'"), 5);
}

TEST_F(Deliver, IntoAMaildirWritesFilesThatOnlyTheirOwnerReads) {
    const Scratch scratch;
    config().mail.transport = "maildir";
    config().data_dir = scratch.path() / "data";
    const auto id = given_message();
    EXPECT_EQ(deliver().sent, 1);
    execute(
        "update keyrota.message set state = 'pending', sent_at = null, next_try_at = created_at");
    EXPECT_EQ(deliver().sent, 1);
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(config().data_dir / "maildir" / "new"))
        files.push_back(entry.path());
    ASSERT_THAT(files, SizeIs(1)) << "sent again after a crash it takes its own place";
    EXPECT_THAT(files[0].string(), HasSubstr(fmt::format("I{}.keyrota", id)));
    EXPECT_EQ(fs::status(files[0]).permissions(), fs::perms::owner_read | fs::perms::owner_write);
    EXPECT_THAT(text_of(files[0]), AllOf(HasSubstr("To: ada@example.com\n"), Not(HasSubstr("\r"))));
    EXPECT_THAT(parsed_by_python(text_of(files[0])), HasSubstr("\"defects\": []"));
    EXPECT_TRUE(fs::is_empty(config().data_dir / "maildir" / "tmp"));
}

TEST_F(Deliver, ThroughSendmailGivesItTheMessageAndTakesItsWord) {
    const Scratch scratch;
    config().mail.transport = "sendmail";
    config().mail.from = "keyrota@example.com";
    config().mail.timeout = 1s;
    const auto sendmail_is = [&](const std::string& script) {
        config().mail.sendmail = scratch.write("sendmail", "#!/bin/sh\n" + script + "\n");
        fs::permissions(config().mail.sendmail, fs::perms::owner_all);
    };
    sendmail_is(fmt::format("echo \"$@\" > {0}/words; cat > {0}/mail", scratch.path().string()));
    given_message();
    EXPECT_EQ(deliver().sent, 1);
    EXPECT_EQ(text_of(scratch.path() / "words"), "-i -f keyrota@example.com -- ada@example.com\n");
    EXPECT_THAT(text_of(scratch.path() / "mail"),
                AllOf(HasSubstr("To: ada@example.com\n"), Not(HasSubstr("\r"))));

    const auto id = given_message();
    sendmail_is("echo 'queue is full' >&2; exit 75");
    EXPECT_EQ(deliver().deferred, 1);
    EXPECT_THAT(answer(id), HasSubstr("exit status 75: queue is full"));
    sendmail_is("exec sleep 30");
    EXPECT_EQ(deliver(kNow + 1h).deferred, 1);
    EXPECT_THAT(answer(id), HasSubstr("did not end within 1s"));
    sendmail_is("exit 67");
    EXPECT_EQ(deliver(kNow + 2h).dead, 1);
    given_message();
    config().mail.sendmail = "/nonexistent/sendmail";
    EXPECT_NE(deliver().trouble, "");
}

// --- webhook
// --------------------------------------------------------------------------------------

class Webhook : public Deliver {
  protected:
    void given_receiver(const Arguments& options = {}) {
        Arguments argv{"/usr/bin/python3", KEYROTA_SOURCE_DIR "/tests/support/health_check.py",
                       scratch_.path()};
        argv.insert(argv.end(), options.begin(), options.end());
        fs::remove(scratch_.path() / "port");
        receiver_ = std::make_unique<Program>(argv, Start{.environment = bare_environment()});
        ASSERT_TRUE(eventually([&] { return fs::exists(scratch_.path() / "port"); }));
        std::string port;
        std::ifstream(scratch_.path() / "port") >> port;
        config().webhook.url = fmt::format("http://localhost:{}/Zq7secret", port);
    }
    std::string told() const { return text_of(scratch_.path() / "told"); }

  private:
    Scratch scratch_;
    std::unique_ptr<Program> receiver_;
};

TEST_F(Webhook, IsPostedWhatSlackUnderstands) {
    given_receiver();
    const auto id = given_message({.recipient = "operator", .channel = "webhook"});
    EXPECT_EQ(deliver().sent, 1);
    EXPECT_EQ(state(id), "sent");
    EXPECT_THAT(told(), HasSubstr("Dear &amp; &lt;all&gt;"));
}

TEST_F(Webhook, WithoutAReceiverWaitsAndKeepsTheUrlSecret) {
    config().webhook.url = "http://localhost:1/Zq7secret";
    config().webhook.timeout = 1s;
    const auto id = given_message({.recipient = "operator", .channel = "webhook"});
    EXPECT_EQ(deliver().deferred, 1);
    EXPECT_THAT(answer(id), AllOf(Not(HasSubstr("Zq7secret")), HasSubstr("refused")));
    EXPECT_EQ(deliver(kNow + 1h).trouble, "") << "mail goes on";
}

TEST_F(Webhook, ARefusalOrARedirectIsDeadAndAServerInTroubleIsNot) {
    given_receiver({"--status", "302"});
    const auto id = given_message({.recipient = "operator", .channel = "webhook"});
    EXPECT_EQ(deliver().dead, 1);
    EXPECT_THAT(told(), Not(HasSubstr("elsewhere"))) << "no redirect is followed";
    EXPECT_THAT(answer(id), HasSubstr("302"));
    EXPECT_THAT(suppressions(), IsEmpty());
    given_receiver({"--status", "503"});
    given_message({.recipient = "operator", .channel = "webhook"});
    EXPECT_EQ(deliver().deferred, 1);
}

TEST_F(Webhook, OfATeamIsPostedToItsOwnUrlInItsOwnFormat) {
    given_receiver();
    const std::string url = std::exchange(config().webhook.url, "http://localhost:1/Zq7secret");
    Config::NamedWebhook ours;
    ours.name = "payments-chat";
    ours.url = url;
    ours.format = "json";
    config().webhooks = {ours};
    const auto id = given_message({.recipient = "webhook:payments-chat", .channel = "webhook"});
    const auto unknown = given_message({.recipient = "webhook:gone", .channel = "webhook"});
    EXPECT_EQ(deliver().sent, 1);
    EXPECT_EQ(state(id), "sent");
    EXPECT_THAT(told(), HasSubstr("Dear & <all>"));
    EXPECT_EQ(state(unknown), "pending") << "somebody may mend the configuration";
    EXPECT_THAT(answer(unknown), HasSubstr("the configuration has no such webhook"));
}

TEST(WebhookSignature, IsWhatAnotherProgramComputes) {
    const Outcome other =
        run({"/usr/bin/python3", "-c",
             "import hmac; print('v1=' + hmac.new(b's3cret', b'v1:1700000000:{\"a\":1}', "
             "'sha256').hexdigest(), end='')"},
            {.environment = bare_environment()});
    EXPECT_EQ(webhook_signature("s3cret", 1'700'000'000, "{\"a\":1}"), other.out);
}

TEST(WebhookBody, IsJsonWhateverTheMessageHolds) {
    OutgoingMessage message{.message_id = 3, .recipient = "operator", .subject = "\"<!channel>\""};
    message.text_body = "a & b\n\u2028";
    EXPECT_THAT(webhook_body(message, "slack"),
                AllOf(HasSubstr("&lt;!channel&gt;"), HasSubstr("a &amp; b\\n")));
    EXPECT_THAT(webhook_body(message, "json"), HasSubstr("\"id\":3,"));
}

}  // namespace
}  // namespace keyrota::test
