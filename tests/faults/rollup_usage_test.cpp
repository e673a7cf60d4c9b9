// Rollups that are killed while gateways write on: every committed sample is counted once.

#include <fmt/format.h>
#include <signal.h>

#include <atomic>
#include <thread>

#include "support/program.h"

namespace keyrota::test {
namespace {

using namespace std::chrono_literals;

class RollupFaults : public ProgramTest {
  protected:
    // A gateway that appends until told to stop: `size` samples a transaction, every third one
    // rolled back, with a pause while it is open.
    void write_samples(int writer, int size, std::chrono::milliseconds pause) {
        Session session = session_as("keyrota_gateway");
        const std::string insertion = fmt::format(
            "insert into keyrota.usage_sample (key_id, at, gateway, requests, scope, network)"
            " select n % 7, now() - n * interval '1 minute', 'edge-{}', 1 + n % 3, "
            "'read:analytics',"
            " '10.0.{}.0/24' from generate_series(1, {}) n",
            writer, writer, size);
        for (int n = 0; !stop_; ++n) {
            Transaction transaction(session);
            session.execute_verbatim("write", insertion);
            std::this_thread::sleep_for(pause);
            session.execute_verbatim("write", insertion);
            if (n % 3 != 2) transaction.commit();
        }
    }

    std::atomic<bool> stop_ = false;
};

TEST_F(RollupFaults, KilledAgainAndAgainWhileFourGatewaysWriteTheSumsAreExact) {
    std::vector<std::thread> writers;
    for (int writer = 0; writer < 4; ++writer)
        writers.emplace_back([this, writer] {
            write_samples(
                writer, 20 + 10 * writer,
                writer == 0 ? std::chrono::milliseconds(700) : std::chrono::milliseconds(2));
        });
    int killed = 0;
    for (int n = 0; n < 24; ++n) {
        Program run = start({"run", "rollup-usage", "--wait", "60s"});
        std::this_thread::sleep_for(std::chrono::milliseconds(20 + 37 * (n % 12)));
        if (n % 6 == 5) {
            EXPECT_EQ(run.wait().exit_code, 0);
            continue;
        }
        run.signal(SIGKILL);
        killed += run.wait().exit_code == 128 + SIGKILL ? 1 : 0;
    }
    stop_ = true;
    for (std::thread& writer : writers) writer.join();
    EXPECT_GT(killed, 5);
    EXPECT_EQ(keyrota({"run", "rollup-usage", "--wait", "60s"}).exit_code, 0);
    EXPECT_GT(number("select count(*) from keyrota.usage_sample"), 1000);
    EXPECT_EQ(number("select count(*) from"
                     " (select key_id, date_trunc('hour', at) as hour, sum(requests) as requests"
                     "    from keyrota.usage_sample group by 1, 2) s"
                     "  full join keyrota.usage_hour h on h.key_id = s.key_id and h.hour = s.hour"
                     " where h.requests is distinct from s.requests"),
              0);
    EXPECT_EQ(text("select sum(requests) from keyrota.usage_hour"),
              text("select sum(requests) from keyrota.usage_sample"));
    EXPECT_EQ(text("select sum(applied_total) from keyrota.run_check where check_id = 'roll-up'"),
              text("select count(*) from keyrota.usage_sample"))
        << "the runs, killed ones too, say what they counted";
}

}  // namespace
}  // namespace keyrota::test
