// The second step of find-unused: what nobody uses is switched off, announced first.

#include <fmt/format.h>

#include "support/database.h"

namespace keyrota::test {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using namespace std::chrono_literals;

constexpr std::chrono::hours kDay(24);
constexpr auto kGrace = 14 * kDay;
const Timestamp kDate = kNow + 15 * kDay;  // a day for the mail, and the grace
const Timestamp kMade = kNow - 150 * kDay;
const Timestamp kDigest = kNow + 2h;  // 08:00 UTC of the day of kNow

class DeactivateUnused : public DatabaseTest {
  protected:
    void SetUp() override {
        DatabaseTest::SetUp();
        config().notify.mode = "send";
        config().policy.back().usage_unused_action = "deactivate";
        execute("insert into keyrota.owner (name, email) values ('Ada', 'ada@example.com')");
    }
    std::int64_t given(GivenKey key, std::optional<Timestamp> used_at = kNow - 100 * kDay) {
        key.created_at = kMade;
        const std::int64_t key_id = given_key(key);
        execute(fmt::format("update keyrota.api_key set owner_id = 1 where key_id = {}", key_id));
        if (used_at)
            execute(
                fmt::format("insert into keyrota.api_key_activity values ({}, keyrota.instant({}))",
                            key_id, to_micros(*used_at)));
        return key_id;
    }
    /// With all usage known until then.
    RunReport find_unused(Timestamp as_of, RunOptions options = {}) {
        given_usage_known(kNow - 200 * kDay, as_of);
        return run("find-unused", as_of, options);
    }
    void notify(Timestamp as_of) {
        EXPECT_EQ(run("notify-owners", as_of).exit_code, ExitCode::done);
    }
    /// The key was found, and its owner was told by the digest of that day.
    void given_told() {
        find_unused(kNow);
        notify(kNow);
        notify(kDigest);
        ASSERT_EQ(number("select count(*) from keyrota.message where state = 'sent'"), 1);
    }
    std::vector<std::string> inactive_at(Timestamp as_of) {
        EXPECT_EQ(find_unused(as_of).exit_code, ExitCode::done);
        return keys_with_status("inactive");
    }
    std::string newest(const char* column) {
        return text(
            fmt::format("select {} from keyrota.message order by message_id desc limit 1", column));
    }
};

TEST_F(DeactivateUnused, AKeyIsSwitchedOffOnTheDateThatItsOwnerWasToldAndNotATickBefore) {
    given({.name = "forgotten"});
    given_told();
    EXPECT_THAT(newest("subject"), HasSubstr("forgotten has not been used for a long time and is "
                                             "deactivated in 15 days"));
    EXPECT_THAT(inactive_at(kDate - 1us), IsEmpty());
    EXPECT_THAT(inactive_at(kDate), ElementsAre("forgotten"));
    EXPECT_EQ(text("select status || ' ' || resolution from keyrota.finding where check_id = "
                   "'KEY-UNUSED'"),
              "resolved acted");
    EXPECT_EQ(text("select string_agg(payload::jsonb ->> 'action', ' ') from keyrota.audit_entry"
                   " where key_id = 1 and payload::jsonb -> 'why' ->> 'check' = 'KEY-UNUSED'"),
              "key.deactivate");
    EXPECT_EQ(number("select keyrota.micros(deactivated_at) from keyrota.api_key_state"),
              to_micros(kDate));
}

TEST_F(DeactivateUnused, AKeyThatNobodyEverUsedIsSwitchedOffLikewise) {
    given({.name = "stillborn"}, std::nullopt);
    given_told();
    EXPECT_THAT(newest("subject"), HasSubstr("stillborn has never been used and is deactivated"));
    EXPECT_THAT(inactive_at(kDate - 1us), IsEmpty());
    EXPECT_THAT(inactive_at(kDate), ElementsAre("stillborn"));
}

TEST_F(DeactivateUnused, TheOwnerIsTold_AtOnce_ThreeDaysBefore_AndWhenItWasDone) {
    given({.name = "forgotten"});
    given_told();
    for (Timestamp day = kDigest + kDay; day <= kDigest + 20 * kDay; day += kDay) {
        find_unused(day - 3h);
        notify(day - 2h);
        notify(day);
    }
    EXPECT_THAT(texts("select stage from keyrota.notice order by created_at"),
                ElementsAre("open", "T-3d", "acted"));
    EXPECT_EQ(number("select count(*) from keyrota.message where state = 'sent'"), 3);
    EXPECT_THAT(newest("subject"), HasSubstr("forgotten was deactivated because nobody used it"));
    EXPECT_THAT(newest("text_body"), HasSubstr("keyrota keys activate 1"));
}

TEST_F(DeactivateUnused, WhatIsUsedInTheMeantimeLives) {
    given({.name = "remembered"});
    given_told();
    execute(fmt::format("update keyrota.api_key_activity set last_used_at = keyrota.instant({})",
                        to_micros(kNow + 10 * kDay)));
    EXPECT_THAT(inactive_at(kDate), IsEmpty());
    EXPECT_EQ(text("select status || ' ' || resolution from keyrota.finding"), "resolved absence");
    notify(kDate);
    EXPECT_EQ(number("select count(*) from keyrota.notice where stage = 'resolved'"), 1)
        << "its owner may be at ease";
}

TEST_F(DeactivateUnused, WhatWasNotAnnouncedLives) {
    config().notify.mode = "observe";
    given({.name = "unheard of"});
    find_unused(kNow);
    notify(kNow);
    EXPECT_THAT(inactive_at(kDigest + 2 * kGrace), IsEmpty()) << "mail was only observed";
    config().notify.mode = "send";
    notify(kDigest + 2 * kGrace);
    execute("update keyrota.message set state = 'pending', sent_at = null");
    EXPECT_THAT(inactive_at(kDigest + 4 * kGrace), IsEmpty()) << "it waits in the queue";
}

TEST_F(DeactivateUnused, AMailThatDidNotNameTheDateIsNoAnnouncement) {
    config().policy.back().usage_unused_action = "flag";
    given({.name = "told before"});
    given_told();
    EXPECT_THAT(newest("text_body"), HasSubstr("the key keeps working"));
    EXPECT_EQ(number("select count(due_at) from keyrota.finding"), 0);
    config().policy.back().usage_unused_action = "deactivate";
    const Timestamp later = kNow + 30 * kDay;
    EXPECT_THAT(inactive_at(later), IsEmpty());
    notify(later);
    notify(later + 2h);
    EXPECT_THAT(newest("subject"), HasSubstr("deactivated in 15 days"));
    EXPECT_THAT(inactive_at(later + 15 * kDay - 1us), IsEmpty());
    EXPECT_THAT(inactive_at(later + 15 * kDay), ElementsAre("told before"));
}

TEST_F(DeactivateUnused, ADateThatWasToldIsNotBroughtForward) {
    given({.name = "forgotten"});
    given_told();
    config().policy.back().usage_unused_grace = kDay;
    EXPECT_THAT(inactive_at(kDate - 1us), IsEmpty());
    EXPECT_THAT(inactive_at(kDate), ElementsAre("forgotten"));
}

TEST_F(DeactivateUnused, WhereTheMailWentOutTooLateAnotherDateIsTold) {
    given({.name = "late"});
    find_unused(kNow);
    notify(kNow + kDay + 1h);
    notify(kDigest + 2 * kDay);
    EXPECT_THAT(inactive_at(kDate), IsEmpty());
    EXPECT_EQ(number("select keyrota.micros(due_at) from keyrota.finding"),
              to_micros(kDate + 15 * kDay));
    notify(kDate);
    notify(kDate + 2h);
    EXPECT_THAT(newest("subject"), HasSubstr("deactivated in 15 days"));
    EXPECT_THAT(inactive_at(kDate + 15 * kDay), ElementsAre("late"));
}

TEST_F(DeactivateUnused, ANewOwnerIsToldBeforeItIsDone) {
    execute("insert into keyrota.owner (name, email) values ('Bob', 'bob@example.com')");
    given({.name = "moved"});
    given_told();
    execute("update keyrota.api_key set owner_id = 2");
    EXPECT_THAT(inactive_at(kDate), IsEmpty()) << "only Ada was told";
    notify(kDate);
    notify(kDate + 2h);
    EXPECT_EQ(newest("recipient"), "bob@example.com");
    EXPECT_THAT(inactive_at(kDate + 15 * kDay), ElementsAre("moved"));
}

TEST_F(DeactivateUnused, AfterAWaiverItIsAnnouncedAnew) {
    given({.name = "waived"});
    given_told();
    execute(fmt::format(
        "insert into keyrota.waiver (name, source, checks, names, reason, requested_by, "
        "approved_by, created_at, expires_at) values ('w', 'command', '{{KEY-UNUSED}}', "
        "'{{waived}}', 'r', 'a', 'b', '2026-01-01', keyrota.instant({}))",
        to_micros(kNow + 40 * kDay)));
    for (int day = 1; day <= 41; ++day) EXPECT_THAT(inactive_at(kNow + day * kDay), IsEmpty());
    EXPECT_EQ(text("select status from keyrota.finding"), "open");
    notify(kNow + 41 * kDay);
    notify(kDigest + 41 * kDay);
    EXPECT_THAT(newest("subject"), HasSubstr("waived has not been used for a long time and is "
                                             "deactivated in "));
    const auto live_on = [&](int from, int until) {
        for (int day = from; day < until; ++day) {
            find_unused(kNow + day * kDay);
            notify(kDigest + day * kDay);
        }
        return keys_with_status("inactive");
    };
    EXPECT_THAT(live_on(42, 41 + 14), IsEmpty()) << "a grace, at least, after that mail";
    EXPECT_THAT(live_on(41 + 14, 75), ElementsAre("waived"));
}

TEST_F(DeactivateUnused, WhoAcknowledgedItIsToldNothingMore) {
    given({.name = "acknowledged"});
    given_told();
    execute("update keyrota.finding set status = 'acknowledged'");
    for (Timestamp day = kDigest + kDay; day <= kDigest + 20 * kDay; day += kDay) {
        find_unused(day - 3h);
        notify(day);
    }
    EXPECT_EQ(number("select count(*) from keyrota.message"), 1);
}

TEST_F(DeactivateUnused, AnAlertSettingSilencesNoAnnouncement) {
    given({.name = "forgotten"});
    execute(
        "insert into keyrota.alert_setting (owner_id, key_id, check_id, settings)"
        " values (1, 0, 'KEY-UNUSED', '{\"mail\": \"off\"}')");
    given_told();
    EXPECT_THAT(inactive_at(kDate), ElementsAre("forgotten"));
}

TEST_F(DeactivateUnused, WhereSomethingHoldsItBackTheMailSaysSo) {
    for (int key = 0; key < 21; ++key) given({.name = fmt::format("key {}", key)});
    given_told();
    EXPECT_EQ(find_unused(kDate).exit_code, ExitCode::blast_radius);
    notify(kDate + 2h);
    notify(kDate + 7 * kDay + 2h);
    EXPECT_THAT(newest("text_body"), HasSubstr("is about to be deactivated"));
}

TEST_F(DeactivateUnused, WhoSaysSomethingAboutItKeepsIt) {
    given({.name = "acknowledged"});
    given({.name = "waived"});
    given({.name = "imported", .source = "aws"});
    given({.name = "leaving", .retire_at = kNow + 100 * kDay});
    find_unused(kNow);
    EXPECT_THAT(texts("select k.name from keyrota.finding join keyrota.api_key k using (key_id)"
                      " where due_at is not null order by key_id"),
                ElementsAre("acknowledged", "waived"));
    notify(kNow);
    notify(kDigest);
    execute("update keyrota.finding set status = 'acknowledged' where key_id = 1");
    execute(fmt::format(
        "insert into keyrota.waiver (name, source, checks, names, reason, requested_by, "
        "approved_by, created_at, expires_at) values ('w', 'command', '{{KEY-UNUSED}}', "
        "'{{waived}}', 'r', 'a', 'b', '2026-01-01', keyrota.instant({}))",
        to_micros(kNow + 80 * kDay)));
    EXPECT_THAT(inactive_at(kDate), IsEmpty());
}

TEST_F(DeactivateUnused, WhereUsageIsUnknownNothingIsSwitchedOff) {
    given({.name = "forgotten"});
    given_told();
    given_usage_known(kNow - 200 * kDay, kDate - 7h);
    run("find-unused", kDate);
    EXPECT_THAT(keys_with_status("inactive"), IsEmpty());
    EXPECT_THAT(inactive_at(kDate + kDay), ElementsAre("forgotten"));
}

TEST_F(DeactivateUnused, MoreThanTheBlastRadiusAllowsIsRefusedAsAWhole) {
    for (int key = 0; key < 21; ++key) given({.name = fmt::format("key {}", key)});
    given_told();
    const RunReport report = find_unused(kDate);
    EXPECT_EQ(report.exit_code, ExitCode::blast_radius);
    EXPECT_THAT(keys_with_status("inactive"), IsEmpty());
    RunOptions allowed;
    allowed.max_actions = 21;
    EXPECT_EQ(find_unused(kDate + 1h, allowed).exit_code, ExitCode::done);
    EXPECT_THAT(keys_with_status("inactive"), SizeIs(21));
}

TEST_F(DeactivateUnused, AKeyThatCameBackIsAnnouncedAnew) {
    given({.name = "forgotten"});
    given_told();
    EXPECT_THAT(inactive_at(kDate), ElementsAre("forgotten"));
    execute("update keyrota.api_key_state set status = 'active', deactivated_at = null");
    const Timestamp back = kDate + kDay;
    EXPECT_THAT(inactive_at(back), IsEmpty());
    EXPECT_EQ(number("select keyrota.micros(due_at) from keyrota.finding where status = 'open'"),
              to_micros(back + 15 * kDay));
}

}  // namespace
}  // namespace keyrota::test
