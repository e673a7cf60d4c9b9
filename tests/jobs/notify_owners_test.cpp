// From findings to messages: who is told what, when, and once.

#include <fmt/format.h>

#include "support/database.h"

namespace keyrota::test {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;
using namespace std::chrono_literals;

constexpr std::chrono::hours kDay(24);
const Timestamp kDigest = kNow + 2h;  // 08:00 UTC of the day of kNow

struct GivenFinding {
    std::int64_t key_id = 0;
    const char* check_id = "KEY-NO-EXPIRY";
    int severity = 2;
    std::optional<Timestamp> due_at{};
};

class NotifyOwners : public DatabaseTest {
  protected:
    void SetUp() override {
        DatabaseTest::SetUp();
        config().notify.mode = "send";
        config().notify.operator_address = "Ops@example.com";
        execute(
            "insert into keyrota.team (name, email, security_email)"
            " values ('Payments', 'payments@example.com', 'security@example.com')");
        execute(
            "insert into keyrota.owner (name, email, team_id) values ('Grace Hopper', "
            "'grace@example.com', 1), ('Ada Lovelace', 'Ada@example.com', 1)");
        execute("update keyrota.owner set fallback_owner_id = 1 where name like 'Ada%'");
    }
    std::int64_t given_owned_key(const std::string& name) {
        const std::int64_t key = given_key({.name = name, .expires_at = kNow + 100 * kDay});
        execute(fmt::format("update keyrota.api_key set owner_id = 2 where key_id = {}", key));
        return key;
    }
    void given_finding(const GivenFinding& given) {
        execute(fmt::format(
            "insert into keyrota.finding (key_id, uid, check_id, status, severity, due_at, "
            "opened_at, changed_at, run_id) values ({0}, keyrota.finding_uid('{1}', {0}, ''), "
            "'{1}', 'open', {2}, {3}, keyrota.instant({4}), keyrota.instant({4}), 1)",
            given.key_id, given.check_id, given.severity,
            given.due_at ? fmt::format("keyrota.instant({})", to_micros(*given.due_at)) : "null",
            to_micros(kNow)));
    }
    void resolve(std::int64_t key_id, Timestamp at) {
        execute(fmt::format(
            "update keyrota.finding set status = 'resolved', resolution = 'absence', resolved_at = "
            "keyrota.instant({}) where key_id = {}",
            to_micros(at), key_id));
    }
    void notify(Timestamp as_of) {
        const RunReport report = run("notify-owners", as_of);
        EXPECT_EQ(report.exit_code, ExitCode::done) << report.message;
    }
    /// What a run wrote: recipient and subject.
    std::vector<std::string> written_at(Timestamp as_of) {
        notify(as_of);
        return texts(fmt::format(
            "select recipient || ': ' || subject from keyrota.message where created_at = "
            "keyrota.instant({}) order by recipient",
            to_micros(as_of)));
    }
    std::vector<std::string> recipients_at(Timestamp as_of) {
        notify(as_of);
        return texts(fmt::format(
            "select recipient from keyrota.message where created_at = keyrota.instant({}) order by "
            "recipient",
            to_micros(as_of)));
    }
    /// What a dry run says would be written.
    std::int64_t messages_due(Timestamp as_of) {
        const RunReport report = run("notify-owners", as_of, {.dry_run = true});
        for (const CheckReport& step : report.checks)
            if (step.check_id == "messages") return step.found;
        ADD_FAILURE() << "no step messages";
        return -1;
    }
    std::string newest_text() {
        return text("select text_body from keyrota.message order by message_id desc limit 1");
    }
};

TEST_F(NotifyOwners, TheDailyDigestTellsOnceWhatIsNotGrave) {
    given_finding({.key_id = given_owned_key("billing-prod")});
    given_finding({.key_id = given_owned_key("search"), .check_id = "KEY-UNUSED"});
    EXPECT_THAT(written_at(kNow), IsEmpty());
    EXPECT_THAT(written_at(kDigest - 1us), IsEmpty());
    EXPECT_THAT(written_at(kDigest),
                ElementsAre(AllOf(HasSubstr("ada@example.com: [keyrota] 2 "), HasSubstr("keys"))));
    EXPECT_THAT(newest_text(), AllOf(HasSubstr("billing-prod"), HasSubstr("search"),
                                     HasSubstr("You get this because you own billing-prod.")));
    EXPECT_THAT(written_at(kDigest + 5min), IsEmpty());
    EXPECT_EQ(number("select count(*) from keyrota.notice where state = 'told'"), 2);
    EXPECT_EQ(number("select count(*) from keyrota.message where state = 'sent'"), 1);
}

TEST_F(NotifyOwners, AWeekLaterWhatIsStillOpenIsToldAgainInTheSameThread) {
    given_finding({.key_id = given_owned_key("billing-prod")});
    notify(kNow);
    EXPECT_THAT(recipients_at(kDigest), SizeIs(1));
    EXPECT_THAT(recipients_at(kDigest + 6 * kDay), IsEmpty());
    notify(kNow + 7 * kDay);
    EXPECT_THAT(recipients_at(kDigest + 7 * kDay), ElementsAre("ada@example.com"));
    EXPECT_THAT(texts("select stage from keyrota.notice order by created_at"),
                ElementsAre("open", "again 2"));
    EXPECT_EQ(number("select root_id from keyrota.message order by message_id desc limit 1"),
              number("select min(message_id) from keyrota.message"));
}

TEST_F(NotifyOwners, GraveThingsGoOutAtOnceButNotInQuietHours) {
    const std::int64_t key = given_owned_key("admin-prod");
    given_finding({.key_id = key, .check_id = "KEY-SCOPE-ADMIN", .severity = 4});
    config().notify.quiet_hours = "22:00-06:30";
    EXPECT_THAT(recipients_at(kNow), IsEmpty());
    EXPECT_THAT(recipients_at(kNow + 30min), ElementsAre("ada@example.com"));
}

TEST_F(NotifyOwners, AFindingThatBecomesGraveIsToldOnceMore) {
    const std::int64_t key = given_owned_key("admin-prod");
    given_finding({.key_id = key, .check_id = "KEY-SCOPE-ADMIN", .severity = 3});
    notify(kNow);
    EXPECT_THAT(recipients_at(kDigest), SizeIs(1));
    execute("update keyrota.finding set severity = 4");
    EXPECT_THAT(recipients_at(kDigest + 1h), ElementsAre("ada@example.com"));
    EXPECT_THAT(recipients_at(kDigest + 2h), IsEmpty());
}

TEST_F(NotifyOwners, EachStageOfADateIsToldAndAMovedDateAnew) {
    const std::int64_t key = given_owned_key("billing-prod");
    const Timestamp due = kDigest + 7 * kDay + 1h;
    given_finding({.key_id = key, .check_id = "KEY-EXPIRES-SOON", .severity = 3, .due_at = due});
    notify(kNow);
    EXPECT_THAT(recipients_at(kDigest), ElementsAre("ada@example.com"));
    EXPECT_EQ(text("select stage from keyrota.notice"), "T-14d");  // 30 days were missed
    notify(due - 7 * kDay);
    EXPECT_THAT(recipients_at(kDigest + kDay), ElementsAre("ada@example.com"));
    EXPECT_THAT(texts("select stage from keyrota.notice order by created_at"),
                ElementsAre("T-14d", "T-7d"));
    execute(fmt::format("update keyrota.finding set due_at = keyrota.instant({})",
                        to_micros(due + 20 * kDay)));
    notify(kDigest + kDay + 1h);
    EXPECT_EQ(number("select count(distinct anchor_at) from keyrota.notice"), 2);
}

TEST_F(NotifyOwners, TheTeamGetsACopyThreeDaysBeforeAndItsSecurityContactADayAfter) {
    const std::int64_t key = given_owned_key("billing-prod");
    given_finding(
        {.key_id = key, .check_id = "KEY-ROTATION-DUE", .severity = 4, .due_at = kNow - 25h});
    EXPECT_THAT(recipients_at(kNow),
                ElementsAre("ada@example.com", "payments@example.com", "security@example.com"));
    EXPECT_EQ(number("select count(*) from keyrota.notice where is_copy"), 2);
}

TEST_F(NotifyOwners, TheTeamsWebhookGetsItsCopyOnceAStage) {
    execute("update keyrota.team set webhook = 'payments-chat', email = null");
    const std::int64_t key = given_owned_key("billing-prod");
    const Timestamp due = kNow + 2 * kDay;
    given_finding({.key_id = key, .check_id = "KEY-EXPIRES-SOON", .severity = 4, .due_at = due});
    EXPECT_THAT(recipients_at(kNow),
                UnorderedElementsAre("ada@example.com", "webhook:payments-chat"));
    EXPECT_THAT(recipients_at(kNow + 5min), IsEmpty());
    EXPECT_EQ(text("select channel || ' ' || kind || ' ' || coalesce(html_body, 'text') from"
                   " keyrota.message where recipient like 'webhook:%'"),
              "webhook notice text");
    EXPECT_EQ(number("select count(*) from keyrota.message where recipient = 'ada@example.com'"
                     " and channel = 'email'"),
              1);
    EXPECT_THAT(recipients_at(due - kDay),
                UnorderedElementsAre("ada@example.com", "webhook:payments-chat"));
}

TEST_F(NotifyOwners, WhatOnlyTheTeamsWebhookCanBeToldItIs) {
    execute("update keyrota.team set webhook = 'payments-chat', email = null");
    execute("update keyrota.owner set active = false");
    given_finding({.key_id = given_owned_key("billing-prod"), .severity = 4});
    EXPECT_THAT(recipients_at(kNow), ElementsAre("webhook:payments-chat"));
    EXPECT_THAT(newest_text(), HasSubstr("billing-prod is a key of your team."));
    execute("update keyrota.message set state = 'dead', sent_at = null");
    execute("update keyrota.notice set state = 'failed'");
    EXPECT_THAT(recipients_at(kNow + 5min), ElementsAre("ops@example.com"));
}

TEST_F(NotifyOwners, WhoHasLeftIsNotToldButTheNextInLineAndWhyThatIs) {
    given_finding({.key_id = given_owned_key("billing-prod"), .severity = 4});
    execute("update keyrota.owner set active = false where owner_id = 2");
    EXPECT_THAT(recipients_at(kNow), ElementsAre("grace@example.com"));
    EXPECT_THAT(newest_text(), HasSubstr("Ada Lovelace has left"));
}

TEST_F(NotifyOwners, WhatNobodyAnswersForGoesToTheOperator) {
    const std::int64_t key = given_key({.name = "nobodys"});
    given_finding({.key_id = key, .check_id = "KEY-OWNER-MISSING", .severity = 4});
    EXPECT_THAT(recipients_at(kNow), ElementsAre("ops@example.com"));
}

TEST_F(NotifyOwners, WhatADeadMessageSaidIsToldToTheNextInLine) {
    given_finding({.key_id = given_owned_key("billing-prod"), .severity = 4});
    notify(kNow);
    execute("update keyrota.message set state = 'dead', sent_at = null");
    execute("update keyrota.notice set state = 'failed'");
    EXPECT_THAT(recipients_at(kNow + 5min), ElementsAre("grace@example.com"));
    EXPECT_THAT(newest_text(), HasSubstr("mail to Ada Lovelace bounces"));
}

TEST_F(NotifyOwners, ASuppressedAddressIsPassedOver) {
    given_finding({.key_id = given_owned_key("billing-prod"), .severity = 4});
    execute(
        "insert into keyrota.suppression (address, suppressed_at, reason, added_by) values "
        "('ada@example.com', now(), '550 5.1.1', 'test')");
    EXPECT_THAT(recipients_at(kNow), ElementsAre("grace@example.com"));
}

TEST_F(NotifyOwners, WhatEndedBeforeItWasToldIsNotToldAndAfterwardsInTheNextDigestOnly) {
    const std::int64_t first = given_owned_key("first");
    given_finding({.key_id = first});
    notify(kNow);
    resolve(first, kNow + 1h);
    EXPECT_THAT(recipients_at(kDigest), IsEmpty());
    EXPECT_EQ(text("select state from keyrota.notice"), "superseded");

    const std::int64_t second = given_owned_key("second");
    given_finding({.key_id = second, .severity = 4});
    EXPECT_THAT(recipients_at(kDigest + 1h), SizeIs(1));
    resolve(second, kDigest + 2h);
    notify(kDigest + 3h);
    EXPECT_THAT(recipients_at(kDigest + kDay), IsEmpty());
    const std::int64_t third = given_owned_key("third");
    given_finding({.key_id = third});
    notify(kDigest + kDay + 1h);
    EXPECT_THAT(recipients_at(kDigest + 2 * kDay), SizeIs(1));
    EXPECT_THAT(newest_text(),
                AllOf(HasSubstr("third"), HasSubstr("second"), Not(HasSubstr("first"))));
}

TEST_F(NotifyOwners, WhatComesBackGoesOnWhereItStood) {
    const std::int64_t key = given_owned_key("billing-prod");
    const Timestamp due = kDigest + 8 * kDay + 1h;
    given_finding({.key_id = key, .check_id = "KEY-EXPIRES-SOON", .severity = 3, .due_at = due});
    notify(kNow);
    EXPECT_THAT(recipients_at(kDigest), SizeIs(1));
    resolve(key, kDigest + 1h);
    notify(kDigest + 2h);
    EXPECT_EQ(number("select count(*) from keyrota.notice where stage = 'resolved'"), 1);
    execute("update keyrota.finding set status = 'open', resolution = null, resolved_at = null");
    notify(due - 7 * kDay);
    EXPECT_THAT(recipients_at(kDigest + 2 * kDay), ElementsAre("ada@example.com"));
    EXPECT_THAT(texts("select stage from keyrota.notice where state = 'told' order by created_at"),
                ElementsAre("T-14d", "T-7d"));
}

TEST_F(NotifyOwners, WhatWaitsForSomebodyWhoLeavesIsToldToTheNextInLine) {
    given_finding({.key_id = given_owned_key("billing-prod")});
    notify(kNow);
    EXPECT_EQ(text("select recipient from keyrota.notice"), "ada@example.com");
    execute("update keyrota.owner set active = false where owner_id = 2");
    notify(kDigest);
    notify(kDigest + 5min);
    EXPECT_THAT(recipients_at(kDigest + kDay), ElementsAre("grace@example.com"));
    EXPECT_THAT(texts("select state || ' ' || recipient from keyrota.notice order by created_at"),
                ElementsAre("superseded ada@example.com", "told grace@example.com"));
}

TEST_F(NotifyOwners, AWaivedFindingIsToldOnceItsWaiverIsOver) {
    given_finding({.key_id = given_owned_key("billing-prod"), .severity = 4});
    execute("update keyrota.finding set status = 'waived'");
    EXPECT_THAT(recipients_at(kNow), IsEmpty());
    execute("update keyrota.finding set status = 'open'");
    EXPECT_THAT(recipients_at(kNow + 5min), SizeIs(1));
}

TEST_F(NotifyOwners, AnAlertSettingMovesOrSilencesTheMailOfACheck) {
    const std::int64_t key = given_owned_key("billing-prod");
    const auto given_setting = [&](const char* check, const char* mail) {
        execute(
            fmt::format("insert into keyrota.alert_setting (owner_id, check_id, settings) "
                        "values (2, '{}', '{{\"mail\": \"{}\"}}')",
                        check, mail));
    };
    given_setting("KEY-NO-EXPIRY", "at-once");
    given_setting("KEY-SCOPE-ADMIN", "digest");
    given_setting("KEY-UNUSED", "off");
    given_setting("KEY-BREACHED", "off");  // which the command refuses
    given_finding({.key_id = key, .check_id = "KEY-SCOPE-ADMIN", .severity = 4});
    given_finding({.key_id = key, .check_id = "KEY-UNUSED", .severity = 4});
    given_finding({.key_id = key, .check_id = "KEY-NO-EXPIRY", .severity = 2});
    notify(kNow);
    const auto told = [&] {
        return texts(
            "select f.check_id from keyrota.notice n join keyrota.finding f on f.uid = "
            "n.finding_uid where n.state = 'told' order by 1");
    };
    EXPECT_THAT(told(), ElementsAre("KEY-NO-EXPIRY"));
    notify(kDigest);
    EXPECT_THAT(told(), ElementsAre("KEY-NO-EXPIRY", "KEY-SCOPE-ADMIN"));
    given_finding({.key_id = key, .check_id = "KEY-BREACHED", .severity = 5});
    notify(kDigest + 1h);
    EXPECT_THAT(told(), UnorderedElementsAre("KEY-NO-EXPIRY", "KEY-SCOPE-ADMIN", "KEY-BREACHED",
                                             "KEY-BREACHED"));  // the security contact's copy
}

TEST_F(NotifyOwners, AfterAnInstallationOnlyTheOperatorIsToldUntilMailIsReleased) {
    config().notify.mode = "observe";
    given_finding({.key_id = given_owned_key("billing-prod"), .severity = 4});
    EXPECT_THAT(recipients_at(kNow), IsEmpty());
    EXPECT_EQ(text("select state from keyrota.notice"), "observed");
    notify(kNow + 5min);  // MAIL-HELD is found now, and waits for the operator's digest
    EXPECT_THAT(recipients_at(kDigest), ElementsAre("ops@example.com"));
    EXPECT_THAT(newest_text(), HasSubstr("keyrota mail release"));
    EXPECT_EQ(messages_due(kDigest + 5h), 0);
    execute("insert into keyrota.mail_release values (true, now(), 'test')");
    EXPECT_EQ(messages_due(kDigest + 5h), 1);
    EXPECT_THAT(recipients_at(kDigest + 5h), ElementsAre("ada@example.com"));
    EXPECT_THAT(recipients_at(kDigest + 6h), IsEmpty());
}

TEST_F(NotifyOwners, MoreThanADaysMessagesWaitAndTheOperatorIsTold) {
    config().mail.max_messages_per_day = 1;
    given_finding({.key_id = given_owned_key("billing-prod"), .severity = 4});
    const std::int64_t other = given_owned_key("search");
    execute(fmt::format("update keyrota.api_key set owner_id = 1 where key_id = {}", other));
    given_finding({.key_id = other, .severity = 4});
    EXPECT_THAT(recipients_at(kNow), SizeIs(1));
    notify(kNow + 5min);
    EXPECT_THAT(texts("select detail from keyrota.finding where check_id = 'MAIL-HELD'"),
                ElementsAre("cap"));
    EXPECT_THAT(recipients_at(kNow + kDay + 1s), SizeIs(2));  // the next, and the operator
}

TEST_F(NotifyOwners, WhoHadManyMessagesTodayHasTheRestInTheDigest) {
    config().mail.max_per_recipient_per_day = 1;
    given_finding({.key_id = given_owned_key("first"), .severity = 4});
    EXPECT_THAT(recipients_at(kNow), SizeIs(1));
    given_finding({.key_id = given_owned_key("second"), .severity = 4});
    EXPECT_THAT(recipients_at(kNow + 5min), IsEmpty());
    EXPECT_THAT(recipients_at(kDigest), ElementsAre("ada@example.com"));
}

TEST_F(NotifyOwners, AMessageShowsTenAndCountsTheRest) {
    for (int i = 0; i < 12; ++i)
        given_finding({.key_id = given_owned_key(fmt::format("key-{}", i)), .severity = 4});
    EXPECT_THAT(recipients_at(kNow), SizeIs(1));
    EXPECT_THAT(newest_text(), HasSubstr("2 more"));
    EXPECT_EQ(number("select count(*) from keyrota.notice where state = 'told'"), 12);
}

TEST_F(NotifyOwners, ADryRunTellsNobody) {
    given_finding({.key_id = given_owned_key("billing-prod"), .severity = 4});
    run("notify-owners", kNow, {.dry_run = true});
    EXPECT_EQ(number("select count(*) from keyrota.notice"), 0);
    EXPECT_EQ(number("select count(*) from keyrota.message"), 0);
}

TEST_F(NotifyOwners, ATimeThatIsNoneIsAnErrorBeforeAnythingIsDone) {
    config().notify.digest_at = "25:00";
    EXPECT_EQ(run("notify-owners", kNow).exit_code, ExitCode::config);
}

}  // namespace
}  // namespace keyrota::test
