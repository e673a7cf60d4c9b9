// The weekly report of how an owner's keys were used: to whom, of which week, once.

#include <fmt/format.h>

#include "support/database.h"

namespace keyrota::test {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using namespace std::chrono_literals;

constexpr std::chrono::hours kDay(24);
const Timestamp kMonday = *parse_timestamp("2026-11-23T07:00:00Z");
const Timestamp kWeek = *parse_timestamp("2026-11-16T00:00:00Z");  // that it is about

class SendUsageReport : public DatabaseTest {
  protected:
    void SetUp() override {
        DatabaseTest::SetUp();
        config().notify.mode = "send";
        given_usage_known(kWeek - 30 * kDay, kWeek + 60 * kDay);
        execute("insert into keyrota.owner (name, email) values ('Ada', 'Ada@example.com')");
    }
    std::int64_t given_owned_key(const GivenKey& given, std::int64_t owner_id = 1) {
        const std::int64_t key = given_key(given);
        execute(fmt::format("update keyrota.api_key set owner_id = {} where key_id = {}", owner_id,
                            key));
        return key;
    }
    void given_hour(std::int64_t key_id, Timestamp hour, int requests, int errors = 0,
                    int limited = 0, int peak = 1) {
        execute(
            fmt::format("insert into keyrota.usage_hour (key_id, hour, requests, "
                        "client_errors, rate_limited, peak_minute) values ({}, "
                        "keyrota.instant({}), {}, {}, {}, {})",
                        key_id, to_micros(hour), requests, errors, limited, peak));
    }
    std::vector<std::string> recipients_after(Timestamp as_of) {
        const RunReport report = run("send-usage-report", as_of);
        EXPECT_EQ(report.exit_code, ExitCode::done) << report.message;
        return texts("select recipient from keyrota.message where kind = 'report' order by 1");
    }
    std::string body() { return text("select text_body from keyrota.message"); }
    std::string subject() { return text("select subject from keyrota.message"); }
};

TEST_F(SendUsageReport, TellsTheWeekThatIsOverKeyByKeyAndWhatItWasBefore) {
    const std::int64_t busy = given_owned_key({.name = "billing-prod"});
    given_owned_key({.name = "idle"});
    execute(fmt::format("update keyrota.api_key set rate_limit_per_minute = 100 where key_id = {}",
                        busy));
    given_hour(busy, kWeek - 7 * kDay - 1h, 7777);
    given_hour(busy, kWeek - 7 * kDay, 300);
    given_hour(busy, kWeek - 1h, 200);
    given_hour(busy, kWeek, 600, 30, 6, 80);
    given_hour(busy, kWeek + 7 * kDay - 1h, 400);
    given_hour(busy, kWeek + 7 * kDay, 8888);
    EXPECT_THAT(recipients_after(kMonday), ElementsAre("ada@example.com"));
    EXPECT_EQ(subject(), "[keyrota] your week: 1,000 requests with 2 keys");
    EXPECT_THAT(body(), AllOf(HasSubstr("From 16 Nov 2026 to 22 Nov 2026 (UTC) there were 1,000 "
                                        "requests, 100 % more than the week before."),
                              HasSubstr("Requests     1,000, 100 % more than the week before"),
                              HasSubstr("█_____▅  (one mark a day, at most 600)"),
                              HasSubstr("Successful   96.4 %"), HasSubstr("Failed       3.0 %"),
                              HasSubstr("Over limit   0.6 %"),
                              HasSubstr("Peak         80 a minute, 80.0 % of its limit of 100"),
                              HasSubstr("Requests     0, as many as the week before")));
    EXPECT_LT(body().find("billing-prod"), body().find("idle"));
    EXPECT_THAT(text("select html_body from keyrota.message"),
                AllOf(HasSubstr("<html lang=\"en\">"), HasSubstr("aria-label=\"Requests a day")));
}

TEST_F(SendUsageReport, IsWrittenOncePerWeekWheneverItRuns) {
    given_owned_key({.name = "billing-prod"});
    EXPECT_THAT(recipients_after(kMonday), ElementsAre("ada@example.com"));
    EXPECT_THAT(recipients_after(kMonday + 1h), ElementsAre("ada@example.com"));
    EXPECT_THAT(recipients_after(kWeek + 14 * kDay - 1us), ElementsAre("ada@example.com"));
    EXPECT_THAT(recipients_after(kWeek + 14 * kDay),
                ElementsAre("ada@example.com", "ada@example.com"));
}

TEST_F(SendUsageReport, WhatIsNotKnownIsNotToldAsZero) {
    given_owned_key({.name = "billing-prod"});
    given_usage_known(kWeek - 7 * kDay, kWeek + 7 * kDay - 1us);
    EXPECT_THAT(recipients_after(kMonday), IsEmpty()) << "its last hour is not closed";
    given_usage_known(kWeek + 1us, kMonday);
    EXPECT_THAT(recipients_after(kMonday), IsEmpty()) << "how it began nobody knows";
    given_usage_known(kWeek, kMonday);
    EXPECT_THAT(recipients_after(kMonday), ElementsAre("ada@example.com"));
    EXPECT_THAT(body(), HasSubstr("there were 0 requests, the week before is not known."));
}

TEST_F(SendUsageReport, AKeyThatIsOverCountsInTheWeekBefore) {
    const std::int64_t old = given_owned_key({.name = "billing-prod", .status = "expired"});
    const std::int64_t successor = given_owned_key({.name = "billing-prod"});
    given_hour(old, kWeek - kDay, 1000);
    given_hour(successor, kWeek, 1);
    recipients_after(kMonday);
    EXPECT_THAT(body(), HasSubstr("there was one request, 99 % fewer than the week before."));
}

TEST_F(SendUsageReport, SaysWhatIsDueWithinThirtyDays) {
    const Timestamp last = kMonday + 30 * kDay;
    given_owned_key({.name = "soon", .expires_at = last});
    given_owned_key({.name = "later", .expires_at = last + 1us});
    given_owned_key({.name = "old", .created_at = kMonday + 3 * kDay - 90 * kDay});
    given_owned_key({.name = "leaving", .expires_at = last, .retire_at = kMonday + 6 * kDay});
    run("flag-rotation", kMonday);  // gives the keys their rule
    recipients_after(kMonday);
    EXPECT_THAT(subject(), HasSubstr(", 3 due within 30 days"));
    EXPECT_THAT(body(), AllOf(HasSubstr("  - old (key_id 3) is due for rotation in 3 days, 26 Nov"),
                              HasSubstr("  - leaving (key_id 4) is retired in 6 days, 29 Nov"),
                              HasSubstr("  - soon (key_id 1) expires in 30 days, 23 Dec"),
                              Not(HasSubstr("later (key_id"))));
}

TEST_F(SendUsageReport, GoesToNobodyWhoHasLeftHasNoActiveKeyOrDoesNotWantIt) {
    execute(
        "insert into keyrota.owner (name, email, active) values ('Left', 'left@example.com', "
        "false), ('Off', 'off@example.com', true), ('Idle', 'idle@example.com', true), "
        "('Bounced', 'bounced@example.com', true), ('Silent', null, true)");
    for (const std::int64_t owner_id : {1, 2, 3, 5, 6}) given_owned_key({.name = "key"}, owner_id);
    given_owned_key({.name = "over", .expires_at = kMonday - kDay, .status = "expired"}, 4);
    execute(
        "insert into keyrota.alert_setting (owner_id, check_id, settings) values (3, "
        "'USAGE-REPORT', '{\"mail\": \"off\"}')");
    execute(
        "insert into keyrota.suppression (address, suppressed_at, reason, added_by) values "
        "('bounced@example.com', now(), '550 5.1.1', 'test')");
    EXPECT_THAT(recipients_after(kMonday), ElementsAre("ada@example.com"));
}

TEST_F(SendUsageReport, IsNotWrittenBeforeMailIsReleasedNorInADryRun) {
    given_owned_key({.name = "billing-prod"});
    config().notify.mode = "observe";
    EXPECT_THAT(recipients_after(kMonday), IsEmpty());
    execute("insert into keyrota.mail_release values (true, now(), 'test')");
    run("send-usage-report", kMonday, {.dry_run = true});
    EXPECT_EQ(number("select count(*) from keyrota.message"), 0);
    EXPECT_THAT(recipients_after(kMonday), ElementsAre("ada@example.com"));
}

TEST_F(SendUsageReport, MoreThanADaysMessagesAreWrittenByLaterRuns) {
    config().mail.max_messages_per_day = 1;
    execute("insert into keyrota.owner (name, email) values ('Bo', 'bo@example.com')");
    given_owned_key({.name = "first"});
    given_owned_key({.name = "second"}, 2);
    EXPECT_THAT(recipients_after(kMonday), ElementsAre("ada@example.com"));
    EXPECT_THAT(recipients_after(kMonday + 1h), ElementsAre("ada@example.com"));
    EXPECT_THAT(recipients_after(kMonday + kDay), ElementsAre("ada@example.com", "bo@example.com"));
}

TEST_F(SendUsageReport, IsDeliveredByNotifyOwnersAndShowsTwentyKeys) {
    for (int i = 0; i < 22; ++i) given_owned_key({.name = fmt::format("key-{}", i)});
    recipients_after(kMonday);
    EXPECT_THAT(body(), HasSubstr("And 2 more, with fewer requests."));
    run("notify-owners", kMonday + 4min);
    EXPECT_EQ(text("select state from keyrota.message where kind = 'report'"), "sent");
}

}  // namespace
}  // namespace keyrota::test
