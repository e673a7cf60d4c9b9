// Behind a pooler: one that keeps a backend for the whole session is as good as the server itself.
// One that does not would lose what a session is set to, and is refused before anything is done.

#include <fmt/format.h>

#include "catalog.h"
#include "support/pooler.h"
#include "support/program.h"

namespace keyrota::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr const char* kRefused = "a pooler hands the session's backend to others";
constexpr const char* kHint =
    "HINT: Point database.url at the server itself, or at a pool in session mode.";

class BehindAPooler : public ProgramTest {
  protected:
    Environment through(const Pooler& pooler) {
        return {{"KEYROTA_DATABASE_URL", pooler.url("keyrota_runner", database())},
                {"KEYROTA_DATABASE_ADMIN_URL", pooler.url("postgres", database())},
                {"KEYROTA_DATABASE_CHECKER_URL", pooler.url("keyrota_checker", database())}};
    }
};

TEST_F(BehindAPooler, InSessionModeEveryJobComesToItsEnd) {
    given_keys(50, {.name = "due", .expires_at = kNow});
    const Pooler pooler("session");
    for (const Job* job : all_jobs()) {
        const Outcome outcome =
            keyrota({"run", job->name, "--as-of", to_string(kNow), "--max-actions", "100"},
                    through(pooler));
        EXPECT_EQ(outcome.exit_code, 0) << job->name << ": " << outcome.errors;
    }
    EXPECT_EQ(keys_with_status("expired").size(), 50U);
    EXPECT_EQ(keyrota({"audit", "verify"}, through(pooler)).exit_code, 0);
    EXPECT_EQ(number("select count(*) from keyrota.job_lease"), 0);
}

// How the pool is used decides what a session would meet: its own backend again and again, or each
// time the next one.
class BehindASharingPooler
    : public BehindAPooler,
      public ::testing::WithParamInterface<std::pair<const char*, const char*>> {};

TEST_P(BehindASharingPooler, EverythingIsRefusedBeforeAnythingIsDone) {
    given_keys(5, {.name = "due", .expires_at = kNow});
    const std::vector<std::string> before = fingerprint();
    const Pooler pooler(GetParam().first, GetParam().second);
    std::vector<Arguments> all;
    for (const Job* job : all_jobs()) all.push_back({"run", job->name, "--as-of", to_string(kNow)});
    all.insert(all.end(), {{"keys", "list"},
                           {"keys", "deactivate", "1", "--yes"},
                           {"audit", "verify"},
                           {"status"},
                           {"db", "init"}});
    for (const Arguments& words : all) {
        const Outcome outcome = keyrota(words, through(pooler));
        EXPECT_EQ(outcome.exit_code, 5) << words[0] << ' ' << words[1];
        EXPECT_THAT(outcome.errors, AllOf(HasSubstr(kRefused), HasSubstr(kHint)));
    }
    EXPECT_EQ(fingerprint(), before);

    const Outcome doctor = keyrota({"doctor"}, through(pooler));
    EXPECT_EQ(doctor.exit_code, 13);
    EXPECT_THAT(doctor.out, AllOf(HasSubstr(kRefused), HasSubstr(kHint)));
}

INSTANTIATE_TEST_SUITE_P(Faults, BehindASharingPooler,
                         ::testing::Values(std::pair("transaction", ""),
                                           std::pair("transaction", "server_round_robin = 1"),
                                           std::pair("transaction", "default_pool_size = 1"),
                                           std::pair("statement", "")));

// A busy pool may hide it from who connects.
TEST_F(BehindAPooler, ASessionThatLostItsBackendDoesNoTransactionInAnother) {
    Pooler pooler("session");
    const Connection connection =
        parse_connection(pooler.url("keyrota_runner", database()), std::chrono::seconds(10));
    Session session(connection);
    Session other(connection);
    pooler.change_mode("transaction");
    std::string refusal;
    EXPECT_TRUE(eventually([&] {
        try {
            // Both give back what they have; what comes back last is handed out first.
            Transaction(session).commit();
            Transaction(other).commit();
            Transaction(session).commit();
        } catch (const DatabaseError& error) {
            refusal = error.what();
        }
        return !refusal.empty();
    }));
    EXPECT_THAT(refusal, HasSubstr(kRefused));
}

}  // namespace
}  // namespace keyrota::test
