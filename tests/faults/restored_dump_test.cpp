// A dump restored on another server: nothing is done there until somebody has looked, and what
// docs/operating.md says under "After a restore" brings it back.

#include <fmt/format.h>

#include "support/company.h"
#include "support/other_server.h"

namespace keyrota::test {
namespace {

using ::testing::HasSubstr;

class RestoredDump : public Company {};

TEST_F(RestoredDump, HoldsBackUntilSomebodyHasLookedAndThenGoesOn) {
    run_all_to_the_end();
    go_on();  // these samples are in the dump and not counted
    const std::string heads = scratch().write("heads.txt", keyrota({"audit", "head"}).out);
    const OtherServer other = OtherServer::restored(database());
    const Environment there{{"KEYROTA_DATABASE_URL", other.url("keyrota_runner", database())}};
    Session session = other.session_as("postgres", database());
    const auto number_there = [&](const std::string& sql) {
        return session.one({"number", ("select (" + sql + ")::bigint as n").c_str()}).int64("n");
    };

    const std::int64_t expired =
        number_there("select count(*) from keyrota.api_key_state where status = 'expired'");
    const Outcome held = keyrota({"run", "expire-keys"}, there);
    EXPECT_EQ(held.exit_code, 9) << held.errors;
    EXPECT_THAT(held.errors, HasSubstr("this is another database server than the last run saw"));
    EXPECT_NE(keyrota({"run", "rollup-usage"}, there).exit_code, 0);
    EXPECT_EQ(number_there("select count(*) from keyrota.api_key_state where status = 'expired'"),
              expired);

    EXPECT_EQ(keyrota({"audit", "verify", "--head", heads}, there).exit_code, 0);
    EXPECT_EQ(keyrota({"usage", "rebase", "--yes"}, there).exit_code, 0);
    EXPECT_EQ(keyrota({"run", "expire-keys", "flag-rotation", "--dry-run"}, there).exit_code, 9)
        << "it still says so";
    EXPECT_EQ(keyrota({"resume"}, there).exit_code, 0);
    for (const Job* job : all_jobs()) {
        const Outcome outcome = keyrota({"run", job->name, "--max-actions", "100000"}, there);
        EXPECT_EQ(outcome.exit_code, 0) << job->name << ": " << outcome.errors;
    }
    EXPECT_EQ(number_there("select sum(requests) from keyrota.usage_hour"),
              number_there("select sum(requests) from keyrota.usage_sample"));
    EXPECT_EQ(keyrota({"audit", "verify", "--head", heads}, there).exit_code, 0);
}

}  // namespace
}  // namespace keyrota::test
