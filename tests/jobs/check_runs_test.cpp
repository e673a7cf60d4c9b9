#include "support/database.h"

namespace keyrota::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using namespace std::chrono_literals;

class CheckRuns : public DatabaseTest {
  protected:
    std::vector<std::string> missed(Timestamp as_of) {
        EXPECT_EQ(run("check-runs", as_of).exit_code, ExitCode::done);
        return texts(
            "select detail from keyrota.finding where check_id = 'RUN-MISSED' and status = 'open'");
    }
};

// expire-keys runs every 5 minutes.
TEST_F(CheckRuns, MissesAJobAfterTwiceItsScheduleAndNotATickBefore) {
    run("expire-keys", kNow);
    EXPECT_THAT(missed(kNow + 10min), IsEmpty());
    EXPECT_THAT(missed(kNow + 10min + 1us), ElementsAre("expire-keys"));
    EXPECT_EQ(
        text("select (key_id, severity, evidence ->> 'last_good_at_us') from keyrota.finding"),
        "(0,4," + std::to_string(to_micros(kNow)) + ")");
}

TEST_F(CheckRuns, JudgesByTheConfiguredSchedule) {
    config().schedules["expire-keys"] = "0 * * * *";
    run("expire-keys", kNow);
    EXPECT_THAT(missed(kNow + 2h), IsEmpty());
    EXPECT_THAT(missed(kNow + 2h + 1us), ElementsAre("expire-keys"));
}

TEST_F(CheckRuns, DoesNotMissAJobThatIsSwitchedOff) {
    run("expire-keys", kNow);
    EXPECT_THAT(missed(kNow + 24h), ElementsAre("expire-keys"));
    config().schedules["expire-keys"] = "off";
    EXPECT_THAT(missed(kNow + 25h), IsEmpty());
}

TEST_F(CheckRuns, IsSatisfiedByTheNextGoodRun) {
    run("expire-keys", kNow);
    missed(kNow + 1h);
    run("expire-keys", kNow + 1h);
    EXPECT_THAT(missed(kNow + 1h + 1min), IsEmpty());
    EXPECT_EQ(text("select (status, resolution) from keyrota.finding"), "(resolved,absence)");
}

TEST_F(CheckRuns, SaysNothingOfAJobThatWasNeverStarted) {
    EXPECT_THAT(missed(kNow + 24h), IsEmpty());
}

TEST_F(CheckRuns, ARunThatCameToNoGoodEndDoesNotCount) {
    run("expire-keys", kNow);
    given_keys(2, {.name = "due", .expires_at = kNow + 1min});
    EXPECT_EQ(run("expire-keys", kNow + 8min, {.max_actions = 1}).exit_code,
              ExitCode::blast_radius);
    EXPECT_THAT(missed(kNow + 11min), ElementsAre("expire-keys"));
}

TEST_F(CheckRuns, AJobThatNeverSucceededIsMissedFromItsFirstRunOn) {
    given_keys(2, {.name = "due", .expires_at = kNow});
    run("expire-keys", kNow, {.max_actions = 1});
    EXPECT_THAT(missed(kNow + 10min), IsEmpty());
    EXPECT_THAT(missed(kNow + 10min + 1us), ElementsAre("expire-keys"));
}

TEST_F(CheckRuns, AnUnchangedSecondRunWritesNoFindingAndNoPlan) {
    run("expire-keys", kNow);
    missed(kNow + 1h);
    const std::string before =
        text("select md5(string_agg(f::text || xmin, '')) from keyrota.finding f");
    missed(kNow + 2h);
    EXPECT_EQ(text("select md5(string_agg(f::text || xmin, '')) from keyrota.finding f"), before);
}

}  // namespace
}  // namespace keyrota::test
