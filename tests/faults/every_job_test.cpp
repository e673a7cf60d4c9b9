// Every job of the catalog, killed at any moment: the next run makes it good, and in the end it is
// as if nothing had been. Short form: a few kills of each; with KEYROTA_TESTS_LONG (`./dev test
// --long`) a thousand.

#include <fmt/format.h>
#include <gtest/gtest-spi.h>
#include <signal.h>

#include <map>
#include <random>
#include <thread>

#include "support/company.h"

namespace keyrota::test {
namespace {

using std::chrono::microseconds;
using std::chrono::steady_clock;

class EveryJob : public Company {
  protected:
    const bool is_long_ = is_long_form();

    // How long each takes when nothing befalls it.
    std::map<const Job*, microseconds> durations() {
        std::map<const Job*, microseconds> taken;
        for (const Job* job : all_jobs()) {
            const auto started = steady_clock::now();
            run_to_the_end(*job);
            taken[job] = std::chrono::duration_cast<microseconds>(steady_clock::now() - started);
        }
        return taken;
    }
};

TEST_F(EveryJob, KilledAgainAndAgainComesToTheSameEndAsEver) {
    const int kills = is_long_ ? 1000 : 30;
    std::mt19937 random(13);
    const std::map<const Job*, microseconds> taken = durations();
    std::map<std::string, int> killed;
    int total = 0;
    for (int starts = 0; total < kills && starts < 3 * kills;) {
        go_on();
        SCOPED_TRACE(to_string(now()));
        for (const auto& [job, duration] : taken) {
            Program run = start_run(*job);
            std::this_thread::sleep_for(microseconds(
                std::uniform_int_distribution<std::int64_t>(0, duration.count())(random)));
            run.signal(SIGKILL);
            ++starts;
            if (run.wait().exit_code != 128 + SIGKILL) continue;  // it was quicker
            ++killed[job->name];
            ++total;
        }
        expect_nothing_torn();
        // Now and then an hour in which all goes well.
        if (random() % 4 == 0) run_all_to_the_end();
        ASSERT_FALSE(HasFailure()) << "one hour that went wrong is enough to read";
    }
    EXPECT_GE(total, kills);
    EXPECT_GE(killed.size(), taken.size() / 2);

    come_to_rest();
    expect_invariants();
    EXPECT_GT(number("select count(*) from keyrota.audit_entry where action = 'key.expire'"), 1);
    EXPECT_GT(number("select count(*) from keyrota.rotation"), 1);
    EXPECT_GT(number("select count(*) from keyrota.message"), 5);
}

// The invariants themselves: each sees what it is there for.
TEST_F(EveryJob, ThatLostOrDoubledSomethingWouldBeFoundOut) {
    come_to_rest();
    for (const char* harm :
         {"update keyrota.usage_hour set requests = requests + 1 where key_id = 1 and requests > 0"
          " and hour = (select max(hour) from keyrota.usage_hour where key_id = 1)",
          "delete from keyrota.usage_hour where key_id = 2"
          " and hour = (select max(hour) from keyrota.usage_hour where key_id = 2)",
          "update keyrota.api_key_state set status = 'inactive' where key_id = 210",
          "insert into keyrota.audit_entry (key_id, block_id, payload)"
          " select key_id, block_id, payload from keyrota.audit_entry where action = 'key.expire' "
          "limit 1",
          "update keyrota.rotation set state = 'failed'"
          " where key_id = (select min(key_id) from keyrota.rotation)",
          "delete from keyrota.message where message_id ="
          " (select message_id from keyrota.notice where state = 'told' limit 1)"}) {
        SCOPED_TRACE(harm);
        const Transaction rolled_back(owner());
        execute(harm);
        EXPECT_NONFATAL_FAILURE(expect_nothing_torn(), "Expected equality");
    }
    expect_nothing_torn();
}

}  // namespace
}  // namespace keyrota::test
