#include "support/database.h"

namespace keyrota::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using namespace std::chrono_literals;

constexpr auto kDay = std::chrono::hours(24);

class CheckWaivers : public DatabaseTest {
  protected:
    void SetUp() override {
        DatabaseTest::SetUp();
        given_key({.name = "key"});
    }
    void given_waiver(const std::string& name, Timestamp expires_at,
                      const std::string& checks = "KEY-NO-EXPIRY",
                      const std::string& names = "{key}") {
        execute(
            "insert into keyrota.waiver (name, source, checks, names, reason, requested_by,"
            " approved_by, created_at, expires_at) values ('" +
            name + "', 'command', '{" + checks + "}', '" + names +
            "', 'moves', 'Ada', 'Grace', '2026-11-01', '" + to_string(expires_at) + "')");
    }
    std::vector<std::string> open(const std::string& check, Timestamp as_of = kNow) {
        EXPECT_EQ(run("check-waivers", as_of).exit_code, ExitCode::done);
        return texts("select detail from keyrota.finding where status = 'open' and check_id = '" +
                     check + "' order by detail");
    }
};

TEST_F(CheckWaivers, AWaiverIsExpiringFromFourteenDaysBeforeItsEndUntilThen) {
    given_waiver("legacy", kNow + 14 * kDay);
    EXPECT_THAT(open("WAIVER-EXPIRING", kNow - 1us), IsEmpty());
    EXPECT_THAT(open("WAIVER-EXPIRING", kNow), ElementsAre("legacy"));
    EXPECT_EQ(text("select (key_id, severity, due_at = '" + to_string(kNow + 14 * kDay) +
                   "') from keyrota.finding"),
              "(0,1,t)");
    EXPECT_THAT(open("WAIVER-EXPIRING", kNow + 14 * kDay - 1us), ElementsAre("legacy"));
    EXPECT_THAT(open("WAIVER-EXPIRING", kNow + 14 * kDay), IsEmpty());
    EXPECT_EQ(text("select resolution from keyrota.finding where detail = 'legacy'"), "absence");
}

TEST_F(CheckWaivers, AProlongedOrEndedOneIsNotExpiring) {
    given_waiver("prolonged", kNow + 10 * kDay);
    given_waiver("ended", kNow + 10 * kDay);
    EXPECT_THAT(open("WAIVER-EXPIRING"), ElementsAre("ended", "prolonged"));
    execute("update keyrota.waiver set ended_at = now(), ended_why = 'x' where name = 'ended'");
    execute("update keyrota.waiver set expires_at = expires_at + interval '30 days'");
    EXPECT_THAT(open("WAIVER-EXPIRING"), IsEmpty());
}

TEST_F(CheckWaivers, OneThatMatchesNoKeyOrNamesAnUnknownCheckIsTold) {
    given_waiver("good", kNow + 60 * kDay);
    given_waiver("no-key", kNow + 60 * kDay, "KEY-NO-EXPIRY", "{kex}");
    given_waiver("no-check", kNow + 60 * kDay, "KEY-NO-EXPRY,KEY-NO-EXPIRY");
    given_waiver("over", kNow, "KEY-NO-EXPRY", "{kex}");
    EXPECT_THAT(open("WAIVER-UNMATCHED"), ElementsAre("no-check", "no-key"));
    EXPECT_EQ(text("select evidence -> 'unknown_checks' from keyrota.finding where detail ="
                   " 'no-check'"),
              "[\"KEY-NO-EXPRY\"]");
    given_key({.name = "kex"});
    execute("update keyrota.waiver set checks = '{KEY-NO-EXPIRY}'");
    EXPECT_THAT(open("WAIVER-UNMATCHED"), IsEmpty());
}

TEST_F(CheckWaivers, ACheckThatRanOnceIsKnown) {
    execute(
        "insert into keyrota.run_check (run_id, check_id, pass) values (1, 'ACME', 'standing')");
    given_waiver("custom", kNow + 60 * kDay, "ACME");
    EXPECT_THAT(open("WAIVER-UNMATCHED"), IsEmpty());
}

TEST_F(CheckWaivers, AnUnchangedSecondRunWritesNoFinding) {
    given_waiver("legacy", kNow + 5 * kDay);
    open("WAIVER-EXPIRING");
    const std::string written =
        "select md5(string_agg(f::text || xmin, '')) from keyrota.finding f";
    const std::string before = text(written);
    open("WAIVER-EXPIRING", kNow + kDay);
    EXPECT_EQ(text(written), before);
}

}  // namespace
}  // namespace keyrota::test
