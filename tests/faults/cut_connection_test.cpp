// The connection to the server is cut at any byte of an answer, or goes silent: runs end with a
// database error, and the next ones make it good.

#include <fmt/format.h>

#include <random>

#include "support/company.h"
#include "support/proxy.h"

namespace keyrota::test {
namespace {

using std::chrono::seconds;
using ::testing::AnyOf;
using ::testing::HasSubstr;

class CutConnection : public Company {
  protected:
    const bool is_long_ = is_long_form();

    Environment through(const Proxy& proxy, const std::string& more = "") {
        return {{"KEYROTA_DATABASE_URL", proxy.url("keyrota_runner", database()) + more},
                {"KEYROTA_DATABASE_CHECKER_URL", proxy.url("keyrota_checker", database()) + more}};
    }
    // A run through the proxy that nothing befalls. @returns how much the server answers.
    std::int64_t answer_of(const Job& job, const Proxy& proxy) {
        const std::int64_t before = proxy.answered();
        const Outcome outcome = start_run(job, through(proxy)).wait();
        EXPECT_EQ(outcome.exit_code, 0) << job.name << ": " << outcome.errors;
        return proxy.answered() - before;
    }
};

TEST_F(CutConnection, AtAnyByteOfAnyJobIsADatabaseErrorThatTheNextRunMakesGood) {
    const int rounds = is_long_ ? 40 : 2;
    std::mt19937 random(20261128);
    Proxy proxy;
    std::map<const Job*, std::int64_t> answers;
    for (const Job* job : all_jobs()) answers[job] = answer_of(*job, proxy);
    int cut = 0;
    for (int round = 0; round < rounds; ++round) {
        go_on();
        for (const auto& [job, bytes] : answers) {
            SCOPED_TRACE(fmt::format("{} at {}", job->name, to_string(now())));
            proxy.after(std::uniform_int_distribution<std::int64_t>(1, bytes)(random),
                        Proxy::Fault::cut);
            const Outcome outcome = start_run(*job, through(proxy)).wait();
            // Where the lease's own connection was cut, or the last word was said, it goes on.
            EXPECT_THAT(outcome.exit_code, AnyOf(0, 3, 5)) << outcome.errors;
            if (outcome.exit_code == 5) {
                ++cut;
                EXPECT_THAT(outcome.errors, HasSubstr("HINT: "));
            }
            proxy.after(INT32_MAX, Proxy::Fault::cut);
        }
        expect_nothing_torn();
        ASSERT_FALSE(HasFailure()) << "one round that went wrong is enough to read";
    }
    EXPECT_GE(cut, rounds * 5);
    come_to_rest();
    expect_invariants();
}

TEST_F(CutConnection, ThatGoesSilentIsNoticedByBothEndsAndItsLeaseLapses) {
    environment()["KEYROTA_DATABASE_IDLE_IN_TRANSACTION_TIMEOUT"] = "1s";
    Proxy proxy;
    const Job& job = find_job("expire-keys");
    answer_of(job, proxy);  // with all that a first run does
    go_on();
    const std::int64_t bytes = answer_of(job, proxy);
    go_on();
    proxy.after(bytes / 2, Proxy::Fault::vanish);
    // What a connection to another machine has by default, in smaller.
    const Environment impatient =
        through(proxy, " keepalives_idle=1 keepalives_interval=1 keepalives_count=2");
    const Outcome outcome = start_run(job, impatient).wait(seconds(30));
    EXPECT_EQ(outcome.exit_code, 5) << outcome.errors;
    EXPECT_THAT(outcome.errors, HasSubstr("the connection broke"));

    EXPECT_EQ(keyrota({"run", "expire-keys", "--as-of", to_string(now())}).exit_code, 6)
        << "the server has not heard that it is gone";
    // As if 30 s had gone by.
    execute("update keyrota.job_lease set expires_at = clock_timestamp() - interval '1 second'");
    run_to_the_end(job);
    expect_nothing_torn();
}

}  // namespace
}  // namespace keyrota::test
