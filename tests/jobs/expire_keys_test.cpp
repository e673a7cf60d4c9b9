#include <thread>

#include "support/database.h"

namespace keyrota::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using namespace std::chrono_literals;

constexpr auto kDay = std::chrono::hours(24);

class ExpireKeys : public DatabaseTest {
  protected:
    RunReport expire(Timestamp as_of, const RunOptions& options = {}) {
        return run("expire-keys", as_of, options);
    }
    static const CheckReport& expired(const RunReport& report) { return report.checks.at(0); }
    std::int64_t audit_entries() {
        return number("select count(*) from keyrota.audit_entry where action = 'key.expire'");
    }
};

TEST_F(ExpireKeys, ExpiresAtTheInstantAndNotOneMicrosecondBefore) {
    given_key({.name = "due", .expires_at = kNow});
    given_key({.name = "a tick later", .expires_at = kNow + 1us});
    const RunReport report = expire(kNow);
    EXPECT_EQ(report.exit_code, ExitCode::done);
    EXPECT_TRUE(report.complete);
    EXPECT_THAT(keys_with_status("expired"), ElementsAre("due"));

    expire(kNow + 1us);
    EXPECT_THAT(keys_with_status("expired"), ElementsAre("due", "a tick later"));
}

TEST_F(ExpireKeys, LeavesKeysWithoutAnEndDateAndThoseExpiredBefore) {
    given_key({.name = "endless"});
    given_key({.name = "long gone", .expires_at = kNow - 400 * kDay, .status = "expired"});
    const RunReport report = expire(kNow);
    EXPECT_EQ(expired(report).found, 0);
    EXPECT_THAT(keys_with_status("active"), ElementsAre("endless"));
    EXPECT_EQ(audit_entries(), 0);
}

TEST_F(ExpireKeys, ExpiresInactiveKeysToo) {
    given_key({.name = "switched off", .expires_at = kNow - 1us, .status = "inactive"});
    expire(kNow);
    EXPECT_THAT(keys_with_status("expired"), ElementsAre("switched off"));
    EXPECT_EQ(text("select payload::jsonb -> 'before' ->> 'status' from keyrota.audit_entry where "
                   "action = 'key.expire'"),
              "inactive");
}

TEST_F(ExpireKeys, WritesOneAuditEntryAKeyWithBeforeAfterAndWhy) {
    const std::int64_t key_id = given_key({.name = "due", .expires_at = kNow - 1us});
    const RunReport report = expire(kNow);
    EXPECT_EQ(
        text("select payload::jsonb - 'at_us' - 'actor' from keyrota.audit_entry where key_id = " +
             std::to_string(key_id)),
        text("select jsonb_build_object('action', 'key.expire', 'key_id', " +
             std::to_string(key_id) + ", 'run_id', " + std::to_string(report.run_id) +
             ", 'before', '{\"status\": \"active\"}'::jsonb, 'after', '{\"status\": "
             "\"expired\"}'::jsonb,"
             " 'why', jsonb_build_object('check', 'KEY-EXPIRED', 'as_of_us', " +
             std::to_string(to_micros(kNow)) +
             ", 'evidence', jsonb_build_object('expires_at_us', " +
             std::to_string(to_micros(kNow - 1us)) + ")))"));
    EXPECT_EQ(text("select payload::jsonb -> 'actor' ->> 'session_user' from keyrota.audit_entry "
                   "where action = 'key.expire'"),
              "keyrota_runner");
    EXPECT_EQ(audit_fault(), "");
}

TEST_F(ExpireKeys, OpensItsFindingAndClosesItAsActed) {
    given_key({.name = "due", .expires_at = kNow});
    const RunReport report = expire(kNow);
    EXPECT_EQ(
        text("select (check_id, status, resolution, severity, episode, keyrota.micros(opened_at),"
             " keyrota.micros(resolved_at), keyrota.micros(due_at), run_id) from keyrota.finding"),
        text("select ('KEY-EXPIRED', 'resolved', 'acted', 4, 1, " +
             std::to_string(to_micros(kNow)) + ", " + std::to_string(to_micros(kNow)) + ", " +
             std::to_string(to_micros(kNow)) + ", " + std::to_string(report.run_id) + ")"));
}

TEST_F(ExpireKeys, RunTwiceChangesNothingTheSecondTime) {
    given_keys(50, {.name = "due", .expires_at = kNow - 1us});
    expire(kNow);
    const std::int64_t entries = audit_entries();
    const RunReport again = expire(kNow + 1us);
    EXPECT_EQ(again.exit_code, ExitCode::done);
    EXPECT_EQ(expired(again).found, 0);
    EXPECT_EQ(audit_entries(), entries);
    EXPECT_EQ(number("select count(*) from keyrota.finding"), 50);
    EXPECT_EQ(number("select count(*) from keyrota.plan_item"), 0);
}

TEST_F(ExpireKeys, DryRunLeavesEveryRowOfEveryTable) {
    given_keys(30, {.name = "due", .expires_at = kNow - 1us});
    const auto before = fingerprint();
    const RunReport report = expire(kNow, {.dry_run = true});
    EXPECT_EQ(report.status, "planned");
    EXPECT_EQ(expired(report).planned, 30);
    EXPECT_EQ(fingerprint(), before);
}

TEST_F(ExpireKeys, WorksThroughManyBatchesAndCountsThem) {
    config().limits.batch_size = 7;
    given_keys(100, {.name = "due", .expires_at = kNow - 1us});
    const RunReport report = expire(kNow);
    EXPECT_EQ(expired(report).applied, 100);
    EXPECT_EQ(number("select applied_total from keyrota.run_check where check_id = 'KEY-EXPIRED'"),
              100);
    EXPECT_EQ(
        number(
            "select count(distinct block_id) from keyrota.audit_entry where action = 'key.expire'"),
        15);
    EXPECT_EQ(text("select (status, complete, exit_code) from keyrota.job_run"), "(done,t,0)");
    EXPECT_EQ(audit_fault(), "");
}

TEST_F(ExpireKeys, ALimitedRunIsNotCompleteAndTheNextOneTakesTheRest) {
    given_keys(10, {.name = "due", .expires_at = kNow - 1us});
    const RunReport limited = expire(kNow, {.limit = 4});
    EXPECT_EQ(limited.exit_code, ExitCode::done);
    EXPECT_FALSE(limited.complete);
    EXPECT_EQ(keys_with_status("expired").size(), 4U);
    EXPECT_TRUE(expire(kNow + 1us).complete);
    EXPECT_EQ(keys_with_status("expired").size(), 10U);
}

TEST_F(ExpireKeys, AnIncrementalPassLooksOnlyBehindTheWatermark) {
    expire(kNow);
    given_key({.name = "moved into the past", .expires_at = kNow - 1us});
    given_key({.name = "due since", .expires_at = kNow + 1us});
    const RunReport report = expire(kNow + 1h);
    EXPECT_EQ(expired(report).pass, "incremental");
    EXPECT_THAT(keys_with_status("expired"), ElementsAre("due since"));
}

TEST_F(ExpireKeys, TheDailySweepFindsWhatWasMovedBehindTheWatermark) {
    expire(kNow);
    given_key({.name = "moved into the past", .expires_at = kNow - 1us});
    expire(kNow + kDay - 1us);
    EXPECT_THAT(keys_with_status("expired"), IsEmpty());
    EXPECT_EQ(expired(expire(kNow + kDay)).pass, "standing");
    EXPECT_THAT(keys_with_status("expired"), ElementsAre("moved into the past"));
}

TEST_F(ExpireKeys, ImportedKeysGetAFindingAndNoAction) {
    given_key({.name = "from elsewhere", .expires_at = kNow, .source = "aws"});
    const RunReport report = expire(kNow);
    EXPECT_EQ(report.exit_code, ExitCode::done);
    EXPECT_THAT(keys_with_status("active"), ElementsAre("from elsewhere"));
    EXPECT_EQ(text("select (check_id, status) from keyrota.finding"), "(KEY-EXPIRED,open)");

    // Its own system expires it, the next standing pass sees that.
    execute("update keyrota.api_key_state set status = 'expired'");
    expire(kNow + kDay);
    EXPECT_EQ(text("select (status, resolution) from keyrota.finding"), "(resolved,absence)");
}

// --- blast radius: at most max(1000, 5 %) expiries in 24 h
// -------------------------------------------------------------

TEST_F(ExpireKeys, AThousandExpiriesAreAlwaysAllowedAndOneMoreNeedsFivePercent) {
    given_keys(1000, {.name = "due", .expires_at = kNow});
    EXPECT_EQ(expire(kNow).exit_code, ExitCode::done);
    given_key({.name = "one more", .expires_at = kNow + 1us});
    EXPECT_EQ(expire(kNow + 1us).exit_code, ExitCode::blast_radius);
    EXPECT_THAT(keys_with_status("active"), ElementsAre("one more"));
}

TEST_F(ExpireKeys, FivePercentOfTheActiveKeysAreAllowedAndOneKeyLessIsNot) {
    given_keys(1001, {.name = "due", .expires_at = kNow});
    given_keys(19 * 1001 - 1, {.name = "active"});
    EXPECT_EQ(expire(kNow, {.dry_run = true}).exit_code, ExitCode::blast_radius);
    given_key({.name = "active"});
    EXPECT_EQ(expire(kNow, {.dry_run = true}).exit_code, ExitCode::done);
}

TEST_F(ExpireKeys, OverTheBlastRadiusFindingsAreRecordedAndNoKeyIsTouched) {
    given_keys(1001, {.name = "due", .expires_at = kNow});
    const RunReport report = expire(kNow);
    EXPECT_EQ(report.status, "refused");
    EXPECT_FALSE(report.complete);
    EXPECT_THAT(report.hint, HasSubstr("--max-actions 1001"));
    EXPECT_EQ(expired(report).refused, 1001);
    EXPECT_EQ(keys_with_status("active").size(), 1001U);
    EXPECT_EQ(number("select count(*) from keyrota.finding where status = 'open'"), 1001);
    EXPECT_EQ(number("select refused_total from keyrota.run_check where check_id = 'KEY-EXPIRED'"),
              1001);

    const RunReport allowed = expire(kNow + 1us, {.max_actions = 1001});
    EXPECT_EQ(allowed.exit_code, ExitCode::done);
    EXPECT_EQ(
        number("select count(*) from keyrota.finding where resolution = 'acted' and episode = 1"),
        1001);
    EXPECT_EQ(audit_entries(), 1001);
}

TEST_F(ExpireKeys, MaxActionsAlsoLowersTheLimitForOneRun) {
    given_keys(3, {.name = "due", .expires_at = kNow});
    EXPECT_EQ(expire(kNow, {.max_actions = 2}).exit_code, ExitCode::blast_radius);
    EXPECT_EQ(expire(kNow, {.max_actions = 3}).exit_code, ExitCode::done);
}

TEST_F(ExpireKeys, ExpiriesOfTheLast24HoursCountAndOlderOnesDoNot) {
    given_keys(600, {.name = "first", .expires_at = kNow});
    expire(kNow);
    given_keys(600, {.name = "second", .expires_at = kNow + 1h});
    EXPECT_EQ(expire(kNow + kDay - 1us, {.dry_run = true}).exit_code, ExitCode::blast_radius);
    EXPECT_EQ(expire(kNow + kDay, {.dry_run = true}).exit_code, ExitCode::done);
}

// --- locks and drift
// --------------------------------------------------------------------------------------------------

TEST_F(ExpireKeys, AKeyThatStaysLockedIsLeftForTheNextRunAndAllOthersExpire) {
    given_keys(20, {.name = "due", .expires_at = kNow});
    config().database.lock_timeout = 50ms;
    config().limits.max_tries = 2;
    Session other = session_as("postgres");
    {
        const Transaction holding(other);
        other.execute({"lock",
                       "update keyrota.api_key_state set deactivated_at = null"
                       " where key_id = (select min(key_id) from keyrota.api_key_state)"});
        const RunReport report = expire(kNow);
        EXPECT_EQ(report.exit_code, ExitCode::partial);
        EXPECT_FALSE(report.complete);
        EXPECT_EQ(expired(report).applied, 19);
        EXPECT_EQ(expired(report).failed, 1);
    }
    const RunReport next = expire(kNow + 1us);
    EXPECT_TRUE(next.complete);
    EXPECT_EQ(keys_with_status("expired").size(), 20U);
    EXPECT_EQ(audit_entries(), 20);
}

TEST_F(ExpireKeys, AVacuumThatHoldsThePlanIsNoReasonToFail) {
    given_keys(3, {.name = "due", .expires_at = kNow});
    config().database.lock_timeout = 50ms;
    Session vacuum = session_as("postgres");
    const Transaction holding(vacuum);
    vacuum.execute({"hold_plan", "lock table keyrota.plan_item in share update exclusive mode"});
    const RunReport report = expire(kNow);
    EXPECT_TRUE(report.complete) << report.message;
    EXPECT_EQ(expired(report).applied, 3);
}

TEST_F(ExpireKeys, AKeyRenewedWhileItsRowWasLockedDriftedAndLives) {
    given_key({.name = "renewed", .expires_at = kNow});
    given_key({.name = "due", .expires_at = kNow});
    Session other = session_as("postgres");
    auto renewing = std::make_unique<Transaction>(other);
    other.execute({"renew",
                   "update keyrota.api_key_state set expires_at = expires_at + interval '1 year'"
                   " where key_id = (select min(key_id) from keyrota.api_key_state)"});
    Session watcher = session_as("postgres");
    std::thread commits_when_waited_for([&] {
        constexpr Statement kWaiting{"waiting",
                                     "select count(*) as n from pg_locks where not granted"};
        while (watcher.one(kWaiting).int64("n") == 0) std::this_thread::sleep_for(5ms);
        renewing->commit();
    });
    const RunReport report = expire(kNow);
    commits_when_waited_for.join();
    EXPECT_EQ(report.exit_code, ExitCode::done);
    EXPECT_TRUE(report.complete);
    EXPECT_EQ(expired(report).drifted, 1);
    EXPECT_THAT(keys_with_status("active"), ElementsAre("renewed"));
    EXPECT_EQ(number("select count(*) from keyrota.finding"), 1);
}

}  // namespace
}  // namespace keyrota::test
