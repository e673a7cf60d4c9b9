// Imports as people and cron type them.

#include "support/program.h"

namespace keyrota::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class ImportCommand : public ProgramTest {
  protected:
    void SetUp() override {
        ProgramTest::SetUp();
        execute("insert into keyrota.owner (name, email) values ('Ada', 'ada@example.com')");
    }
    Outcome with_input(const Arguments& arguments, const std::string& input) {
        return test::run(
            keyrota_argv(arguments),
            {.environment = environment(), .input = input, .directory = scratch().path()});
    }
};

TEST_F(ImportCommand, ReadsStandardInputAndIsQuietWhenAllIsWell) {
    const Arguments words{"keys", "import", "--source", "legacy", "--format", "csv", "-"};
    const Outcome first = with_input(words,
                                     "external_id,name,owner_email,type\na,n,ada@example.com,"
                                     "secret\nb,m,ada@example.com,secret\n");
    EXPECT_EQ(first.exit_code, 0) << first.errors;
    EXPECT_EQ(first.out + first.errors, "");
    const Outcome second =
        with_input(words, "external_id,name,owner_email,type\na,n,ada@example.com,secret\n");
    EXPECT_THAT(second.out, AllOf(HasSubstr("1 no longer in the file; --prune expires them"),
                                  HasSubstr("b  m  ada@example.com")));
    const Outcome bad = with_input(words, "external_id,name,owner_email,type\na,n,ada,secret\n");
    EXPECT_EQ(bad.exit_code, 2);
    EXPECT_EQ(bad.errors,
              "keyrota: stdin:2: owner_email: not an email address\nHINT: Nothing was changed: "
              "correct the file, or the map.\n");
}

TEST_F(ImportCommand, AfterAllItSaysOnATerminalWhatItDid) {
    const std::string file = scratch().write(
        "keys.csv", "external_id,name,owner_email,type\na,n,ada@example.com,secret\n");
    EXPECT_THAT(
        keyrota_on_terminal({"keys", "import", "--source", "legacy", "--format", "csv", file}).out,
        AllOf(HasSubstr("legacy: 1 key in the file"), HasSubstr("1 new"),
              HasSubstr("0 unchanged")));
}

TEST_F(ImportCommand, WhatCannotBeReadOrAskedIsWrongUsage) {
    const std::string file = scratch().write("keys.csv", "");
    for (const Arguments& words : std::vector<Arguments>{
             {"keys", "import", "--format", "csv", file},
             {"keys", "import", "--source", "legacy", file},
             {"keys", "import", "--source", "legacy", "--format", "xml", file},
             {"keys", "import", "--source", "native", "--format", "csv", file},
             {"keys", "import", "--source", "legacy", "--format", "csv", "nowhere.csv"},
             {"keys", "import", "--source", "legacy", "--format", "csv", "."},
             {"keys", "import", "--source", "legacy", "--format", "csv", "--prune", file},
             {"keys", "import", "--source", "legacy", "--format", "csv", "--map", "plian", file},
             {"owners", "import", "--format", "csv", "nowhere.csv"}}) {
        const Outcome outcome = keyrota(words);
        EXPECT_EQ(outcome.exit_code, 2) << outcome.errors;
        EXPECT_EQ(outcome.out, "");
    }
    EXPECT_EQ(keyrota({"keys", "import", "--source", "legacy", "--format", "csv", "--map",
                       "./nowhere.yaml", file})
                  .exit_code,
              4);
}

TEST_F(ImportCommand, HostileNamesDoNotReachTheTerminal) {
    const Outcome outcome = with_input(
        {"keys", "import", "--source", "legacy", "--format", "csv", "-"},
        "external_id,name,owner_email,type\n\x1b[2Ja,\x1b]0;x\x07,ada@example.com,secret\n");
    ASSERT_EQ(outcome.exit_code, 0) << outcome.errors;
    const Outcome gone =
        with_input({"keys", "import", "--source", "legacy", "--format", "csv", "--dry-run", "-"},
                   "external_id,name,owner_email,type\n");
    EXPECT_THAT(gone.out, HasSubstr("?[2Ja"));
    EXPECT_EQ(gone.out.find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace keyrota::test
