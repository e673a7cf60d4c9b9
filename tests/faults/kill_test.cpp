// Runs that end in the middle, or meet somebody else: whatever happens, the next run makes it good.

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <random>
#include <thread>

#include "support/program.h"

namespace keyrota::test {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::steady_clock;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::int64_t kDue = 2000;
constexpr std::int64_t kBatch = 50;
constexpr const char* kExpired =
    "(select count(*) from keyrota.audit_entry where action = 'key.expire')";

class Faults : public ProgramTest {
  protected:
    void SetUp() override {
        ProgramTest::SetUp();
        environment()["KEYROTA_LIMITS_BATCH_SIZE"] = std::to_string(kBatch);
    }

    // Due ones, and some of every kind that must be left alone.
    void given_due(std::int64_t count) {
        given_keys(count, {.name = "due", .expires_at = kNow - hours(1)});
        given_keys(20, {.name = "not due", .expires_at = kNow + hours(1)});
        given_keys(20, {.name = "endless"});
        given_keys(20, {.name = "gone", .expires_at = kNow - hours(2), .status = "expired"});
    }

    // All runs of a test judge as at one instant, so that end states can be compared.
    static Arguments run_words(const Arguments& more = {}) {
        Arguments words{"run",           "expire-keys",   "--as-of",
                        to_string(kNow), "--max-actions", "1000000"};
        words.insert(words.end(), more.begin(), more.end());
        return words;
    }
    // The lease of a killed run is free once the server has noticed.
    Outcome run_to_the_end(const Environment& extra = {}) {
        return keyrota(run_words({"--wait", "20s"}), extra);
    }
    // Slow enough to be met in the middle: it pauses after each batch.
    Program start_slow_run() { return start(run_words(), {{"KEYROTA_LIMITS_DUTY", "4"}}); }
    void wait_for_progress(std::int64_t expired = 1) {
        wait_until(fmt::format("{} >= {}", kExpired, expired));
    }
    std::int64_t expired() { return number(kExpired); }
    std::string last_status() {
        return text("select status from keyrota.job_run order by run_id desc limit 1");
    }
    bool last_is_complete() {
        return text("select complete from keyrota.job_run order by run_id desc limit 1") == "true";
    }

    // What a run leaves behind, without the numbers of runs and blocks and the server's clock.
    std::vector<std::string> end_state() {
        return texts(
            "select format('%s key %s %s %s', 1, key_id, status, expires_at)"
            "  from keyrota.api_key_state"
            " union all "
            "select format('%s finding %s %s', 2, key_id, to_jsonb(f) - 'run_id')"
            "  from keyrota.finding f"
            " union all "
            "select format('%s audit %s %s', 3, key_id, payload::jsonb - 'run_id' - 'at_us')"
            "  from keyrota.audit_entry"
            " order by 1");
    }
    // Of a run that nothing befell, on a database with the same keys.
    static std::vector<std::string> undisturbed(std::int64_t due) {
        static std::map<std::int64_t, std::vector<std::string>> known;
        if (known.count(due) == 0) {
            struct Other : Faults {
                void TestBody() override {}
                std::vector<std::string> state(std::int64_t count) {
                    SetUp();
                    given_due(count);
                    EXPECT_EQ(keyrota(run_words()).exit_code, 0);
                    std::vector<std::string> found = end_state();
                    TearDown();
                    return found;
                }
            };
            known[due] = Other().state(due);
        }
        return known[due];
    }

    // Everything is done, once, and nothing is left over.
    void expect_as_undisturbed(std::int64_t due = kDue) {
        EXPECT_EQ(
            number("select count(*) from keyrota.key where name = 'due' and status = 'expired'"),
            due);
        EXPECT_TRUE(end_state() == undisturbed(due)) << "another end state";
        EXPECT_EQ(expired(), due);
        EXPECT_EQ(number("select count(distinct key_id) from keyrota.audit_entry"
                         " where action = 'key.expire'"),
                  due);
        EXPECT_EQ(number("select count(*) from keyrota.finding"
                         " where status = 'resolved' and resolution = 'acted' and episode = 1"),
                  due);
        EXPECT_EQ(number("select count(*) from keyrota.finding where check_id = 'KEY-EXPIRED'"),
                  due);
        EXPECT_EQ(
            number(
                "select sum(applied_total) from keyrota.run_check where check_id = 'KEY-EXPIRED'"),
            due)
            << "the totals are committed with what they count";
        expect_nothing_left_over();
        EXPECT_TRUE(last_is_complete());
    }
    void expect_nothing_left_over() {
        EXPECT_EQ(keyrota({"audit", "verify"}).exit_code, 0);
        EXPECT_EQ(number("select count(*) from keyrota.plan_item"), 0);
        EXPECT_EQ(number("select count(*) from keyrota.job_lease"), 0);
        EXPECT_EQ(number("select count(*) from keyrota.job_run where status = 'running'"), 0);
    }

    // The backends of the runs, but those that only keep a lease.
    std::vector<std::int64_t> run_backends() {
        std::vector<std::int64_t> found;
        for (const Row& row :
             admin().rows({"backends",
                           "select pid::bigint as pid from pg_stat_activity where datname ="
                           " current_database() and usename = 'keyrota_runner' and pid not in"
                           " (select backend_pid from keyrota.job_lease)"}))
            found.push_back(row.int64("pid"));
        return found;
    }
    void terminate(const std::string& pid) {
        admin().execute_verbatim("terminate", "select pg_terminate_backend(" + pid + ")");
    }
};

// --- killed -------------------------------------------------------------------------------------

TEST_F(Faults, ARunKilledAnywhereAndOftenEndsLikeOneThatNothingBefell) {
    given_due(kDue);
    // Small batches, so that there is something left for the last kill.
    environment()["KEYROTA_LIMITS_BATCH_SIZE"] = "20";
    std::mt19937 random(20261124);
    int killed = 0;
    for (int i = 0; i < 30; ++i) {
        const std::int64_t before = expired();
        Program run = start(run_words({"--wait", "20s"}), {{"KEYROTA_LIMITS_DUTY", "50"}});
        if (i % 3 == 0) {
            // While it starts, takes the lease and plans.
            std::this_thread::sleep_for(milliseconds(random() % 150));
        } else {
            // While it applies.
            const std::int64_t target = before + 1 + static_cast<std::int64_t>(random() % 60);
            const auto deadline = steady_clock::now() + std::chrono::seconds(30);
            while (run.is_running() && expired() < target && steady_clock::now() < deadline)
                std::this_thread::sleep_for(milliseconds(1));
            std::this_thread::sleep_for(std::chrono::microseconds(random() % 5000));
        }
        run.signal(SIGKILL);
        if (run.wait().exit_code == 128 + SIGKILL) ++killed;
        EXPECT_EQ(number("select count(*) from keyrota.api_key_state s where status = 'expired'"
                         " and key_id in (select key_id from keyrota.api_key where name = 'due')"),
                  expired())
            << "a change without its audit entry, or the other way round";
    }
    EXPECT_GE(killed, 20);
    // The TTL of the last one's lease is 30 s: nobody has to wait for that.
    const auto started = steady_clock::now();
    EXPECT_EQ(run_to_the_end().exit_code, 0);
    EXPECT_LT(steady_clock::now() - started, std::chrono::seconds(20));
    expect_as_undisturbed();
    EXPECT_GE(number("select count(*) from keyrota.job_run where status = 'interrupted'"), 10);
}

TEST_F(Faults, TheRunAfterAKilledOneStartsAtOnceAndMarksItAsInterrupted) {
    given_due(kDue);
    Program run = start_slow_run();
    wait_for_progress();
    run.signal(SIGKILL);
    EXPECT_EQ(run.wait().exit_code, 128 + SIGKILL);
    EXPECT_EQ(last_status(), "running");
    // The server notices a client that is gone when it next reads or writes.
    wait_until(
        "not exists (select from pg_stat_activity where datname = current_database()"
        " and usename = 'keyrota_runner')");
    EXPECT_EQ(keyrota(run_words()).exit_code, 0) << "without --wait";
    EXPECT_THAT(texts("select status from keyrota.job_run order by run_id"),
                ElementsAre("interrupted", "done"));
    expect_as_undisturbed();
}

// --- two at once --------------------------------------------------------------------------------

TEST_F(Faults, AnApplyThatIsKilledIsNotGoneOnWithAndTheNextRunDoesTheRest) {
    given_due(kDue);
    const std::string file = scratch().path() / "plan.jsonl";
    const Outcome planned =
        keyrota({"plan", "expire-keys", "--out", file, "--max-actions", "1000000"});
    ASSERT_EQ(planned.exit_code, 0) << planned.errors;
    Program apply =
        start({"apply", file, "--max-actions", "1000000"}, {{"KEYROTA_LIMITS_DUTY", "4"}});
    wait_for_progress();
    apply.signal(SIGKILL);
    apply.wait();
    EXPECT_LT(expired(), kDue);

    const Outcome again = keyrota({"apply", file, "--max-actions", "1000000"});
    EXPECT_EQ(again.exit_code, 2);
    EXPECT_THAT(again.errors, HasSubstr("was already applied by run"));
    EXPECT_EQ(run_to_the_end().exit_code, 0);
    EXPECT_EQ(expired(), kDue);
    EXPECT_EQ(number("select count(distinct key_id) from keyrota.audit_entry"
                     " where action = 'key.expire'"),
              kDue);
    expect_nothing_left_over();
}

TEST_F(Faults, OfTwoRunsAtOnceOneGivesWayOrComesAfterAndEveryKeyIsExpiredOnce) {
    for (int round = 1; round <= 8; ++round) {
        // Each round an hour later: what became due since the last one.
        const Timestamp now = kNow + hours(round);
        given_keys(300, {.name = "due", .expires_at = now});
        const Arguments words{"run",          "expire-keys",   "--as-of",
                              to_string(now), "--max-actions", "1000"};
        Program one = start(words);
        Program other = start(words);
        const std::vector<int> exits{one.wait().exit_code, other.wait().exit_code};
        for (const int exit : exits) EXPECT_THAT(exit, AnyOf(0, 6));
        EXPECT_TRUE(exits[0] == 0 || exits[1] == 0);
        EXPECT_EQ(expired(), 300 * round);
    }
    EXPECT_EQ(number("select count(distinct key_id) from keyrota.audit_entry"
                     " where action = 'key.expire'"),
              300 * 8);
    expect_nothing_left_over();
}

TEST_F(Faults, ManyRunsAtOnceThatAllWaitComeOneAfterAnother) {
    given_due(500);
    std::vector<Program> runs;
    for (int i = 0; i < 4; ++i) runs.push_back(start(run_words({"--wait", "1m"})));
    for (Program& run : runs) EXPECT_EQ(run.wait().exit_code, 0);
    EXPECT_EQ(number("select count(*) from keyrota.job_run where complete"), 4);
    expect_as_undisturbed(500);
}

// --- told to stop -------------------------------------------------------------------------------

class Told : public Faults, public ::testing::WithParamInterface<int> {};

TEST_P(Told, ARunFinishesTheBatchInHandAndTheNextOneDoesTheRest) {
    given_due(kDue);
    Program run = start_slow_run();
    wait_for_progress();
    run.signal(GetParam());
    const Outcome outcome = run.wait();
    EXPECT_EQ(outcome.exit_code, 128 + GetParam());
    EXPECT_EQ(outcome.out, "");
    EXPECT_EQ(last_status(), "interrupted");
    EXPECT_FALSE(last_is_complete());
    EXPECT_EQ(number("select exit_code from keyrota.job_run"), 128 + GetParam());
    const std::int64_t done = expired();
    EXPECT_GT(done, 0);
    EXPECT_LT(done, kDue);
    EXPECT_EQ(done % kBatch, 0) << "half a batch";
    expect_nothing_left_over();

    EXPECT_EQ(keyrota(run_words()).exit_code, 0) << "at once: the lease was given back";
    expect_as_undisturbed();
}

INSTANTIATE_TEST_SUITE_P(Faults, Told, ::testing::Values(SIGINT, SIGTERM), [](const auto& told) {
    return told.param == SIGINT ? "BySigint" : "BySigterm";
});

TEST_F(Faults, ARunThatPausesBetweenBatchesDoesNotPauseToTheEndWhenItIsToldToStop) {
    given_due(kDue);
    // A batch of 2000 takes some 100 ms and more, the pause after it 99 times as long.
    Program run =
        start(run_words(), {{"KEYROTA_LIMITS_DUTY", "1"}, {"KEYROTA_LIMITS_BATCH_SIZE", "1990"}});
    wait_for_progress();
    run.signal(SIGTERM);
    const auto told = steady_clock::now();
    EXPECT_EQ(run.wait().exit_code, 143);
    EXPECT_LT(steady_clock::now() - told, std::chrono::seconds(5));
    EXPECT_EQ(last_status(), "interrupted");
}

TEST_F(Faults, ASecondSignalEndsARunThatWaitsForALock) {
    given_due(10);
    const std::int64_t key = number("select min(key_id) from keyrota.api_key");
    Session lock = lock_key(key);
    Program run = start(run_words(), {{"KEYROTA_DATABASE_LOCK_TIMEOUT", "5m"}});
    wait_until_blocked();
    for (int i = 0; i < 100 && run.is_running(); ++i) {
        run.signal(SIGTERM);
        std::this_thread::sleep_for(milliseconds(100));
    }
    EXPECT_EQ(run.wait().exit_code, 143);
    lock.execute_verbatim("rollback", "rollback");
    EXPECT_EQ(run_to_the_end().exit_code, 0);
    expect_as_undisturbed(10);
}

TEST_F(Faults, AJobThatWasNotBegunBecauseOfASignalIsNotTakenForDone) {
    given_due(10);
    // The first job is held at its very end, where nothing is left to interrupt in it.
    Session lock = session_as("postgres");
    Program run = start({"run", "expire-keys", "expire-keys", "--as-of", to_string(kNow)},
                        {{"KEYROTA_DATABASE_LOCK_TIMEOUT", "5m"},
                         {"KEYROTA_LIMITS_DUTY", "1"},
                         {"KEYROTA_LIMITS_BATCH_SIZE", "5"}});
    wait_for_progress(5);
    lock.execute_verbatim("begin", "begin");
    lock.execute_verbatim("lock", "select from keyrota.job_run for update");
    wait_until_blocked();
    run.signal(SIGTERM);
    std::this_thread::sleep_for(milliseconds(200));
    lock.execute_verbatim("rollback", "rollback");
    EXPECT_EQ(run.wait().exit_code, 143);
    EXPECT_EQ(expired(), 10);
    EXPECT_EQ(number("select count(*) from keyrota.job_run"), 1);
}

// --- asleep while the world goes on -------------------------------------------------------------

TEST_F(Faults, ARunThatSleptPastItsLeaseStopsAndHarmsNothing) {
    given_due(kDue);
    Program sleeper = start_slow_run();
    wait_for_progress();
    // Between two batches: in the middle of one it would hold its lease's row, and nobody could
    // take over before the server ends its transaction.
    for (int i = 0;; ++i) {
        ASSERT_LT(i, 500) << "never found between two batches";
        sleeper.signal(SIGSTOP);
        std::this_thread::sleep_for(milliseconds(50));
        const auto busy = admin().one(
            {"busy",
             "select count(*) as n from pg_stat_activity where datname = current_database()"
             " and usename = 'keyrota_runner' and state <> 'idle'"});
        if (busy.int64("n") == 0) break;
        sleeper.signal(SIGCONT);
        std::this_thread::sleep_for(milliseconds(7));
    }
    EXPECT_LT(expired(), kDue);
    EXPECT_EQ(keyrota(run_words()).exit_code, 6) << "its lease still holds";
    // As if 30 s had gone by.
    execute("update keyrota.job_lease set expires_at = clock_timestamp() - interval '1 second'");
    EXPECT_EQ(keyrota(run_words()).exit_code, 0);
    expect_as_undisturbed();

    const auto before = fingerprint();
    sleeper.signal(SIGCONT);
    const Outcome outcome = sleeper.wait();
    EXPECT_EQ(outcome.exit_code, 6);
    EXPECT_THAT(outcome.errors, HasSubstr("the lease was taken over by another run"));
    EXPECT_EQ(fingerprint(), before);
    EXPECT_EQ(keyrota(run_words()).exit_code, 0);
}

// --- the server goes away -----------------------------------------------------------------------

TEST_F(Faults, ARunWhoseServerCrashesEndsWithADatabaseErrorAndTheNextOneDoesTheRest) {
    given_due(kDue);
    Program run = start_slow_run();
    wait_for_progress();
    Server::instance().crash_and_restart();
    const Outcome outcome = run.wait();
    reconnect_all();
    EXPECT_EQ(outcome.exit_code, 5);
    EXPECT_THAT(outcome.errors, HasSubstr("HINT: Run it again"));
    EXPECT_LT(expired(), kDue);  // perhaps none: batches do not wait for the disk
    EXPECT_EQ(keyrota(run_words()).exit_code, 0);
    EXPECT_THAT(texts("select status from keyrota.job_run order by run_id"),
                ElementsAre("interrupted", "done"));
    expect_as_undisturbed();
}

TEST_F(Faults, ARunThatEndedWellOutlivesACrashOfTheServerInTheNextMoment) {
    given_due(kDue);
    EXPECT_EQ(keyrota(run_words()).exit_code, 0);
    Server::instance().crash_and_restart();
    reconnect_all();
    expect_as_undisturbed();
}

TEST_F(Faults, ARunWhoseConnectionIsEndedStopsWithADatabaseErrorAndTheNextOneDoesTheRest) {
    given_due(kDue);
    Program run = start_slow_run();
    wait_for_progress();
    const auto backends = run_backends();
    ASSERT_EQ(backends.size(), 1U);
    terminate(std::to_string(backends.front()));
    const Outcome outcome = run.wait();
    EXPECT_EQ(outcome.exit_code, 5);
    EXPECT_THAT(outcome.errors, HasSubstr("HINT: Run it again"));
    EXPECT_LT(expired(), kDue);
    EXPECT_EQ(run_to_the_end().exit_code, 0);
    expect_as_undisturbed();
}

TEST_F(Faults, ARunWhoseLeaseConnectionIsEndedGoesOnUntilSomebodyTakesOver) {
    given_due(kDue);
    Program run = start_slow_run();
    wait_for_progress();
    terminate("(select backend_pid from keyrota.job_lease)");
    wait_until(
        "not exists (select from pg_stat_activity a, keyrota.job_lease l"
        " where a.pid = l.backend_pid)");
    // It waits for the batch in hand, if there is one, and then has the lease.
    EXPECT_EQ(run_to_the_end().exit_code, 0);
    const Outcome outcome = run.wait();
    EXPECT_EQ(outcome.exit_code, 6);
    EXPECT_THAT(outcome.errors, HasSubstr("the lease was taken over by another run"));
    expect_as_undisturbed();
}

// --- somebody else holds a key ------------------------------------------------------------------

TEST_F(Faults, AKeyThatStaysLockedIsLeftToTheNextRunAndAllOthersAreExpired) {
    given_due(kDue);
    const std::int64_t key = number("select min(key_id) + 777 from keyrota.api_key");
    Session lock = lock_key(key);
    const Outcome outcome = keyrota(run_words(), {{"KEYROTA_DATABASE_LOCK_TIMEOUT", "200ms"},
                                                  {"KEYROTA_LIMITS_MAX_TRIES", "2"}});
    EXPECT_EQ(outcome.exit_code, 3);
    EXPECT_THAT(outcome.errors, HasSubstr("1 keys were locked by others"));
    EXPECT_EQ(expired(), kDue - 1);
    EXPECT_EQ(last_status(), "partial");
    EXPECT_FALSE(last_is_complete());
    EXPECT_EQ(number("select sum(failed_total) from keyrota.run_check"), 1);
    expect_nothing_left_over();

    lock.execute_verbatim("rollback", "rollback");
    EXPECT_EQ(keyrota(run_words()).exit_code, 0);
    expect_as_undisturbed();
}

TEST_F(Faults, AKeyThatIsUnlockedInTimeIsExpiredWithTheOthers) {
    given_due(kDue);
    const std::int64_t key = number("select min(key_id) + 777 from keyrota.api_key");
    Session lock = lock_key(key);
    Program run = start(run_words(), {{"KEYROTA_DATABASE_LOCK_TIMEOUT", "1m"}});
    wait_until_blocked();
    EXPECT_EQ(expired(), kDue - 1) << "all others do not wait for it";
    lock.execute_verbatim("rollback", "rollback");
    EXPECT_EQ(run.wait().exit_code, 0);
    expect_as_undisturbed();
}

TEST_F(Faults, AKeyThatIsRenewedAfterThePlanIsCountedAsDriftedAndLeftAlone) {
    given_due(100);
    const std::int64_t key = number("select min(key_id) + 7 from keyrota.api_key");
    Session owner_of_key = lock_key(key);
    Program run = start(run_words({"--json"}), {{"KEYROTA_DATABASE_LOCK_TIMEOUT", "1m"}});
    wait_until_blocked();
    owner_of_key.execute_verbatim(
        "renew", fmt::format("update keyrota.api_key_state set expires_at = expires_at +"
                             " interval '1 year' where key_id = {}",
                             key));
    owner_of_key.execute_verbatim("commit", "commit");
    const Outcome outcome = run.wait();
    EXPECT_EQ(outcome.exit_code, 0);
    EXPECT_THAT(outcome.out, HasSubstr("\"drifted\": 1"));
    EXPECT_EQ(expired(), 99);
    EXPECT_EQ(text(fmt::format("select status from keyrota.api_key_state where key_id = {}", key)),
              "active");
    EXPECT_EQ(number(fmt::format("select count(*) from keyrota.finding where key_id = {}", key)),
              0);
    EXPECT_EQ(number("select sum(drifted_total) from keyrota.run_check"), 1);
    EXPECT_TRUE(last_is_complete()) << "a drifted key is no failure";
    expect_nothing_left_over();
}

TEST_F(Faults, AKeyThatIsDeletedAfterThePlanIsCountedAsDrifted) {
    given_due(100);
    const std::int64_t key = number("select min(key_id) + 7 from keyrota.api_key");
    Session owner_of_key = lock_key(key);
    Program run = start(run_words({"--json"}), {{"KEYROTA_DATABASE_LOCK_TIMEOUT", "1m"}});
    wait_until_blocked();
    owner_of_key.execute_verbatim(
        "delete", fmt::format("delete from keyrota.api_key_state where key_id = {}", key));
    owner_of_key.execute_verbatim("commit", "commit");
    EXPECT_THAT(run.wait().out, HasSubstr("\"drifted\": 1"));
    EXPECT_EQ(expired(), 99);
    expect_nothing_left_over();
}

}  // namespace
}  // namespace keyrota::test
