// `anomalies replay` and `rebuild`: what the detector saw of the keys of a database.

#include <fmt/format.h>

#include "support/program.h"

namespace keyrota::test {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

class AnomaliesOfKeys : public ProgramTest {
  protected:
    void SetUp() override {
        ProgramTest::SetUp();
        given_usage_known(kNow - 400 * 24h, kNow);
        given_key({.name = "key", .created_at = kNow - 60 * 24h});
        execute(fmt::format(
            "insert into keyrota.usage_hour (key_id, hour, requests)"
            " select 1, h, case when h = keyrota.instant({1}) - interval '3 hours' then 5000"
            "              else 100 + hashint8(extract(epoch from h)::bigint) % 10 end"
            "   from generate_series(keyrota.instant({0}), keyrota.instant({1}) - interval '1 "
            "hour', interval '1 hour') h",
            to_micros(kNow - 40 * 24h), to_micros(kNow)));
        ASSERT_EQ(run("detect-anomalies", kNow + 10min).exit_code, ExitCode::done);
    }
    std::string states() {
        return text("select string_agg(encode(state, 'hex'), ',') from keyrota.detector_state");
    }
};

TEST_F(AnomaliesOfKeys, ReplayShowsWhyAKeyWasToldOf) {
    const Outcome alarms = keyrota({"anomalies", "replay", "1", "--alarms", "--csv"});
    EXPECT_EQ(alarms.exit_code, 0) << alarms.errors;
    EXPECT_THAT(alarms.out, HasSubstr("2026-11-24T03:00:00Z,5000,0,"));
    EXPECT_THAT(alarms.out, HasSubstr(",SPIKE,yes,\"5,000 requests Tue 03:00 UTC, expected "));
    EXPECT_THAT(alarms.out, Not(HasSubstr("2026-11-24T02:00:00Z")));
    EXPECT_EQ(alarms.errors, "") << "it is the state that is kept";
    const Outcome hours = keyrota({"anomalies", "replay", "1", "--from", "2026-11-24T01:00:00Z",
                                   "--to", "2026-11-24T03:00:00Z", "--json"});
    EXPECT_EQ(number("select jsonb_array_length('" + hours.out + "')"), 2) << hours.out;
    EXPECT_EQ(keyrota({"anomalies", "replay", "2"}).exit_code, 2);
}

TEST_F(AnomaliesOfKeys, ReplaySaysWhereTheStateSawOtherHours) {
    execute("delete from keyrota.usage_hour where hour < '2026-10-20'");
    EXPECT_THAT(keyrota({"anomalies", "replay", "1"}).errors, HasSubstr("saw other hours"));
}

TEST_F(AnomaliesOfKeys, RebuildMakesTheSameStatesOfTheSameHours) {
    const std::string before = states();
    const auto rebuild = [this](const char* from) {
        return keyrota({"anomalies", "rebuild", "--from", from});
    };
    EXPECT_EQ(rebuild("2026-01-01").exit_code, 0);
    EXPECT_EQ(states(), before);
    EXPECT_EQ(number("select count(*) from keyrota.finding"
                     " where status = 'open' and check_id = 'KEY-ANOMALY-SPIKE'"),
              1);
    EXPECT_EQ(rebuild("2026-11-01").exit_code, 0);
    EXPECT_NE(states(), before);
    EXPECT_EQ(number("select count(*) from keyrota.detector_state"), 1);
}

}  // namespace
}  // namespace keyrota::test
