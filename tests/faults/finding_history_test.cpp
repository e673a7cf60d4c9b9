// Random histories: keys are made, renewed, moved, switched off, revived and deleted; runs are
// whole, limited, blocked by locks or killed. Whatever happened, no finding is lost, doubled or
// resolved by a run that did not see everything.

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <random>
#include <thread>

#include "support/program.h"

namespace keyrota::test {
namespace {

using namespace std::chrono_literals;
using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::minutes;

class FindingHistory : public ProgramTest, public ::testing::WithParamInterface<unsigned> {
  protected:
    void SetUp() override {
        ProgramTest::SetUp();
        environment()["KEYROTA_LIMITS_BATCH_SIZE"] = "7";
        config().limits.batch_size = 7;
        config().database.lock_timeout = 20ms;
        config().limits.max_tries = 1;
    }

    int up_to(int most) { return std::uniform_int_distribution<int>(0, most)(random_); }

    // Dates around the present: past ones, some within each stage, some beyond all.
    Timestamp some_date() { return now_ + minutes(up_to(60 * 24 * 40) - 60 * 24 * 3); }
    // A few keys, by chance, as a condition; no date of the run's own instant is hit by accident.
    std::string some_keys() {
        return fmt::format("abs(hashint8(key_id + {})) % 9 = 0", up_to(1 << 20));
    }
    void update_states(const std::string& change, const std::string& where) {
        execute(fmt::format("update keyrota.api_key_state set {} where {} and {}", change, where,
                            some_keys()));
    }

    void change_keys() {
        switch (up_to(6)) {
            case 0:
            case 1:
                for (int i = up_to(4); i >= 0; --i)
                    given_keys(1 + up_to(9), {.name = "made", .expires_at = some_date()});
                break;
            case 2:  // renewed
                update_states(fmt::format("expires_at = keyrota.instant({})",
                                          to_micros(now_ + hours(24 * (20 + up_to(40))))),
                              "status <> 'expired'");
                break;
            case 3:  // a date was moved, perhaps behind the watermark
                update_states(
                    fmt::format("expires_at = keyrota.instant({})", to_micros(some_date())),
                    "status <> 'expired'");
                break;
            case 4:
                update_states(
                    "status = case status when 'active' then 'inactive' else 'active' end",
                    "status <> 'expired'");
                break;
            case 5:  // brought back by a person
                update_states(fmt::format("status = 'active', expires_at = keyrota.instant({})",
                                          to_micros(now_ + hours(1 + up_to(24 * 40)))),
                              "status = 'expired'");
                break;
            default: {
                const std::string ids =
                    text("select array_agg(key_id) from keyrota.api_key where " + some_keys());
                if (ids == "NULL") break;
                for (const char* table : {"api_key_state", "api_key"})
                    execute(fmt::format("delete from keyrota.{} where key_id = any ('{}')", table,
                                        ids));
            }
        }
    }

    RunReport judge(RunOptions options = {}) {
        options.max_actions = 1'000'000;
        options.wait = 60s;  // the lease of a killed run is free once the server has noticed
        return run("expire-keys", now_, options);
    }
    void run_killed() {
        Program program = start({"run", "expire-keys", "--as-of", to_string(now_), "--max-actions",
                                 "1000000", "--wait", "1m"});
        std::this_thread::sleep_for(microseconds(up_to(120'000)));
        program.signal(SIGKILL);
        program.wait();
    }
    void run_blocked() {
        const std::int64_t due =
            number(fmt::format("select coalesce(min(key_id), 0) from keyrota.api_key_state where "
                               "status <> 'expired' and "
                               "expires_at <= keyrota.instant({})",
                               to_micros(now_)));
        if (due == 0) return;
        const Session lock = lock_key(due);
        const RunReport report = judge();
        if (report.complete) return;  // it was moved behind the watermark, and nobody missed it
        EXPECT_EQ(report.exit_code, ExitCode::partial);
        expect_no_absence(report);
        ++partial_runs_;
    }

    // --- what must hold

    void expect_no_absence(const RunReport& report) {
        EXPECT_EQ(number(fmt::format("select count(*) from keyrota.finding where resolution = "
                                     "'absence' and run_id = {}",
                                     report.run_id)),
                  0)
            << "a run that did not see everything resolved";
    }
    // Each expiry is one audit entry and one episode of the key's finding: none lost, none doubled.
    void expect_one_episode_an_expiry() {
        EXPECT_EQ(texts("select key_id || ': ' || count(*) from keyrota.audit_entry where action = "
                        "'key.expire' group by key_id order by key_id"),
                  texts("select key_id || ': ' || episode from keyrota.finding where check_id = "
                        "'KEY-EXPIRED' order by key_id"));
        EXPECT_EQ(number("select count(*) from keyrota.finding f where f.episode <> 1 + (select "
                         "count(*) from keyrota.finding_episode e where e.key_id = f.key_id and "
                         "e.uid = f.uid)"),
                  0)
            << "earlier episodes are kept";
    }
    void expect_right_after(const RunReport& report) {
        const std::string holds = fmt::format(
            "status = 'active' and expires_at > keyrota.instant({0}) and expires_at <= "
            "keyrota.instant({0}) + interval '30 days'",
            to_micros(now_));
        // Nothing that holds was resolved as absent by this run.
        EXPECT_EQ(number(fmt::format(
                      "select count(*) from keyrota.finding f join keyrota.api_key_state s using "
                      "(key_id) where f.check_id = 'KEY-EXPIRES-SOON' and f.resolution = 'absence' "
                      "and f.run_id = {} and s.key_id in (select key_id from keyrota.api_key_state "
                      "where {})",
                      report.run_id, holds)),
                  0);
        if (std::any_of(report.checks.begin(), report.checks.end(),
                        [](const CheckReport& check) { return check.pass != "standing"; }))
            return;
        // A complete look at everything: what is open is what holds, key by key.
        EXPECT_EQ(
            texts("select key_id from keyrota.finding where check_id = 'KEY-EXPIRES-SOON' and "
                  "status <> 'resolved' order by key_id"),
            texts("select key_id from keyrota.api_key_state where " + holds + " order by key_id"));
        EXPECT_EQ(number("select count(*) from keyrota.finding where check_id = 'KEY-EXPIRED' and "
                         "status <> 'resolved'"),
                  0);
        ++whole_looks_;
    }

    std::mt19937 random_{GetParam()};
    Timestamp now_ = kNow;
    int whole_looks_ = 0;
    int partial_runs_ = 0;
};

TEST_P(FindingHistory, LosesDoublesAndResolvesNothingWrongly) {
    given_keys(40, {.name = "first", .expires_at = kNow + 24h});
    for (int step = 0; step < 60 && !HasFailure(); ++step) {
        SCOPED_TRACE(fmt::format("seed {}, step {}", GetParam(), step));
        for (int changes = up_to(3); changes > 0; --changes) change_keys();
        now_ += minutes(1 + up_to(3) * up_to(60 * 12));
        switch (up_to(5)) {
            case 0:
                run_killed();
                break;
            case 1: {
                const RunReport report = judge({.limit = 1 + up_to(10)});
                EXPECT_FALSE(report.complete);
                expect_no_absence(report);
                break;
            }
            case 2:
                run_blocked();
                break;
            default: {
                const RunReport report = judge();
                EXPECT_TRUE(report.complete) << report.message;
                expect_right_after(report);
            }
        }
        expect_one_episode_an_expiry();
    }
    // However it went, one whole look makes everything right.
    now_ += hours(25);
    expect_right_after(judge());
    EXPECT_GT(partial_runs_, 0);
    EXPECT_GT(whole_looks_, 3) << "the history proved too little";
    EXPECT_EQ(audit_fault(), "");
}

INSTANTIATE_TEST_SUITE_P(Seeds, FindingHistory, ::testing::Values(1U, 20261124U, 777U));

}  // namespace
}  // namespace keyrota::test
