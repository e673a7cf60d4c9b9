#include "support/database.h"

namespace keyrota::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using namespace std::chrono_literals;

constexpr auto kDay = std::chrono::hours(24);

class ExpiresSoon : public DatabaseTest {
  protected:
    void expire(Timestamp as_of) { run("expire-keys", as_of); }
    /// `name severity status` of every finding of the check.
    std::vector<std::string> findings() {
        return texts(
            "select k.name || ' ' || f.severity || ' ' || f.status from keyrota.finding f"
            "  join keyrota.api_key k using (key_id) where f.check_id = 'KEY-EXPIRES-SOON'"
            " order by k.key_id");
    }
    /// So that the next pass is incremental.
    void given_a_complete_run_at(Timestamp as_of) { expire(as_of); }
};

TEST_F(ExpiresSoon, AStageHoldsFromItsInstantOn) {
    given_a_complete_run_at(kNow - 1h);
    given_key({.name = "in 30 days", .expires_at = kNow + 30 * kDay});
    given_key({.name = "a tick later", .expires_at = kNow + 30 * kDay + 1us});
    expire(kNow);
    EXPECT_THAT(findings(), ElementsAre("in 30 days 2 open"));
    expire(kNow + 1us);
    EXPECT_THAT(findings(), ElementsAre("in 30 days 2 open", "a tick later 2 open"));
}

TEST_F(ExpiresSoon, SeverityRisesWithTheStageThatIsCrossedBetweenStandingPasses) {
    given_key({.name = "key", .expires_at = kNow + 7 * kDay});
    given_a_complete_run_at(kNow - 1us);
    EXPECT_THAT(findings(), ElementsAre("key 2 open"));
    expire(kNow);
    EXPECT_THAT(findings(), ElementsAre("key 3 open"));
}

TEST_F(ExpiresSoon, TheStandingPassJudgesEachKeyByItsDate) {
    given_key({.name = "week and a tick", .expires_at = kNow + 7 * kDay + 1us});
    given_key({.name = "week", .expires_at = kNow + 7 * kDay});
    given_key({.name = "day and a tick", .expires_at = kNow + kDay + 1us});
    given_key({.name = "day", .expires_at = kNow + kDay});
    given_key({.name = "a tick", .expires_at = kNow + 1us});
    given_key({.name = "now", .expires_at = kNow});
    expire(kNow);
    EXPECT_THAT(findings(), ElementsAre("week and a tick 2 open", "week 3 open",
                                        "day and a tick 3 open", "day 4 open", "a tick 4 open"));
}

TEST_F(ExpiresSoon, AFindingThatSimplyStillHoldsIsNotRewritten) {
    given_key({.name = "key", .expires_at = kNow + 20 * kDay});
    expire(kNow);
    const std::string before = text("select (xmin, ctid) from keyrota.finding");
    expire(kNow + kDay);  // a whole standing pass
    EXPECT_EQ(text("select (xmin, ctid) from keyrota.finding"), before);
}

TEST_F(ExpiresSoon, AMovedDateChangesTheFindingAndARenewalResolvesItInTheDailyPass) {
    given_key({.name = "key", .expires_at = kNow + 20 * kDay});
    expire(kNow);
    execute("update keyrota.api_key_state set expires_at = expires_at - interval '15 days'");
    expire(kNow + kDay);
    EXPECT_THAT(findings(), ElementsAre("key 3 open"));
    execute("update keyrota.api_key_state set expires_at = expires_at + interval '1 year'");
    expire(kNow + kDay + 1h);
    EXPECT_THAT(findings(), ElementsAre("key 3 open"));  // absence means nothing here
    expire(kNow + 2 * kDay);
    EXPECT_THAT(findings(), ElementsAre("key 3 resolved"));
}

TEST_F(ExpiresSoon, AFindingThatReturnsWithinSevenDaysContinuesItsEpisode) {
    given_key({.name = "key", .expires_at = kNow + 20 * kDay});
    expire(kNow);
    execute("update keyrota.api_key_state set expires_at = expires_at + interval '1 year'");
    expire(kNow + kDay);
    execute("update keyrota.api_key_state set expires_at = expires_at - interval '1 year'");
    expire(kNow + 8 * kDay - 1us);
    EXPECT_EQ(number("select episode from keyrota.finding"), 1);
    EXPECT_EQ(number("select keyrota.micros(opened_at) from keyrota.finding"), to_micros(kNow));
}

TEST_F(ExpiresSoon, AFindingThatReturnsAfterSevenDaysIsTheNextEpisode) {
    given_key({.name = "key", .expires_at = kNow + 20 * kDay});
    expire(kNow);
    execute("update keyrota.api_key_state set expires_at = expires_at + interval '1 year'");
    expire(kNow + kDay);
    execute("update keyrota.api_key_state set expires_at = expires_at - interval '1 year'");
    expire(kNow + 8 * kDay);
    EXPECT_EQ(number("select episode from keyrota.finding"), 2);
    EXPECT_THAT(findings(), ElementsAre("key 2 open"));
}

TEST_F(ExpiresSoon, InactiveKeysEndlessKeysAndPredecessorsInOverlapAreLeftOut) {
    given_key({.name = "inactive", .expires_at = kNow + kDay, .status = "inactive"});
    given_key({.name = "endless"});
    given_key({.name = "predecessor", .expires_at = kNow + 5 * kDay, .retire_at = kNow + kDay});
    expire(kNow);
    EXPECT_THAT(findings(), IsEmpty());
}

TEST_F(ExpiresSoon, EachKeyIsWarnedByItsOwnPolicyRule) {
    PolicyRule quiet = config().policy.back();
    quiet.name = "quiet-tests";
    quiet.type = "test";
    quiet.expiry_notice_before = {3 * kDay};
    config().policy.insert(config().policy.begin(), quiet);
    given_key({.name = "secret", .expires_at = kNow + 20 * kDay});
    given_key({.name = "test", .expires_at = kNow + 20 * kDay, .type = "test"});
    given_key({.name = "test soon", .expires_at = kNow + 3 * kDay, .type = "test"});
    expire(kNow);
    EXPECT_THAT(findings(), ElementsAre("secret 2 open", "test soon 3 open"));
}

TEST_F(ExpiresSoon, AMissedWeekOfRunsIsCaughtUp) {
    given_a_complete_run_at(kNow);
    given_key({.name = "crossed 14, 7 and 3", .expires_at = kNow + 9 * kDay});
    expire(kNow + 7 * kDay);
    EXPECT_THAT(findings(), ElementsAre("crossed 14, 7 and 3 3 open"));
}

}  // namespace
}  // namespace keyrota::test
