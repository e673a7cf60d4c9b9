// Machines whose clocks are wrong by a day: jobs go by the database's.

#include <fmt/format.h>

#include <filesystem>

#include "catalog.h"
#include "support/program.h"

namespace keyrota::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

// Debian's libfaketime, by what the machine's own architecture calls its folder.
std::string faketime_library() {
    for (const auto& entry : std::filesystem::directory_iterator("/usr/lib")) {
        const std::filesystem::path library = entry.path() / "faketime/libfaketimeMT.so.1";
        if (std::filesystem::exists(library)) return library;
    }
    return "not installed: run ./dev setup";
}

class WrongClock : public ProgramTest, public ::testing::WithParamInterface<const char*> {
  protected:
    void SetUp() override {
        ProgramTest::SetUp();
#ifdef KEYROTA_SANITIZED
        GTEST_SKIP() << "AddressSanitizer lets no other library be loaded before its own";
#endif
    }
    Environment wrong() {
        return {{"LD_PRELOAD", faketime_library()},
                {"FAKETIME", GetParam()},
                {"FAKETIME_DONT_FAKE_MONOTONIC", "1"}};
    }
    Timestamp server_now() {
        return owner()
            .one({"now", "select keyrota.micros(clock_timestamp()) as now"})
            .instant("now");
    }
};

TEST_P(WrongClock, OfTheMachineChangesNothingForTheKeys) {
    const Timestamp now = server_now();
    given_key({.name = "due", .expires_at = now - 1min});
    given_key({.name = "due in an hour", .expires_at = now + 1h});
    given_key({.name = "due for two days", .expires_at = now - 48h});
    for (const Job* job : all_jobs()) {
        const Outcome outcome = keyrota({"run", job->name}, wrong());
        EXPECT_EQ(outcome.exit_code, 0) << job->name << ": " << outcome.errors;
    }
    EXPECT_THAT(keys_with_status("expired"), ElementsAre("due", "due for two days"));
    // In the same minute by the right clock: nothing is held back, nobody has to wait for a lease.
    EXPECT_EQ(keyrota({"run", "expire-keys"}).exit_code, 0);
    EXPECT_EQ(number("select count(*) from keyrota.job_run where abs(extract(epoch from as_of - "
                     "now())) > 600"),
              0);
    EXPECT_EQ(number("select count(*) from keyrota.finding where abs(extract(epoch from opened_at "
                     "- now())) > 600"),
              0);
    EXPECT_EQ(keyrota({"audit", "verify"}, wrong()).exit_code, 0);
}

TEST_P(WrongClock, IsSaidByTheDoctor) {
    const Outcome outcome = keyrota({"doctor"}, wrong());
    EXPECT_EQ(outcome.exit_code, 13);
    EXPECT_THAT(outcome.out, HasSubstr(std::string("fail  clock           the database is 864")));
    EXPECT_THAT(outcome.out, HasSubstr(GetParam()[0] == '+' ? "s behind this machine"
                                                            : "s ahead of this machine"));
    EXPECT_THAT(outcome.out,
                HasSubstr("HINT: Jobs use the database's clock: keep both in sync with NTP."));
}

INSTANTIATE_TEST_SUITE_P(Faults, WrongClock, ::testing::Values("+1d", "-1d"),
                         [](const auto& clock) {
                             return std::string(clock.param[0] == '+' ? "ADayAhead" : "ADayBehind");
                         });

}  // namespace
}  // namespace keyrota::test
