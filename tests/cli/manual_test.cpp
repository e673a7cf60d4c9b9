// Manual pages and completions, judged by man and by the shells that read them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <sstream>

#include "support/help_text.h"
#include "support/program.h"

namespace keyrota::test {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Not;

Outcome keyrota(const Arguments& arguments) {
    return run(keyrota_argv(arguments), {.environment = bare_environment()});
}

Outcome man(const fs::path& page) {
    Environment environment = bare_environment();
    environment.insert({{"LC_ALL", "C.UTF-8"}, {"MANWIDTH", "200"}, {"MAN_KEEP_FORMATTING", ""}});
    return run({"/usr/bin/man", "--warnings", "--no-hyphenation", "-P", "cat", "-l", page},
               {.environment = environment});
}

TEST(Manual, EachCommandHasAPageThatManReadsWithoutAWarning) {
    const Scratch scratch;
    ASSERT_EQ(keyrota({"manual", "--out", scratch.path()}).exit_code, 0);
    std::set<std::string> expected{"keyrota.1"};
    for (const std::string& command : commands_of(keyrota({"--help"}).out))
        expected.insert("keyrota-" + command + ".1");
    ASSERT_GT(expected.size(), 20U);
    std::set<std::string> pages;
    for (const auto& entry : fs::directory_iterator(scratch.path())) {
        pages.insert(entry.path().filename());
        const Outcome shown = man(entry.path());
        EXPECT_EQ(shown.exit_code, 0) << entry.path();
        EXPECT_EQ(shown.errors, "") << entry.path();
    }
    EXPECT_EQ(pages, expected);
}

TEST(Manual, APageHasWhatTheHelpOfItsCommandsHas) {
    const Scratch scratch;
    ASSERT_EQ(keyrota({"manual", "--out", scratch.path()}).exit_code, 0);
    const std::string page = man(scratch.path() / "keyrota-mail.1").out;
    const Outcome help = keyrota({"mail", "suppressions", "add", "--help"});
    EXPECT_THAT(page, HasSubstr("keyrota-mail - show what was sent"));
    EXPECT_THAT(page, HasSubstr("keyrota mail suppressions add"));
    const std::string examples = help.out.substr(help.out.find("EXIT STATUS"));
    for (const std::string& line : lines_of(examples)) EXPECT_THAT(page, HasSubstr(line));
    const std::string keys = man(scratch.path() / "keyrota-keys.1").out;
    for (const std::string& option : entries(keyrota({"keys", "create", "--help"}).out, "Options:"))
        if (option.starts_with("--") && option != "--help-all") {
            EXPECT_THAT(keys, HasSubstr(option));
        }
    EXPECT_EQ(keyrota({"manual", "keys"}).out.substr(0, 19), ".TH KEYROTA\\-KEYS 1");
}

TEST(Manual, AnUnknownCommandIsRefusedWithTheOneThatWasMeant) {
    const Outcome outcome = keyrota({"manual", "key"});
    EXPECT_EQ(outcome.exit_code, 2);
    EXPECT_THAT(outcome.errors, HasSubstr("Did you mean \"keys\"?"));
}

// What a shell offers for the last of these words.
struct Shell {
    std::string program;
    std::string script;  // $@ are the words

    std::vector<std::string> offers(const Arguments& words) const {
        Arguments argv{program, "-c", script, "shell", KEYROTA_PROGRAM};
        argv.insert(argv.end(), words.begin(), words.end());
        const Outcome outcome =
            run(argv, {.environment = bare_environment(), .directory = KEYROTA_SOURCE_DIR});
        EXPECT_EQ(outcome.exit_code, 0);
        EXPECT_EQ(outcome.errors, "");
        return lines_of(outcome.out);
    }
};

const Shell& bash() {
    static const Shell shell{"/usr/bin/bash", R"(
        compopt() { :; }
        source <("$1" completion bash) && shift
        COMP_WORDS=(keyrota "$@") COMP_CWORD=$#
        _keyrota
        [ ${#COMPREPLY[@]} = 0 ] || printf '%s\n' "${COMPREPLY[@]}")"};
    return shell;
}

// The functions of zsh's completion system say what they would offer.
const Shell& zsh() {
    static const Shell shell{"/usr/bin/zsh", R"SH(
        matching() { local w; for w in "$@"; do [[ $w == ${PREFIX}* ]] && print -r -- $w; done; return 0 }
        compadd() { shift; matching "$@" }
        compset() { PREFIX=${PREFIX#*=} }
        _files() { print -r -- "files $*" }
        _describe() {
            local a
            while [[ $# > 0 ]]; do
                case $1 in (-o|--|command|option) ;; (*) for a in ${(P)1}; do matching "${a%%:*}"; done ;; esac
                shift
            done
        }
        program=$1; shift
        words=(keyrota "$@") CURRENT=$#words PREFIX=$words[-1]
        eval "$($program completion zsh)")SH"};
    return shell;
}

class Completion : public ::testing::TestWithParam<const Shell* (*)()> {
  protected:
    static std::vector<std::string> offers(const Arguments& words) {
        return GetParam()()->offers(words);
    }
};

TEST_P(Completion, OffersTheCommandsOfTheHelp) {
    const auto commands = commands_of(keyrota({"--help"}).out);
    EXPECT_EQ(offers({""}), commands);
    EXPECT_EQ(offers({"mail", "suppressions", ""}),
              commands_of(keyrota({"mail", "suppressions", "--help"}).out));
    EXPECT_THAT(offers({"exp"}), ElementsAre("explain"));
}

TEST_P(Completion, OffersTheOptionsOfACommandAndThoseOfTheProgram) {
    std::vector<std::string> options;
    for (const std::string& option : entries(keyrota({"keys", "create", "--help"}).out, "Options:"))
        if (option.starts_with("--") && option != "--help-all") options.push_back(option);
    const auto offered = offers({"keys", "create", "--"});
    EXPECT_THAT(offered, IsSupersetOf(options));
    EXPECT_THAT(offered, Contains("--config"));
    EXPECT_THAT(offered, Not(Contains("--dry-run")));
}

TEST_P(Completion, OffersJobsAndTheChoicesOfAnOption) {
    EXPECT_THAT(offers({"run", "expire-keys", "--dry-run", "flag"}), ElementsAre("flag-rotation"));
    EXPECT_THAT(offers({"runs", "list", "--job", "pru"}), ElementsAre("prune"));
    EXPECT_THAT(offers({"keys", "create", "--type", ""}), ElementsAre("public", "secret", "test"));
    EXPECT_THAT(offers({"completion", ""}), ElementsAre("bash", "zsh"));
}

TEST_P(Completion, AValueIsNoCommandAndIsNotGuessedWhereNobodyCanSay) {
    EXPECT_THAT(offers({"--data-dir", "run", "keys", "sh"}), ElementsAre("show"));
    EXPECT_THAT(offers({"keys", "create", "--owner", ""}), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Shells, Completion,
                         ::testing::Values(
                             +[] { return &bash(); }, +[] { return &zsh(); }),
                         [](const auto& shell) {
                             return shell.index == 0 ? std::string("Bash") : std::string("Zsh");
                         });

TEST(CompletionOfBash, OffersFilesAndTakesAnOptionJoinedToItsValue) {
    EXPECT_THAT(bash().offers({"--config", "config/keyrota.y"}),
                ElementsAre("config/keyrota.yaml"));
    // As bash splits --type=se.
    EXPECT_THAT(bash().offers({"keys", "create", "--type", "=", "se"}), ElementsAre("secret"));
    EXPECT_THAT(bash().offers({"keys", "create", "--type", "="}),
                ElementsAre("public", "secret", "test"));
}

TEST(CompletionOfZsh, OffersFilesAndTakesAnOptionJoinedToItsValue) {
    EXPECT_THAT(zsh().offers({"--config", "con"}), ElementsAre("files "));
    EXPECT_THAT(zsh().offers({"--data-dir", ""}), ElementsAre("files -/"));
    EXPECT_THAT(zsh().offers({"keys", "create", "--type=se"}), ElementsAre("secret"));
}

}  // namespace
}  // namespace keyrota::test
