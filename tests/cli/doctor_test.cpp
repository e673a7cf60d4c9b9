// `keyrota doctor`: each examination finds what it is for, and none hides another.

#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <fstream>

#include "commands/doctor/examinations.h"
#include "secret/signing_key.h"
#include "support/program.h"

namespace keyrota::test {
namespace {

namespace fs = std::filesystem;
using Poco::JSON::Array;
using Poco::JSON::Object;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Key;
using ::testing::Not;
using ::testing::StartsWith;

class Doctor : public ProgramTest {
  protected:
    struct Said {
        std::string health, message;
    };
    std::map<std::string, Said> examine(int exit_code = 0, const Environment& extra = {}) {
        const Outcome outcome = keyrota({"doctor", "--json"}, extra);
        EXPECT_EQ(outcome.exit_code, exit_code) << outcome.out << outcome.errors;
        std::map<std::string, Said> said;
        const auto list = Poco::JSON::Parser().parse(outcome.out).extract<Array::Ptr>();
        for (const auto& one : *list) {
            const auto object = one.extract<Object::Ptr>();
            said[object->getValue<std::string>("check")] = {
                object->getValue<std::string>("health"), object->getValue<std::string>("message")};
        }
        return said;
    }
    void expect(const std::string& check, const std::string& health, const std::string& message,
                const Environment& extra = {}) {
        auto said = examine(health == "fail" ? 13 : 0, extra);
        EXPECT_EQ(said[check].health, health) << said[check].message;
        EXPECT_THAT(said[check].message, HasSubstr(message));
        EXPECT_THAT(said, Contains(Key("gateways"))) << "the others go on";
    }
    fs::path data_dir() { return environment()["KEYROTA_DATA_DIR"]; }
    void drop_sample_day(int ahead) {
        execute("drop table keyrota.usage_sample_" +
                text(fmt::format("select to_char(current_date + {}, 'YYYYMMDD')", ahead)));
    }
};

TEST_F(Doctor, FindsNothingThatFailsInAnInstallationAsItIsMade) {
    for (const auto& [check, said] : examine())
        EXPECT_NE(said.health, "fail") << check << ": " << said.message;
    const Outcome outcome = keyrota({"doctor"});
    EXPECT_EQ(outcome.exit_code, 0);
    EXPECT_THAT(outcome.out,
                AllOf(HasSubstr("ok    server          PostgreSQL 15."),
                      HasSubstr("ok    rights          "), HasSubstr("info  gateways        none"),
                      HasSubstr("\n0 failed, "), Not(HasSubstr("\x1b"))));
}

TEST_F(Doctor, LooksAtThisMachineWhereTheDatabaseCannotBeReached) {
    const auto said =
        examine(13, {{"KEYROTA_DATABASE_URL", "postgresql://keyrota_runner@127.0.0.1:1/keys"}});
    EXPECT_EQ(said.at("connection").health, "fail");
    EXPECT_EQ(said.at("configuration").health, "ok");
    EXPECT_THAT(said, Contains(Key("data directory")));
    EXPECT_THAT(said, Not(Contains(Key("schema"))));
}

TEST_F(Doctor, MakesNoEmbeddedDatabase) {
    const auto said = examine(13, {{"KEYROTA_DATABASE_URL", "embedded"}});
    EXPECT_THAT(said.at("connection").message, HasSubstr("there is no database"));
    EXPECT_FALSE(fs::exists(data_dir()));
}

TEST_F(Doctor, SaysWhatIsWrongWithAConfigurationThatCannotBeRead) {
    const auto said = examine(13, {{"KEYROTA_LIMITS_DUTY", "0"}});
    EXPECT_EQ(said.size(), 1U);
    EXPECT_EQ(said.at("configuration").health, "fail");
    EXPECT_THAT(said.at("configuration").message, HasSubstr("limits.duty"));
}

TEST_F(Doctor, AnExaminationThatCannotBeMadeIsAFailureAndHidesNoOther) {
    execute("alter table keyrota.usage_gateway rename to elsewhere");
    const auto said = examine(13);
    EXPECT_EQ(said.at("gateways").health, "fail");
    EXPECT_EQ(said.at("transactions").health == "fail", false);
    EXPECT_EQ(said.at("rights").health, "ok");
}

TEST_F(Doctor, FindsAPasswordThatEverybodyMayRead) {
    const std::string text =
        "database:\n  url: '" + config().database.url + "'\n  admin_url: postgresql://a:pass@h/d\n";
    const fs::path file = scratch().write("keyrota.yaml", text);
    environment().erase("KEYROTA_DATABASE_URL");
    environment().erase("KEYROTA_DATABASE_ADMIN_URL");
    expect("configuration", "warn", "contains a password", {{"KEYROTA_CONFIG", file}});
    ::chmod(file.c_str(), 0640);
    expect("configuration", "ok", file, {{"KEYROTA_CONFIG", file}});
}

TEST_F(Doctor, FindsASinkThatOthersMayReadFrom) {
    expect("sinks", "info", "none is configured");
    const fs::path folder = scratch().path() / "secrets";
    fs::create_directory(folder);
    const fs::path file = scratch().write(
        "keyrota.yaml",
        fmt::format("sinks: [{{name: files, type: file, directory: {}}}]\n", folder.string()));
    ::chmod(folder.c_str(), 0700);
    expect("sinks", "ok", "files", {{"KEYROTA_CONFIG", file}});
    ::chmod(folder.c_str(), 0755);
    expect("sinks", "fail", "files: ", {{"KEYROTA_CONFIG", file}});
}

TEST_F(Doctor, FindsADataDirectoryThatOthersMayWriteTo) {
    fs::create_directory(data_dir());
    ::chmod(data_dir().c_str(), 0750);
    expect("data directory", "ok", data_dir());
    ::chmod(data_dir().c_str(), 0770);
    expect("data directory", "fail", "is writable by others");
}

TEST_F(Doctor, FindsASigningKeyOfAnotherInstallation) {
    expect("signing key", "warn", "missing");
    const std::string made = SigningKey::load_or_make(data_dir()).public_pem();
    expect("signing key", "fail", "does not match");
    execute("update keyrota.installation set signing_public_key = '" + made + "'");
    expect("signing key", "ok", "");
    ::chmod((data_dir() / "signing.key").c_str(), 0640);
    expect("signing key", "fail", "others may read it");
}

TEST_F(Doctor, FindsRightsThatAreMissingOrTooMany) {
    execute("revoke delete on keyrota.finding from keyrota_runner");
    expect("rights", "fail", "keyrota_runner may not delete finding");
    execute(
        "grant delete on keyrota.finding to keyrota_runner;"
        "grant select on keyrota.api_key_secret to keyrota_auditor;"
        "grant update on keyrota.audit_head to keyrota_runner");
    expect("rights", "fail",
           "keyrota_auditor may select api_key_secret, keyrota_runner may update audit_head");
    execute("revoke execute on function keyrota.audit_seal(bigint) from keyrota_runner");
    expect("rights", "fail", "keyrota_runner may not execute keyrota.audit_seal(bigint)");
}

TEST_F(Doctor, FindsATrailThatTheRunnerCouldAlter) {
    expect("audit trail", "ok", "append-only");
    expect("audit trail", "fail", "jobs connect as postgres",
           {{"KEYROTA_DATABASE_URL", config().database.admin_url}});
    execute("alter table keyrota.audit_block disable trigger audit_block_append_only");
    expect("audit trail", "fail", "a trigger");
}

TEST_F(Doctor, FindsASchemaOfAnotherVersion) {
    execute("update keyrota.schema_migration set checksum = 'x' where version = 1");
    expect("schema", "fail", "migration");
}

TEST_F(Doctor, FindsAPolicyThatNoRunHasSeen) {
    keyrota({"run", "expire-keys"});
    expect("policy", "ok", "");
    expect("policy", "warn", "", {{"KEYROTA_POLICY_DEFAULTS_EXPIRY_NOTICE_BEFORE", "5d"}});
}

TEST_F(Doctor, FindsThatDaysForSamplesRunOut) {
    expect("sample days", "ok", " days from today on");  // 61, or 60 after midnight
    drop_sample_day(14);
    expect("sample days", "ok", "14 days");
    drop_sample_day(13);
    expect("sample days", "warn", "13 days");
    drop_sample_day(3);
    expect("sample days", "warn", "3 days");
    drop_sample_day(2);
    expect("sample days", "fail", "2 days");
    EXPECT_EQ(keyrota({"run", "prune"}).exit_code, 0);
    expect("sample days", "ok", " days from today on");  // 61, or 60 after midnight
}

TEST_F(Doctor, FindsAGatewayThatIsSilent) {
    expect("gateways", "info", "none is expected");
    execute(
        "insert into keyrota.usage_gateway values ('edge', true, now() - interval '59 minutes'),"
        " ('old', false, null)");
    expect("gateways", "ok", "1 reported");
    execute(
        "insert into keyrota.usage_gateway values ('core', true, now() - interval '61 minutes'),"
        " ('new', true, null)");
    expect("gateways", "warn", "silent for more than an hour: core, new");
}

TEST_F(Doctor, LooksBeyondItsOwnSessionsOnlyWhereItMay) {
    Session other = session_as("postgres");  // hidden from the runner
    expect("transactions", "info", "are hidden");
}

TEST(Schedules, AreFoundInCrontabsAndTimersButNotInComments) {
    const Scratch scratch;
    const auto file = [&](const std::string& name, const std::string& text) {
        fs::create_directories((scratch.path() / name).parent_path());
        std::ofstream(scratch.path() / name) << text;
    };
    EXPECT_THAT(find_schedules(scratch.path()), ElementsAre());
    file("etc/crontab", "# */5 * * * * root keyrota run expire-keys\n");
    file("etc/cron.d/other", "*/5 * * * * root other\n");
    file("etc/systemd/system/other.timer", "[Timer]\nOnCalendar=daily\n");
    EXPECT_THAT(find_schedules(scratch.path()), ElementsAre());
    file("etc/cron.d/jobs", "\n*/5 * * * * root /usr/bin/keyrota run expire-keys\n");
    EXPECT_THAT(find_schedules(scratch.path()), ElementsAre(scratch.path() / "etc/cron.d/jobs"));
    file("etc/systemd/system/keyrota-expire-keys.timer", "[Timer]\nOnCalendar=daily\n");
    file("var/spool/cron/crontabs/root", "*/5 * * * * keyrota run expire-keys\n");
    EXPECT_EQ(find_schedules(scratch.path()).size(), 3U);
}

}  // namespace
}  // namespace keyrota::test
