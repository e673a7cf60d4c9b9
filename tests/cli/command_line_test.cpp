#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cctype>
#include <sstream>
#include <vector>

#include "support/help_text.h"
#include "support/program.h"

namespace keyrota::test {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::StartsWith;

// The words of a command behind `keyrota`: {"db", "init"}.
using Command = Arguments;

std::string title(const Command& command) {
    return fmt::format("keyrota {}", fmt::join(command, " "));
}

struct Documented {
    Command command;
    std::string help;
    bool is_group;
};

Command operator+(Command command, const std::string& word) {
    command.push_back(word);
    return command;
}

// Nothing here needs a database: what would use one is pointed at a socket that is not there.
class CommandLine : public ::testing::Test {
  protected:
    CommandLine() {
        environment_ = bare_environment();
        environment_["HOME"] = scratch_.path();
        environment_["KEYROTA_DATABASE_URL"] = "host=" + scratch_.path().string() + " user=nobody";
        environment_["KEYROTA_DATA_DIR"] = scratch_.path() / "data";
    }

    Outcome keyrota(const Arguments& arguments) {
        return run(keyrota_argv(arguments),
                   {.environment = environment_, .directory = scratch_.path()});
    }
    Outcome keyrota_on_terminal(const Arguments& arguments) {
        return run(
            keyrota_argv(arguments),
            {.environment = environment_, .on_terminal = true, .directory = scratch_.path()});
    }
    // Wrong usage ends with 2, says nothing on standard output, and hints.
    void expect_usage_error(const Arguments& arguments, const std::string& message,
                            const std::string& hint) {
        SCOPED_TRACE(title(arguments));
        const Outcome outcome = keyrota(arguments);
        EXPECT_EQ(outcome.exit_code, 2);
        EXPECT_EQ(outcome.out, "");
        EXPECT_THAT(outcome.errors, StartsWith("keyrota: "));
        EXPECT_THAT(outcome.errors, HasSubstr(message));
        EXPECT_THAT(outcome.errors, HasSubstr("\nHINT: "));
        EXPECT_THAT(outcome.errors, HasSubstr(hint));
    }

    // The command and all below it, as the help lists them.
    std::vector<Documented> commands(const Command& command = {}) {
        const Outcome outcome = keyrota(command + "--help");
        EXPECT_EQ(outcome.exit_code, 0) << title(command);
        EXPECT_EQ(outcome.errors, "") << title(command);
        std::vector<Documented> all;
        for (const std::string& name : commands_of(outcome.out))
            for (Documented& below : commands(command + name)) all.push_back(std::move(below));
        all.insert(all.begin(), {command, outcome.out, !all.empty()});
        return all;
    }

    Scratch scratch_;
    Environment environment_;
};

TEST_F(CommandLine, EveryCommandSaysInOneSentenceWhatItDoes) {
    for (const auto& [command, help, is_group] : commands()) {
        SCOPED_TRACE(title(command));
        const std::vector<std::string> lines = lines_of(help);
        ASSERT_GE(lines.size(), 2U);
        EXPECT_TRUE(command.empty() || std::isupper(lines[0].front()) != 0) << lines[0];
        EXPECT_GE(lines[0].size(), 10U);
        EXPECT_THAT(lines[0], Not(HasSubstr(". ")));
        EXPECT_THAT(lines[1],
                    StartsWith("Usage: " + (command.empty() ? "keyrota" : title(command))));
    }
}

TEST_F(CommandLine, EveryCommandListsItsOptionsWithAMeaning) {
    for (const auto& [command, help, is_group] : commands()) {
        SCOPED_TRACE(title(command));
        const std::vector<std::string> options = section(help, "Options:");
        EXPECT_THAT(options, Not(IsEmpty()));
        for (std::size_t i = 0; i < options.size(); ++i) {
            // A name too long for its column has the meaning on the next line.
            const bool is_long =
                options[i].size() < 33 || options[i].find("  ") == std::string::npos;
            const std::string& meaning =
                is_long && i + 1 < options.size() ? options[i + 1] : options[i];
            EXPECT_THAT(meaning, ContainsRegex("  [^ ]")) << options[i];
        }
    }
}

TEST_F(CommandLine, EveryLeafShowsExamplesOfItselfAndItsExitStatus) {
    std::size_t leaves = 0;
    for (const auto& [command, help, is_group] : commands()) {
        SCOPED_TRACE(title(command));
        if (is_group) {
            EXPECT_THAT(help, AllOf(HasSubstr("--help`"), HasSubstr("exit codes")))
                << "a group says where they are";
            continue;
        }
        ++leaves;
        const std::vector<std::string> examples = section(help, "Examples:");
        EXPECT_THAT(examples, Not(IsEmpty()));
        for (const std::string& example : examples) EXPECT_THAT(example, HasSubstr(title(command)));

        const std::vector<std::string> exits = section(help, "EXIT STATUS");
        EXPECT_GE(exits.size(), 3U);
        int before = -1;
        for (const std::string& line : exits) {
            EXPECT_THAT(line, MatchesRegex(" *[0-9]+  [^ ].*"));
            EXPECT_GT(std::stoi(line), before) << "each code once, in order";
            before = std::stoi(line);
        }
    }
    EXPECT_GE(leaves, 12U);
}

TEST_F(CommandLine, WhatAJobOrASignalEndsWithStandsInTheHelp) {
    const auto codes = [&](const Arguments& command) {
        std::vector<int> found;
        for (const auto& [words, help, is_group] : commands())
            if (words == command)
                for (const std::string& line : section(help, "EXIT STATUS"))
                    found.push_back(std::stoi(line));
        return found;
    };
    EXPECT_THAT(codes({"run"}), IsSupersetOf({7, 11}));  // notify-owners, verify-audit
    EXPECT_THAT(codes({"plan"}), Contains(11));
    EXPECT_THAT(codes({"usage", "ingest"}), IsSupersetOf({130, 143}));
}

TEST_F(CommandLine, EveryExampleIsACommandLineThatIsUnderstood) {
    std::filesystem::copy_file(KEYROTA_SOURCE_DIR "/config/keyrota.yaml",
                               scratch_.path() / "keyrota.yaml");
    scratch_.write("plan.jsonl", R"({"keyrota_plan":1,"installation":"","run_id":1,)"
                                 R"("job":"expire-keys","as_of":"2026-11-24"})"
                                 "\n");
    scratch_.write("series.csv", "series,hour,requests,errors,label\n1,0,12,0,\n");
    scratch_.write("secret.txt", "sk_live_nobody's\n");
    scratch_.write("alert.json", "[]\n");
    scratch_.write("leaked.txt", "1\n");
    // An embedded database where none can be: for what only an embedded one can do.
    Environment no_place = environment_;
    no_place.erase("KEYROTA_DATABASE_URL");
    no_place["KEYROTA_DATA_DIR"] = scratch_.write("no-directory", "") / "data";
    const std::string shell_function = "keyrota() { \"" KEYROTA_PROGRAM "\" \"$@\"; }\n";

    std::size_t examples = 0;
    for (const auto& [command, help, is_group] : commands())
        for (std::string example : section(help, "Examples:")) {
            SCOPED_TRACE(example);
            ++examples;
            example = example.substr(0, example.find("   "));  // what follows is a comment
            const std::size_t start = example.find("keyrota ");
            ASSERT_NE(start, std::string::npos);
            // A variable before it is checked by itself, and stays out of the way.
            if (start > 0) {
                const Outcome checked =
                    run({"/bin/sh", "-c",
                         example.substr(0, start) + "exec \"" KEYROTA_PROGRAM "\" config check"},
                        {.environment = environment_, .directory = scratch_.path()});
                EXPECT_EQ(checked.exit_code, 0) << checked.errors;
            }
            const Arguments argv{"/bin/sh", "-c", shell_function + example.substr(start)};
            Outcome outcome =
                run(argv, {.environment = environment_, .directory = scratch_.path()});
            if (outcome.exit_code == 2)
                outcome = run(argv, {.environment = no_place, .directory = scratch_.path()});
            // 0 for what needs no database, else: it was understood, but there is none.
            EXPECT_THAT(outcome.exit_code, ::testing::AnyOf(0, 4, 5, 13)) << outcome.errors;
            // Not knowing what it would do, --help must at least not be refused.
            const std::string asking =
                example.substr(start, example.find(" -- ") - start) + " --help";
            EXPECT_EQ(run({"/bin/sh", "-c", shell_function + asking},
                          {.environment = environment_, .directory = scratch_.path()})
                          .exit_code,
                      0);
        }
    EXPECT_GE(examples, 12U);
}

TEST_F(CommandLine, HelpAllNamesEveryCommandAndOption) {
    const Outcome all = keyrota({"--help-all"});
    EXPECT_EQ(all.exit_code, 0);
    for (const auto& [command, help, is_group] : commands())
        // CLI11 goes two levels down; a third is named by its group.
        if (!command.empty() && command.size() <= 2) {
            EXPECT_THAT(all.out, HasSubstr(lines_of(help).front()));
        }
    EXPECT_THAT(all.out, AllOf(HasSubstr("--dry-run"), HasSubstr("--max-actions")));
}

TEST_F(CommandLine, TellsItsVersion) {
    const Outcome outcome = keyrota({"--version"});
    EXPECT_EQ(outcome.exit_code, 0);
    EXPECT_THAT(outcome.out, MatchesRegex("keyrota [0-9]+\\.[0-9]+\\.[0-9]+\n"));
    EXPECT_EQ(outcome.errors, "");
}

TEST_F(CommandLine, AMissingCommandIsAnErrorWithAHint) {
    expect_usage_error({}, "a command is missing", "`keyrota --help`");
    expect_usage_error({"db"}, "a command is missing", "`keyrota db --help`");
    expect_usage_error({"config"}, "a command is missing", "`keyrota config --help`");
    expect_usage_error({"run"}, "JOB", "`keyrota run --help`");
}

TEST_F(CommandLine, AMisspeltWordIsAnErrorThatNamesTheNearest) {
    expect_usage_error({"rum"}, "\"rum\"", "Did you mean \"run\"?");
    expect_usage_error({"db", "migrte"}, "\"migrte\"", "Did you mean \"migrate\"?");
    expect_usage_error({"run", "expire-key"}, "\"expire-key\"", "Did you mean \"expire-keys\"?");
    expect_usage_error({"run", "expire-keys", "--dry-rn"}, "\"--dry-rn\"",
                       "Did you mean \"--dry-run\"?");
    expect_usage_error({"audit", "verify", "--jsn"}, "\"--jsn\"", "Did you mean \"--json\"?");
    expect_usage_error({"run", "expire-keys", "--confg", "x"}, "\"--confg\"",
                       "Did you mean \"--config\"?");
    expect_usage_error({"run", "expire-keys", "--limt=5"}, "\"--limt\"",
                       "Did you mean \"--limit\"?");
}

TEST_F(CommandLine, AnUnknownWordFarFromAllOthersIsAnErrorThatNamesTheHelp) {
    expect_usage_error({"zzzzzzzz"}, "\"zzzzzzzz\"", "`keyrota --help`");
    expect_usage_error({"db", "zzzzzzzz"}, "\"zzzzzzzz\"", "`keyrota db --help`");
    expect_usage_error({"run", "zzzzzzzz"}, "\"zzzzzzzz\"", "`keyrota run --help`");
    expect_usage_error({"db", "check", "--zzzzzzzz"}, "\"--zzzzzzzz\"",
                       "`keyrota db check --help`");
}

TEST_F(CommandLine, AValueThatCannotBeReadIsAnErrorWithAnExample) {
    const auto run_with = [](const std::string& option, const std::string& value) {
        return Arguments{"run", "expire-keys", option, value};
    };
    for (const char* time : {"yesterday", "2027-13-01", "2027-02-30", "2027-01-01T25:00:00Z", "1"})
        expect_usage_error(run_with("--as-of", time), "--as-of", "2027-01-01");
    for (const char* duration : {"5", "5x", "five", "-5s", "1h30m"})
        expect_usage_error(run_with("--wait", duration), "--wait", "30s or 5m");
    for (const char* limit : {"0", "-1", "many", "1.5"})
        expect_usage_error(run_with("--limit", limit), "--limit", "`keyrota run --help`");
    for (const char* limit : {"-1", "all"})
        expect_usage_error(run_with("--max-actions", limit), "--max-actions",
                           "`keyrota run --help`");
    expect_usage_error(run_with("--limit", "1k"), "\"1k\" is no whole number of 1 or more",
                       "`keyrota run --help`");
    expect_usage_error({"run", "expire-keys", "--as-of"}, "--as-of", "`keyrota run --help`");
    expect_usage_error({"sample", "load", "--keys", "0"}, "--keys", "`keyrota sample load --help`");
}

TEST_F(CommandLine, AnEmptyValueIsAnErrorAndNotTheDefault) {
    for (const char* option : {"--as-of", "--wait", "--config", "--data-dir", "--log-format"})
        expect_usage_error({"run", "expire-keys", option, ""}, option, "`keyrota run --help`");
}

TEST_F(CommandLine, AnUnknownJobIsToldBeforeAnyIsRun) {
    const Outcome outcome = keyrota({"run", "expire-keys", "expire-kyes"});
    EXPECT_EQ(outcome.exit_code, 2);
    EXPECT_THAT(outcome.errors, Not(HasSubstr("cannot connect")));
}

TEST_F(CommandLine, AnEmptyJobNameIsUnknownToo) {
    EXPECT_EQ(keyrota({"run", ""}).exit_code, 2);
}

TEST_F(CommandLine, SaysNothingWithEscapeSequencesWithoutATerminal) {
    std::vector<Outcome> outcomes{
        keyrota({"--help-all"}), keyrota({"nonsense"}), keyrota({"run", "expire-keys"}),
        keyrota({"--log-format", "json", "run", "expire-keys"}), keyrota({"config", "show"})};
    for (const auto& [command, help, is_group] : commands()) outcomes.push_back({0, help, ""});
    for (const Outcome& outcome : outcomes)
        EXPECT_THAT(outcome.out + outcome.errors, Not(HasSubstr("\033")));
}

TEST_F(CommandLine, UsesNoColourWhereNO_COLORSaysSo) {
    environment_["NO_COLOR"] = "1";
    environment_["TERM"] = "xterm-256color";
    for (const Arguments& arguments :
         {Arguments{"--help"}, Arguments{"nonsense"}, Arguments{"run", "expire-keys"},
          Arguments{"config", "show"}}) {
        const Outcome outcome = keyrota_on_terminal(arguments);
        EXPECT_THAT(outcome.out, Not(IsEmpty()));
        EXPECT_THAT(outcome.out, Not(ContainsRegex("\033\\[[0-9;]*m")));
    }
}

TEST_F(CommandLine, NeverReadsAConfigurationFromTheWorkingDirectory) {
    scratch_.write("keyrota.yaml", "nonsense: 1\n");
    EXPECT_EQ(keyrota({"config", "check"}).exit_code, 0);
    EXPECT_EQ(keyrota({"config", "check", "--config", "keyrota.yaml"}).exit_code, 4);
}

}  // namespace
}  // namespace keyrota::test
