// Under the real cron daemon, with the crontab that we print: what it mails, and what it does not.

#include <fmt/format.h>
#include <unistd.h>

#include <fstream>
#include <iterator>

#include "catalog.h"
#include "support/program.h"

namespace keyrota::test {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

class CronDaemon : public ProgramTest {
  protected:
    void SetUp() override {
        ProgramTest::SetUp();
        fs::create_directory(scratch().path() / "cron.d");
    }
    // In the place of the program: tells us how it ended. What it says goes where cron wants it.
    fs::path given_wrapper() {
        const fs::path wrapper =
            scratch().write("keyrota", fmt::format("#!/bin/sh\n{} \"$@\"\nstatus=$?\n"
                                                   "echo \"$status $*\" >>{}/ended\nexit $status\n",
                                                   KEYROTA_PROGRAM, scratch().path().string()));
        fs::permissions(wrapper, fs::perms(0755));
        return wrapper;
    }
    void given_crontab(const std::string& name, const std::string& text) {
        scratch().write("cron.d/" + name, text);
    }
    std::vector<std::string> ended() const {
        std::ifstream in(scratch().path() / "ended");
        std::vector<std::string> lines;
        for (std::string line; std::getline(in, line);) lines.push_back(line);
        return lines;
    }
    std::vector<std::string> mails() const {
        std::vector<std::string> texts;
        if (!fs::exists(scratch().path() / "mail")) return texts;
        for (const auto& entry : fs::directory_iterator(scratch().path() / "mail")) {
            if (entry.path().filename().string().starts_with(".")) continue;
            std::ifstream in(entry.path());
            texts.emplace_back(std::istreambuf_iterator<char>(in),
                               std::istreambuf_iterator<char>());
        }
        return texts;
    }
    void stop_daemon(Program& daemon) {
        daemon.signal(SIGTERM);
        daemon.wait();
    }
};

// All in one minute, since cron starts nothing sooner.
TEST_F(CronDaemon, MailsWhatIsWrongAndNothingElse) {
    ASSERT_EQ(::geteuid(), 0U) << "cron starts other users' jobs, so this test takes root";
    const std::string program = given_wrapper();
    std::string schedules = "schedules:\n";
    for (const std::string& job : job_names())
        schedules +=
            fmt::format("  {}: {}\n", job,
                        job == "expire-keys" || job == "check-runs" ? "'* * * * *'" : "'off'");
    const std::string file = scratch().write("keyrota.yaml", schedules);
    const Outcome printed = keyrota({"--config", file, "cron", "print", "--format", "crontab",
                                     "--program", program, "--user", "root"});
    ASSERT_EQ(printed.exit_code, 0) << printed.errors;

    // As we print it: check-runs is quiet and well, expire-keys gives way to a run that hangs.
    given_crontab("keyrota", "KEYROTA_MAIL_TRANSPORT=maildir\nKEYROTA_DATABASE_URL=" +
                                 config().database.url + "\n" + printed.out);
    // From nothing but what cron gives: its PATH, HOME and no locale, a database made on the way.
    given_crontab("embedded",
                  fmt::format("* * * * * root {} --data-dir {}/embedded run check-runs\n", program,
                              scratch().path().string()));
    given_crontab("failing", fmt::format("KEYROTA_DATABASE_URL=postgresql://u@127.0.0.1:1/keys\n"
                                         "* * * * * root {} run expire-keys check-runs\n",
                                         program));
    Session lock = lock_key(given_key({.name = "due", .expires_at = kNow - std::chrono::hours(1)}));
    Program hanging = start({"run", "expire-keys"}, {{"KEYROTA_DATABASE_LOCK_TIMEOUT", "10m"}});
    wait_until_blocked();

    Program daemon({KEYROTA_SOURCE_DIR "/tests/support/private_cron.sh", scratch().path()},
                   {.environment = bare_environment()});
    const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(130);
    while ((ended().size() < 4 || mails().empty()) && daemon.is_running() &&
           std::chrono::steady_clock::now() < patience)
        ::usleep(100'000);
    if (!daemon.is_running())
        FAIL() << "the cron daemon did not stay up in a mount namespace of its own (it takes the "
                  "right to make one): "
               << daemon.wait().errors;
    stop_daemon(daemon);
    lock.execute_verbatim("rollback", "rollback");
    EXPECT_EQ(hanging.wait().exit_code, 0);

    auto lines = ended();
    ASSERT_GE(lines.size(), 4U);
    lines.resize(4);  // where a second minute has begun
    EXPECT_THAT(
        lines,
        UnorderedElementsAre(
            "0 --config " + file + " run check-runs", "6 --config " + file + " run expire-keys",
            "0 --data-dir " + (scratch().path() / "embedded").string() + " run check-runs",
            "5 run expire-keys check-runs"));
    EXPECT_THAT(mails(), ElementsAre(AllOf(HasSubstr("Subject: Cron <root@"),
                                           HasSubstr("run expire-keys check-runs\n"),
                                           HasSubstr("\nkeyrota: "), HasSubstr("127.0.0.1"))));
    EXPECT_EQ(number("select count(*) from keyrota.job_run where job = 'check-runs' and complete"),
              1);
}

}  // namespace
}  // namespace keyrota::test
