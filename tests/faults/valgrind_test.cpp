// The main job under valgrind, which sees what no sanitizer does: uninitialised memory, and
// libraries as they are.

#include <gtest/gtest.h>

#include <regex>

#include "support/program.h"

namespace keyrota::test {
namespace {

class Valgrind : public ProgramTest {};

TEST_F(Valgrind, TheMainJobUsesNoMemoryThatIsNotItsOwnOrNotSetAndLosesNone) {
#ifdef KEYROTA_SANITIZED
    GTEST_SKIP() << "valgrind cannot run what AddressSanitizer instruments";
#endif
    given_keys(300, {.name = "due", .expires_at = kNow});
    given_keys(300, {.name = "good", .expires_at = kNow + std::chrono::hours(24 * 36500)});
    Arguments argv{"/usr/bin/valgrind", "--quiet", "--error-exitcode=99", "--leak-check=full",
                   "--errors-for-leak-kinds=definite"};
    for (const std::string& word : keyrota_argv({"run", "expire-keys"})) argv.push_back(word);
    const Outcome outcome = test::run(argv, {.environment = environment()});
    EXPECT_EQ(outcome.exit_code, 0);
    // It does not know mlock2, which OpenSSL tries before mlock, and says so: `--PID-- ...`.
    // What it finds begins with `==PID==`.
    EXPECT_EQ(std::regex_replace(outcome.errors, std::regex("--[0-9]+-- [^\n]*\n"), ""), "");
    EXPECT_EQ(number("select count(*) from keyrota.api_key_state where status = 'expired'"), 300);
}

}  // namespace
}  // namespace keyrota::test
