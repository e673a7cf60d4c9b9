// An import that ends in the middle has not happened.

#include <fmt/format.h>
#include <signal.h>

#include <fstream>
#include <random>
#include <thread>

#include "support/program.h"

namespace keyrota::test {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

// In the long form a million, which takes minutes; each kill then falls anywhere in its first half.
const int kKeys = is_long_form() ? 1'000'000 : 30'000;
const auto kLatestKill = is_long_form() ? 30'000 : 700;  // milliseconds

class ImportFaults : public ProgramTest {
  protected:
    void SetUp() override {
        ProgramTest::SetUp();
        execute("insert into keyrota.owner (name, email) values ('Ada', 'ada@example.com')");
        // Something to change, something to expire, something to leave alone.
        ASSERT_EQ(keyrota(import_words(file_of(0, 200))).exit_code, 0);
        before_ = fingerprint();
    }

    // Keys first..last-1; every tenth of the early ones has another name than before.
    std::string file_of(int first, int last) {
        std::string text = "external_id,name,owner_email,type,secret\n";
        for (int i = first; i < last; ++i)
            text += fmt::format("k{},{},ada@example.com,secret,secret of {}\n", i,
                                first > 0 && i % 10 == 0 ? "renamed" : "n", i);
        return scratch().write(fmt::format("{}-{}.csv", first, last), text);
    }
    static Arguments import_words(const std::string& file) {
        return {"keys", "import",  "--source", "legacy", "--format",
                "csv",  "--prune", "--yes",    "--json", file};
    }
    // No session of an import is left, so neither are its temporary tables.
    void wait_until_alone() {
        wait_until(
            "not exists (select from pg_stat_activity where datname = current_database() and "
            "usename = "
            "'keyrota_runner')");
    }
    void expect_nothing_happened() {
        wait_until_alone();
        EXPECT_EQ(fingerprint(), before_);
        EXPECT_EQ(number("select count(*) from pg_class where relname like 'key_import%'"), 0);
    }

  private:
    std::vector<std::string> before_;
};

TEST_F(ImportFaults, KilledAnywhereItHasChangedNothingAndCanBeRunAgain) {
    const std::string file = file_of(5, kKeys);
    std::mt19937 random(8);  // NOLINT: the same delays each time
    int killed = 0;
    for (int i = 0; i < 12; ++i) {
        Program import = start(import_words(file));
        // The first rounds among the phases that can be seen, the others at random.
        if (i == 0)
            wait_until(
                "exists (select from pg_stat_activity where datname = current_database() and query "
                "ilike 'copy%key_import%')");
        if (i == 1)
            wait_until(
                "exists (select from pg_stat_activity where datname = current_database() and query "
                "ilike '%insert into keyrota.api_key %')");
        if (i == 2)
            wait_until(
                "exists (select from pg_stat_activity where datname = current_database() and query "
                "ilike '%insert into keyrota.api_key_secret%')");
        if (i > 2) std::this_thread::sleep_for(milliseconds(random() % kLatestKill));
        import.signal(SIGKILL);
        if (import.wait().exit_code != 128 + SIGKILL) break;  // it was faster
        ++killed;
        expect_nothing_happened();
    }
    EXPECT_GE(killed, 3);
    ASSERT_EQ(start(import_words(file)).wait(std::chrono::minutes(20)).exit_code, 0);
    EXPECT_EQ(number("select count(*) from keyrota.key where status = 'active'"), kKeys - 5);
    EXPECT_EQ(number("select count(*) from keyrota.audit_entry where action = 'key.expire'"), 5);
    EXPECT_EQ(keyrota({"audit", "verify"}).exit_code, 0);
}

TEST_F(ImportFaults, WhatTheServerRefusesAtTheEndUndoesEverything) {
    // The very last statements: sealing.
    admin().execute_verbatim(
        "refuse",
        "alter table keyrota.audit_block add constraint refuses check (height < 2) not valid");
    const Outcome outcome = keyrota(import_words(file_of(5, 300)));
    EXPECT_EQ(outcome.exit_code, 5);
    EXPECT_THAT(outcome.errors, HasSubstr("audit_seal"));
    expect_nothing_happened();
}

TEST_F(ImportFaults, AKeyThatSomebodyElseChangesMeanwhileStopsIt) {
    Session other = session_as("postgres");
    other.execute_verbatim("begin", "begin");
    other.execute_verbatim(
        "change",
        "update keyrota.api_key set name = 'by hand' where key_id = (select key_id from "
        "keyrota.api_key_external where external_id = 'k10')");
    Program import =
        start(import_words(file_of(5, 300)), {{"KEYROTA_DATABASE_LOCK_TIMEOUT", "30s"}});
    wait_until_blocked();
    other.execute_verbatim("commit", "commit");
    const Outcome outcome = import.wait();
    EXPECT_EQ(outcome.exit_code, 5);
    EXPECT_THAT(outcome.errors, HasSubstr("another session changed keys"));
    EXPECT_EQ(number("select count(*) from keyrota.api_key"), 200);
}

TEST_F(ImportFaults, TwoAtOnceOfOneSourceEndAsOneAfterTheOther) {
    const std::string file = file_of(5, 5000);
    Program one = start(import_words(file));
    Program two = start(import_words(file));
    const Outcome first = one.wait(), second = two.wait();
    EXPECT_EQ(first.exit_code, 0) << first.errors;
    EXPECT_EQ(second.exit_code, 0) << second.errors;
    EXPECT_EQ(number("select count(*) from keyrota.api_key"), 5000);
    EXPECT_EQ(number("select count(*) from keyrota.audit_entry where action = 'key.import'"), 5000);
    const std::string both = first.out + second.out;
    EXPECT_THAT(both, HasSubstr("\"new\": 4800"));
    EXPECT_THAT(both, HasSubstr("\"new\": 0, \"changed\": 0, \"unchanged\": 4995"));
}

TEST_F(ImportFaults, TwoAtOnceThatMakeTheSameOwnersBothCome) {
    std::string up = "external_id,name,owner_email,type\n", down = up;
    for (int i = 0; i < 500; ++i) {
        up += fmt::format("k{0},n,o{0}@example.com,secret\n", i);
        down += fmt::format("k{0},n,o{0}@example.com,secret\n", 499 - i);
    }
    const auto words = [&](const char* source, const std::string& text) {
        return Arguments{"keys",     "import", "--source",        source,
                         "--format", "csv",    "--create-owners", scratch().write(source, text)};
    };
    Program one = start(words("one", up), {{"KEYROTA_DATABASE_LOCK_TIMEOUT", "30s"}});
    Program two = start(words("two", down), {{"KEYROTA_DATABASE_LOCK_TIMEOUT", "30s"}});
    const Outcome first = one.wait(), second = two.wait();
    EXPECT_EQ(first.exit_code, 0) << first.errors;
    EXPECT_EQ(second.exit_code, 0) << second.errors;
    EXPECT_EQ(number("select count(*) from keyrota.owner where email like 'o%@example.com'"), 500);
    EXPECT_EQ(number("select count(*) from keyrota.audit_entry where action = 'owner.import'"),
              500);
}

}  // namespace
}  // namespace keyrota::test
