#include <Poco/Dynamic/Var.h>
#include <Poco/JSON/Parser.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <string>

#include "commands/config.h"
#include "config/load.h"
#include "config/options.h"
#include "config/reference.h"
#include "config/references.h"
#include "error/error.h"

namespace keyrota {
namespace {

using namespace std::chrono_literals;
using std::chrono::hours;
using testing::ContainsRegex;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;

const std::filesystem::path kExample = KEYROTA_SOURCE_DIR "/config/keyrota.yaml";

std::string text_of(const std::filesystem::path& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
}

void replace_all(std::string& text, const std::string& from, const std::string& to) {
    for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
        text.replace(at, from.size(), to);
}

std::vector<hours> days(const std::vector<int>& counts) {
    std::vector<hours> durations;
    durations.reserve(counts.size());
    for (const int count : counts) durations.push_back(hours(24 * count));
    return durations;
}

// Root may read everything, so some refusals show only to somebody else.
class AsNobody {
  public:
    AsNobody() : user_(::geteuid()) { EXPECT_EQ(::seteuid(user_ == 0 ? 65534 : user_), 0); }
    ~AsNobody() { EXPECT_EQ(::seteuid(user_), 0); }
    AsNobody(const AsNobody&) = delete;
    AsNobody& operator=(const AsNobody&) = delete;

  private:
    uid_t user_;
};

// A directory of its own, and an environment with nothing in it but a home.
class ConfigTest : public testing::Test {
  protected:
    ConfigTest() {
        std::string name = "/tmp/keyrota-config-XXXXXX";
        directory_ = ::mkdtemp(name.data());
        std::filesystem::permissions(directory_, std::filesystem::perms(0755));
        sources_.system_file = directory_ / "system.yaml";
        sources_.environment["HOME"] = "/home/somebody";
    }
    ~ConfigTest() override { std::filesystem::remove_all(directory_); }

    std::filesystem::path write(const std::string& text, mode_t mode = 0644,
                                const std::string& name = "keyrota.yaml") {
        std::filesystem::path path = directory_ / name;
        std::ofstream(path) << text;
        EXPECT_EQ(::chmod(path.c_str(), mode), 0);
        return path;
    }

    void given_file(const std::string& text) { sources_.file = write(text); }

    LoadedConfig load() { return load_config(sources_); }
    Config config() { return load().config; }

    // All that is wrong, with the names of files relative to the test's directory.
    std::string errors() {
        try {
            load();
        } catch (const Error& e) {
            EXPECT_EQ(e.code(), ExitCode::config);
            std::string message = e.what();
            replace_all(message, directory_.string() + "/", "");
            return message;
        }
        return "";
    }

    // `VALUE from ORIGIN` of one line of `config show`.
    std::string setting(const std::string& path) {
        for (const Setting& setting : load().settings) {
            if (setting.path != path) continue;
            std::string line = setting.value + " from " + setting.origin;
            replace_all(line, directory_.string() + "/", "");
            return line;
        }
        return "no such setting";
    }

    std::filesystem::path directory_;
    ConfigSources sources_;
};

// -------------------------------------------------------------------------------------------------
// Sources

TEST_F(ConfigTest, WithoutAnySourceTheDefaultsHold) {
    const LoadedConfig loaded = load();
    EXPECT_EQ(loaded.file, "");
    EXPECT_EQ(loaded.config.database.url, "embedded");
    EXPECT_EQ(loaded.config.database.lock_timeout, 2s);
    EXPECT_EQ(loaded.config.limits.batch_size, 1000);
    EXPECT_EQ(loaded.config.log.level, "info");
    ASSERT_THAT(loaded.config.policy, SizeIs(1));
    EXPECT_EQ(loaded.config.policy[0].name, "default");
    EXPECT_EQ(loaded.config.policy[0].type, "");
    EXPECT_THAT(loaded.config.policy[0].expiry_notice_before,
                testing::ElementsAreArray(days({30, 14, 7, 3, 1})));
    for (const Setting& setting : loaded.settings)
        EXPECT_EQ(setting.origin, "default") << setting.path;
}

TEST_F(ConfigTest, AFlagBeatsTheEnvironmentWhichBeatsTheFileWhichBeatsTheDefault) {
    EXPECT_EQ(setting("log.format"), "text from default");
    given_file("limits:\n  duty: 50\nlog:\n  format: json\n");
    EXPECT_EQ(setting("log.format"), "json from keyrota.yaml:4");
    sources_.environment["KEYROTA_LOG_FORMAT"] = "text";
    EXPECT_EQ(setting("log.format"), "text from environment KEYROTA_LOG_FORMAT");
    sources_.flags["log.format"] = "json";
    EXPECT_EQ(setting("log.format"), "json from flag");
    EXPECT_EQ(config().log.format, "json");
    EXPECT_EQ(setting("limits.duty"), "50 from keyrota.yaml:2");
}

TEST_F(ConfigTest, AFileNamedByFlagBeatsOneNamedByTheEnvironmentWhichBeatsTheSystems) {
    write("limits: {duty: 1}", 0644, "system.yaml");
    EXPECT_EQ(config().limits.duty, 1);
    sources_.environment["KEYROTA_CONFIG"] = write("limits: {duty: 2}", 0644, "environment.yaml");
    EXPECT_EQ(config().limits.duty, 2);
    sources_.file = write("limits: {duty: 3}", 0644, "flag.yaml");
    EXPECT_EQ(config().limits.duty, 3);
    EXPECT_EQ(load().file, directory_ / "flag.yaml");
}

TEST_F(ConfigTest, NothingIsReadFromTheWorkingDirectoryUnlessNamed) {
    const std::filesystem::path before = std::filesystem::current_path();
    write("nonsense: 1");
    std::filesystem::create_directory(directory_ / "config");
    write("nonsense: 1", 0644, "config/keyrota.yaml");
    std::filesystem::current_path(directory_);
    EXPECT_EQ(errors(), "");
    sources_.file = "keyrota.yaml";
    EXPECT_THAT(errors(), StartsWith("keyrota.yaml:1:1: unknown option \"nonsense\""));
    std::filesystem::current_path(before);
}

TEST_F(ConfigTest, EveryOptionOutsideRulesCanBeSetByItsVariable) {
    for (const Option& option : options()) {
        const std::string name = environment_variable(option);
        EXPECT_EQ(name.empty(), is_of_list(option) || option.path == "schedules") << option.path;
        if (name.empty()) continue;
        // What is shown may be given back.
        const std::string value = setting(option.path);
        sources_.environment[name] = value.substr(0, value.find(" from "));
        EXPECT_EQ(setting(option.path), sources_.environment[name] + " from environment " + name);
    }
    EXPECT_EQ(environment_variable(*find_option("data_dir")), "KEYROTA_DATA_DIR");
    EXPECT_EQ(environment_variable(*find_option("database.lock_timeout")),
              "KEYROTA_DATABASE_LOCK_TIMEOUT");
}

TEST_F(ConfigTest, AListInTheEnvironmentMayHaveBracketsAndNeedsThemToBeEmpty) {
    std::string& list = sources_.environment["KEYROTA_POLICY_DEFAULTS_EXPIRY_NOTICE_BEFORE"];
    list = "1d, 7d";
    EXPECT_THAT(config().policy[0].expiry_notice_before, ElementsAre(168h, 24h));
    list = "[1d,7d]";
    EXPECT_THAT(config().policy[0].expiry_notice_before, ElementsAre(168h, 24h));
    list = " [ ] ";
    EXPECT_THAT(config().policy[0].expiry_notice_before, IsEmpty());
    for (const char* wrong : {"", " "}) {
        list = wrong;
        EXPECT_EQ(errors(),
                  "environment KEYROTA_POLICY_DEFAULTS_EXPIRY_NOTICE_BEFORE: "
                  "policy.defaults.expiry.notice_before must be a list\n"
                  "  HINT: For example [30d, 7d], or [] for none.");
    }
    for (const char* wrong : {"7d,", ",7d", "[7d", "7d 1d", "7d,7d", "7d,,1d"}) {
        list = wrong;
        EXPECT_THAT(errors(), StartsWith("environment KEYROTA_POLICY_")) << wrong;
    }
}

TEST_F(ConfigTest, AMisspeltVariableIsAnErrorAndVariablesOfOthersAreNot) {
    sources_.environment = {{"HOME", "/root"},      {"KEYROTAX", "1"},
                            {"PGPASSWORD", "x"},    {"KEYROTA_DATABASE_LOCK_TIMEOU", "9s"},
                            {"KEYROTA_DUTY", "10"}, {"KEYROTA_SOMETHING", "1"},
                            {"keyrota_x", "y"},     {"KEYROTA_CONFIG", ""}};
    EXPECT_EQ(errors(),
              "environment KEYROTA_DATABASE_LOCK_TIMEOU: no option has this variable\n"
              "  HINT: Did you mean \"KEYROTA_DATABASE_LOCK_TIMEOUT\"?\n"
              "environment KEYROTA_DUTY: no option has this variable\n"
              "  HINT: Did you mean \"KEYROTA_LIMITS_DUTY\"?\n"
              "environment KEYROTA_SOMETHING: no option has this variable");
}

TEST_F(ConfigTest, ABadValueOfAVariableOrFlagNamesItAndIsFoundEvenIfOverridden) {
    given_file("log: {level: loud}");
    sources_.environment["KEYROTA_LOG_LEVEL"] = "louder";
    sources_.environment["KEYROTA_LIMITS_BATCH_SIZE"] = "010";
    sources_.flags["log.level"] = "info";
    sources_.flags["log.format"] = "jsn";
    EXPECT_EQ(errors(),
              "keyrota.yaml:1:14: log.level must be one of debug, info, warn, error, not \"loud\"\n"
              "environment KEYROTA_LIMITS_BATCH_SIZE: limits.batch_size must be a whole number "
              "without leading zeros, not \"010\"\n"
              "environment KEYROTA_LOG_LEVEL: log.level must be one of debug, info, warn, error, "
              "not \"louder\"\n"
              "--log-format: log.format must be one of text, json, not \"jsn\"\n"
              "  HINT: Did you mean \"json\"?");
}

TEST_F(ConfigTest, TheEnvironmentOfTheProcessIsWhole) {
    ASSERT_EQ(::setenv("KEYROTA_TEST_OF_ENVIRONMENT", "a=b", 1), 0);
    EXPECT_EQ(process_environment()["KEYROTA_TEST_OF_ENVIRONMENT"], "a=b");
    ASSERT_EQ(::unsetenv("KEYROTA_TEST_OF_ENVIRONMENT"), 0);
}

// -------------------------------------------------------------------------------------------------
// data_dir

TEST_F(ConfigTest, RootKeepsItsFilesInVarLib) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    sources_.environment["XDG_DATA_HOME"] = "/elsewhere";
    EXPECT_EQ(config().data_dir, "/var/lib/keyrota");
}

TEST_F(ConfigTest, OthersKeepTheirFilesInTheirHome) {
    const AsNobody nobody;
    EXPECT_EQ(config().data_dir, "/home/somebody/.local/share/keyrota");
    sources_.environment["XDG_DATA_HOME"] = "relative/is/ignored";
    EXPECT_EQ(config().data_dir, "/home/somebody/.local/share/keyrota");
    sources_.environment["XDG_DATA_HOME"] = "/data/somebody";
    EXPECT_EQ(config().data_dir, "/data/somebody/keyrota");
}

TEST_F(ConfigTest, WithoutAHomeTheDataDirectoryMustBeSaid) {
    const AsNobody nobody;
    sources_.environment.clear();
    EXPECT_EQ(errors(),
              "data_dir: no default, since neither XDG_DATA_HOME nor HOME is set\n"
              "  HINT: Set data_dir, KEYROTA_DATA_DIR or HOME.");
    sources_.environment["KEYROTA_DATA_DIR"] = "/srv/keyrota";
    EXPECT_EQ(config().data_dir, "/srv/keyrota");
}

TEST_F(ConfigTest, ARelativeDataDirectoryIsMadeAbsolute) {
    sources_.flags["data_dir"] = "there/../here";
    EXPECT_EQ(config().data_dir, std::filesystem::current_path() / "here");
    sources_.flags["data_dir"] = "";
    EXPECT_EQ(errors(), "--data-dir: data_dir must not be empty");
}

// -------------------------------------------------------------------------------------------------
// Policy

TEST_F(ConfigTest, ARuleInheritsWhatItDoesNotSetAndDefaultStandsLast) {
    given_file(R"(policy:
  defaults: {expiry: {notice_before: [1d, 14d]}}
  rules:
    - name: quiet
      match: {type: test, environment: test, service_plan: Free, team: QA, owner: a@b.c, scope: "read:x"}
      expiry: {notice_before: []}
    - match: {type: secret}
      name: rest
)");
    const std::vector<PolicyRule> policy = config().policy;
    ASSERT_THAT(policy, SizeIs(3));
    EXPECT_EQ(policy[0].name, "quiet");
    EXPECT_EQ(policy[0].type, "test");
    EXPECT_EQ(policy[0].environment, "test");
    EXPECT_EQ(policy[0].service_plan, "Free");
    EXPECT_EQ(policy[0].team, "QA");
    EXPECT_EQ(policy[0].owner, "a@b.c");
    EXPECT_EQ(policy[0].scope, "read:x");
    EXPECT_THAT(policy[0].expiry_notice_before, IsEmpty());
    EXPECT_EQ(policy[1].name, "rest");
    EXPECT_EQ(policy[1].type, "secret");
    EXPECT_EQ(policy[1].scope, "");
    EXPECT_THAT(policy[1].expiry_notice_before, testing::ElementsAreArray(days({14, 1})));
    EXPECT_EQ(policy[2].name, "default");
    EXPECT_THAT(policy[2].expiry_notice_before, testing::ElementsAreArray(days({14, 1})));

    EXPECT_EQ(setting("policy.rules.quiet.expiry.notice_before"), "[] from keyrota.yaml:6");
    EXPECT_EQ(setting("policy.rules.rest.match.type"), "secret from keyrota.yaml:7");
    EXPECT_EQ(setting("policy.rules.rest.match.scope"), "no such setting");
    EXPECT_EQ(setting("policy.rules.rest.expiry.notice_before"), "[14d, 1d] from keyrota.yaml:2");
}

TEST_F(ConfigTest, ARuleInheritsTheDefaultInForceWhoeverSetIt) {
    given_file("policy: {rules: [{name: a, match: {type: test}}]}");
    sources_.environment["KEYROTA_POLICY_DEFAULTS_EXPIRY_NOTICE_BEFORE"] = "5d";
    EXPECT_EQ(setting("policy.rules.a.expiry.notice_before"),
              "[5d] from environment KEYROTA_POLICY_DEFAULTS_EXPIRY_NOTICE_BEFORE");
    EXPECT_THAT(config().policy[0].expiry_notice_before, ElementsAre(120h));
}

TEST_F(ConfigTest, NoticesAreSortedLongestFirst) {
    given_file("policy: {defaults: {expiry: {notice_before: [1d, 400d, 36h, 1w, 1s]}}}");
    EXPECT_THAT(config().policy[0].expiry_notice_before, ElementsAre(9600h, 168h, 36h, 24h, 1s));
}

TEST_F(ConfigTest, AListOfWordsKeepsItsOrderAndReplacesTheDefault) {
    EXPECT_EQ(setting("keys.scopes"),
              "[read:experiences, write:experiences, read:consumers, write:consumers, "
              "read:analytics, admin] from default");
    given_file("keys:\n  scopes: [write, admin, 'read:x']\n");
    EXPECT_THAT(config().keys.scopes, ElementsAre("write", "admin", "read:x"));
    sources_.environment["KEYROTA_KEYS_SCOPES"] = "b,a";
    EXPECT_THAT(config().keys.scopes, ElementsAre("b", "a"));
    sources_.environment["KEYROTA_KEYS_SCOPES"] = "[]";
    EXPECT_THAT(config().keys.scopes, IsEmpty());
    sources_.environment["KEYROTA_KEYS_SCOPES"] = "";
    EXPECT_EQ(errors(),
              "environment KEYROTA_KEYS_SCOPES: keys.scopes must be a list\n"
              "  HINT: For example [read, write], or [] for none.");
}

TEST_F(ConfigTest, BoundsAreInclusive) {
    given_file(
        "limits: {batch_size: 1, duty: 1, max_tries: 1}\n"
        "database: {connect_timeout: 1s, lock_timeout: 10ms, statement_timeout: 7d}");
    EXPECT_EQ(errors(), "");
    given_file(
        "limits: {batch_size: 100000, duty: 100, max_tries: 100}\n"
        "database: {connect_timeout: 10m, lock_timeout: 1h, statement_timeout: 100ms}");
    EXPECT_EQ(errors(), "");
    given_file(
        "limits: {batch_size: 0, duty: 0, max_tries: 0}\n"
        "database: {connect_timeout: 0s, lock_timeout: 9ms, statement_timeout: 99ms}");
    EXPECT_EQ(
        errors(),
        "keyrota.yaml:1:22: limits.batch_size must be from 1 to 100000, not \"0\"\n"
        "keyrota.yaml:1:31: limits.duty must be from 1 to 100, not \"0\"\n"
        "keyrota.yaml:1:45: limits.max_tries must be from 1 to 100, not \"0\"\n"
        "keyrota.yaml:2:29: database.connect_timeout must be from 1s to 10m, not \"0s\"\n"
        "keyrota.yaml:2:47: database.lock_timeout must be from 10ms to 1h, not \"9ms\"\n"
        "keyrota.yaml:2:71: database.statement_timeout must be from 100ms to 7d, not \"99ms\"");
    given_file("limits: {batch_size: 100001, duty: 101, max_tries: 101}");
    EXPECT_EQ(errors(),
              "keyrota.yaml:1:22: limits.batch_size must be from 1 to 100000, not \"100001\"\n"
              "keyrota.yaml:1:36: limits.duty must be from 1 to 100, not \"101\"\n"
              "keyrota.yaml:1:52: limits.max_tries must be from 1 to 100, not \"101\"");
}

// -------------------------------------------------------------------------------------------------
// What is right

TEST_F(ConfigTest, WhatIsHarmlessIsAccepted) {
    for (const char* text : {
             "{}",                                       // said explicitly: the defaults
             "---\nlog: {level: warn}\n...\n",           // one document with its marks
             "database:\nlimits:\npolicy:\n  rules:\n",  // sections with everything commented out
             "policy: {defaults:, rules: []}",
             "log: {level: 'warn', format: \"json\", file: ''}",  // quotes around a text
             "log:\n  file: >-\n    /var/log/keyrota.log\n",
             "log: {file: 123}",  // a text may look like a number
             "log: {level: warn}\r\ndata_dir: /x\r\n",
             "\xef\xbb\xbflog: {level: 'warn'}\n",  // byte order mark
             "log: {file: 'it''s'}",
             "log: {file: \"a\\\"b\"}",
             "database: {lock_timeout: \"2s\"}",
             R"(policy:
  defaults: {expiry: {notice_before: &stages [7d, 1d]}}
  rules: [{name: a, match: {type: test}, expiry: {notice_before: *stages}}])",
         }) {
        given_file(text);
        EXPECT_EQ(errors(), "") << text;
    }
}

// -------------------------------------------------------------------------------------------------
// What is wrong

struct BadFile {
    std::string name;
    std::string text;
    std::string error;  // the whole message, after `keyrota.yaml:`
};

void PrintTo(const BadFile& bad, std::ostream* out) {
    *out << bad.text;
}

class BadConfig : public ConfigTest, public testing::WithParamInterface<BadFile> {};

TEST_P(BadConfig, IsRefusedAtTheExactPlace) {
    std::string expected = "keyrota.yaml:" + GetParam().error;
    replace_all(expected, "ALL SECTIONS", fmt::format("{}", fmt::join(options_in(""), ", ")));
    given_file(GetParam().text);
    EXPECT_EQ(errors(), expected);
}

const BadFile kBadFiles[] = {
    {"UnknownOption", "database:\n  lock_timout: 2s\n",
     "2:3: unknown option \"lock_timout\"\n  HINT: Did you mean \"lock_timeout\"?"},
    {"UnknownSection", "databse:\n  url: x\n",
     "1:1: unknown option \"databse\"\n  HINT: Did you mean \"database\"?"},
    {"OptionInTheWrongSection", "log:\n  level: info\nlock_timeout: 2s\n",
     "3:1: unknown option \"lock_timeout\"\n  HINT: Did you mean \"database.lock_timeout\"?"},
    {"UnknownOptionLikeNoOther", "log: {colour: red}",
     "1:7: unknown option \"colour\"\n  HINT: Known here: level, format, file."},
    {"DottedName", "log.level: info",
     "1:1: unknown option \"log.level\"\n"
     "  HINT: Known here: ALL SECTIONS."},
    {"UnknownOptionOfARule",
     "policy:\n  rules:\n    - name: a\n      type: test\n"
     "      match: {type: test}\n",
     "4:7: unknown option \"type\"\n  HINT: Did you mean \"policy.rules[].match.type\"?"},
    {"EmptyName", "'': {log: {level: info}}", "1:1: this is not the name of an option"},
    {"MergeKey", "log:\n  <<: {level: info}\n", "2:3: this is not the name of an option"},
    {"ListAsName", "? [a, b]\n: 1\n", "1:3: the name of an option must be a string"},
    {"NullAsName", "~: 1\n", "1:1: the name of an option must be a string"},
    {"OptionTwice", "limits:\n  duty: 50\n  batch_size: 10\n  duty: 60\n",
     "4:3: limits.duty is set twice"},
    {"SectionTwice", "log: {level: info}\nlimits:\n\nlog:\n  format: json\n",
     "4:1: log is set twice"},
    {"MappingForAValue", "log:\n  level:\n    name: info\n",
     "3:5: log.level must be a single value, not a mapping"},
    {"ListForAValue", "log:\n  level: [info]\n",
     "2:10: log.level must be a single value, not a list"},
    {"ValueForASection", "limits: 5\n",
     "1:9: limits must be a mapping, not a single value\n"
     "  HINT: Known here: batch_size, duty, max_tries, max_gap."},
    {"ListForASection", "log:\n  - level: info\n",
     "2:3: log must be a mapping, not a list\n  HINT: Known here: level, format, file."},
    {"TextForTheConfiguration", "nonsense",
     "1:1: the configuration must be a mapping, not a single value\n"
     "  HINT: Known here: ALL SECTIONS."},
    {"NoValue", "log:\n  level:\n  format: json\n",
     "2:3: log.level must be a single value, not empty\n  HINT: Write '' for an empty text."},
    {"NullValue", "log:\n  file: ~\n",
     "2:3: log.file must be a single value, not empty\n  HINT: Write '' for an empty text."},
    {"Tag", "limits:\n  duty: !!int 50\n",
     "2:9: limits.duty has a YAML tag, which no option takes"},
    {"NumberInQuotes", "limits:\n  duty: '50'\n",
     "2:9: limits.duty must be a whole number, not a string in quotes"},
    {"OctalNumber", "limits:\n  batch_size: 010\n",
     "2:15: limits.batch_size must be a whole number without leading zeros, not \"010\""},
    {"HexadecimalNumber", "limits:\n  batch_size: 0x10\n",
     "2:15: limits.batch_size must be a whole number, not \"0x10\""},
    {"FractionalNumber", "limits: {duty: 1.5}",
     "1:16: limits.duty must be a whole number, not \"1.5\""},
    {"NumberWithUnit", "limits: {duty: 50%}",
     "1:16: limits.duty must be a whole number, not \"50%\""},
    {"NumberWithPlus", "limits: {duty: +5}",
     "1:16: limits.duty must be a whole number, not \"+5\""},
    {"BooleanForANumber", "limits: {duty: yes}",
     "1:16: limits.duty must be a whole number, not \"yes\""},
    {"EmptyNumber", "limits: {duty: -}", "1:16: limits.duty must be a whole number, not \"-\""},
    {"NegativeNumber", "limits: {duty: -5}", "1:16: limits.duty must be from 1 to 100, not \"-5\""},
    {"NumberBeyondAllBounds", "limits: {batch_size: 99999999999999999999}",
     "1:22: limits.batch_size must be from 1 to 100000, not \"99999999999999999999\""},
    {"DurationWithoutUnit", "database:\n  connect_timeout: 90\n",
     "2:20: database.connect_timeout needs a unit, for example 90s"},
    {"LongDurationWithoutUnit",
     "policy:\n  defaults:\n    expiry:\n      notice_before:\n        - 30d\n        - 90\n",
     "6:11: policy.defaults.expiry.notice_before needs a unit, for example 90d"},
    {"DurationWithAnUnknownUnit", "database: {connect_timeout: 10 seconds}",
     "1:29: database.connect_timeout must be a duration, not \"10 seconds\"\n"
     "  HINT: Write a whole number and one of the units us, ms, s, m, h, d, w: 90d, 36h, 250ms."},
    {"NegativeDuration", "database: {connect_timeout: -10s}",
     "1:29: database.connect_timeout must be a duration, not \"-10s\"\n"
     "  HINT: Write a whole number and one of the units us, ms, s, m, h, d, w: 90d, 36h, 250ms."},
    {"DurationTooFineForPostgreSql", "database: {lock_timeout: 10500us}",
     "1:26: database.lock_timeout must be a multiple of 1ms, not \"10500us\""},
    {"DurationTooFineForLibpq", "database: {connect_timeout: 1500ms}",
     "1:29: database.connect_timeout must be a multiple of 1s, not \"1500ms\""},
    {"UnknownChoice", "log:\n  level: wan\n",
     "2:10: log.level must be one of debug, info, warn, error, not \"wan\"\n"
     "  HINT: Did you mean \"warn\"?"},
    {"ChoiceInCapitals", "log: {format: JSON}",
     "1:15: log.format must be one of text, json, not \"JSON\""},
    {"EmptyPath", "data_dir: ''", "1:11: data_dir must not be empty"},
    {"LineBreakInAText", "log:\n  file: |\n    /var/log/x\n",
     "2:9: log.file must not contain line breaks or control characters"},
    {"NulInAText", "log: {file: \"a\\0b\"}",
     "1:13: log.file must not contain line breaks or control characters"},
    {"OverlongText", "log: {file: " + std::string(5000, 'x') + "}",
     "1:13: log.file must not be longer than 4096 bytes"},
    {"ControlCharacterInAMessage", "log: {level: \"a\\e[31mb\\n\"}",
     "1:14: log.level must be one of debug, info, warn, error, not \"a?[31mb?\""},
    {"NoClosingQuote", "data_dir: /x\nlog:\n  file: 'x\n", "3:9: log.file lacks its closing quote"},
    {"NoClosingDoubleQuote", "log:\n  file: \"x\\\"\n", "2:9: log.file lacks its closing quote"},
    {"EmptyFile", "",
     "1:1: the configuration is empty\n"
     "  HINT: Write {} if all options are to have their defaults."},
    {"OnlyComments", "# nothing\n\n# at all\n",
     "1:1: the configuration is empty\n"
     "  HINT: Write {} if all options are to have their defaults."},
    {"EmptyDocument", "---\n",
     "1:1: the configuration is empty\n"
     "  HINT: Write {} if all options are to have their defaults."},
    {"TwoDocuments", "log: {level: info}\n---\nlog: {level: warn}\n",
     "3:1: a second YAML document begins here; a configuration is one document"},
    {"TabForIndentation", "log:\n\tlevel: info\n", "2:7: not valid YAML: illegal map value"},
    {"UnclosedList", "policy:\n  defaults: {expiry: {notice_before: [7d}}\n",
     "2:41: not valid YAML: illegal flow end"},
    {"UnknownAnchor", "log: {level: *none}",
     "1:14: not valid YAML: the referenced anchor is not defined\n"
     "  HINT: Put a string that begins with * in quotes: '*/5 * * * *'."},
    {"DeepNesting", std::string(100'000, '['), "1:1: not valid YAML: bad file"},
    {"ScopeTwice", "keys: {scopes: [a, b, a]}", "1:23: keys.scopes has \"a\" twice"},
    {"ScopeThatIsTwo", "keys: {scopes: [a b]}",
     "1:17: an item of keys.scopes must not hold spaces or commas"},
    {"ScopeWithAComma", "keys: {scopes: ['a,b']}",
     "1:17: an item of keys.scopes must not hold spaces or commas"},
    {"ScopeThatIsEmpty", "keys: {scopes: ['']}", "1:17: keys.scopes must not be empty"},
    {"ScopeThatIsTooLong", "keys: {scopes: [" + std::string(201, 'a') + "]}",
     "1:17: keys.scopes must not be longer than 200 bytes"},
    {"ScopesThatAreNoList", "keys: {scopes: admin}",
     "1:16: keys.scopes must be a list, not a single value\n"
     "  HINT: For example [read, write], or [] for none."},
    {"NoticeTwice", "policy:\n  defaults:\n    expiry: {notice_before: [7d, 1d, 1w]}\n",
     "3:38: policy.defaults.expiry.notice_before has 7d twice"},
    {"NoticeOfZero", "policy: {defaults: {expiry: {notice_before: [0d]}}}",
     "1:46: policy.defaults.expiry.notice_before must be from 1s to 400d, not \"0d\""},
    {"NoticeTooEarly", "policy: {defaults: {expiry: {notice_before: [401d]}}}",
     "1:46: policy.defaults.expiry.notice_before must be from 1s to 400d, not \"401d\""},
    {"NoticeThatIsNoList", "policy: {defaults: {expiry: {notice_before: 7d}}}",
     "1:45: policy.defaults.expiry.notice_before must be a list, not a single value\n"
     "  HINT: For example [30d, 7d], or [] for none."},
    {"NoticeThatIsMissing", "policy: {defaults: {expiry: {notice_before: }}}",
     "1:30: policy.defaults.expiry.notice_before must be a list, not empty\n"
     "  HINT: For example [30d, 7d], or [] for none."},
    {"NoticeThatIsAList", "policy: {defaults: {expiry: {notice_before: [[7d]]}}}",
     "1:46: an item of policy.defaults.expiry.notice_before must be a single value, not a list"},
    {"ListThatHoldsItself", "policy: {defaults: {expiry: {notice_before: &x [*x]}}}",
     "1:45: an item of policy.defaults.expiry.notice_before must be a single value, not a list"},
    {"RulesThatAreNoList", "policy:\n  rules:\n    name: a\n",
     "3:5: policy.rules must be a list, not a mapping"},
    {"RuleThatIsNoMapping", "policy:\n  rules:\n    - a\n",
     "3:7: a policy rule must be a mapping, not a single value"},
    {"RulesUnderTheNameOfTheSchema", "policy:\n  \"rules[]\": {name: a}\n",
     "2:3: this is not the name of an option"},
    {"RuleWithoutName", "policy:\n  rules:\n    - match: {type: test}\n",
     "3:7: a policy rule needs a name"},
    {"RuleWithoutMatch", "policy:\n  rules:\n    - name: a\n",
     "3:7: a policy rule must say which keys it is for\n"
     "  HINT: Without a match it would hide the rules below it; what holds for all keys belongs in "
     "policy.defaults."},
    {"RuleWithEmptyMatch", "policy:\n  rules:\n    - name: a\n      match: {}\n",
     "3:7: a policy rule must say which keys it is for\n"
     "  HINT: Without a match it would hide the rules below it; what holds for all keys belongs in "
     "policy.defaults."},
    {"RuleWithEmptyMatcher", "policy:\n  rules:\n    - name: a\n      match: {team: ''}\n",
     "4:21: policy.rules[].match.team must not be empty"},
    {"RuleForAnUnknownType", "policy: {rules: [{name: a, match: {type: secrt}}]}",
     "1:42: policy.rules[].match.type must be one of public, secret, test, not \"secrt\"\n"
     "  HINT: Did you mean \"secret\"?"},
    {"RuleNamedDefault", "policy: {rules: [{name: default, match: {type: test}}]}",
     "1:25: \"default\" is the name of the rule that policy.defaults makes"},
    {"RuleWithACapital", "policy: {rules: [{match: {type: test}, name: My Rule}]}",
     "1:46: the name of a policy rule must consist of a-z, 0-9 and -, not \"My Rule\""},
    {"RuleWithoutValidName", "policy: {rules: [{match: {type: test}, name: ''}]}",
     "1:46: policy.rules[].name must not be empty"},
    {"TwoRulesOfOneName",
     "policy:\n  rules:\n    - {name: a, match: {type: test}}\n"
     "    - {name: a, match: {type: public}}\n",
     "4:14: another policy rule is named \"a\""},
    {"SinksThatAreNoList", "sinks:\n  name: a\n", "2:3: sinks must be a list, not a mapping"},
    {"SinkThatIsNoMapping", "sinks:\n  - a\n", "2:5: a sink must be a mapping, not a single value"},
    {"SinkWithoutName", "sinks: [{type: file, directory: /x}]", "1:9: a sink needs a name"},
    {"SinkWithoutType", "sinks: [{name: a}]",
     "1:9: a sink needs a type\n  HINT: It is file or exec."},
    {"SinkOfAnUnknownType", "sinks: [{name: a, type: exe, directory: /x}]",
     "1:25: sinks[].type must be one of file, exec, not \"exe\"\n"
     "  HINT: Did you mean \"exec\"?"},
    {"SinkNamedPrint", "sinks: [{name: print, type: file, directory: /x}]",
     "1:16: \"print\" is the name of the sink that shows a secret to who rotates a key by hand"},
    {"SinkWithACapital", "sinks: [{name: A, type: file, directory: /x}]",
     "1:16: the name of a sink must consist of a-z, 0-9 and -, not \"A\""},
    {"TwoSinksOfOneName",
     "sinks:\n  - {name: a, type: file, directory: /x}\n"
     "  - {name: a, type: exec, command: [/x]}\n",
     "3:12: another sink is named \"a\""},
    {"FileSinkWithoutDirectory", "sinks: [{name: a, type: file}]",
     "1:9: a sink of type file needs a directory"},
    {"FileSinkBelowNothing", "sinks: [{name: a, type: file, directory: x}]",
     "1:42: sinks[].directory must be a string that begins with /, not \"x\""},
    {"FileSinkWithACommand", "sinks: [{name: a, type: file, directory: /x, command: [/y]}]",
     "1:55: a sink of type file takes no command\n  HINT: It takes directory."},
    {"ExecSinkWithoutCommand", "sinks: [{name: a, type: exec}]",
     "1:9: a sink of type exec needs a command"},
    {"ExecSinkWithADirectory", "sinks: [{name: a, type: exec, command: [/y], directory: /x}]",
     "1:57: a sink of type exec takes no directory\n"
     "  HINT: It takes command, environment, timeout."},
    {"CommandFromThePath", "sinks: [{name: a, type: exec, command: [vault, kv]}]",
     "1:40: the first item of sinks[].command must be an absolute path\n"
     "  HINT: For example [/usr/local/bin/put-secret, production]."},
    {"CommandThatIsNothing", "sinks: [{name: a, type: exec, command: []}]",
     "1:40: the first item of sinks[].command must be an absolute path\n"
     "  HINT: For example [/usr/local/bin/put-secret, production]."},
    {"CommandThatIsALine", "sinks: [{name: a, type: exec, command: /x y}]",
     "1:40: sinks[].command must be a list, not a single value\n"
     "  HINT: Write [FIRST, SECOND], or [] for none.\n"
     "keyrota.yaml:1:40: the first item of sinks[].command must be an absolute path\n"
     "  HINT: For example [/usr/local/bin/put-secret, production]."},
    {"VariableTwice", "sinks: [{name: a, type: exec, command: [/x], environment: [A=1, A=2]}]",
     "1:65: sinks[].environment sets \"A\" twice"},
    {"VariableWithoutName", "sinks: [{name: a, type: exec, command: [/x], environment: [=1]}]",
     "1:60: an item of sinks[].environment must be NAME=VALUE"},
    {"VariableOfKeyrota",
     "sinks: [{name: a, type: exec, command: [/x], environment: [KEYROTA_TOKEN=1]}]",
     "1:60: an item of sinks[].environment begins with KEYROTA_, as those that keyrota itself "
     "sets"},
    {"TimeoutOfNothing", "sinks: [{name: a, type: exec, command: [/x], timeout: 0s}]",
     "1:55: sinks[].timeout must be from 100ms to 10m, not \"0s\""},
    {"WebhookWithoutUrl", "webhooks: [{name: a}]", "1:12: a webhook needs a url"},
    {"WebhookOfTheOperator", "webhooks: [{name: operator, url: 'https://x'}]",
     "1:19: \"operator\" is the name of the operator's own webhook\n"
     "  HINT: That one is webhook.url."},
    {"WebhookTwice", "webhooks: [{name: a, url: 'https://x'}, {name: a, url: 'https://y'}]",
     "1:48: another webhook is named \"a\""},
    {"WebhookOfAnUnknownScheme", "webhooks: [{name: a, url: 'ftp://Zq7secret'}]",
     "1:27: webhooks[].url must be a string that begins with https:// or http://"},
    {"UnknownOptionOfASink", "sinks: [{name: a, type: file, directry: /x}]",
     "1:9: a sink of type file needs a directory\n"
     "keyrota.yaml:1:31: unknown option \"directry\"\n  HINT: Did you mean \"directory\"?"},
    {"MatchTwice",
     "policy:\n  rules:\n    - name: a\n      match: {type: test}\n      match: {team: x}\n",
     "5:7: policy.rules[].match is set twice"},
};

INSTANTIATE_TEST_SUITE_P(Files, BadConfig, testing::ValuesIn(kBadFiles),
                         [](const auto& bad) { return bad.param.name; });

TEST_F(ConfigTest, AllErrorsAreReportedAtOnceInTheOrderOfTheFile) {
    given_file(R"(log:
  level: loud
databse: {}
policy:
  rules:
    - match: {type: secret}
      expiry: {notice_before: [7]}
limits:
  duty: 0
)");
    sources_.environment["KEYROTA_LOG_FORMAT"] = "xml";
    sources_.flags["data_dir"] = "";
    EXPECT_EQ(
        errors(),
        "keyrota.yaml:2:10: log.level must be one of debug, info, warn, error, not \"loud\"\n"
        "keyrota.yaml:3:1: unknown option \"databse\"\n"
        "  HINT: Did you mean \"database\"?\n"
        "keyrota.yaml:6:7: a policy rule needs a name\n"
        "keyrota.yaml:7:32: policy.rules[].expiry.notice_before needs a unit, for example 7d\n"
        "keyrota.yaml:9:9: limits.duty must be from 1 to 100, not \"0\"\n"
        "environment KEYROTA_LOG_FORMAT: log.format must be one of text, json, not \"xml\"\n"
        "--data-dir: data_dir must not be empty");
}

// -------------------------------------------------------------------------------------------------
// The file itself

TEST_F(ConfigTest, AFileThatWasNamedMustExist) {
    sources_.file = directory_ / "missing.yaml";
    EXPECT_EQ(errors(),
              "missing.yaml: the configuration cannot be read: No such file or directory");
    sources_.file.reset();
    sources_.environment["KEYROTA_CONFIG"] = directory_ / "missing.yaml";
    EXPECT_EQ(errors(),
              "missing.yaml: the configuration cannot be read: No such file or directory");
}

TEST_F(ConfigTest, AFileThatCannotBeReadIsAnErrorEvenIfNobodyNamedIt) {
    write("{}", 0000, "system.yaml");
    const AsNobody nobody;
    EXPECT_EQ(errors(), "system.yaml: the configuration cannot be read: Permission denied");
}

TEST_F(ConfigTest, ADirectoryIsNoConfiguration) {
    sources_.file = directory_;
    EXPECT_THAT(errors(), testing::EndsWith(": the configuration is a directory, not a file"));
}

TEST_F(ConfigTest, ANamedPipeIsRefusedWithoutWaitingForAWriter) {
    sources_.file = directory_ / "pipe";
    ASSERT_EQ(::mkfifo(sources_.file->c_str(), 0600), 0);
    EXPECT_EQ(errors(), "pipe: the configuration is not a regular file");
}

TEST_F(ConfigTest, AFileThatOthersMayWriteIsRefusedUnread) {
    for (const mode_t mode : {0664, 0646, 0620, 0602}) {
        sources_.file = write("nonsense: 1", mode);
        EXPECT_EQ(errors(),
                  "keyrota.yaml: the configuration can be written by others than its owner\n"
                  "  HINT: Check what is in it, then `chmod go-w keyrota.yaml`.");
    }
    for (const mode_t mode : {0600, 0640, 0644, 0444}) {
        sources_.file = write("{}", mode);
        EXPECT_EQ(errors(), "");
        std::filesystem::remove(*sources_.file);
    }
}

TEST_F(ConfigTest, AFileOfSomebodyElseIsRefusedAndOneOfRootIsNot) {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
    given_file("{}");
    {
        const AsNobody nobody;
        EXPECT_EQ(errors(), "");
    }
    ASSERT_EQ(::chown(sources_.file->c_str(), 12345, 0), 0);
    EXPECT_EQ(
        errors(),
        "keyrota.yaml: the configuration belongs to neither root nor the user who runs keyrota\n"
        "  HINT: Check what is in it, then `chown 0 keyrota.yaml`.");
}

TEST_F(ConfigTest, AFileBelowAFolderThatOthersMayChangeIsRefused) {
    std::filesystem::create_directories(directory_ / "a/b");
    sources_.file = write("{}", 0644, "a/b/keyrota.yaml");
    const std::filesystem::path a = directory_ / "a";
    EXPECT_EQ(errors(), "");
    for (const mode_t mode : {0775, 0757, 0777}) {
        ASSERT_EQ(::chmod(a.c_str(), mode), 0);
        EXPECT_EQ(errors(),
                  "a/b/keyrota.yaml: the folder a of the configuration can be written by others "
                  "than its owner\n"
                  "  HINT: Check what is in it, then `chmod go-w a`.");
    }
    // Nobody can rename what others have in it.
    ASSERT_EQ(::chmod(a.c_str(), 01777), 0);
    EXPECT_EQ(errors(), "");
}

TEST_F(ConfigTest, AFolderOfSomebodyElseIsRefusedEvenIfItIsSticky) {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can give a folder away";
    std::filesystem::create_directory(directory_ / "a");
    sources_.file = write("{}", 0644, "a/keyrota.yaml");
    for (const mode_t mode : {0755, 01777}) {
        ASSERT_EQ(::chmod((directory_ / "a").c_str(), mode), 0);
        ASSERT_EQ(::chown((directory_ / "a").c_str(), 12345, 0), 0);
        EXPECT_EQ(errors(),
                  "a/keyrota.yaml: the folder a of the configuration belongs to neither root nor "
                  "the user who runs keyrota\n  HINT: Check what is in it, then `chown 0 a`.");
    }
    ASSERT_EQ(::chown((directory_ / "a").c_str(), 0, 0), 0);
    EXPECT_EQ(errors(), "");
}

TEST_F(ConfigTest, ALinkIsTrustedIfBothItsFolderAndWhatItLeadsToAre) {
    for (const char* folder : {"links", "files"})
        std::filesystem::create_directory(directory_ / folder);
    write("{}", 0644, "files/keyrota.yaml");
    std::filesystem::create_symlink("../files/keyrota.yaml", directory_ / "links/keyrota.yaml");
    sources_.file = directory_ / "links/keyrota.yaml";
    EXPECT_EQ(errors(), "");
    for (const char* folder : {"links", "files"}) {
        ASSERT_EQ(::chmod((directory_ / folder).c_str(), 0777), 0);
        EXPECT_THAT(errors(), HasSubstr("the folder " + std::string(folder) +
                                        " of the configuration can be written by others"));
        ASSERT_EQ(::chmod((directory_ / folder).c_str(), 0755), 0);
    }
}

// -------------------------------------------------------------------------------------------------
// References

TEST_F(ConfigTest, AVariableStandsForItsValueInAnyTextWhoeverSaysIt) {
    sources_.environment["WHERE"] = "/var/log";
    sources_.environment["LEVEL"] = "warn";
    sources_.environment["TEAM"] = "Payments";
    given_file(
        "log: {file: \"${WHERE}/keyrota-${TEAM}.log\", level: '${LEVEL}'}\n"
        "data_dir: ${WHERE}/data\n"
        "policy: {rules: [{name: a, match: {team: '${TEAM}'}}]}\n");
    EXPECT_EQ(config().log.file, "/var/log/keyrota-Payments.log");
    EXPECT_EQ(config().log.level, "warn");
    EXPECT_EQ(config().data_dir, "/var/log/data");
    EXPECT_EQ(config().policy[0].team, "Payments");
    sources_.environment["KEYROTA_LOG_FILE"] = "${WHERE}/environment.log";
    EXPECT_EQ(config().log.file, "/var/log/environment.log");
    sources_.flags["log.file"] = "${WHERE}/flag.log";
    EXPECT_EQ(config().log.file, "/var/log/flag.log");
}

TEST_F(ConfigTest, TwoDollarsBeforeABraceAreOneAndOtherDollarsAreText) {
    sources_.environment["A"] = "${B}";  // what was put in is not looked at again
    for (const auto& [written, read] :
         std::vector<std::pair<std::string, std::string>>{{"$${A}", "${A}"},
                                                          {"x$${A}y$${", "x${A}y${"},
                                                          {"$A $ $$ {A} }", "$A $ $$ {A} }"},
                                                          {"${A}", "${B}"},
                                                          {"${A}${A}", "${B}${B}"},
                                                          {"<${A}>", "<${B}>"}}) {
        given_file("log: {file: '" + written + "'}");
        EXPECT_EQ(config().log.file, read);
    }
}

TEST_F(ConfigTest, WhatATextRefersToMustBeThereAndAllThatIsMissingIsSaidAtOnce) {
    sources_.environment["LOG_FOLDER"] = "/var/log";
    sources_.environment["EMPTY"] = "";
    given_file(
        "log:\n  file: ${LOG_FLODER}/${NAME}\ndata_dir: ${EMPTY}\n"
        "database:\n  url: postgresql://${USR}@db\n  admin_url: \"${}\"\n");
    EXPECT_EQ(errors(),
              "keyrota.yaml:2:9: log.file refers to ${LOG_FLODER}, which is not set\n"
              "  HINT: Did you mean \"LOG_FOLDER\"?\n"
              "keyrota.yaml:2:9: log.file refers to ${NAME}, which is not set\n"
              "keyrota.yaml:3:11: data_dir must not be empty (from ${EMPTY})\n"
              "keyrota.yaml:5:8: database.url refers to ${USR}, which is not set\n"
              "keyrota.yaml:6:14: database.admin_url has a ${ that does not begin a reference\n"
              "  HINT: A reference is ${NAME}; write $${ for a ${ that is a part of the text.");
    for (const char* wrong : {"${", "${A", "${1A}", "${A-B}", "${A:-x}", "x${ A}"}) {
        given_file("log: {file: \"" + std::string(wrong) + "\"}");
        EXPECT_THAT(errors(), HasSubstr("has a ${ that does not begin a reference")) << wrong;
    }
}

TEST_F(ConfigTest, AVariableThatIsReferredToMayBeginLikeOnesOfKeyrota) {
    sources_.environment["KEYROTA_PASSWORD"] = "x";
    EXPECT_THAT(errors(), HasSubstr("environment KEYROTA_PASSWORD: no option has this variable"));
    given_file("database: {url: 'postgresql://runner:${KEYROTA_PASSWORD}@db/keys'}");
    EXPECT_EQ(errors(), "");
    EXPECT_EQ(config().database.url, "postgresql://runner:x@db/keys");
}

TEST_F(ConfigTest, AFileStandsForItsContentWithoutTheLastLineBreakInSecretsOnly) {
    const std::filesystem::path secret = write("postgresql://db/keys\n", 0600, "secret");
    sources_.environment["HERE"] = directory_;
    given_file("database: {url: 'file:${HERE}/secret'}\nlog: {file: 'file:/x'}");
    EXPECT_EQ(config().database.url, "postgresql://db/keys");
    EXPECT_EQ(config().log.file, "file:/x");
    write("service=${HERE}", 0600, "secret");  // is not looked at again
    EXPECT_EQ(config().database.url, "service=${HERE}");
    sources_.environment["KEYROTA_DATABASE_ADMIN_URL"] = "file:" + secret.string();
    EXPECT_EQ(config().database.admin_url, "service=${HERE}");
    write("two\n\n", 0600, "secret");
    EXPECT_THAT(
        errors(),
        StartsWith("keyrota.yaml:1:17: database.url must not contain line breaks or control "
                   "characters (from file:${HERE}/secret)\n"));
}

TEST_F(ConfigTest, AFileWithASecretIsRefusedIfOthersMayReadOrWriteIt) {
    sources_.file = write("database:\n  url: file:" + (directory_ / "secret").string() + "\n");
    EXPECT_EQ(errors(),
              "keyrota.yaml:2:8: database.url: secret cannot be read: No such file or directory");
    for (const mode_t mode : {0604, 0644, 0601 | 0004}) {
        write("x", mode, "secret");
        EXPECT_THAT(errors(), StartsWith("keyrota.yaml:2:8: database.url: secret can be read by "
                                         "others than its owner\n  HINT: `chmod "));
    }
    for (const mode_t mode : {0602, 0620}) {
        write("x", mode, "secret");
        EXPECT_THAT(errors(), HasSubstr("secret can be written by others than its owner"));
    }
    for (const mode_t mode : {0600, 0400}) {
        write("x", mode, "secret");
        EXPECT_EQ(errors(), "");
        std::filesystem::remove(directory_ / "secret");
    }
    write("x", 0600, "secret");
    ASSERT_EQ(::chmod(directory_.c_str(), 0777), 0);
    EXPECT_THAT(errors(), HasSubstr("can be written by others than its owner"));
}

TEST_F(ConfigTest, OnlyRootMayShareASecretWithAGroup) {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
    sources_.file = write("database: {url: 'file:" + (directory_ / "secret").string() + "'}");
    write("x", 0640, "secret");
    EXPECT_EQ(errors(), "");
    ASSERT_EQ(::chown((directory_ / "secret").c_str(), 65534, 0), 0);
    {
        const AsNobody nobody;
        EXPECT_THAT(errors(), HasSubstr("secret can be read by others than its owner\n"
                                        "  HINT: `chmod go= secret`"));
        ASSERT_EQ(::chmod((directory_ / "secret").c_str(), 0600), 0);
        EXPECT_EQ(errors(), "");
    }
    EXPECT_THAT(errors(), HasSubstr("secret belongs to neither root nor the user"));
}

TEST_F(ConfigTest, AFileWithASecretIsNeverLookedForInTheWorkingDirectory) {
    given_file("database: {url: file:secret}");
    EXPECT_EQ(errors(),
              "keyrota.yaml:1:17: database.url must name its file by an absolute path\n"
              "  HINT: For example file:/etc/keyrota/database-url.");
}

TEST_F(ConfigTest, AVariableCannotEndItsPartOfAConnection) {
    std::string& password = sources_.environment["PASS"];
    given_file("database: {url: 'postgresql://runner:${PASS}@db/keys'}");
    for (const char* harmless : {"hunter2", "a%40b", "a:b", ""}) {
        password = harmless;
        EXPECT_EQ(errors(), "") << harmless;
    }
    for (const char* harmful : {"hunter2@x", "hunter2/", "hunter2?sslmode=disable"}) {
        password = harmful;
        EXPECT_EQ(
            errors(),
            "keyrota.yaml:1:17: database.url: the value of ${PASS} has a character that would "
            "end its part of the URL\n"
            "  HINT: Write it percent-encoded there: %40 for @, %2F for /, %3F for ?.");
    }
    password = "hunter2 host=elsewhere";
    given_file("database: {url: 'host=db password=${PASS}'}");
    EXPECT_THAT(errors(), HasSubstr("would end its part of the connection's keywords"));
    password = "postgresql://runner:hunter2@db/keys?sslmode=disable";
    given_file("database: {url: '${PASS}'}");
    EXPECT_EQ(config().database.url, password);
}

TEST_F(ConfigTest, ReferencesAreShownAsTheyWereWritten) {
    sources_.environment["PASS"] = "hunter2";
    sources_.environment["LEVEL"] = "hunter3";
    const auto shown_url = [&](const std::string& url) {
        given_file("database: {url: \"" + url + "\"}");
        const std::string line = setting("database.url");
        return line.substr(0, line.find(" from "));
    };
    EXPECT_EQ(shown_url("${PASS}"), "${PASS}");
    EXPECT_EQ(shown_url("postgresql://u:${PASS}@db/x"), "postgresql://u:${PASS}@db/x");
    EXPECT_EQ(shown_url("postgresql://u@db/x?password=${PASS}&sslmode=disable"),
              "postgresql://u@db/x?password=${PASS}&sslmode=disable");
    // What stands beside a reference may be secret.
    EXPECT_EQ(shown_url("postgresql://u:hunter2${PASS}@db/x"), "postgresql://u:<redacted>@db/x");
    EXPECT_EQ(shown_url("postgresql://u:hunter2@${PASS}/x"), "postgresql://u:<redacted>@${PASS}/x");
    EXPECT_THAT(shown_url("host=db password=hunter2 user=${PASS}"), Not(HasSubstr("hunter2")));
    given_file("log: {file: \"/x/${PASS}\"}");
    EXPECT_EQ(setting("log.file"), "/x/${PASS} from keyrota.yaml:1");
    given_file("log: {level: \"${LEVEL}\"}");
    EXPECT_EQ(errors(),
              "keyrota.yaml:1:14: log.level must be one of debug, info, warn, error (from "
              "${LEVEL})");
}

TEST(References, AWholeSecretIsShownWhereItIsNothingButAReference) {
    const Option option{.path = "x", .help = "x", .secrecy = Secrecy::whole};
    EXPECT_EQ(shown_as_written(option, "${A}"), "${A}");
    EXPECT_EQ(shown_as_written(option, "${A}${B}"), "${A}${B}");
    EXPECT_EQ(shown_as_written(option, "file:/run/x"), "file:/run/x");
    EXPECT_EQ(shown_as_written(option, "hunter2${A}"), "<redacted>");
}

// -------------------------------------------------------------------------------------------------
// Secrets

TEST_F(ConfigTest, NoErrorRepeatsAnyPartOfASecretValue) {
    const std::string secret = "postgresql://runner:hunter2@db/keyrota";
    for (const char* shape : {
             "database: {url: [\"SECRET\"]}",
             "database: {url: !SECRET}",
             "database: {url: *hunter2}",
             "database: {url: \"SECRET\\n\"}",
             "database: {url: \"SECRET\\qhunter2\"}",
             "database: {admin_url: \"SECRET\\t\"}",
             "database:\n  SECRET\n",
             "database:\n  ? SECRET\n",
             "database:\n  url: SECRET\n  url: SECRET\n",
             "database:\n  url: 'SECRET\n",
             "database: 'password=hunter2'\n",
             "database: {url: {password: hunter2}}",
             "database: {url: {hunter2: }}",
         }) {
        std::string text = shape;
        replace_all(text, "SECRET", secret);
        given_file(text);
        EXPECT_THAT(errors(), StartsWith("keyrota.yaml:")) << text;
        EXPECT_THAT(errors(), Not(HasSubstr("hunter2"))) << text;
    }
    sources_.file.reset();
    sources_.environment["KEYROTA_DATABASE_URL"] = secret + "\n";
    EXPECT_EQ(errors(),
              "environment KEYROTA_DATABASE_URL: database.url must not contain line breaks or "
              "control characters");
}

TEST_F(ConfigTest, NoSettingShowsAPasswordAndTheConfigurationHoldsIt) {
    const std::string url = "postgresql://runner:hunter2@db.example.com/keyrota";
    given_file("database: {url: '" + url + "'}");
    sources_.environment["KEYROTA_DATABASE_ADMIN_URL"] = url;
    EXPECT_EQ(config().database.url, url);
    EXPECT_EQ(config().database.admin_url, url);
    EXPECT_THAT(setting("database.url"), HasSubstr("db.example.com/keyrota from keyrota.yaml:1"));
    for (const bool json : {false, true}) {
        std::ostringstream out;
        config_show(sources_, json, out);
        EXPECT_THAT(out.str(), HasSubstr("<redacted>"));
        EXPECT_THAT(out.str(), Not(HasSubstr("hunter2")));
    }
}

TEST(Options, AWholeSecretIsShownOnlyAsSuchAndNeverRepeated) {
    std::string value = "hunter2";
    Option option{.path = "x", .help = "x", .range = {0, 3}, .secrecy = Secrecy::whole};
    EXPECT_EQ(shown(option, &value), "<redacted>");
    EXPECT_EQ(read_value(option, &value, "hunter3")->message, "x must not be longer than 3 bytes");
    EXPECT_EQ(value, "hunter2");
    value.clear();
    EXPECT_EQ(shown(option, &value), "");

    option.choices = {"hunter4"};
    EXPECT_EQ(read_value(option, &value, "hunter3")->message, "x must be one of hunter4");
    std::int64_t number = 0;
    EXPECT_EQ(read_value(option, &number, "hunter3")->message, "x must be a whole number");
    std::chrono::microseconds duration{};
    EXPECT_EQ(read_value(option, &duration, "3000")->message, "x needs a unit, for example 30s");
}

// -------------------------------------------------------------------------------------------------
// Schedules of jobs

TEST_F(ConfigTest, AScheduleIsOfAJobThatThereIs) {
    sources_.jobs = {"expire-keys", "check-runs"};
    given_file("schedules:\n  expire-keys: '*/10 * * * *'\n  check-runs: off\n");
    EXPECT_THAT(config().schedules, ElementsAre(std::pair("check-runs", "off"),
                                                std::pair("expire-keys", "*/10 * * * *")));
    EXPECT_EQ(setting("schedules"),
              "{check-runs: off, expire-keys: */10 * * * *} from keyrota.yaml:1");
    given_file("schedules:\n  expire-kyes: off\n  foo: off\n  check-runs: off\n");
    EXPECT_EQ(errors(),
              "keyrota.yaml:2:3: no job is called \"expire-kyes\"\n"
              "  HINT: Did you mean \"expire-keys\"?\n"
              "keyrota.yaml:3:3: no job is called \"foo\"\n"
              "  HINT: The jobs are expire-keys, check-runs.");
    for (const char* none : {"schedules:\n", "schedules: {}\n"}) {
        given_file(none);
        EXPECT_THAT(config().schedules, IsEmpty());
    }
}

TEST_F(ConfigTest, AScheduleThatIsNoneIsToldWithItsPlace) {
    sources_.jobs = {"a", "b", "c", "d"};
    given_file("schedules:\n  a: '61 * * * *'\n  b: hourly\n  c:\n  d: ['* * * * *']\n  a: off\n");
    EXPECT_EQ(errors(),
              "keyrota.yaml:2:6: schedules.a: \"61\" is no minute (0 to 59)\n"
              "  HINT: Five fields as in a crontab, for example '*/10 * * * *', or off.\n"
              "keyrota.yaml:3:6: schedules.b: has 1 fields, not five (minute, hour, day of the "
              "month, month, day of the week)\n"
              "  HINT: Five fields as in a crontab, for example '*/10 * * * *', or off.\n"
              "keyrota.yaml:4:3: schedules.c must be a single value, not empty\n"
              "  HINT: Write '' for an empty text.\n"
              "keyrota.yaml:5:6: schedules.d must be a single value, not a list\n"
              "keyrota.yaml:6:3: schedules.a is set twice");
    given_file("schedules: off\n");
    EXPECT_THAT(errors(), StartsWith("keyrota.yaml:1:12: schedules must be a mapping, not a single "
                                     "value"));
    given_file("schedules: {a: */5 * * * *}\n");
    EXPECT_THAT(errors(), HasSubstr("Put a string that begins with * in quotes"));
}

TEST_F(ConfigTest, AHealthCheckIsAUrlThatIsNeverShown) {
    given_file("ping: {url: 'https://hc-ping.com/Zq7/{job}'}\n");
    EXPECT_EQ(config().ping.url, "https://hc-ping.com/Zq7/{job}");
    EXPECT_EQ(setting("ping.url"), "<redacted> from keyrota.yaml:1");
    given_file("ping: {url: 'ftp://hc-ping.com/Zq7'}\n");
    EXPECT_EQ(errors(),
              "keyrota.yaml:1:13: ping.url must be a string that begins with https:// or http://");
    given_file("metrics: {textfile_dir: metrics}\n");
    EXPECT_EQ(errors(),
              "keyrota.yaml:1:25: metrics.textfile_dir must be a string that begins with /, not "
              "\"metrics\"");
}

// -------------------------------------------------------------------------------------------------
// Sinks

constexpr const char* kTwoSinks = R"(sinks:
  - name: files
    type: file
    directory: /var/lib/keyrota/secrets
  - name: vault
    type: exec
    command: [/usr/bin/put, 'a b', 'c,d', '', 'c,d', "${HOME}/x"]
    environment: ['ADDR=https://vault', "TOKEN=${TOKEN}", EMPTY=]
    timeout: 5s
)";

TEST_F(ConfigTest, SinksAreReadInTheirOrderWithTextsAsTheyAre) {
    EXPECT_THAT(config().sinks, IsEmpty());
    sources_.environment["TOKEN"] = "hunter2";
    given_file(kTwoSinks);
    const std::vector<SinkOptions> sinks = config().sinks;
    ASSERT_THAT(sinks, SizeIs(2));
    EXPECT_EQ(sinks[0].name, "files");
    EXPECT_EQ(sinks[0].type, "file");
    EXPECT_EQ(sinks[0].directory, "/var/lib/keyrota/secrets");
    EXPECT_EQ(sinks[0].timeout, 30s);
    EXPECT_EQ(sinks[1].name, "vault");
    EXPECT_EQ(sinks[1].type, "exec");
    EXPECT_THAT(sinks[1].command,
                ElementsAre("/usr/bin/put", "a b", "c,d", "", "c,d", "/home/somebody/x"));
    EXPECT_THAT(sinks[1].environment, ElementsAre("ADDR=https://vault", "TOKEN=hunter2", "EMPTY="));
    EXPECT_EQ(sinks[1].timeout, 5s);
}

TEST_F(ConfigTest, NoSettingShowsTheEnvironmentOfASink) {
    sources_.environment["TOKEN"] = "hunter2";
    given_file(kTwoSinks);
    EXPECT_EQ(setting("sinks.files.directory"), "/var/lib/keyrota/secrets from keyrota.yaml:4");
    EXPECT_EQ(setting("sinks.vault.command"),
              "[/usr/bin/put, a b, c,d, , c,d, ${HOME}/x] from keyrota.yaml:7");
    EXPECT_EQ(setting("sinks.vault.environment"), "<redacted> from keyrota.yaml:8");
    EXPECT_EQ(setting("sinks.vault.timeout"), "5s from keyrota.yaml:9");
    EXPECT_EQ(setting("sinks.files.timeout"), "no such setting");
    given_file("sinks: [{name: a, type: exec, command: [/x], environment: ['T=hunter2']}]");
    EXPECT_EQ(setting("sinks.a.environment"), "<redacted> from keyrota.yaml:1");
    given_file(
        "sinks: [{name: a, type: exec, command: [/x], environment: [hunter2, \"A=hunter2\\n\"]}]");
    EXPECT_EQ(errors(),
              "keyrota.yaml:1:60: an item of sinks[].environment must be NAME=VALUE\n"
              "keyrota.yaml:1:69: sinks[].environment must not contain line breaks or control "
              "characters");
}

TEST_F(ConfigTest, ARotationNeedsASinkThatThereIs) {
    const std::string sinks = "sinks: [{name: files, type: file, directory: /x}]\n";
    given_file(sinks + "policy: {defaults: {rotation: {action: rotate, sink: files}}}\n");
    EXPECT_EQ(config().policy[0].rotation_action, "rotate");
    EXPECT_EQ(config().policy[0].rotation_sink, "files");
    given_file(sinks + "policy: {defaults: {rotation: {action: rotate}}}\n");
    EXPECT_EQ(errors(),
              "keyrota.yaml:2:40: policy.defaults.rotation.action is rotate, and "
              "policy.defaults.rotation.sink names no sink that the new secret could go to\n"
              "  HINT: Name one of those below `sinks` there, or let rotation.action be flag.");
    sources_.environment["KEYROTA_POLICY_DEFAULTS_ROTATION_SINK"] = "fils";
    EXPECT_EQ(errors(),
              "environment KEYROTA_POLICY_DEFAULTS_ROTATION_SINK: policy.defaults.rotation.sink is "
              "\"fils\", and no sink has this name\n"
              "  HINT: Did you mean \"files\"?");
    sources_.environment["KEYROTA_POLICY_DEFAULTS_ROTATION_SINK"] = "files";
    EXPECT_EQ(errors(), "");
}

TEST_F(ConfigTest, TheRotationOfARuleIsJudgedWithWhatItInherits) {
    const std::string sinks = "sinks: [{name: files, type: file, directory: /x}]\n";
    given_file(sinks +
               "policy:\n  defaults: {rotation: {sink: files}}\n"
               "  rules:\n"
               "    - {name: a, match: {type: test}, rotation: {action: rotate}}\n");
    EXPECT_EQ(errors(), "");
    given_file(sinks +
               "policy:\n  defaults: {rotation: {action: rotate, sink: files}}\n"
               "  rules:\n"
               "    - {name: a, match: {type: test}}\n"
               "    - {name: b, match: {type: test}, rotation: {sink: ''}}\n"
               "    - {name: c, match: {type: test}, rotation: {action: flag, sink: ''}}\n"
               "    - {name: d, match: {type: test}, rotation: {sink: print}}\n");
    EXPECT_EQ(errors(),
              "keyrota.yaml:6:55: policy.rules[].rotation.action is rotate, and "
              "policy.rules[].rotation.sink names no sink that the new secret could go to\n"
              "  HINT: Name one of those below `sinks` there, or let rotation.action be flag.\n"
              "keyrota.yaml:8:55: policy.rules[].rotation.sink is \"print\", and no sink has this "
              "name\n"
              "  HINT: The sinks are files.");
    given_file("policy: {rules: [{name: a, match: {type: test}, rotation: {sink: x}}]}");
    EXPECT_THAT(errors(), HasSubstr("HINT: Describe it below `sinks`; there is none yet."));
}

// -------------------------------------------------------------------------------------------------
// The table and the example

TEST(Options, HaveUniquePathsAndHelp) {
    std::set<std::string> paths;
    for (const Option& option : options()) {
        EXPECT_TRUE(paths.insert(option.path).second) << option.path;
        EXPECT_EQ(find_option(option.path), &option);
        EXPECT_FALSE(option.help.empty() || option.help.back() == '.') << option.path;
        EXPECT_LE(option.range.min, option.range.max) << option.path;
    }
    EXPECT_EQ(find_option("database"), nullptr);
    EXPECT_EQ(find_option(""), nullptr);
}

TEST(Options, OfDefaultsMayBeSetByRulesToo) {
    EXPECT_NE(find_option("policy.rules[].expiry.notice_before"), nullptr);
    std::vector<std::string> of_a_rule = options_in("policy.defaults");
    of_a_rule.insert(of_a_rule.begin(), {"name", "match"});
    EXPECT_EQ(options_in("policy.rules[]"), of_a_rule);
    EXPECT_THAT(options_in("policy"), ElementsAre("defaults", "rules"));
    EXPECT_THAT(options_in("sinks[]"),
                ElementsAre("name", "type", "directory", "command", "environment", "timeout"));
    EXPECT_THAT(options_in("data_dir"), IsEmpty());
}

TEST(Options, TextsInMessagesAreShortHarmlessAndWholeUtf8) {
    EXPECT_EQ(in_quotes("a\x1b[0m\nb\x7f"), "\"a?[0m?b?\"");
    EXPECT_EQ(in_quotes(std::string(60, 'x')), '"' + std::string(60, 'x') + '"');
    EXPECT_EQ(in_quotes(std::string(61, 'x')), '"' + std::string(60, 'x') + "...\"");
    EXPECT_EQ(in_quotes(std::string(59, 'x') + "\xc3\xa4"), '"' + std::string(59, 'x') + "...\"");
}

TEST_F(ConfigTest, TheExampleHoldsEveryOptionWithItsDefault) {
    const std::vector<Setting> defaults = load().settings;
    given_file(text_of(kExample));
    const std::vector<Setting> example = load().settings;
    ASSERT_EQ(example.size(), defaults.size());
    for (std::size_t i = 0; i < example.size(); ++i) {
        EXPECT_EQ(example[i].path, defaults[i].path);
        EXPECT_EQ(example[i].value,
                  defaults[i].path == "data_dir" ? "/var/lib/keyrota" : defaults[i].value);
        EXPECT_THAT(example[i].origin, HasSubstr("keyrota.yaml:")) << example[i].path;
    }
    EXPECT_THAT(config().policy, SizeIs(1));
}

TEST_F(ConfigTest, TheListsOfTheExampleShowEveryOptionOfAnItemAndAreValid) {
    std::string text = text_of(kExample);
    const std::size_t rules = text.find("\n  rules:\n");
    ASSERT_NE(rules, std::string::npos);
    std::string uncommented = text.substr(rules);
    replace_all(uncommented, "\n  # ", "\n  ");
    given_file(text.substr(0, rules) + uncommented);
    EXPECT_EQ(errors(), "");
    EXPECT_THAT(config().policy, SizeIs(3));
    EXPECT_THAT(config().sinks, SizeIs(2));

    for (const Option& option : options()) {
        if (!is_of_list(option) || option.path.ends_with(".name")) continue;
        const std::size_t item = option.path.find("[]");
        const std::string end = option.path.substr(item + 2);
        bool shown_somewhere = false;
        for (const Setting& setting : load().settings)
            shown_somewhere |= setting.path.starts_with(option.path.substr(0, item) + ".") &&
                               setting.path.ends_with(end) &&
                               setting.origin.find("keyrota.yaml:") != std::string::npos;
        EXPECT_TRUE(shown_somewhere) << option.path;
    }
}

// -------------------------------------------------------------------------------------------------
// Commands

TEST_F(ConfigTest, CheckNamesTheFileAndCountsTheRules) {
    std::ostringstream out;
    EXPECT_EQ(config_check(sources_, out), ExitCode::done);
    EXPECT_EQ(out.str(),
              "configuration is valid: no file, defaults\n"
              "policy: 0 rules and the default\n");
    given_file("policy: {rules: [{name: a, match: {type: test}}]}");
    out.str("");
    EXPECT_EQ(config_check(sources_, out), ExitCode::done);
    EXPECT_EQ(out.str(), "configuration is valid: " + sources_.file->string() +
                             "\npolicy: 1 rule and the default\n");
    given_file("nonsense: 1");
    out.str("");
    EXPECT_THROW(config_check(sources_, out), Error);
    EXPECT_EQ(out.str(), "");
}

TEST_F(ConfigTest, ShowAlignsOptionValueAndOrigin) {
    given_file("log:\n  format: json\n");
    sources_.flags["data_dir"] = "/srv/keyrota";
    sources_.environment["KEYROTA_KEYS_SCOPES"] = "admin";  // all of them are wider than a column
    std::ostringstream out;
    EXPECT_EQ(config_show(sources_, false, out), ExitCode::done);
    std::string text = out.str();
    replace_all(text, directory_.string() + "/", "");
    // Three columns, two blanks or more between them, in the order of config/keyrota.yaml.
    for (const char* line :
         {"database.url +embedded +default", "database.admin_url +'' +default",
          "log.format +json +keyrota.yaml:2", "data_dir +/srv/keyrota +flag",
          "policy.defaults.expiry.notice_before +\\[30d, 14d, 7d, 3d, 1d\\]  default"})
        EXPECT_THAT(text, ContainsRegex("(^|\n)" + std::string(line) + "\n"));
    std::set<std::size_t> second_columns, third_columns;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        second_columns.insert(line.find_first_not_of(' ', line.find("  ")));
        third_columns.insert(line.find_first_not_of(' ', line.rfind("  ")));
    }
    EXPECT_EQ(second_columns.size(), 1U);
    EXPECT_EQ(third_columns.size(), 1U);
}

TEST_F(ConfigTest, ShowSpeaksJson) {
    const auto show = [&] {
        std::ostringstream out;
        EXPECT_EQ(config_show(sources_, true, out), ExitCode::done);
        return Poco::JSON::Parser().parse(out.str()).extract<Poco::JSON::Object::Ptr>();
    };
    EXPECT_TRUE(show()->isNull("file"));
    given_file("log: {file: 'a\\b\"c'}");
    const auto document = show();
    EXPECT_EQ(document->getValue<std::string>("file"), sources_.file->string());
    const auto settings = document->getArray("settings");
    ASSERT_EQ(settings->size(), load().settings.size());
    Poco::JSON::Object::Ptr file;
    for (const auto& setting : *settings)
        if (const auto object = setting.extract<Poco::JSON::Object::Ptr>();
            object->getValue<std::string>("option") == "log.file")
            file = object;
    ASSERT_TRUE(file);
    EXPECT_EQ(file->getValue<std::string>("value"), "a\\b\"c");
    EXPECT_EQ(file->getValue<std::string>("origin"), sources_.file->string() + ":1");
}

TEST(ConfigReference, IsThePageOfTheDocumentation) {
    EXPECT_EQ(text_of(KEYROTA_SOURCE_DIR "/docs/configuration.md"), config_reference())
        << "./dev docs writes it anew";
}

}  // namespace
}  // namespace keyrota
