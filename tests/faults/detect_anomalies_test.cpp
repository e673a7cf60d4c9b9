// detect-anomalies killed in the middle, again and again: states and findings are those of a run
// that nothing befell.

#include <fmt/format.h>
#include <signal.h>

#include "support/program.h"

namespace keyrota::test {
namespace {

using namespace std::chrono_literals;
using ::testing::SizeIs;

constexpr const char* kApplied =
    "(select coalesce(sum(applied_total), 0) from keyrota.run_check where check_id = 'detect')";

class DetectorFaults : public ProgramTest {
  protected:
    void SetUp() override {
        ProgramTest::SetUp();
        environment()["KEYROTA_LIMITS_BATCH_SIZE"] = "4";
        given_usage_known(kNow - 400 * 24h, kNow);
        given_keys(60, {.name = "key", .created_at = kNow - 60 * 24h});
        execute(fmt::format(
            "insert into keyrota.usage_hour (key_id, hour, requests)"
            " select k, h, case when k % 10 = 1 and h = keyrota.instant({1}) - interval '1 hour'"
            "                   then 5000 else 100 + hashint8(k + extract(epoch from h)::bigint) % "
            "10 end from generate_series(1, 60) k, generate_series(keyrota.instant({0}),"
            " keyrota.instant({1}) - interval '1 hour', interval '1 hour') h",
            to_micros(kNow - 40 * 24h), to_micros(kNow)));
    }
    std::vector<std::string> end_state() {
        return texts(
            "select 's ' || key_id || ' ' || encode(state, 'hex') || ' ' ||"
            "       coalesce(last_alarm_at::text, '') || coalesce(next_due_at::text, '')"
            "  from keyrota.detector_state"
            " union all select 'f ' || key_id || ' ' || (to_jsonb(f) - 'run_id')::text"
            "  from keyrota.finding f"
            " union all select 'g ' || check_id || hour || ' ' || alarms || is_held"
            "  from keyrota.anomaly_gate"
            " union all select 'p ' || judged_until from keyrota.detector_position"
            " order by 1");
    }
    static Arguments run_words(Timestamp until = kNow) {
        return {"run", "detect-anomalies", "--as-of", to_string(until + 10min), "--wait", "20s"};
    }
    // Kills a run whenever it has stepped so many keys more, and then lets one come to its end:
    // to that of a run that nothing befell.
    void run_with_kills(int kills, int keys, const std::vector<std::string>& undisturbed,
                        Timestamp until = kNow) {
        int killed = 0;
        for (int n = 1; n <= kills; ++n) {
            Program run = start(run_words(until), {{"KEYROTA_LIMITS_DUTY", "10"}});
            wait_until(fmt::format("{} >= {}", kApplied, keys * n));
            run.signal(SIGKILL);
            killed += run.wait().exit_code == 128 + SIGKILL ? 1 : 0;
        }
        EXPECT_EQ(killed, kills);
        EXPECT_NE(end_state(), undisturbed) << "no kill came in the middle";
        EXPECT_EQ(keyrota(run_words(until)).exit_code, 0);
        EXPECT_EQ(end_state(), undisturbed);
    }
    void forget_runs() {
        for (const char* table :
             {"detector_state", "finding", "anomaly_gate", "anomaly_usual", "run_check", "job_run"})
            execute(fmt::format("delete from keyrota.{}", table));
    }
};

TEST_F(DetectorFaults, KilledInTheMiddleTheEndIsThatOfARunThatNothingBefell) {
    ASSERT_EQ(keyrota(run_words()).exit_code, 0);
    const auto undisturbed = end_state();
    EXPECT_THAT(undisturbed, SizeIs(60 + 6 + 1 + 1 + 1)) << "states, spikes, RUN-GATE, gate, place";
    forget_runs();
    execute("update keyrota.detector_position set judged_until = null");
    run_with_kills(4, 8, undisturbed);
}

TEST_F(DetectorFaults, AnHourThatWasKilledInTheMiddleCountsOnce) {
    environment()["KEYROTA_LIMITS_BATCH_SIZE"] = "1";  // ten keys' new hours
    ASSERT_EQ(keyrota(run_words()).exit_code, 0);
    execute("create table keyrota.states_before as table keyrota.detector_state");
    const Timestamp until = kNow + 1h;
    given_usage_known(kNow - 400 * 24h, until);
    execute(
        fmt::format("insert into keyrota.usage_hour (key_id, hour, requests)"
                    " select k, keyrota.instant({}), case when k % 10 = 2 then 5000 else 100 end"
                    "   from generate_series(1, 60) k",
                    to_micros(kNow)));
    for (const char* table : {"finding", "anomaly_gate", "anomaly_usual", "run_check", "job_run"})
        execute(fmt::format("delete from keyrota.{}", table));
    ASSERT_EQ(keyrota(run_words(until)).exit_code, 0);
    const auto undisturbed = end_state();
    forget_runs();
    execute("insert into keyrota.detector_state select * from keyrota.states_before");
    execute(fmt::format("update keyrota.detector_position set judged_until = keyrota.instant({})",
                        to_micros(kNow)));
    run_with_kills(3, 10, undisturbed, until);
}

}  // namespace
}  // namespace keyrota::test
