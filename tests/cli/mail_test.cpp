// What people do with the outbox, and what those hear who run it.

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "support/mail_server.h"
#include "support/outbox.h"
#include "support/program.h"

namespace keyrota::test {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

class MailCommands : public ProgramTest {
  protected:
    void use(const MailServer& server, const char* tls = "none") {
        environment()["KEYROTA_MAIL_TRANSPORT"] = "smtp";
        environment()["KEYROTA_MAIL_HOST"] = "localhost";
        environment()["KEYROTA_MAIL_PORT"] = std::to_string(server.port());
        environment()["KEYROTA_MAIL_TLS"] = tls;
        environment()["KEYROTA_MAIL_FROM"] = "keyrota@example.com";
    }
    std::int64_t given_message(GivenMessage given = {}) {
        // The program's clock is the real one.
        given.created_at =
            std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
        execute(insert_messages(given));
        return number(kNewestMessage);
    }
    std::string state(std::int64_t id) {
        return text(fmt::format("select state from keyrota.message where message_id = {}", id));
    }
};

TEST_F(MailCommands, ARunDeliversAndIsQuiet) {
    const MailServer server;
    use(server);
    const auto id = given_message();
    const Outcome run = keyrota({"run", "notify-owners"});
    EXPECT_EQ(run.exit_code, 0);
    EXPECT_EQ(run.out + run.errors, "");
    EXPECT_THAT(server.taken(), SizeIs(1));
    EXPECT_THAT(keyrota({"mail", "show", std::to_string(id)}).out,
                AllOf(HasSubstr("sent"), HasSubstr("250 2.0.0 queued"), HasSubstr("Dear & <all>")));
    EXPECT_EQ(keyrota({"mail", "queue"}).out, "no messages\n");
}

TEST_F(MailCommands, OwnersAreToldNothingBeforeMailIsReleased) {
    execute("insert into keyrota.owner (name, email) values ('Ada', 'ada@example.com')");
    const std::int64_t key = given_key({.name = "billing-prod"});
    execute("update keyrota.api_key set owner_id = 1");
    execute(fmt::format(
        "insert into keyrota.finding (key_id, uid, check_id, status, severity, opened_at, "
        "changed_at, run_id) values ({0}, keyrota.finding_uid('KEY-NO-EXPIRY', {0}, ''), "
        "'KEY-NO-EXPIRY', 'open', 2, now(), now(), 1)",
        key));
    const MailServer server;
    use(server);
    EXPECT_EQ(keyrota({"run", "notify-owners"}).exit_code, 0);
    EXPECT_THAT(server.taken(), SizeIs(0));
    const Outcome asked = keyrota({"mail", "release"});
    EXPECT_EQ(asked.exit_code, 2);
    EXPECT_THAT(asked.errors, HasSubstr("--yes"));
    EXPECT_EQ(keyrota({"mail", "release", "--yes"}).out,
              "released: the next run of notify-owners writes to 1 person, one digest each\n");
    EXPECT_EQ(keyrota({"mail", "release", "--yes"}).out,
              "mail is already released: owners are notified\n");
    EXPECT_EQ(number("select count(*) from keyrota.audit_entry where action = 'mail.release'"), 1);
    EXPECT_EQ(keyrota({"run", "notify-owners"}).exit_code, 0);
    EXPECT_THAT(server.taken(), SizeIs(1));
    EXPECT_EQ(text("select recipient from keyrota.message"), "ada@example.com");
}

std::string contents(const fs::path& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
}

TEST_F(MailCommands, APreviewIsTheMailThatAnOwnerWouldGetInFilesAndSendsNothing) {
    execute("insert into keyrota.owner (name, email) values ('Ada', 'Ada@example.com')");
    execute("update keyrota.api_key set owner_id = 1 where key_id = " +
            std::to_string(given_key({.name = "billing-prod"})));
    const auto given_finding = [&](const char* check, const char* status) {
        execute(
            fmt::format("insert into keyrota.finding (key_id, uid, check_id, status, severity, "
                        "opened_at, changed_at, run_id) values (1, keyrota.finding_uid('{0}', "
                        "1, ''), '{0}', '{1}', 2, now(), now(), 1)",
                        check, status));
    };
    const std::string directory = scratch().path() / "mail";
    EXPECT_EQ(keyrota({"mail", "preview", "ada@example.com", "--out", directory}).out,
              "no finding that is mailed is open about the keys of ada@example.com: no mail\n");
    given_finding("KEY-NO-EXPIRY", "open");
    given_finding("KEY-UNUSED", "open");
    given_finding("KEY-SCOPE-ADMIN", "waived");
    given_finding("KEY-NEVER-USED", "open");
    execute(
        "insert into keyrota.alert_setting (owner_id, check_id, settings) values "
        "(1, 'KEY-NEVER-USED', '{\"mail\": \"off\"}')");

    const Outcome of_owner = keyrota({"mail", "preview", "ada@example.com", "--out", directory});
    EXPECT_EQ(of_owner.exit_code, 0) << of_owner.errors;
    EXPECT_THAT(of_owner.out,
                AllOf(HasSubstr("to ada@example.com: [keyrota] 2 findings need attention"),
                      HasSubstr("wrote " + directory + "/ada@example.com.eml\n")));
    const std::string as_text = contents(directory + "/ada@example.com.txt");
    EXPECT_THAT(as_text, AllOf(HasSubstr("Hello Ada,"), HasSubstr("billing-prod never expires"),
                               HasSubstr("You get this because you own billing-prod."),
                               Not(HasSubstr("may do everything"))));
    EXPECT_THAT(contents(directory + "/ada@example.com.html"), HasSubstr("<html lang=\"en\">"));
    EXPECT_THAT(contents(directory + "/ada@example.com.eml"),
                AllOf(HasSubstr("To: Ada <ada@example.com>\r\n"),
                      HasSubstr("Content-Type: multipart/alternative")));

    const std::string uid = text("select uid from keyrota.finding where check_id = 'KEY-UNUSED'");
    const Outcome of_finding = keyrota({"mail", "preview", uid.substr(0, 12), "--out", directory});
    EXPECT_EQ(of_finding.exit_code, 0) << of_finding.errors;
    EXPECT_THAT(
        contents(directory + "/" + uid + ".txt"),
        AllOf(HasSubstr("billing-prod has not been used"), Not(HasSubstr("never expires"))));
    EXPECT_EQ(number("select (select count(*) from keyrota.notice) + "
                     "(select count(*) from keyrota.message)"),
              0);

    execute("update keyrota.owner set active = false");
    keyrota({"mail", "suppressions", "add", "root@localhost", "--why", "nobody reads it"});
    EXPECT_THAT(keyrota({"mail", "preview", "1", "--out", directory}).errors,
                HasSubstr("nobody can be notified, not even notify.operator"));
    environment()["KEYROTA_NOTIFY_OPERATOR"] = "ops@example.com";
    EXPECT_THAT(keyrota({"mail", "preview", "1", "--out", directory}).out,
                HasSubstr("to ops@example.com: "));
    EXPECT_THAT(contents(directory + "/1.txt"), HasSubstr("Ada has left"));
    EXPECT_EQ(keyrota({"mail", "preview", "ada@example.com", "--out", "/dev/null/x"}).exit_code, 2);
    EXPECT_EQ(keyrota({"mail", "preview", "kf_ffffffff", "--out", directory}).exit_code, 2);
}

TEST_F(MailCommands, ADryRunSaysHowManyAndSendsNone) {
    const MailServer server;
    use(server);
    given_message();
    const Outcome run = keyrota({"run", "notify-owners", "--dry-run", "--json"});
    EXPECT_EQ(run.exit_code, 0) << run.errors;
    EXPECT_THAT(run.out, HasSubstr("\"mail\""));
    EXPECT_THAT(server.taken(), SizeIs(0));
}

TEST_F(MailCommands, AServerThatLetsNobodyInEndsTheRunWithSevenAndTheMessagesWait) {
    const MailServer server({"--auth", "ada:right"});
    use(server);
    environment()["KEYROTA_MAIL_USER"] = "ada";
    environment()["KEYROTA_MAIL_PASSWORD"] = "hunter2";
    const auto id = given_message();
    const Outcome run = keyrota({"run", "notify-owners"});
    EXPECT_EQ(run.exit_code, 7);
    EXPECT_THAT(run.errors, AllOf(HasSubstr("refuses the login: 535"), HasSubstr("HINT: "),
                                  Not(HasSubstr("hunter2"))));
    EXPECT_EQ(state(id), "pending");
    const Outcome doctor = keyrota({"doctor"});
    EXPECT_EQ(doctor.exit_code, 13);
    EXPECT_THAT(doctor.out, HasSubstr("Check mail.user and mail.password."));
}

TEST_F(MailCommands, TheQueueIsListedRetriedAndCancelledAndThatIsAudited) {
    const MailServer server;
    use(server);
    const auto waits = given_message({.recipient = "rcpt-450@example.com"});
    const auto dead = given_message({.recipient = "rcpt-550@example.com", .subject = "=evil()"});
    EXPECT_EQ(keyrota({"run", "notify-owners"}).exit_code, 0) << "no alarm for one address";
    const std::string queue = keyrota({"mail", "queue"}).out;
    EXPECT_THAT(queue, AllOf(HasSubstr("rcpt-450@example.com"), HasSubstr("greylisted"),
                             HasSubstr("550 5.1.1 no such user")));
    EXPECT_THAT(keyrota({"mail", "queue", "--state", "dead", "--csv"}).out, HasSubstr("'=evil()"));
    EXPECT_THAT(keyrota({"status"}).out, HasSubstr("1 waits, the oldest for "));
    EXPECT_THAT(keyrota({"status"}).out, HasSubstr(", 1 dead"));
    EXPECT_THAT(keyrota({"mail", "suppressions", "list"}).out, HasSubstr("rcpt-550@example.com"));

    EXPECT_EQ(keyrota({"mail", "retry", "--dead"}).out, "1 message queued\n");
    EXPECT_EQ(state(dead), "pending");
    EXPECT_EQ(keyrota({"mail", "cancel", std::to_string(dead), std::to_string(waits), "--why",
                       "the keys were deleted"})
                  .out,
              "2 messages cancelled\n");
    EXPECT_EQ(state(waits), "cancelled");
    EXPECT_EQ(number("select count(*) from keyrota.audit_entry where action = 'mail.cancel'"), 2);
    EXPECT_EQ(audit_fault(), "");
    const Outcome again =
        keyrota({"mail", "cancel", std::to_string(dead), "--why", "the keys were deleted"});
    EXPECT_EQ(again.exit_code, 2);
    EXPECT_THAT(again.errors, HasSubstr("HINT: Nothing was changed"));
}

TEST_F(MailCommands, WhatIsRetriedIsDeliveredOnceOrRefusedAgain) {
    const MailServer server;
    use(server);
    const auto taken = given_message({.recipient = "rcpt-550@example.com"});
    const auto refused = given_message({.recipient = "rcpt-550@example.com"});
    EXPECT_EQ(keyrota({"run", "notify-owners"}).exit_code, 0);
    EXPECT_EQ(state(taken), "dead");
    execute(fmt::format(
        "update keyrota.message set recipient = 'ada@example.com' where message_id = {}", taken));
    EXPECT_EQ(keyrota({"mail", "retry", std::to_string(taken), std::to_string(refused)}).exit_code,
              0);
    const Outcome run = keyrota({"run", "notify-owners"});
    EXPECT_EQ(run.exit_code, 0) << run.errors;
    EXPECT_EQ(state(taken), "sent");
    EXPECT_EQ(state(refused), "dead");
    EXPECT_EQ(keyrota({"run", "notify-owners"}).exit_code, 0);
    EXPECT_THAT(server.taken(), SizeIs(1));
}

TEST_F(MailCommands, FlushTriesAtOnceWhatWaits) {
    const MailServer server;
    use(server);
    const auto id = given_message({.next_try_at = *parse_timestamp("2099-01-01"), .tries = 3});
    EXPECT_THAT(keyrota({"mail", "flush"}).out, HasSubstr("sent"));
    EXPECT_EQ(state(id), "sent");
}

TEST_F(MailCommands, ATestMessageTellsWhetherTheWayIsOpen) {
    const MailServer server;
    use(server);
    const auto other = given_message();
    const Outcome sent = keyrota({"mail", "test", "ada@example.com"});
    EXPECT_EQ(sent.exit_code, 0) << sent.errors;
    EXPECT_THAT(sent.out, HasSubstr("250 2.0.0 queued"));
    ASSERT_THAT(server.taken(), SizeIs(1));
    EXPECT_EQ(server.taken()[0].header("Subject"), "[keyrota] test message");
    EXPECT_EQ(state(other), "pending") << "it sends nothing else";

    const Outcome refused = keyrota({"mail", "test", "rcpt-450@example.com"});
    EXPECT_EQ(refused.exit_code, 7);
    EXPECT_THAT(refused.errors, HasSubstr("450 4.2.0 greylisted"));
    EXPECT_EQ(number("select count(*) from keyrota.message where kind = 'test' and state = "
                     "'pending'"),
              0)
        << "a test that failed is over";
    EXPECT_EQ(keyrota({"mail", "test", "Ada <ada@example.com>"}).exit_code, 2);
}

TEST_F(MailCommands, SuppressionsAreAddedAndRemovedAndTheTrailHoldsNoAddress) {
    EXPECT_EQ(
        keyrota({"mail", "suppressions", "add", "Old@example.com", "--why", "left"}).exit_code, 0);
    EXPECT_THAT(keyrota({"mail", "suppressions", "list", "--json"}).out,
                HasSubstr("\"old@example.com\""));
    EXPECT_EQ(keyrota({"mail", "suppressions", "add", "old@example.com", "--why", "x"}).exit_code,
              2);
    EXPECT_EQ(keyrota({"mail", "suppressions", "remove", "OLD@example.com"}).exit_code, 0);
    EXPECT_EQ(keyrota({"mail", "suppressions", "remove", "old@example.com"}).exit_code, 2);
    EXPECT_EQ(number("select count(*) from keyrota.audit_entry where action like 'suppression.%'"),
              2);
    EXPECT_EQ(number("select count(*) from keyrota.audit_entry where payload ilike '%old@%'"), 0);
    EXPECT_EQ(audit_fault(), "");
}

TEST_F(MailCommands, DoctorLooksAtTheWayOut) {
    {
        const MailServer server;
        use(server);
        EXPECT_THAT(keyrota({"doctor"}).out, HasSubstr("accepts mail, without TLS"));
        environment()["KEYROTA_MAIL_TLS"] = "starttls";
        EXPECT_EQ(keyrota({"doctor"}).exit_code, 13) << "it offers no TLS";
    }
    environment()["KEYROTA_MAIL_TRANSPORT"] = "maildir";
    EXPECT_THAT(keyrota({"doctor"}).out, HasSubstr("goes into files below "));
}

TEST_F(MailCommands, MessagesThatNobodyGetsAreAFindingUntilSomebodyDecides) {
    const MailServer server;
    use(server);
    const auto id = given_message({.recipient = "rcpt-550@example.com"});
    const std::string open =
        "select count(*) from keyrota.finding where check_id = 'MAIL-DEAD' and status = 'open'";
    // The run that meets it, and the one that finds it.
    keyrota({"run", "notify-owners"});
    EXPECT_EQ(number(open), 0);
    keyrota({"run", "notify-owners"});
    EXPECT_EQ(number(open), 1);
    keyrota({"mail", "cancel", std::to_string(id), "--why", "known"});
    keyrota({"run", "notify-owners"});
    EXPECT_EQ(number(open), 0);
}

TEST_F(MailCommands, TheMetricsTellHowManyWait) {
    const MailServer server;
    use(server);
    given_message({.recipient = "rcpt-450@example.com"});
    environment()["KEYROTA_METRICS_TEXTFILE_DIR"] = scratch().path();
    EXPECT_EQ(keyrota({"run", "notify-owners"}).exit_code, 0);
    std::ifstream in(scratch().path() / "keyrota_notify-owners.prom");
    const std::string metrics{std::istreambuf_iterator<char>(in), {}};
    EXPECT_THAT(metrics, AllOf(HasSubstr("keyrota_messages{state=\"pending\"} 1\n"),
                               HasSubstr("\nkeyrota_messages_oldest_age_seconds ")));
}

}  // namespace
}  // namespace keyrota::test
