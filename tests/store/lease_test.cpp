#include "postgres/lease.h"

#include <fmt/format.h>

#include <algorithm>
#include <barrier>
#include <future>

#include "postgres/caller.h"
#include "postgres/database.h"
#include "support/database.h"

namespace keyrota::test {
namespace {

using ::testing::HasSubstr;
using namespace std::chrono_literals;

constexpr const char* kLapse =
    "update keyrota.job_lease set expires_at = clock_timestamp() - interval '1 second'";

class LeaseTest : public DatabaseTest {
  protected:
    void SetUp() override {
        DatabaseTest::SetUp();
        // Once and before any thread: reading a connection changes the environment for a moment.
        connection_ = connection_for(config(), Access::runner);
    }
    Connection connection(std::chrono::milliseconds lock_timeout = 30s) const {
        Connection to = connection_;
        to.lock_timeout = lock_timeout;
        return to;
    }
    std::unique_ptr<Lease> acquire(const char* job = "expire-keys", const char* shard = "1/1") {
        return Lease::try_acquire(connection(), job, shard);
    }
    std::int64_t leases() { return number("select count(*) from keyrota.job_lease"); }
    /// The backend that sends the heartbeat dies, and is gone when this returns.
    void kill_heartbeat() {
        Session superuser = session_as("postgres");
        superuser.execute_verbatim(
            "kill", "select pg_terminate_backend(backend_pid, 10000) from keyrota.job_lease");
    }
    /// Whether the holder may go on: what each batch asks first.
    ExitCode hold(const Lease& lease) {
        const Transaction transaction(runner());
        try {
            lease.hold_for_transaction(runner());
            return ExitCode::done;
        } catch (const Error& error) {
            return error.code();
        }
    }

  private:
    Connection connection_;
};

TEST_F(LeaseTest, OneAtATimeHoldsAJobAndTheOtherLearnsWho) {
    const auto first = acquire();
    ASSERT_TRUE(first);
    Lease::Held held;
    EXPECT_FALSE(Lease::try_acquire(connection(), "expire-keys", "1/1", &held));
    EXPECT_EQ(held.holder, current_caller().display());
    EXPECT_FALSE(acquire());  // and need not ask who
    EXPECT_EQ(hold(*first), ExitCode::done);
}

TEST_F(LeaseTest, AnotherJobAndAnotherShardAreFree) {
    const auto first = acquire("expire-keys", "1/2");
    const auto other_shard = acquire("expire-keys", "2/2");
    const auto other_job = acquire("find-unused", "1/2");
    ASSERT_TRUE(first && other_shard && other_job);
    EXPECT_EQ(leases(), 3);
    EXPECT_EQ(hold(*other_shard), ExitCode::done);
}

TEST_F(LeaseTest, IsFreeAgainOnceItWasGivenBack) {
    std::int64_t token = 0;
    {
        const auto first = acquire();
        ASSERT_TRUE(first);
        token = first->token();
    }
    EXPECT_EQ(leases(), 0);
    const auto second = acquire();
    ASSERT_TRUE(second);
    EXPECT_GT(second->token(), token);
}

TEST_F(LeaseTest, IsTakenOverAtOnceFromABackendThatIsGone) {
    const auto dead = acquire();
    ASSERT_TRUE(dead);
    kill_heartbeat();
    EXPECT_EQ(number("select count(*) from keyrota.job_lease where expires_at > clock_timestamp() "
                     "+ interval '5 seconds'"),
              1);  // the TTL alone would still hold it
    const auto next = acquire();
    ASSERT_TRUE(next);
    EXPECT_EQ(hold(*next), ExitCode::done);
    EXPECT_EQ(hold(*dead), ExitCode::lease_held);
}

TEST_F(LeaseTest, IsTakenOverFromABackendWhosePidSomebodyElseHasNow) {
    const auto dead = acquire();
    ASSERT_TRUE(dead);
    execute("update keyrota.job_lease set backend_start = backend_start - interval '1 second'");
    EXPECT_TRUE(acquire());
}

TEST_F(LeaseTest, ALapsedLeaseCanBeTakenAndItsOldHolderIsStoppedAtItsNextBatch) {
    const auto old = acquire();
    ASSERT_TRUE(old);
    EXPECT_EQ(hold(*old), ExitCode::done);
    execute(kLapse);
    const auto next = acquire();
    ASSERT_TRUE(next);
    const Error error = error_of([&] {
        const Transaction transaction(runner());
        old->hold_for_transaction(runner());
    });
    EXPECT_EQ(error.code(), ExitCode::lease_held);
    EXPECT_THAT(error.what(), HasSubstr("taken over"));
    EXPECT_FALSE(error.hint().empty());
    EXPECT_EQ(hold(*next), ExitCode::done);
    EXPECT_FALSE(acquire());
}

TEST_F(LeaseTest, AnOldHolderDoesNotGiveBackWhatIsNoLongerItsOwn) {
    auto old = acquire();
    execute(kLapse);
    const auto next = acquire();
    ASSERT_TRUE(old && next);
    old.reset();
    EXPECT_EQ(leases(), 1);
    EXPECT_EQ(hold(*next), ExitCode::done);
}

TEST_F(LeaseTest, ALeaseThatLapsedAndWasNotTakenStillHoldsForItsHolder) {
    const auto lease = acquire();
    ASSERT_TRUE(lease);
    execute(kLapse);
    EXPECT_EQ(hold(*lease), ExitCode::done);
}

TEST_F(LeaseTest, ATakeoverWaitsForTheBatchThatHoldsTheLease) {
    const auto old = acquire();
    ASSERT_TRUE(old);
    Transaction batch(runner());
    old->hold_for_transaction(runner());
    execute(kLapse);
    auto takeover = std::async(std::launch::async, [this] { return acquire(); });
    await_backend_waiting_for("Lock");
    EXPECT_EQ(number("select token from keyrota.job_lease"), old->token());
    batch.commit();
    const auto next = takeover.get();
    ASSERT_TRUE(next);
    EXPECT_EQ(hold(*old), ExitCode::lease_held);
    EXPECT_EQ(hold(*next), ExitCode::done);
}

TEST_F(LeaseTest, ATakeoverThatWaitedTooLongForABatchFindsTheLeaseHeld) {
    const auto old = acquire();
    ASSERT_TRUE(old);
    Transaction batch(runner());
    old->hold_for_transaction(runner());
    execute(kLapse);
    Lease::Held held;
    EXPECT_FALSE(Lease::try_acquire(connection(50ms), "expire-keys", "1/1", &held));
    EXPECT_FALSE(held.holder.empty());
    batch.commit();
    EXPECT_EQ(hold(*old), ExitCode::done);
}

TEST_F(LeaseTest, AHeartbeatPassesWhileABatchHoldsTheLease) {
    const auto lease = acquire();
    ASSERT_TRUE(lease);
    const Transaction batch(runner());
    lease->hold_for_transaction(runner());
    config().database.lock_timeout = 50ms;
    Session heart = open_session(config(), Access::runner);
    EXPECT_EQ(heart.execute({"beat",
                             "update keyrota.job_lease"
                             "   set expires_at = clock_timestamp() + interval '30 seconds'"
                             " where token = :token"},
                            {{"token", lease->token()}}),
              1);
}

TEST_F(LeaseTest, TwoBatchesOfOneHolderDoNotBlockEachOther) {
    const auto lease = acquire();
    ASSERT_TRUE(lease);
    const Transaction batch(runner());
    lease->hold_for_transaction(runner());
    config().database.lock_timeout = 50ms;
    Session second = open_session(config(), Access::runner);
    const Transaction its_batch(second);
    lease->hold_for_transaction(second);
}

TEST_F(LeaseTest, OfSeveralRacersExactlyOneWins) {
    constexpr int kRounds = 30;
    constexpr std::size_t kRacers = 2;
    std::vector<std::unique_ptr<Lease>> won(kRacers);
    std::vector<int> winners;
    // Free at first, then lapsed, then of a backend that is gone: each way in.
    const char* const left[] = {
        "delete from keyrota.job_lease",
        "insert into keyrota.job_lease values ('expire-keys', '1/1', 0, -1, now(), 'x', now(),"
        " now() - interval '1 hour')",
        "insert into keyrota.job_lease values ('expire-keys', '1/1', 0, -1, now(), 'x', now(),"
        " now() + interval '1 hour')"};
    const auto prepare = [&] {
        execute("delete from keyrota.job_lease");
        execute(left[winners.size() % 3]);
    };
    prepare();
    std::barrier start(kRacers);
    std::barrier finish(kRacers, [&]() noexcept {
        winners.push_back(static_cast<int>(
            std::count_if(won.begin(), won.end(), [](const auto& w) { return !!w; })));
        for (auto& lease : won) lease.reset();
        prepare();
    });
    std::vector<std::future<void>> racers;
    for (std::size_t racer = 0; racer < kRacers; ++racer)
        racers.push_back(std::async(std::launch::async, [&, racer] {
            for (int round = 0; round < kRounds; ++round) {
                start.arrive_and_wait();
                try {
                    won[racer] = acquire();
                } catch (const Error& error) {  // the other waits at the barrier
                    ADD_FAILURE() << error.what();
                }
                finish.arrive_and_wait();
            }
        }));
    for (auto& racer : racers) racer.get();
    EXPECT_EQ(winners, std::vector<int>(kRounds, 1));
}

}  // namespace
}  // namespace keyrota::test
