#include "sink/sink.h"

#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "error/error.h"
#include "secret/key_format.h"
#include "support/program.h"

namespace keyrota {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;
using Kind = SinkAnswer::Kind;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;
using testing::UnorderedElementsAre;

std::string text_of(const fs::path& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
}

mode_t mode_of(const fs::path& path) {
    struct stat status {};
    EXPECT_EQ(::lstat(path.c_str(), &status), 0) << path;
    return status.st_mode;
}

// A folder of ours alone, with an empty directory for secrets and room for programs.
class SinkTest : public testing::Test {
  protected:
    SinkTest() {
        secrets_ = folder_ / "secrets";
        fs::create_directory(secrets_);
        EXPECT_EQ(::chmod(secrets_.c_str(), 0700), 0);
    }

    SecretDelivery delivery(std::int64_t lineage_id) {
        return {.token = "t" + std::to_string(lineage_id),
                .key_id = 1000 + lineage_id,
                .predecessor_id = lineage_id,
                .lineage_id = lineage_id,
                .name = "billing \"prod\"",
                .environment = "production",
                .type = "secret",
                .masked = "sk_live_..." + secret_.hint(),
                .owner = "ada@example.com",
                .expires_at = Timestamp(std::chrono::hours(24 * 365 * 57)),
                .secret = &secret_};
    }

    SinkOptions files() const {
        return {.name = "files",
                .type = "file",
                .directory = secrets_,
                .command = {},
                .environment = {}};
    }

    // A sink that runs a shell script.
    SinkOptions script(const std::string& lines, std::chrono::microseconds timeout = 20s) const {
        const fs::path path = folder_ / "put";
        std::ofstream(path) << "#!/bin/sh\n" << lines << "\n";
        EXPECT_EQ(::chmod(path.c_str(), 0755), 0);
        return {.name = "script",
                .type = "exec",
                .directory = {},
                .command = {path.string(), "an argument"},
                .environment = {"VAULT_TOKEN=hunter2", "HOME=/elsewhere"},
                .timeout = timeout};
    }

    SinkAnswer delivered_by(const SinkOptions& options) {
        return open_sink(options)->deliver({delivery(5)}).at(0);
    }
    std::string refusal(const SinkOptions& options) const {
        try {
            open_sink(options);
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), ExitCode::config);
            return std::string(error.what()) + " HINT: " + error.hint();
        }
        return "";
    }
    std::vector<std::string> names() const {
        std::vector<std::string> found;
        for (const auto& entry : fs::directory_iterator(secrets_))
            found.push_back(entry.path().filename());
        return found;
    }
    // What the script of this test wrote.
    std::string noted() const { return text_of(folder_ / "noted"); }

    const test::Scratch scratch_;
    const fs::path folder_ = scratch_.path();
    fs::path secrets_;
    Secret secret_{"sk_live_"};
};

// --- files

TEST_F(SinkTest, AFileHoldsTheSecretAndWhatItIsForAndIsOursAlone) {
    const auto answers = open_sink(files())->deliver({delivery(5)});
    EXPECT_EQ(answers.at(0).kind, Kind::delivered);
    EXPECT_THAT(names(), ElementsAre("key-5.json"));
    EXPECT_EQ(mode_of(secrets_ / "key-5.json"), S_IFREG | 0600);
    Poco::JSON::Parser parser;
    const auto json =
        parser.parse(text_of(secrets_ / "key-5.json")).extract<Poco::JSON::Object::Ptr>();
    EXPECT_EQ(json->getValue<std::int64_t>("key_id"), 1005);
    EXPECT_EQ(json->getValue<std::int64_t>("predecessor_id"), 5);
    EXPECT_EQ(json->getValue<std::string>("token"), "t5");
    EXPECT_EQ(json->getValue<std::string>("name"), "billing \"prod\"");
    EXPECT_EQ(json->getValue<std::string>("environment"), "production");
    EXPECT_EQ(json->getValue<std::string>("type"), "secret");
    EXPECT_EQ(json->getValue<std::string>("owner"), "ada@example.com");
    EXPECT_THAT(json->getValue<std::string>("expires_at"), StartsWith("2026-12-18T"));
    EXPECT_EQ(json->getValue<std::string>("secret"), secret_.text());
    EXPECT_EQ(json->size(), 9U);
}

TEST_F(SinkTest, AKeyWithoutOwnerAndEndHasNullInItsFile) {
    SecretDelivery plain = delivery(5);
    plain.owner.clear();
    plain.expires_at.reset();
    open_sink(files())->deliver({plain});
    EXPECT_THAT(text_of(secrets_ / "key-5.json"), HasSubstr(R"("owner":null,"expires_at":null)"));
}

TEST_F(SinkTest, TheNextDeliveryToAFamilyReplacesItsFileWhole) {
    const auto sink = open_sink(files());
    sink->deliver({delivery(5)});
    std::ifstream reader(secrets_ / "key-5.json");  // has the old one open
    const Secret next("sk_live_");
    SecretDelivery second = delivery(5);
    second.secret = &next;
    EXPECT_EQ(sink->deliver({second}).at(0).kind, Kind::delivered);
    EXPECT_EQ(sink->deliver({second}).at(0).kind, Kind::delivered);  // the same token again
    EXPECT_THAT(names(), ElementsAre("key-5.json"));
    EXPECT_THAT(text_of(secrets_ / "key-5.json"), HasSubstr(std::string(next.text())));
    std::string old{std::istreambuf_iterator<char>(reader), {}};
    EXPECT_THAT(old, HasSubstr(std::string(secret_.text())));
}

TEST_F(SinkTest, ManyFilesAreDeliveredTogetherEachOnce) {
    std::vector<SecretDelivery> many;
    for (int lineage = 1; lineage <= 500; ++lineage) many.push_back(delivery(lineage));
    many.push_back(delivery(500));
    const auto answers = open_sink(files())->deliver(many);
    ASSERT_EQ(answers.size(), 501U);
    for (int i = 0; i < 500; ++i) EXPECT_EQ(answers[i].kind, Kind::delivered);
    EXPECT_EQ(answers[500].kind, Kind::refused);
    EXPECT_EQ(answers[500].words, "another key of its family came before it");
    EXPECT_EQ(names().size(), 500U);
    EXPECT_EQ(mode_of(secrets_ / "key-77.json"), S_IFREG | 0600);
}

TEST_F(SinkTest, ALinkInThePlaceOfAFileIsReplacedAndNotFollowed) {
    const fs::path elsewhere = folder_ / "elsewhere";
    std::ofstream(elsewhere) << "as before";
    fs::create_symlink(elsewhere, secrets_ / "key-5.json");
    fs::create_symlink(elsewhere, secrets_ / ".key-5.json.new");
    EXPECT_EQ(delivered_by(files()).kind, Kind::delivered);
    EXPECT_EQ(text_of(elsewhere), "as before");
    EXPECT_EQ(mode_of(secrets_ / "key-5.json"), S_IFREG | 0600);
    EXPECT_THAT(names(), ElementsAre("key-5.json"));
}

TEST_F(SinkTest, WhatOneDeliveryMeetsIsItsOwnAnswerAndLeavesNothing) {
    fs::create_directories(secrets_ / "key-6.json/in the way");
    const auto answers = open_sink(files())->deliver({delivery(5), delivery(6), delivery(7)});
    EXPECT_EQ(answers.at(0).kind, Kind::delivered);
    EXPECT_EQ(answers.at(1).kind, Kind::refused);
    EXPECT_EQ(answers.at(1).words, "cannot replace key-6.json: Is a directory");
    EXPECT_EQ(answers.at(2).kind, Kind::delivered);
    EXPECT_THAT(names(), UnorderedElementsAre("key-5.json", "key-6.json", "key-7.json"));
}

TEST_F(SinkTest, WhatACrashLeftIsReplaced) {
    std::ofstream(secrets_ / ".key-5.json.new") << "half a";
    EXPECT_EQ(delivered_by(files()).kind, Kind::delivered);
    EXPECT_THAT(names(), ElementsAre("key-5.json"));
}

TEST_F(SinkTest, ADirectoryThatIsMissingIsNotMade) {
    fs::remove_all(secrets_);
    EXPECT_THAT(
        refusal(files()),
        testing::AllOf(HasSubstr("secrets of the sink files cannot be opened: No such file"),
                       HasSubstr("HINT: `install -d -m 700 -o ")));
    EXPECT_FALSE(fs::exists(secrets_));
    std::ofstream(secrets_.string()) << "a file";
    EXPECT_THAT(refusal(files()), HasSubstr("cannot be opened: Not a directory"));
}

TEST_F(SinkTest, ADirectoryThatOthersMayLookIntoOrReplaceIsRefused) {
    for (const mode_t mode : {0750, 0701, 0770, 01777}) {
        ASSERT_EQ(::chmod(secrets_.c_str(), mode), 0);
        EXPECT_THAT(refusal(files()),
                    HasSubstr("is accessible to users other than its owner HINT: Run `chmod 700"));
    }
    ASSERT_EQ(::chmod(secrets_.c_str(), 0700), 0);
    EXPECT_EQ(refusal(files()), "");
    ASSERT_EQ(::chmod(folder_.c_str(), 0777), 0);
    EXPECT_THAT(refusal(files()), HasSubstr("can be written by others than its owner"));
}

TEST_F(SinkTest, ADirectoryOfSomebodyElseIsRefused) {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can give a directory away";
    ASSERT_EQ(::chown(secrets_.c_str(), 12345, 0), 0);
    EXPECT_THAT(refusal(files()), HasSubstr("does not belong to the user who runs keyrota"));
}

// --- programs

TEST_F(SinkTest, AProgramGetsTheSecretOnItsInputAndTheRestAsVariables) {
    const std::string noted_path = (folder_ / "noted").string();
    ASSERT_EQ(::setenv("KEYROTA_PARENTS_PASSWORD", "hunter3", 1), 0);
    EXPECT_EQ(delivered_by(script("{ cat; echo \"$@\"; /usr/bin/env; } >" + noted_path)).kind,
              Kind::delivered);
    ASSERT_EQ(::unsetenv("KEYROTA_PARENTS_PASSWORD"), 0);
    const std::string seen = noted();
    EXPECT_THAT(seen, StartsWith(std::string(secret_.text()) + "\nan argument\n"));
    for (const char* variable :
         {"KEYROTA_TOKEN=t5", "KEYROTA_KEY_ID=1005", "KEYROTA_PREDECESSOR_ID=5",
          "KEYROTA_LINEAGE_ID=5", "KEYROTA_NAME=billing \"prod\"", "KEYROTA_ENVIRONMENT=production",
          "KEYROTA_TYPE=secret", "KEYROTA_OWNER=ada@example.com", "VAULT_TOKEN=hunter2",
          "HOME=/elsewhere", "LANG=C.UTF-8"})
        EXPECT_THAT(seen, HasSubstr("\n" + std::string(variable) + "\n"));
    EXPECT_THAT(seen, HasSubstr("\nKEYROTA_EXPIRES_AT=2026-12-18T"));
    EXPECT_THAT(seen, Not(HasSubstr("hunter3")));
    EXPECT_EQ(seen.rfind(secret_.text()), 0U);  // once, on its input
    EXPECT_EQ(seen.find("HOME="), seen.rfind("HOME="));
}

TEST_F(SinkTest, NoControlCharacterReachesAVariable) {
    SecretDelivery odd = delivery(5);
    odd.name = "a\nPATH=/tmp\x1b[2J";
    odd.owner.clear();
    odd.expires_at.reset();
    open_sink(script("/usr/bin/env >" + (folder_ / "noted").string()))->deliver({odd});
    EXPECT_THAT(noted(), HasSubstr("\nKEYROTA_NAME=a?PATH=/tmp?[2J\n"));
    EXPECT_THAT(noted(), HasSubstr("\nKEYROTA_OWNER=\n"));
    EXPECT_THAT(noted(), HasSubstr("\nKEYROTA_EXPIRES_AT=\n"));
}

TEST_F(SinkTest, AnyOtherExitStatusRefusesWithTheFirstLineOfItsErrors) {
    const SinkAnswer answer =
        delivered_by(script("echo out; echo no 'such' \033path >&2; echo more >&2; exit 3"));
    EXPECT_EQ(answer.kind, Kind::refused);
    EXPECT_THAT(answer.words, EndsWith("/put ended with exit status 3: no such ?path"));
    EXPECT_THAT(delivered_by(script("exit 1")).words, EndsWith("/put ended with exit status 1"));
    EXPECT_EQ(delivered_by(script("exit 255")).kind, Kind::refused);
    EXPECT_EQ(delivered_by(script("exit 128")).kind, Kind::refused);
}

TEST_F(SinkTest, NoSecretStandsInTheWords) {
    const std::string piece(secret_.text().substr(10, 12));
    for (const std::string& line :
         {std::string("read s; echo bad: $s >&2"), std::string("echo token hunter2 >&2"),
          "echo at " + piece + " >&2", std::string("echo sk_test_0123456789abcdefghijklmn >&2")}) {
        const SinkAnswer answer = delivered_by(script(line + "; exit 1"));
        EXPECT_EQ(answer.kind, Kind::refused);
        EXPECT_THAT(answer.words, EndsWith("exit status 1; what it said may hold a secret and is "
                                           "not repeated"))
            << line;
        EXPECT_THAT(answer.words, Not(HasSubstr(piece)));
        EXPECT_THAT(answer.words, Not(HasSubstr("hunter2")));
    }
    // What may be shown of it may be said.
    EXPECT_THAT(delivered_by(script("echo no sk_live_..." + secret_.hint() + " >&2; exit 1")).words,
                EndsWith(": no sk_live_..." + secret_.hint()));
}

TEST_F(SinkTest, AProgramThatHangsOrIsKilledMayHaveTheSecret) {
    const SinkAnswer hung = delivered_by(script("exec sleep 60", 200ms));
    EXPECT_EQ(hung.kind, Kind::unknown);
    EXPECT_THAT(hung.words, EndsWith("/put did not end within 200ms"));
    for (const char* end : {"kill -9 $$", "kill -15 $$", "sh -c 'kill -9 $$'; exit $?"}) {
        const SinkAnswer killed = delivered_by(script(end));
        EXPECT_EQ(killed.kind, Kind::unknown) << end;
        EXPECT_THAT(killed.words, HasSubstr("/put was ended by signal ")) << end;
    }
}

TEST_F(SinkTest, AfterThreeTimeoutsInARowTheRestIsNotTried) {
    const auto answers =
        open_sink(script("exec sleep 60", 100ms))
            ->deliver({delivery(1), delivery(2), delivery(3), delivery(4), delivery(5)});
    ASSERT_EQ(answers.size(), 5U);
    EXPECT_EQ(answers[2].kind, Kind::unknown);
    EXPECT_EQ(answers[3].kind, Kind::refused);
    EXPECT_EQ(answers[4].words, "not tried, since the program did not end for others");
}

TEST_F(SinkTest, AProgramThatCannotBeStartedHasNothingOfTheSecret) {
    const SinkOptions options = script("exit 0");
    const auto sink = open_sink(options);
    fs::remove(options.command[0]);
    EXPECT_EQ(sink->deliver({delivery(5)}).at(0).kind, Kind::refused);
}

TEST_F(SinkTest, AProgramThatOthersMayChangeOrReplaceIsRefused) {
    const SinkOptions options = script("exit 0");
    EXPECT_EQ(refusal(options), "");
    for (const mode_t mode : {0775, 0757}) {
        ASSERT_EQ(::chmod(options.command[0].c_str(), mode), 0);
        EXPECT_THAT(refusal(options), HasSubstr("put of the sink script can be written by others"));
    }
    ASSERT_EQ(::chmod(options.command[0].c_str(), 0755), 0);
    ASSERT_EQ(::chmod(folder_.c_str(), 0777), 0);
    EXPECT_THAT(refusal(options), HasSubstr("can be written by others"));
    ASSERT_EQ(::chmod(folder_.c_str(), 0700), 0);
    fs::remove(options.command[0]);
    EXPECT_THAT(refusal(options), HasSubstr("No such file or directory"));
    fs::create_directory(options.command[0]);
    EXPECT_THAT(refusal(options), HasSubstr("is a directory, not a file"));
}

// The programs that docs/sinks.md shows, with a stand-in for each that they call: it writes down
// how it was called and what it read, and hands that on.
TEST_F(SinkTest, TheProgramsOfTheDocumentationHandTheSecretOnAndShowItToNobody) {
    const std::string page = text_of(KEYROTA_SOURCE_DIR "/docs/sinks.md");
    const std::string calls = (folder_ / "calls").string();
    const std::string input = (folder_ / "noted").string();
    for (const char* name : {"vault", "aws", "kubectl"}) {
        std::ofstream(folder_ / name)
            << "#!/bin/sh\necho " << name << " \"$@\" >>" << calls
            << "\nfor file; do case $file in file://*) exec cat \"${file#file://}\" >>" << input
            << ";; esac; done\nexec tee -a " << input << "\n";
        ASSERT_EQ(::chmod((folder_ / name).c_str(), 0755), 0);
    }
    int shown = 0;
    for (std::size_t at = 0; (at = page.find("```sh\n#!/bin/sh\n", at)) != std::string::npos;
         ++at, ++shown) {
        const std::size_t begin = page.find('\n', page.find('\n', at) + 1) + 1;
        SinkOptions options = script(page.substr(begin, page.find("```", begin) - begin));
        options.environment = {"PATH=" + folder_.string() + ":/usr/bin:/bin"};
        fs::remove(calls);
        fs::remove(input);
        const SinkAnswer answer = delivered_by(options);
        EXPECT_EQ(answer.kind, Kind::delivered) << answer.words;
        EXPECT_THAT(noted(), HasSubstr(std::string(secret_.text())));
        EXPECT_THAT(text_of(calls), Not(IsEmpty()));
        EXPECT_THAT(text_of(calls), Not(HasSubstr(std::string(secret_.text()))));
    }
    EXPECT_EQ(shown, 3);
}

// --- the terminal

TEST_F(SinkTest, WhoRotatesByHandSeesALineForEachKey) {
    std::ostringstream terminal;
    SecretDelivery odd = delivery(6);
    odd.name = "a\x1b[2J";
    const auto answers = print_sink(terminal)->deliver({delivery(5), odd});
    EXPECT_EQ(answers.at(1).kind, Kind::delivered);
    EXPECT_EQ(terminal.str(), fmt::format("key 1005 (billing \"prod\"): {0}\n"
                                          "key 1006 (a?[2J): {0}\n",
                                          secret_.text()));
    terminal.setstate(std::ios::badbit);
    EXPECT_EQ(print_sink(terminal)->deliver({delivery(5)}).at(0).kind, Kind::unknown);
}

}  // namespace
}  // namespace keyrota
