// Others lock keys and whole tables at random while jobs run: each run ends in time with a code
// that says what it left, and nothing is lost.

#include <fmt/format.h>

#include <atomic>
#include <random>
#include <thread>

#include "support/company.h"

namespace keyrota::test {
namespace {

using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::HasSubstr;

class LockStorm : public Company {
  protected:
    const bool is_long_ = is_long_form();

    // Until it is stopped: locks something, holds it, lets go.
    void lock_at_random(unsigned seed) {
        Session session = session_as("postgres");
        std::mt19937 random(seed);
        while (!is_over_) {
            try {
                const Transaction rolled_back(session);
                session.execute_verbatim("lock", lock_of(random));
                std::this_thread::sleep_for(milliseconds(random() % 150));
            } catch (const DatabaseError& error) {
                EXPECT_TRUE(error.is_contention()) << error.what();  // a deadlock ends one of two
            }
            std::this_thread::sleep_for(milliseconds(random() % 100));
        }
    }
    std::atomic<bool> is_over_ = false;

  private:
    static std::string lock_of(std::mt19937& random) {
        constexpr const char* kTables[] = {"api_key_state", "api_key",   "finding",  "usage_hour",
                                           "usage_sample",  "plan_item", "notice",   "message",
                                           "rotation",      "job_run",   "run_check"};
        if (random() % 3 == 0)
            return fmt::format("lock table keyrota.{} in access exclusive mode",
                               kTables[random() % std::size(kTables)]);
        return fmt::format(
            "select from keyrota.api_key_state where key_id between {0} and {0} + 20 for update",
            random() % 220);
    }
};

TEST_F(LockStorm, NoRunWaitsForeverAndWhatOneLeavesTheNextOneDoes) {
    const int rounds = is_long_ ? 20 : 2;
    std::vector<std::thread> others;
    for (unsigned n = 0; n < 4; ++n) others.emplace_back([this, n] { lock_at_random(n); });
    int disturbed = 0;
    for (int round = 0; round < rounds; ++round) {
        go_on();
        for (const Job* job : all_jobs()) {
            SCOPED_TRACE(fmt::format("{} at {}", job->name, to_string(now())));
            const Outcome outcome = start_run(*job, {{"KEYROTA_DATABASE_LOCK_TIMEOUT", "20ms"},
                                                     {"KEYROTA_LIMITS_MAX_TRIES", "2"}})
                                        .wait();
            EXPECT_THAT(outcome.exit_code, AnyOf(0, 3, 5)) << outcome.errors;
            if (outcome.exit_code == 0) continue;
            ++disturbed;
            EXPECT_THAT(outcome.errors, AnyOf(HasSubstr("lock timeout"), HasSubstr("deadlock"),
                                              HasSubstr("locked by others")));
        }
    }
    is_over_ = true;
    for (std::thread& other : others) other.join();
    EXPECT_GE(disturbed, 3);
    expect_nothing_torn();
    come_to_rest();
    expect_invariants();
}

}  // namespace
}  // namespace keyrota::test
