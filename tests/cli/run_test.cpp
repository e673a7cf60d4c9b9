#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>
#include <fmt/format.h>
#include <libpq-fe.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "support/program.h"

namespace keyrota::test {
namespace {

using std::chrono::hours;
using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::StartsWith;

// Runs read the server's clock here, so "due" is long ago and "not due" far ahead.
const Timestamp kLongAgo = *parse_timestamp("2020-01-01");
const Timestamp kFarAhead = *parse_timestamp("2100-01-01");

class RunCommand : public ProgramTest {
  protected:
    // Some due, some that must be left alone.
    void given_due(std::int64_t count) {
        given_keys(count, {.name = "due", .expires_at = kLongAgo});
        given_keys(3, {.name = "not due", .expires_at = kFarAhead});
        given_keys(2, {.name = "endless"});
        given_keys(1, {.name = "gone", .expires_at = kLongAgo, .status = "expired"});
    }
    std::int64_t expired() {
        return number("select count(*) from keyrota.key where status = 'expired' and name = 'due'");
    }
    // `--json` says one object a job.
    static Poco::JSON::Array::Ptr json(const Outcome& outcome) {
        try {
            return Poco::JSON::Parser().parse(outcome.out).extract<Poco::JSON::Array::Ptr>();
        } catch (const Poco::Exception&) {
            ADD_FAILURE() << "no JSON list: " << outcome.out;
            return new Poco::JSON::Array;
        }
    }
    static Poco::JSON::Object::Ptr only_run(const Outcome& outcome) {
        const Poco::JSON::Array::Ptr runs = json(outcome);
        if (runs->size() != 1) throw std::runtime_error("not one run: " + outcome.out);
        return runs->getObject(0);
    }
    static Poco::JSON::Object::Ptr key_expired(const Poco::JSON::Object::Ptr& run) {
        const Poco::JSON::Array::Ptr checks = run->getArray("checks");
        for (unsigned i = 0; i < checks->size(); ++i)
            if (checks->getObject(i)->getValue<std::string>("check") == "KEY-EXPIRED")
                return checks->getObject(i);
        throw std::runtime_error("no KEY-EXPIRED");
    }
    static int total(const Outcome& outcome, const char* name) {
        return key_expired(only_run(outcome))->getValue<int>(name);
    }
    // Ends with that code, one error and one hint, and without having changed anything.
    void expect_refused(const Arguments& arguments, int exit_code, const std::string& message,
                        const std::string& hint, const Environment& extra = {}) {
        SCOPED_TRACE(fmt::format("keyrota {}", fmt::join(arguments, " ")));
        const auto before = fingerprint();
        const Outcome outcome = keyrota(arguments, extra);
        EXPECT_EQ(outcome.exit_code, exit_code);
        EXPECT_EQ(outcome.out, "");
        EXPECT_THAT(outcome.errors, StartsWith("keyrota: "));
        EXPECT_THAT(outcome.errors, HasSubstr(message));
        EXPECT_THAT(outcome.errors, HasSubstr(hint));
        EXPECT_EQ(fingerprint(), before);
    }
    Environment as_user(const std::string& user) {
        return {{"KEYROTA_DATABASE_URL", Server::instance().url(user, database())}};
    }
};

// --- what it says -------------------------------------------------------------------------------

TEST_F(RunCommand, IsQuietWithoutATerminalWhenNothingIsDue) {
    given_due(0);
    const Outcome outcome = keyrota({"run", "expire-keys"});
    EXPECT_EQ(outcome.exit_code, 0);
    EXPECT_EQ(outcome.out, "");
    EXPECT_EQ(outcome.errors, "");
}

TEST_F(RunCommand, IsQuietWithoutATerminalWhenItExpiredWhatWasDue) {
    given_due(7);
    const Outcome outcome = keyrota({"run", "expire-keys"});
    EXPECT_EQ(outcome.exit_code, 0);
    EXPECT_EQ(outcome.out, "");
    EXPECT_EQ(outcome.errors, "");
    EXPECT_EQ(expired(), 7);
    EXPECT_EQ(number("select count(*) from keyrota.audit_entry where action = 'key.expire'"), 7);
    EXPECT_EQ(keyrota({"audit", "verify"}).exit_code, 0);
}

TEST_F(RunCommand, SaysWhatItDidOnATerminal) {
    given_due(7);
    const Outcome outcome = keyrota_on_terminal({"run", "expire-keys"});
    EXPECT_EQ(outcome.exit_code, 0);
    EXPECT_THAT(outcome.out, ContainsRegex("expire-keys: run [0-9]+ done"));
    EXPECT_THAT(outcome.out, ContainsRegex("KEY-EXPIRED +7 found, 7 actions applied"));
}

TEST_F(RunCommand, SaysAsJsonWhatItDid) {
    given_due(7);
    const Outcome first = keyrota({"run", "expire-keys", "--json"});
    EXPECT_EQ(first.exit_code, 0);
    EXPECT_EQ(first.errors, "");
    const Poco::JSON::Object::Ptr run = only_run(first);
    EXPECT_EQ(run->getValue<std::string>("job"), "expire-keys");
    EXPECT_EQ(run->getValue<std::string>("status"), "done");
    EXPECT_EQ(run->getValue<int>("exit_code"), 0);
    EXPECT_TRUE(run->getValue<bool>("complete"));
    EXPECT_FALSE(run->getValue<bool>("dry_run"));
    EXPECT_GT(run->getValue<int>("run_id"), 0);
    EXPECT_EQ(total(first, "found"), 7);
    EXPECT_EQ(total(first, "planned"), 7);
    EXPECT_EQ(total(first, "applied"), 7);
    for (const char* none : {"drifted", "refused", "failed", "changed", "resolved"})
        EXPECT_EQ(total(first, none), 0) << none;

    const Outcome again = keyrota({"run", "expire-keys", "--json"});
    EXPECT_EQ(again.exit_code, 0);
    EXPECT_EQ(total(again, "found"), 0);
    EXPECT_EQ(total(again, "applied"), 0);
}

TEST_F(RunCommand, SaysAsJsonWhatWentWrongToo) {
    given_due(2);
    const Outcome outcome = keyrota({"run", "expire-keys", "--json", "--max-actions", "1"});
    EXPECT_EQ(outcome.exit_code, 8);
    const Poco::JSON::Object::Ptr run = only_run(outcome);
    EXPECT_EQ(run->getValue<std::string>("status"), "refused");
    EXPECT_EQ(run->getValue<int>("exit_code"), 8);
    EXPECT_FALSE(run->getValue<bool>("complete"));
    EXPECT_THAT(run->getValue<std::string>("message"), HasSubstr("blast radius"));
    EXPECT_EQ(total(outcome, "refused"), 2);
    EXPECT_EQ(total(outcome, "applied"), 0);
}

TEST_F(RunCommand, LogsToTheFileThatIsConfiguredAndNotToStandardError) {
    given_due(1);
    const std::string file = scratch().path() / "keyrota.log";
    const Outcome outcome = keyrota({"run", "expire-keys"}, {{"KEYROTA_LOG_FILE", file}});
    EXPECT_EQ(outcome.exit_code, 0);
    EXPECT_EQ(outcome.errors, "");
    EXPECT_TRUE(std::filesystem::exists(file));
}

// --- dry runs, and instants that are not now ----------------------------------------------------

TEST_F(RunCommand, ADryRunPrintsWhatWouldBeDoneAndLeavesEveryRowAsItWas) {
    given_due(7);
    const auto before = fingerprint();
    const Outcome outcome = keyrota({"run", "expire-keys", "--dry-run"});
    EXPECT_EQ(outcome.exit_code, 0);
    EXPECT_EQ(outcome.errors, "");
    EXPECT_THAT(outcome.out, HasSubstr("dry run, nothing was changed"));
    EXPECT_THAT(outcome.out, ContainsRegex("KEY-EXPIRED +7 found, 7 findings to open, 7 actions"));
    EXPECT_EQ(fingerprint(), before);

    const Outcome as_json = keyrota({"run", "expire-keys", "--dry-run", "--json"});
    EXPECT_TRUE(only_run(as_json)->getValue<bool>("dry_run"));
    EXPECT_EQ(total(as_json, "planned"), 7);
    EXPECT_EQ(total(as_json, "applied"), 0);
    EXPECT_EQ(fingerprint(), before);
}

TEST_F(RunCommand, ADryRunOverTheBlastRadiusSaysSoAndChangesNothing) {
    given_due(3);
    const auto before = fingerprint();
    const Outcome outcome = keyrota({"run", "expire-keys", "--dry-run", "--max-actions", "2"});
    EXPECT_EQ(outcome.exit_code, 8);
    EXPECT_THAT(outcome.out, HasSubstr("3 actions that would be refused"));
    EXPECT_THAT(outcome.errors, HasSubstr("--max-actions 3"));
    EXPECT_EQ(fingerprint(), before);
}

TEST_F(RunCommand, ADryRunGoesBesideARunThatIsGoingOn) {
    const std::int64_t key = given_key({.name = "due", .expires_at = kLongAgo});
    Session lock = lock_key(key);
    Program running = start({"run", "expire-keys"}, {{"KEYROTA_DATABASE_LOCK_TIMEOUT", "1m"}});
    wait_until_blocked();
    const Outcome outcome = keyrota({"run", "expire-keys", "--dry-run"});
    EXPECT_EQ(outcome.exit_code, 0);
    EXPECT_THAT(outcome.out, HasSubstr("1 found"));
    lock.execute_verbatim("rollback", "rollback");
    EXPECT_EQ(running.wait().exit_code, 0);
}

TEST_F(RunCommand, ChoosesItsInstantOnARealDatabaseInADryRunOnly) {
    given_due(2);
    execute("update keyrota.installation set simulation = false");
    for (const char* instant : {"2019-01-01", "2200-01-01"})
        expect_refused({"run", "expire-keys", "--as-of", instant}, 2,
                       "--as-of changes nothing on a real database", "HINT: Add --dry-run");

    const auto before = fingerprint();
    const Outcome past = keyrota({"run", "expire-keys", "--as-of", "2019-01-01", "--dry-run"});
    EXPECT_EQ(past.exit_code, 0);
    EXPECT_THAT(past.out, AllOf(HasSubstr("as of 2019-01-01T00:00:00Z"), HasSubstr(" 0 found")));
    const Outcome future =
        keyrota({"run", "expire-keys", "--dry-run", "--as-of", "2200-01-01T08:00:00+02:00"});
    EXPECT_EQ(future.exit_code, 0);
    EXPECT_THAT(future.out, AllOf(HasSubstr("as of 2200-01-01T06:00:00Z"), HasSubstr(" 5 found")));
    EXPECT_EQ(fingerprint(), before);
}

TEST_F(RunCommand, ChoosesItsInstantOnASimulationInARealRunToo) {
    given_due(2);
    EXPECT_EQ(keyrota({"run", "expire-keys", "--as-of", "2019-01-01"}).exit_code, 0);
    EXPECT_EQ(expired(), 0);
    EXPECT_EQ(keyrota({"run", "expire-keys", "--as-of", "2021-01-01"}).exit_code, 0);
    EXPECT_EQ(expired(), 2);
    EXPECT_EQ(keys_with_status("active").size(), 5U);
}

// --- how much at once ---------------------------------------------------------------------------

TEST_F(RunCommand, OverTheBlastRadiusItOpensFindingsTouchesNoKeyAndNamesTheWayOut) {
    given_due(1001);
    const Outcome outcome = keyrota({"run", "expire-keys"});
    EXPECT_EQ(outcome.exit_code, 8);
    EXPECT_EQ(outcome.out, "");
    EXPECT_THAT(outcome.errors, AllOf(StartsWith("keyrota: KEY-EXPIRED: 1001 actions exceed"),
                                      HasSubstr("HINT: "), HasSubstr("--max-actions 1001")));
    EXPECT_EQ(expired(), 0);
    EXPECT_EQ(number("select count(*) from keyrota.finding where status = 'open'"), 1001);
    EXPECT_EQ(number("select count(*) from keyrota.audit_entry where action = 'key.expire'"), 0);
    EXPECT_EQ(text("select status from keyrota.job_run"), "refused");
    EXPECT_EQ(text("select complete from keyrota.job_run"), "false");

    EXPECT_EQ(keyrota({"run", "expire-keys", "--max-actions", "1001"}).exit_code, 0);
    EXPECT_EQ(expired(), 1001);
    EXPECT_EQ(number("select count(*) from keyrota.finding where resolution = 'acted'"), 1001);
}

TEST_F(RunCommand, MaxActionsLowersTheBlastRadiusToo) {
    given_due(6);
    EXPECT_EQ(keyrota({"run", "expire-keys", "--max-actions", "0"}).exit_code, 8);
    EXPECT_EQ(keyrota({"run", "expire-keys", "--max-actions", "5"}).exit_code, 8);
    EXPECT_EQ(expired(), 0);
    EXPECT_EQ(keyrota({"run", "expire-keys", "--max-actions", "6"}).exit_code, 0);
    EXPECT_EQ(expired(), 6);
}

TEST_F(RunCommand, MaxActionsOfNoneAllowsARunThatHasNothingToDo) {
    given_due(0);
    EXPECT_EQ(keyrota({"run", "expire-keys", "--max-actions", "0"}).exit_code, 0);
}

TEST_F(RunCommand, ALimitedRunIsNeverCompleteAndTheRestGoesWithTheNext) {
    given_due(10);
    const Outcome first = keyrota({"run", "expire-keys", "--limit", "4", "--json"});
    EXPECT_EQ(first.exit_code, 0);
    EXPECT_FALSE(only_run(first)->getValue<bool>("complete"));
    EXPECT_EQ(total(first, "applied"), 4);
    EXPECT_EQ(expired(), 4);
    const Outcome generous = keyrota({"run", "expire-keys", "--limit", "4", "--json"});
    EXPECT_EQ(total(generous, "applied"), 4);
    const Outcome rest = keyrota({"run", "expire-keys", "--json"});
    EXPECT_TRUE(only_run(rest)->getValue<bool>("complete"));
    EXPECT_EQ(total(rest, "applied"), 2);
    EXPECT_EQ(expired(), 10);
    const Outcome idle = keyrota({"run", "expire-keys", "--limit", "4", "--json"});
    EXPECT_FALSE(only_run(idle)->getValue<bool>("complete"));
}

TEST_F(RunCommand, RunsAJobAsOftenAsItIsNamed) {
    given_due(3);
    const Outcome outcome = keyrota({"run", "expire-keys", "expire-keys", "--json"});
    EXPECT_EQ(outcome.exit_code, 0);
    const Poco::JSON::Array::Ptr runs = json(outcome);
    ASSERT_EQ(runs->size(), 2U);
    const auto applied = [&](unsigned i) {
        return key_expired(runs->getObject(i))->getValue<int>("applied");
    };
    EXPECT_EQ(applied(0), 3);
    EXPECT_EQ(applied(1), 0);
    EXPECT_EQ(number("select count(*) from keyrota.job_run where complete"), 2);
}

TEST_F(RunCommand, GoesOnWithTheNextJobWhenOneIsRefusedAndEndsWithTheGravestCode) {
    given_due(3);
    const Outcome outcome =
        keyrota({"run", "expire-keys", "expire-keys", "--max-actions", "2", "--json"});
    EXPECT_EQ(outcome.exit_code, 8);
    EXPECT_EQ(json(outcome)->size(), 2U);
    EXPECT_EQ(number("select count(*) from keyrota.job_run"), 2);
}

// --- the server says no -------------------------------------------------------------------------

TEST_F(RunCommand, NoServerIsADatabaseErrorWithAHint) {
    given_due(1);
    expect_refused({"run", "expire-keys"}, 5, "cannot connect to", "HINT: Is the server running",
                   {{"KEYROTA_DATABASE_URL", "host=" + scratch().path().string() + " user=x"}});
    // Nobody listens on the discard port.
    expect_refused({"run", "expire-keys"}, 5, "cannot connect to nobody@127.0.0.1:9/keys",
                   "HINT: Is the server running",
                   {{"KEYROTA_DATABASE_URL", "postgresql://nobody:sesame@127.0.0.1:9/keys"}});
}

TEST_F(RunCommand, AHintNamesTheOptionThatNamedTheServer) {
    const std::string nowhere = "host=" + scratch().path().string() + " user=x";
    expect_refused({"run", "expire-keys"}, 5, "cannot connect to", "is database.url right?",
                   {{"KEYROTA_DATABASE_URL", nowhere}});
    expect_refused({"db", "migrate"}, 5, "cannot connect to", "is database.admin_url right?",
                   {{"KEYROTA_DATABASE_ADMIN_URL", nowhere}});
}

TEST_F(RunCommand, NoDatabaseAndNoRoleOfThatNameAreErrorsWithAHint) {
    expect_refused({"run", "expire-keys"}, 5, "\"absent\" does not exist",
                   "HINT: Create the database",
                   {{"KEYROTA_DATABASE_URL", Server::instance().url("keyrota_runner", "absent")}});
    expect_refused({"run", "expire-keys"}, 5, "\"absent\" does not exist", "HINT: Run `keyrota db",
                   as_user("absent"));
}

TEST_F(RunCommand, AWrongPasswordIsADatabaseErrorThatShowsNoPassword) {
    given_due(1);
    admin().execute_verbatim("role", "create role keeper login password 'right-sesame'");
    admin().execute_verbatim("grant", "grant keyrota_runner to keeper");
    const std::string data =
        admin()
            .one({"data", "select setting from pg_settings where name = 'data_directory'"})
            .text("setting");
    admin().execute_verbatim("hba", fmt::format("copy (values ('local all keeper scram-sha-256'),"
                                                " ('local all all trust')) to '{}/pg_hba.conf'",
                                                data));
    admin().execute_verbatim("reload", "select pg_reload_conf()");
    const std::string url = Server::instance().url("keeper", database());
    const auto takes = [&](const std::string& password) {
        const std::unique_ptr<PGconn, decltype(&PQfinish)> connection(
            PQconnectdb((url + " password=" + password).c_str()), PQfinish);
        return PQstatus(connection.get()) == CONNECTION_OK;
    };
    for (int i = 0; i < 500 && takes("wrong"); ++i) ::usleep(10'000);  // until it was reloaded

    for (const std::string& given :
         {url + " password=wrong-sesame", url + " password='wrong sesame'"})
        expect_refused({"run", "expire-keys"}, 5, "password authentication failed",
                       "HINT: Put the password into a passfile", {{"KEYROTA_DATABASE_URL", given}});
    const Outcome wrong =
        keyrota({"run", "expire-keys"}, {{"KEYROTA_DATABASE_URL", url + " password=wrong-sesame"}});
    EXPECT_THAT(wrong.errors, Not(HasSubstr("sesame")));
    const Outcome shown = keyrota(
        {"config", "show"}, {{"KEYROTA_DATABASE_URL", "postgresql://keeper:wrong-sesame@db/keys"}});
    EXPECT_EQ(shown.exit_code, 0);
    EXPECT_THAT(shown.out, AllOf(HasSubstr("keeper"), Not(HasSubstr("sesame"))));
    // None at all, and the right one from the environment.
    expect_refused({"run", "expire-keys"}, 5, "password", "HINT: Put the password into a passfile",
                   {{"KEYROTA_DATABASE_URL", url}});
    const Outcome right = keyrota({"run", "expire-keys"},
                                  {{"KEYROTA_DATABASE_URL", url}, {"PGPASSWORD", "right-sesame"}});
    EXPECT_EQ(right.exit_code, 0) << right.errors;
    EXPECT_EQ(expired(), 1);
}

TEST_F(RunCommand, ARoleWithoutRightsIsADatabaseErrorThatNamesTheRoleItNeeds) {
    given_due(1);
    admin().execute_verbatim("role", "create role passer_by login");
    expect_refused({"run", "expire-keys"}, 5, "permission denied",
                   "HINT: Connect as a role that was granted keyrota_runner", as_user("passer_by"));
    expect_refused({"run", "expire-keys", "--dry-run"}, 5, "permission denied",
                   "HINT: Connect as a role that was granted keyrota_runner", as_user("passer_by"));
    // Reading is not enough.
    expect_refused({"run", "expire-keys"}, 5, "permission denied",
                   "HINT: Connect as a role that was granted keyrota_runner",
                   as_user("keyrota_auditor"));
}

TEST_F(RunCommand, AReadOnlyServerIsADatabaseErrorThatSaysWhereThatComesFrom) {
    given_due(1);
    admin().execute_verbatim("read_only", fmt::format("alter role keyrota_runner in database {} set"
                                                      " default_transaction_read_only = on",
                                                      database()));
    expect_refused({"run", "expire-keys"}, 5, "the server is read-only",
                   "HINT: Its default_transaction_read_only is on");
}

TEST_F(RunCommand, AnotherSchemaVersionIsRefusedWithTheWayOut) {
    given_due(1);
    execute(
        "insert into keyrota.schema_migration (version, name, checksum, program_version)"
        " values (9999, '9999_future.sql', 'x', '99.0.0')");
    expect_refused({"run", "expire-keys"}, 4, "newer than this program", "HINT: Install the newer");
    expect_refused({"run", "expire-keys", "--dry-run"}, 4, "newer than this program", "HINT: ");
    expect_refused({"db", "check"}, 4, "newer than this program", "HINT: Install the newer");
    execute(
        "delete from keyrota.schema_migration where version >= 9999 or version ="
        " (select max(version) from keyrota.schema_migration where version < 9999)");
    expect_refused({"run", "expire-keys"}, 4, "older than this program",
                   "HINT: Run `keyrota db migrate`.");
    execute("update keyrota.schema_migration set checksum = 'x' where version = 1");
    expect_refused({"run", "expire-keys"}, 4, "differs from this program's", "HINT: ");
}

TEST_F(RunCommand, ADatabaseWithoutASchemaIsRefusedWithTheWayOut) {
    admin().execute_verbatim("drop", "drop schema keyrota cascade");
    const Outcome outcome = keyrota({"run", "expire-keys"});
    EXPECT_EQ(outcome.exit_code, 4);
    EXPECT_THAT(outcome.errors,
                AllOf(HasSubstr("has no keyrota schema"), HasSubstr("keyrota db init")));
}

// --- the configuration says no ------------------------------------------------------------------

TEST_F(RunCommand, AnInvalidConfigurationIsToldWithItsPlaceBeforeAnythingIsTouched) {
    given_due(1);
    const std::string file =
        scratch().write("keyrota.yaml", "limits:\n  batch_sise: 10\n  duty: 101\n");
    expect_refused({"run", "expire-keys", "--config", file}, 4,
                   file + ":2:3: unknown option \"batch_sise\"",
                   "HINT: Did you mean \"batch_size\"?");
    expect_refused({"run", "expire-keys", "--config", file}, 4, file + ":3:9: ", "duty");
    expect_refused({"run", "expire-keys"}, 4, file + ":2:3: ", "batch_size",
                   {{"KEYROTA_CONFIG", file}});
    expect_refused({"run", "expire-keys"}, 4, "environment KEYROTA_LIMITS_DUTY", "",
                   {{"KEYROTA_LIMITS_DUTY", "0"}});
    expect_refused({"run", "expire-keys"}, 4, "environment KEYROTA_LIMITS_DUTTY",
                   "HINT: ", {{"KEYROTA_LIMITS_DUTTY", "50"}});
}

TEST_F(RunCommand, AConfigurationThatOthersCouldHaveWrittenIsRefused) {
    given_due(1);
    const std::string file = scratch().write("keyrota.yaml", "limits:\n  batch_size: 10\n");
    for (const mode_t mode : {0666U, 0646U, 0664U}) {
        ASSERT_EQ(::chmod(file.c_str(), mode), 0);
        expect_refused({"run", "expire-keys", "--config", file}, 4, file, "");
    }
    ASSERT_EQ(::chmod(file.c_str(), 0644), 0);
    EXPECT_EQ(keyrota({"run", "expire-keys", "--config", file}).exit_code, 0);
}

TEST_F(RunCommand, AConfigurationThatCannotBeReadIsRefused) {
    given_due(1);
    expect_refused({"run", "expire-keys", "--config", scratch().path() / "absent.yaml"}, 4,
                   "absent.yaml", "");
    expect_refused({"run", "expire-keys", "--config", scratch().path()}, 4, scratch().path(), "");
    const std::string file = scratch().write("keyrota.yaml", "limits:\n  batch_size: 10\n");
    ASSERT_EQ(::chmod(file.c_str(), 0000), 0);
    if (::geteuid() != 0) {
        expect_refused({"run", "expire-keys", "--config", file}, 4, file, "");
        return;
    }
    // Root reads everything, unless it gives that up.
    Arguments argv{"/usr/bin/setpriv", "--bounding-set=-dac_override,-dac_read_search"};
    for (const std::string& word : keyrota_argv({"run", "expire-keys", "--config", file}))
        argv.push_back(word);
    const auto before = fingerprint();
    const Outcome outcome = test::run(argv, {.environment = environment()});
    EXPECT_EQ(outcome.exit_code, 4);
    EXPECT_THAT(outcome.errors, HasSubstr(file));
    EXPECT_EQ(fingerprint(), before);
}

// --- two at once --------------------------------------------------------------------------------

TEST_F(RunCommand, ASecondRunGivesWayAndSaysToWhom) {
    const std::int64_t key = given_key({.name = "due", .expires_at = kLongAgo});
    Session lock = lock_key(key);
    Program first = start({"run", "expire-keys"}, {{"KEYROTA_DATABASE_LOCK_TIMEOUT", "1m"}});
    wait_until_blocked();

    const Outcome second = keyrota_on_terminal({"run", "expire-keys"});
    EXPECT_EQ(second.exit_code, 6);
    EXPECT_THAT(
        second.out,
        ContainsRegex("keyrota: expire-keys is being run by .*@.*\r\nHINT: .*--wait.*\r\n"));
    EXPECT_THAT(second.out, HasSubstr(fmt::format("process {}\r\n", first.pid())));
    EXPECT_EQ(number("select count(*) from keyrota.job_run"), 1) << "it left no run behind";
    // cron would mail it.
    const Outcome unattended = keyrota({"run", "expire-keys"});
    EXPECT_EQ(unattended.exit_code, 6);
    EXPECT_EQ(unattended.out + unattended.errors, "");
    // One that waits in vain says the same.
    EXPECT_EQ(keyrota({"run", "expire-keys", "--wait", "100ms"}).exit_code, 6);

    lock.execute_verbatim("rollback", "rollback");
    EXPECT_EQ(first.wait().exit_code, 0);
    EXPECT_EQ(expired(), 1);
}

TEST_F(RunCommand, ASecondRunThatWaitsGoesOnWhenTheFirstIsDone) {
    const std::int64_t key = given_key({.name = "due", .expires_at = kLongAgo});
    Session lock = lock_key(key);
    Program first = start({"run", "expire-keys"}, {{"KEYROTA_DATABASE_LOCK_TIMEOUT", "1m"}});
    wait_until_blocked();
    Program second = start({"run", "expire-keys", "--wait", "2m", "--json"});
    ::usleep(700'000);  // it would have given up by now
    EXPECT_TRUE(second.is_running());
    lock.execute_verbatim("rollback", "rollback");
    EXPECT_EQ(first.wait().exit_code, 0);
    const Outcome outcome = second.wait();
    EXPECT_EQ(outcome.exit_code, 0);
    EXPECT_EQ(total(outcome, "applied"), 0);
    EXPECT_EQ(number("select count(*) from keyrota.job_run where complete"), 2);
    EXPECT_EQ(number("select count(*) from keyrota.audit_entry where action = 'key.expire'"), 1);
}

TEST_F(RunCommand, ARunThatWaitsEndsAsInterruptedWhenItIsToldToStop) {
    const std::int64_t key = given_key({.name = "due", .expires_at = kLongAgo});
    Session lock = lock_key(key);
    Program first = start({"run", "expire-keys"}, {{"KEYROTA_DATABASE_LOCK_TIMEOUT", "1m"}});
    wait_until_blocked();
    Program second = start({"run", "expire-keys", "--wait", "10m"});
    ::usleep(700'000);
    second.signal(SIGTERM);
    EXPECT_EQ(second.wait().exit_code, 143);
    lock.execute_verbatim("rollback", "rollback");
    EXPECT_EQ(first.wait().exit_code, 0);
}

}  // namespace
}  // namespace keyrota::test
