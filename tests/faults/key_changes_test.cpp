// A change of many keys that is cut off anywhere, and run again.

#include <signal.h>

#include <random>
#include <thread>

#include "support/key_console.h"

namespace keyrota::test {
namespace {

using std::chrono::milliseconds;
using ::testing::AnyOf;
using ::testing::HasSubstr;

constexpr std::int64_t kKeys = 600;

class KeyChangeFaults : public KeyConsole {
  protected:
    void SetUp() override {
        KeyConsole::SetUp();
        environment()["KEYROTA_LIMITS_BATCH_SIZE"] = "20";
        given_keys(kKeys, {.name = "x"});
        given_keys(5, {.name = "x", .source = "aws"});
        given_keys(5, {.name = "y"});
        execute(
            "insert into keyrota.api_key_secret"
            " select sha256(key_id::text::bytea), key_id from keyrota.api_key");
    }
    Program start_slow(const Arguments& words) {
        return start(words, {{"KEYROTA_LIMITS_DUTY", "4"}});
    }
    // Every key has one entry for what was done, and the trail holds.
    void expect_done_once(const std::string& action) {
        EXPECT_EQ(audited(action), kKeys);
        EXPECT_EQ(number(fmt::format("select count(distinct key_id) from keyrota.audit_entry"
                                     " where action = '{}'",
                                     action)),
                  kKeys);
        EXPECT_EQ(number("select count(*) from keyrota.api_key where source = 'aws'"), 5);
        expect_trail_verifies();
    }
    void run_to_the_end(const Arguments& words) {
        const Outcome last = keyrota(words);
        EXPECT_EQ(last.exit_code, 3) << "imported keys are refused" << last.errors;
    }
};

TEST_F(KeyChangeFaults, KilledAnywhereItIsRunAgainToTheSameEnd) {
    const std::vector<std::pair<std::string, Arguments>> changes{
        {"key.update",
         {"keys", "update", "--match", "x", "--yes", "--expires-at", "2099-01-01", "--plan",
          "Pro"}},
        {"key.deactivate", {"keys", "deactivate", "--match", "x", "--yes"}},
        {"key.delete", {"keys", "delete", "--match", "x", "--yes"}}};
    std::mt19937 random(7);
    for (const auto& [action, words] : changes) {
        SCOPED_TRACE(action);
        for (int i = 0; i < 4; ++i) {
            Program change = start_slow(words);
            // Somewhere in a batch, each time further on.
            wait_until(
                fmt::format("(select count(*) from keyrota.audit_entry"
                            " where action = '{}') >= {}",
                            action, i * 120));
            std::this_thread::sleep_for(milliseconds(random() % 100));
            change.signal(SIGKILL);
            change.wait();
        }
        run_to_the_end(words);
        expect_done_once(action);
    }
    EXPECT_EQ(number("select count(*) from keyrota.api_key"), 10);
    EXPECT_EQ(number("select count(*) from keyrota.api_key_secret"), 10);
    EXPECT_EQ(number("select count(*) from keyrota.api_key_state"), 10);
}

TEST_F(KeyChangeFaults, ASignalEndsItAfterTheBatchInHand) {
    const Arguments words{"keys", "deactivate", "--match", "x", "--yes"};
    Program change = start_slow(words);
    wait_until("exists (select from keyrota.audit_entry where action ~ '^key')");
    change.signal(SIGTERM);
    const Outcome outcome = change.wait();
    EXPECT_EQ(outcome.exit_code, 143);
    EXPECT_THAT(outcome.errors, HasSubstr("interrupted after"));
    const std::int64_t done = audited("key.deactivate");
    EXPECT_EQ(done % 20, 0) << "whole batches";
    EXPECT_LT(done, kKeys);
    run_to_the_end(words);
    expect_done_once("key.deactivate");
}

TEST_F(KeyChangeFaults, KeysThatWereNamedAndAreDeletedInPartAreDeletedToTheEnd) {
    Arguments words{"keys", "delete"};
    for (int key_id = 1; key_id <= 200; ++key_id) words.push_back(std::to_string(key_id));
    Program change = start_slow(words);
    wait_until("exists (select from keyrota.audit_entry where action ~ '^key')");
    change.signal(SIGKILL);
    change.wait();
    EXPECT_EQ(keyrota(words).exit_code, 0);
    EXPECT_EQ(audited("key.delete"), 200);
    EXPECT_EQ(number("select count(*) from keyrota.api_key where key_id <= 200"), 0);
    expect_trail_verifies();
}

}  // namespace
}  // namespace keyrota::test
