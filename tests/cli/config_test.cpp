// The configuration as other programs see it.

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "support/program.h"

namespace keyrota::test {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

const fs::path kExample = KEYROTA_SOURCE_DIR "/config/keyrota.yaml";

std::string text_of(const fs::path& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
}

class ConfigSchema : public ::testing::Test {
  protected:
    void SetUp() override {
        const Outcome outcome = run(keyrota_argv({"config", "schema"}));
        ASSERT_EQ(outcome.exit_code, 0) << outcome.errors;
        schema_ = scratch_.write("schema.json", outcome.out);
    }
    // By an independent validator: `valid`, or the places of what is not.
    std::string verdict(const std::string& text) {
        const fs::path file = scratch_.write("keyrota.yaml", text);
        const Outcome outcome =
            run({"/usr/bin/python3", KEYROTA_SOURCE_DIR "/tests/support/validate_yaml.py",
                 schema_.string(), file.string()});
        EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
        return outcome.out.substr(0, outcome.out.size() - 1);
    }
    // Whether keyrota itself takes it.
    bool is_taken(const std::string& text) {
        const fs::path file = scratch_.write("keyrota.yaml", text);
        Environment environment = bare_environment();
        environment["HOME"] = "/nonexistent";
        environment["LEVEL"] = "warn";
        return run(keyrota_argv({"config", "check", "--config", file.string()}),
                   {.environment = environment})
                   .exit_code == 0;
    }

  private:
    Scratch scratch_;
    fs::path schema_;
};

TEST_F(ConfigSchema, TakesTheShippedExampleAndItsRules) {
    std::string text = text_of(kExample);
    EXPECT_EQ(verdict(text), "valid");
    const std::size_t rules = text.find("\n  rules:\n");
    ASSERT_NE(rules, std::string::npos);
    for (std::size_t at = rules; (at = text.find("\n  # ", at)) != std::string::npos; ++at)
        text.replace(at, 5, "\n  ");
    EXPECT_EQ(verdict(text), "valid");
    EXPECT_TRUE(is_taken(text));
}

TEST_F(ConfigSchema, TakesWhatKeyrotaTakes) {
    for (const char* text : {
             "{}",
             "database:\nlimits:\npolicy:\n  rules:\n",
             "policy: {defaults: , rules: []}",
             "limits: {batch_size: 1, duty: 100}",
             "database: {url: '', connect_timeout: 60000ms}",
             "log: {level: \"${LEVEL}\"}",
             "sinks: [{name: a, type: file, directory: /x}, {name: b, type: exec, command: [/x, "
             "'', "
             "'a b', 'a b'], environment: [A=], timeout: 1s}]",
             "webhooks: [{name: a, url: 'https://x'}, {name: b, url: 'https://x', format: json}]",
             "sinks:\npolicy: {defaults: {rotation: {sink: '', overlap: 0s, still_used: retire}}}",
             "policy: {rules: [{name: a-1, match: {owner: a@b.c}, expiry: {notice_before: []}}]}",
         }) {
        EXPECT_TRUE(is_taken(text)) << text;
        EXPECT_EQ(verdict(text), "valid") << text;
    }
}

TEST_F(ConfigSchema, RefusesWhatIsWrongWhereItIs) {
    const std::pair<const char*, const char*> wrong[] = {
        {"databse: {}", "top"},
        {"database: {urls: x}", "database"},
        {"database: {url: 5}", "database/url"},
        {"database: {lock_timeout: 2}", "database/lock_timeout"},
        {"database: {lock_timeout: 2 seconds}", "database/lock_timeout"},
        {"limits: {duty: 0}", "limits/duty"},
        {"limits: {duty: 101}", "limits/duty"},
        {"limits: {duty: '50'}", "limits/duty"},
        {"limits: 5", "limits"},
        {"log: {level: loud}", "log/level"},
        {"log: {level: [info]}", "log/level"},
        {"data_dir: ''", "data_dir"},
        {"data_dir: \"a\\nb\"", "data_dir"},
        {"policy: {defaults: {expiry: {notice_before: 7d}}}",
         "policy/defaults/expiry/notice_before"},
        {"policy: {defaults: {expiry: {notice_before: [7d, 7d]}}}",
         "policy/defaults/expiry/notice_before"},
        {"policy: {rules: [{name: a}]}", "policy/rules/0"},
        {"policy: {rules: [{match: {type: test}}]}", "policy/rules/0"},
        {"policy: {rules: [{name: a, match: {}}]}", "policy/rules/0/match"},
        {"policy: {rules: [{name: a, match: {team: ''}}]}", "policy/rules/0/match/team"},
        {"policy: {rules: [{name: A b, match: {type: test}}]}", "policy/rules/0/name"},
        {"policy: {rules: [{name: default, match: {type: test}}]}", "policy/rules/0/name"},
        {"policy: {defaults: {rotation: {action: replace}}}", "policy/defaults/rotation/action"},
        {"sinks: [{name: print, type: file, directory: /x}]", "sinks/0/name"},
        {"sinks: [{name: a, directory: /x}]", "sinks/0"},
        {"webhooks: [{name: a, format: json}]", "webhooks/0"},
        {"webhooks: [{name: operator, url: 'https://x'}]", "webhooks/0/name"},
        {"sinks: [{name: a, type: exec, command: /x}]", "sinks/0/command"},
    };
    for (const auto& [text, place] : wrong) {
        EXPECT_EQ(verdict(text), place) << text;
        EXPECT_FALSE(is_taken(text)) << text;
    }
}

// --- references and folders, by the real program

class ConfigFiles : public ::testing::Test {
  protected:
    Outcome config(const std::string& command, const Environment& extra = {}) {
        Environment environment = bare_environment();
        environment["HOME"] = "/nonexistent";
        environment.insert(extra.begin(), extra.end());
        return run(keyrota_argv({"config", command, "--config", file_.string()}),
                   {.environment = environment});
    }
    fs::path given(const fs::path& path, const std::string& text, mode_t mode) {
        fs::create_directories(path.parent_path());
        std::ofstream(path) << text;
        EXPECT_EQ(::chmod(path.c_str(), mode), 0);
        return path;
    }

    Scratch scratch_;
    fs::path file_ = scratch_.path() / "etc/keyrota.yaml";
};

TEST_F(ConfigFiles, ACredentialOfSystemdIsRead) {
    given(file_, "database: {url: 'file:${CREDENTIALS_DIRECTORY}/database-url'}\n", 0644);
    const fs::path credentials = scratch_.path() / "credentials";
    // As systemd leaves it: root's, the user's right an ACL, which shows as the group's.
    const fs::path secret =
        given(credentials / "database-url", "postgresql://runner:hunter2@db/keys\n", 0440);
    ASSERT_EQ(::chmod(credentials.c_str(), 0550), 0);
    const Environment unit{{"CREDENTIALS_DIRECTORY", credentials.string()}};
    EXPECT_EQ(config("check", unit).errors, "");
    const Outcome shown = config("show", unit);
    EXPECT_THAT(shown.out, HasSubstr("file:${CREDENTIALS_DIRECTORY}/database-url"));
    EXPECT_THAT(shown.out, Not(HasSubstr("hunter2")));
    EXPECT_THAT(shown.out, Not(HasSubstr("runner")));

    ::chmod(secret.c_str(), 0444);
    const Outcome open = config("check", unit);
    EXPECT_EQ(open.exit_code, 4);
    EXPECT_THAT(open.errors, HasSubstr("can be read by others than its owner"));
    const Outcome outside = config("check");
    EXPECT_EQ(outside.exit_code, 4);
    EXPECT_THAT(outside.errors, HasSubstr(":1:17: database.url refers to ${CREDENTIALS_DIRECTORY}, "
                                          "which is not set"));
}

TEST_F(ConfigFiles, AFolderThatSomebodyElseMayChangeIsNotTrusted) {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can give a folder away";
    given(file_, "{}\n", 0644);
    EXPECT_EQ(config("check").exit_code, 0);
    ASSERT_EQ(::chown(file_.parent_path().c_str(), 12345, 12345), 0);
    const Outcome given_away = config("check");
    EXPECT_EQ(given_away.exit_code, 4);
    EXPECT_THAT(given_away.errors, HasSubstr("etc of the configuration belongs to neither root"));
}

TEST_F(ConfigFiles, AURLThatNoCommandCouldUseIsSaidByTheCheckWithItsPlace) {
    given(file_, "database:\n  url: mysql://ada:hunter2@db.example.com/keys\n", 0600);
    const Outcome wrong = config("check");
    EXPECT_EQ(wrong.exit_code, 4);
    EXPECT_THAT(wrong.errors,
                AllOf(HasSubstr("keyrota.yaml:2: the database URL cannot be read"),
                      HasSubstr("HINT: Write postgresql://"), Not(HasSubstr("hunter2"))));
    given(file_, "database:\n  url: postgresql://ada@db.example.com/keys\n", 0644);
    EXPECT_EQ(config("check").exit_code, 0) << config("check").errors;
}

TEST_F(ConfigFiles, WhatTheRunsWouldSayOfTheMailIsSaidByTheCheckWithItsPlace) {
    const fs::path templates = scratch_.path() / "templates";
    given(templates / "notice_text.mustache", "Hello {{greting}}\n", 0644);
    given(file_,
          "notify:\n  digest_at: '25:00'\n  quiet_hours: '22-07'\n  templates: " +
              templates.string() + "\n",
          0644);
    const Outcome wrong = config("check");
    EXPECT_EQ(wrong.exit_code, 4);
    for (const char* part :
         {"keyrota.yaml:2: notify.digest_at: \"25:00\" is not a time of day\n  HINT: Write it like",
          "keyrota.yaml:3: notify.quiet_hours: \"22-07\" is not a time range",
          "keyrota.yaml:4: ", "notice_text.mustache:1:7: unknown variable \"greting\""})
        EXPECT_THAT(wrong.errors, HasSubstr(part));
    given(file_,
          "notify: {templates: " + (templates / "gone").string() +
              "}\nmail:\n  from: Ada <ada@example.com>\n  host: smtp://mail.example.com\n",
          0644);
    const Outcome unusable = config("check");
    EXPECT_EQ(unusable.exit_code, 4);
    for (const char* part :
         {"notify.templates is not a directory: ", "keyrota.yaml:3: mail.from is no",
          "keyrota.yaml:4: mail.host is not a host name"})
        EXPECT_THAT(unusable.errors, HasSubstr(part));
    given(file_, "mail: {transport: smtp}\n", 0644);
    EXPECT_THAT(config("check").errors, HasSubstr("no mail server is configured"));
    given(file_, "notify: {digest_at: '07:30', quiet_hours: '22:00-07:00'}\n", 0644);
    EXPECT_EQ(config("check").exit_code, 0);
}

}  // namespace
}  // namespace keyrota::test
