#include "postgres/process.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>

#include "error/error.h"

namespace keyrota::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using namespace std::chrono_literals;

ProgramResult shell(const std::string& script, const ProgramOptions& options = {}) {
    return run_program({"/bin/sh", "-c", script}, options);
}

TEST(RunProgram, TellsBothStreamsAndTheExitStatus) {
    const ProgramResult result = shell("echo out; echo err >&2; exit 3");
    EXPECT_EQ(result.output, "out\n");
    EXPECT_EQ(result.errors, "err\n");
    EXPECT_EQ(result.exit_status, 3);
    EXPECT_FALSE(result.succeeded());
    EXPECT_TRUE(shell("true").succeeded());
}

TEST(RunProgram, TellsTheSignalAsAShellDoes) {
    EXPECT_EQ(shell("kill -9 $$").exit_status, 137);
}

TEST(RunProgram, HandsOnNothingOfOurEnvironment) {
    setenv("PGPASSWORD", "hunter2", 1);
    const std::string seen = run_program({"/usr/bin/env"}).output;
    unsetenv("PGPASSWORD");
    EXPECT_THAT(seen, Not(HasSubstr("hunter2")));
    EXPECT_THAT(seen, HasSubstr("LC_ALL=C.UTF-8\n"));
    EXPECT_THAT(seen, HasSubstr("PATH="));
    EXPECT_THAT(seen, HasSubstr("HOME="));
}

TEST(RunProgram, HandsOnNoDescriptorAndNoInput) {
    const Descriptor leaky(open("/etc/passwd", O_RDONLY));  // without O_CLOEXEC
    // ls itself opens the folder: descriptor 3.
    EXPECT_EQ(shell("exec ls /proc/self/fd").output, "0\n1\n2\n3\n");
    EXPECT_EQ(shell("cat").output, "");
}

TEST(RunProgram, GivesItsInputWholeAlsoToAProgramThatDoesNotReadIt) {
    const std::string text(300'000, 'x');
    EXPECT_EQ(shell("wc -c", {.input = text}).output, "300000\n");
    EXPECT_TRUE(shell("true", {.input = text}).succeeded());
}

TEST(RunProgram, StartsWithSignalsOpenThoughWeBlockAndIgnoreThem) {
    sigset_t blocked;
    sigset_t before;
    sigfillset(&blocked);
    pthread_sigmask(SIG_BLOCK, &blocked, &before);
    const auto handler = signal(SIGPIPE, SIG_IGN);
    const std::string seen = shell("grep SigBlk /proc/self/status").output;
    const int status = shell("kill -PIPE $$").exit_status;
    signal(SIGPIPE, handler);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    EXPECT_EQ(seen, "SigBlk:\t0000000000000000\n");
    EXPECT_EQ(status, 128 + SIGPIPE);
}

TEST(RunProgram, SeesTheVariablesThatItIsGivenInsteadOfOurs) {
    ProgramOptions options;
    options.environment = {"HOME=/elsewhere", "A=b=c", "HOMES=2"};
    const std::string seen = run_program({"/usr/bin/env"}, options).output;
    EXPECT_NE(seen.find("A=b=c\n"), std::string::npos);
    EXPECT_NE(seen.find("HOMES=2\n"), std::string::npos);
    EXPECT_NE(seen.find("HOME=/elsewhere\n"), std::string::npos);
    EXPECT_EQ(seen.find("HOME="), seen.rfind("HOME="));
    EXPECT_NE(seen.find("PATH=/"), std::string::npos);
}

TEST(RunProgram, KillsTheWholeGroupAtTheTimeout) {
    ProgramOptions options;
    options.timeout = 200ms;
    const auto start = std::chrono::steady_clock::now();
    const ProgramResult result = shell("echo begun; sleep 60 & sleep 60", options);
    EXPECT_TRUE(result.timed_out);
    EXPECT_FALSE(result.succeeded());
    EXPECT_EQ(result.output, "begun\n");
    EXPECT_LT(std::chrono::steady_clock::now() - start, 10s);
}

TEST(RunProgram, DoesNotWaitForWhatTheProgramLeftInTheBackground) {
    const auto start = std::chrono::steady_clock::now();
    EXPECT_EQ(shell("sleep 5 & echo done").output, "done\n");
    EXPECT_LT(std::chrono::steady_clock::now() - start, 4s);
}

TEST(RunProgram, KeepsTheLastBytesOfMuchOutput) {
    ProgramOptions options;
    options.max_output = 10;
    EXPECT_EQ(shell("seq 1 100000; echo the end", options).output, "0\nthe end\n");
}

TEST(RunProgram, RunsInTheFolderThatIsNamed) {
    ProgramOptions options;
    options.working_directory = "/usr";
    EXPECT_EQ(shell("pwd", options).output, "/usr\n");
    EXPECT_EQ(shell("pwd").output, "/\n");
}

TEST(RunProgram, RunsAsAnotherUserWithItsGroupsAndHome) {
    if (geteuid() != 0) GTEST_SKIP() << "only root can become somebody else";
    ProgramOptions options;
    options.as_user = "postgres";
    EXPECT_EQ(shell("id -un; id -gn; echo $HOME", options).output,
              "postgres\npostgres\n/var/lib/postgresql\n");
}

TEST(RunProgram, RefusesAProgramOrUserThatIsNotThere) {
    EXPECT_THROW(run_program({"/no/such/program"}), Error);
    ProgramOptions options;
    options.as_user = "no-such-user";
    EXPECT_THROW(shell("true", options), Error);
}

}  // namespace
}  // namespace keyrota::test
