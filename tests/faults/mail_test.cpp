// Deliveries that end in the middle: everybody is told, and almost nobody twice.

#include <fmt/format.h>
#include <signal.h>

#include <fstream>
#include <map>
#include <random>
#include <thread>

#include "support/mail_server.h"
#include "support/outbox.h"
#include "support/program.h"

namespace keyrota::test {
namespace {

using ::testing::Le;
using namespace std::chrono_literals;

class MailFaults : public ProgramTest {
  protected:
    void SetUp() override {
        ProgramTest::SetUp();
        environment()["KEYROTA_MAIL_TRANSPORT"] = "smtp";
        environment()["KEYROTA_MAIL_HOST"] = "localhost";
        environment()["KEYROTA_MAIL_PORT"] = std::to_string(server_.port());
        environment()["KEYROTA_MAIL_TLS"] = "none";
        environment()["KEYROTA_MAIL_FROM"] = "keyrota@example.com";
    }
    // Lines, without reading what stands in them: it is asked again and again.
    std::int64_t taken_total() const {
        std::ifstream in(server_.scratch().path() / "taken");
        std::int64_t lines = 0;
        for (std::string line; std::getline(in, line);) ++lines;
        return lines;
    }
    // Once so many more were taken, or the run is over.
    void wait_for_mail(Program& run, std::int64_t more) const {
        const std::int64_t enough = taken_total() + more;
        while (run.is_running() && taken_total() < enough) std::this_thread::sleep_for(1ms);
    }
    const MailServer& server() const { return server_; }

  private:
    MailServer server_;
};

TEST_F(MailFaults, KilledTwentyTimesEverybodyIsToldAndAtMostOneAKillTwice) {
    constexpr std::int64_t kMessages = 400;
    constexpr std::int64_t kKills = 20;
    execute(insert_messages({}, kMessages));
    std::mt19937 random(20);
    for (int i = 0; i < kKills; ++i) {
        Program run = start({"run", "notify-owners", "--wait", "20s"});
        wait_for_mail(run, std::uniform_int_distribution<std::int64_t>(0, 14)(random));
        std::this_thread::sleep_for(
            std::chrono::microseconds(std::uniform_int_distribution<int>(0, 3000)(random)));
        ASSERT_TRUE(run.is_running()) << "it was to be killed in the middle";
        run.signal(SIGKILL);
        run.wait();
    }
    EXPECT_EQ(keyrota({"run", "notify-owners", "--wait", "20s"}).exit_code, 0);

    std::map<std::string, std::int64_t> arrived;
    std::map<std::string, std::string> bytes;
    for (const TakenMail& mail : server().taken()) {
        const std::string id = mail.header("Message-Id");
        ++arrived[id];
        EXPECT_EQ(bytes.emplace(id, mail.bytes).first->second, mail.bytes)
            << "sent again as it was";
    }
    EXPECT_EQ(arrived.size(), static_cast<std::size_t>(kMessages)) << "every one at least once";
    EXPECT_THAT(taken_total() - kMessages, Le(kKills));
    EXPECT_EQ(number("select count(*) from keyrota.message where state = 'sent'"), kMessages);
    EXPECT_EQ(number("select count(*) from keyrota.delivery where outcome = 'sent'"), kMessages)
        << "what was taken and not settled is settled by the second time";
}

TEST_F(MailFaults, KilledInAnyOfItsStepsEveryFindingIsToldAndNoneTwice) {
    const bool is_long = std::getenv("KEYROTA_TESTS_LONG") != nullptr;
    const std::int64_t owners = is_long ? 2000 : 300;
    constexpr std::int64_t kKills = 20;
    environment()["KEYROTA_NOTIFY_MODE"] = "send";
    environment()["KEYROTA_LIMITS_BATCH_SIZE"] = "20";
    environment()["KEYROTA_MAIL_MAX_MESSAGES_PER_DAY"] = "5000";
    execute(
        fmt::format("insert into keyrota.owner (name, email) select 'Owner ' || i,"
                    " 'owner' || i || '@example.com' from generate_series(1, {}) i",
                    owners));
    given_keys(2 * owners, {.name = "billing"});
    execute("update keyrota.api_key set owner_id = (key_id + 1) / 2");
    execute(
        "insert into keyrota.finding (key_id, uid, check_id, status, severity, opened_at,"
        " changed_at, run_id) select key_id, keyrota.finding_uid('KEY-SCOPE-TYPE', key_id, ''),"
        " 'KEY-SCOPE-TYPE', 'open', 4, now() - interval '1 hour', now(), 1 from keyrota.api_key");
    std::mt19937 random(21);
    int killed = 0;
    for (int i = 0; i < kKills; ++i) {
        Program run = start({"run", "notify-owners", "--wait", "20s"});
        std::this_thread::sleep_for(std::chrono::milliseconds(
            std::uniform_int_distribution<int>(40, is_long ? 1500 : 400)(random)));
        run.signal(SIGKILL);
        killed += run.wait().exit_code == 137 ? 1 : 0;
    }
    EXPECT_GE(killed, 5) << "else nothing was shown";
    EXPECT_EQ(keyrota({"run", "notify-owners", "--wait", "20s"}).exit_code, 0);

    EXPECT_EQ(number("select count(*) from keyrota.finding f where 1 <> (select count(*)"
                     "  from keyrota.notice n join keyrota.message m using (message_id)"
                     " where n.finding_uid = f.uid and n.key_id = f.key_id and n.state = 'told'"
                     "   and m.state = 'sent')"),
              0)
        << "each was told once";
    EXPECT_EQ(number("select count(distinct recipient) from keyrota.message"), owners);
    EXPECT_EQ(number("select count(*) from keyrota.message"), owners) << "both keys in one";
    std::map<std::string, std::int64_t> arrived;
    for (const TakenMail& mail : server().taken()) ++arrived[mail.header("Message-Id")];
    EXPECT_EQ(arrived.size(), static_cast<std::size_t>(owners));
    EXPECT_THAT(taken_total() - owners, Le(killed));
}

TEST_F(MailFaults, ASignalEndsItAfterTheMessageInHandAndNothingIsLeftClaimed) {
    execute(insert_messages({}, 300));
    Program run = start({"run", "notify-owners"});
    wait_for_mail(run, 5);
    run.signal(SIGTERM);
    EXPECT_EQ(run.wait().exit_code, 143);
    EXPECT_EQ(number("select count(*) from keyrota.message where state = 'sending'"), 0);
    EXPECT_EQ(number("select count(*) from keyrota.message where state = 'sent'"), taken_total());
    EXPECT_THAT(taken_total(), Le(299));
}

}  // namespace
}  // namespace keyrota::test
