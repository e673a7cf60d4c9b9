#include "runner/time_guard.h"
#include "catalog.h"
#include "postgres/database.h"
#include "support/database.h"

namespace keyrota::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using namespace std::chrono_literals;

// On a database that is no simulation, where as_of is the clock: the past is made by moving what
// was recorded.
class TimeGuard : public DatabaseTest {
  protected:
    void SetUp() override {
        DatabaseTest::SetUp();
        execute("update keyrota.installation set simulation = false");
    }
    RunReport expire(const RunOptions& options = {}) {
        Interruption interruption;
        return run_job(find_job("expire-keys"), options, config(), interruption);
    }
    void given_a_complete_run(const std::string& ago) {
        expire();
        execute("update keyrota.job_run set as_of = clock_timestamp() - interval '" + ago + "'");
    }
    void given_a_due_key() { given_key({.name = "due", .expires_at = kNow - 24h * 400}); }
    std::vector<HeldJob> resume(const std::string& job = "") {
        Transaction transaction(runner());
        auto held = resume_jobs(runner(), job);
        transaction.commit();
        return held;
    }
    void expect_held(const char* why) {
        const RunReport report = expire();
        EXPECT_EQ(report.exit_code, ExitCode::held_back);
        EXPECT_EQ(report.status, "refused");
        EXPECT_FALSE(report.complete);
        EXPECT_THAT(report.held, HasSubstr(why));
        EXPECT_THAT(report.hint, HasSubstr("keyrota resume"));
        EXPECT_THAT(keys_with_status("active"), ElementsAre("due"));
        EXPECT_EQ(
            text("select (status, severity) from keyrota.finding where check_id = 'RUN-HELD'"),
            "(open,4)");
    }
    void expect_free_after_resume() {
        EXPECT_THAT(resume(), SizeIs(1));
        EXPECT_EQ(text("select status from keyrota.finding where check_id = 'RUN-HELD'"),
                  "resolved");
        EXPECT_EQ(expire().exit_code, ExitCode::done);
        EXPECT_THAT(keys_with_status("expired"), ElementsAre("due"));
        EXPECT_EQ(number("select count(*) from keyrota.audit_entry where action = 'run.resume'"),
                  1);
        EXPECT_EQ(audit_fault(), "");
    }
};

TEST_F(TimeGuard, AFirstRunIsFree) {
    given_a_due_key();
    EXPECT_EQ(expire().exit_code, ExitCode::done);
    EXPECT_THAT(keys_with_status("expired"), ElementsAre("due"));
}

TEST_F(TimeGuard, SevenDaysWithoutACompleteRunAreNotALongGap) {
    given_a_complete_run("6 days 23 hours 59 minutes");
    given_a_due_key();
    EXPECT_EQ(expire().exit_code, ExitCode::done);
}

TEST_F(TimeGuard, MoreThanSevenDaysHoldActionsBackUntilResume) {
    given_a_complete_run("7 days 1 second");
    given_a_due_key();
    expect_held("more than 7d");
    EXPECT_EQ(text("select status from keyrota.finding where check_id = 'KEY-EXPIRED'"), "open");
    expect_held("more than 7d");  // and the second time no other finding
    expect_free_after_resume();
}

TEST_F(TimeGuard, TheGapIsConfigurable) {
    config().limits.max_gap = 24h * 10;
    given_a_complete_run("9 days");
    given_a_due_key();
    EXPECT_EQ(expire().exit_code, ExitCode::done);
}

TEST_F(TimeGuard, AJobThatIsConfiguredToRunMoreRarelyGetsTwiceItsPeriod) {
    config().schedules["expire-keys"] = "0 7 * * 1";
    given_a_complete_run("13 days");
    given_a_due_key();
    EXPECT_EQ(expire().exit_code, ExitCode::done);
}

TEST_F(TimeGuard, AJobThatIsSwitchedOffHasTheUsualGap) {
    config().schedules["expire-keys"] = "off";
    given_a_complete_run("8 days");
    given_a_due_key();
    expect_held("the last complete run of expire-keys was 8d ago, more than 7d");
}

TEST_F(TimeGuard, AClockThatWentBackHoldsActionsBackUntilResume) {
    given_a_complete_run("-6 minutes");
    given_a_due_key();
    expect_held("the clock says");
    expect_free_after_resume();
}

TEST_F(TimeGuard, AFewMinutesOfClockDifferenceAreNoTravel) {
    given_a_complete_run("-4 minutes");
    given_a_due_key();
    EXPECT_EQ(expire().exit_code, ExitCode::done);
}

TEST_F(TimeGuard, AnotherClusterHoldsActionsBackUntilResume) {
    given_a_due_key();
    execute("update keyrota.installation set system_identifier = system_identifier + 1");
    expect_held("another database server");
    expect_free_after_resume();
}

TEST_F(TimeGuard, AnotherTimelineHoldsActionsBackUntilResume) {
    given_a_due_key();
    execute("update keyrota.installation set timeline_id = timeline_id + 1");
    expect_held("another timeline");
    expect_free_after_resume();
}

TEST_F(TimeGuard, ATransactionCounterBehindTheLastRunsHoldsActionsBackUntilResume) {
    given_a_due_key();
    execute("update keyrota.installation set last_xid = '9000000000000'");
    expect_held("transaction counter");
    expect_free_after_resume();
}

TEST_F(TimeGuard, EveryRunRemembersTheTransactionCounter) {
    const std::string before = text("select last_xid from keyrota.installation");
    expire();
    EXPECT_NE(text("select last_xid from keyrota.installation"), before);
}

TEST_F(TimeGuard, WhereNothingIsToBeDoneNothingIsHeld) {
    given_a_complete_run("30 days");
    EXPECT_TRUE(expire().complete);
}

TEST_F(TimeGuard, ADryRunSaysThatItWouldBeHeldAndRecordsNothing) {
    given_a_complete_run("30 days");
    given_a_due_key();
    const auto before = fingerprint();
    EXPECT_EQ(expire({.dry_run = true}).exit_code, ExitCode::held_back);
    EXPECT_EQ(fingerprint(), before);
}

TEST_F(TimeGuard, WhatIsHeldStaysHeldHoweverTimePassesUntilResume) {
    given_a_complete_run("-6 minutes");
    given_a_due_key();
    expect_held("the clock says");
    execute("update keyrota.job_run set as_of = clock_timestamp() - interval '25 hours'");
    expect_held("the clock says");
    expect_free_after_resume();
}

TEST_F(TimeGuard, AnotherDatabaseIsAnotherOneForAllJobs) {
    given_a_due_key();
    execute("update keyrota.installation set timeline_id = timeline_id + 1");
    expect_held("another timeline");
    try {
        resume("expire-keys");
        FAIL() << "the other jobs would act as well";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ExitCode::usage);
        EXPECT_THAT(error.hint(), HasSubstr("`keyrota resume` without a job"));
    }
    expect_held("another timeline");
    expect_free_after_resume();
}

TEST_F(TimeGuard, ResumeOfAnotherJobOrOfNothingChangesNothing) {
    given_a_complete_run("30 days");
    EXPECT_THAT(resume(), SizeIs(0));
    given_a_due_key();
    expect_held("30d");
    EXPECT_THAT(resume("some-other-job"), SizeIs(0));
    expect_held("30d");
}

}  // namespace
}  // namespace keyrota::test
