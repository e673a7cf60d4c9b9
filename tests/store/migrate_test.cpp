#include "postgres/migrate.h"

#include <fmt/format.h>
#include <stdlib.h>

#include <algorithm>
#include <future>

#include "postgres/database.h"
#include "support/database.h"

namespace keyrota::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

// ---- cutting a file into statements

TEST(SplitStatements, CutsAtSemicolonsAndDropsWhatIsEmpty) {
    EXPECT_THAT(split_statements("select 1;select 2;\n ;\nselect 3"),
                ElementsAre("select 1", "select 2", "\nselect 3"));
    EXPECT_THAT(split_statements(""), IsEmpty());
    EXPECT_THAT(split_statements(" ;\n;\t"), IsEmpty());
}

TEST(SplitStatements, LeavesASemicolonInQuotesAlone) {
    EXPECT_THAT(split_statements("select 'a;b', 'it''s;', \"c;d\"; select ';'"),
                ElementsAre("select 'a;b', 'it''s;', \"c;d\"", " select ';'"));
    EXPECT_THAT(split_statements("select '$$;--'; select '/*'; select '*/'"), SizeIs(3));
}

TEST(SplitStatements, LeavesADollarQuotedBodyAlone) {
    const std::string body = "do $$ begin; -- ; it's\n perform ';'; end $$";
    EXPECT_THAT(split_statements(body + ";" + body), ElementsAre(body, body));
    const std::string tagged = "do $body$ select '$$;'; $other$;$other$; $body$";
    EXPECT_THAT(split_statements(tagged + ";\nselect 1"), ElementsAre(tagged, "\nselect 1"));
}

TEST(SplitStatements, DropsComments) {
    EXPECT_THAT(split_statements("-- a; b's\nselect 1; -- $$ and \"\nselect 2 -- ;\n;--"),
                ElementsAre("\nselect 1", " \nselect 2 \n"));
    EXPECT_THAT(split_statements("/* a; b's\n $$ */ select 1; select/**/2 /* open"),
                ElementsAre("  select 1", " select 2  "));
    EXPECT_THAT(split_statements("select 8 / 2 * 3; select 1 - -1"), SizeIs(2));
}

// ---- applying

// Beside the test's database, which is installed, one that is empty.
class MigrateTest : public DatabaseTest {
  protected:
    void SetUp() override {
        DatabaseTest::SetUp();
        empty_ = database() + "_empty";
        session_as("postgres").execute_verbatim("create", "create database " + empty_);
    }
    void TearDown() override {
        Server::instance().drop_database(empty_);
        DatabaseTest::TearDown();
    }

    Config empty_config() const { return Server::instance().config_for(empty_); }
    void give_schema() {
        Session superuser(connection_for(empty_config(), Access::owner));
        superuser.execute_verbatim("schema", "create schema keyrota authorization keyrota_owner");
    }
    Session owner_of_empty() { return open_session(empty_config(), Access::owner); }
    Error error_of_opening() {
        return error_of([&] { open_session(config(), Access::runner); });
    }
    std::int64_t newest() { return number("select max(version) from keyrota.schema_migration"); }

    std::string empty_;
};

constexpr Statement kTables{
    "tables", "select count(*) as n from pg_class where relnamespace = 'keyrota'::regnamespace"};

TEST_F(MigrateTest, AppliesAllMigrationsToAnEmptyDatabaseInOrder) {
    give_schema();
    Session session = owner_of_empty();
    const SchemaState before = schema_state(session);
    EXPECT_EQ(before.database_version, 0);
    EXPECT_FALSE(before.is_current());

    EXPECT_EQ(apply_migrations(session), before.pending);
    EXPECT_THAT(before.pending, SizeIs(static_cast<std::size_t>(before.program_version)));
    EXPECT_THAT(before.pending.front(), StartsWith("0001_"));
    const SchemaState after = schema_state(session);
    EXPECT_TRUE(after.is_current());
    EXPECT_EQ(after.database_version, before.program_version);
}

TEST_F(MigrateTest, ApplyingTwiceChangesNothing) {
    const auto before = fingerprint();
    EXPECT_THAT(apply_migrations(owner()), IsEmpty());
    EXPECT_EQ(fingerprint(), before);
}

TEST_F(MigrateTest, EverythingBelongsToTheOwnersRole) {
    EXPECT_THAT(
        texts("select relname from pg_class where relnamespace = 'keyrota'::regnamespace"
              "   and relowner <> 'keyrota_owner'::regrole"
              " union all select proname from pg_proc where pronamespace = 'keyrota'::regnamespace"
              "   and proowner <> 'keyrota_owner'::regrole"),
        IsEmpty());
}

TEST_F(MigrateTest, ConcurrentCallersAllSucceedAndEachMigrationIsAppliedOnce) {
    give_schema();
    std::vector<Session> sessions;
    for (int i = 0; i < 4; ++i) sessions.push_back(owner_of_empty());
    std::vector<std::future<std::vector<std::string>>> callers;
    for (Session& session : sessions)
        callers.push_back(
            std::async(std::launch::async, [&session] { return apply_migrations(session); }));
    std::vector<std::string> applied;
    for (auto& caller : callers)
        for (const std::string& name : caller.get()) applied.push_back(name);
    std::sort(applied.begin(), applied.end());
    const SchemaState state = schema_state(sessions.front());
    EXPECT_TRUE(state.is_current());
    EXPECT_THAT(applied, SizeIs(static_cast<std::size_t>(state.program_version)));
    EXPECT_EQ(std::unique(applied.begin(), applied.end()), applied.end());
}

TEST_F(MigrateTest, AMigrationThatFailsLeavesNothingOfItself) {
    give_schema();
    Session session = owner_of_empty();
    session.execute_verbatim("in_the_way",
                             "create table keyrota.usage_gap (x int)");  // 0003 makes it
    EXPECT_EQ(sqlstate_of([&] { apply_migrations(session); }), "42P07");
    EXPECT_EQ(schema_state(session).database_version, 2);
    const std::int64_t tables = session.one(kTables).int64("n");
    EXPECT_EQ(sqlstate_of([&] { apply_migrations(session); }), "42P07");
    EXPECT_EQ(session.one(kTables).int64("n"), tables);
    session.execute_verbatim("out_of_the_way", "drop table keyrota.usage_gap");
    apply_migrations(session);
    EXPECT_TRUE(schema_state(session).is_current());
}

// ---- versions that do not fit

TEST_F(MigrateTest, AnOlderProgramIsRefusedAndToldToBeReplaced) {
    const std::int64_t known = newest();
    execute("insert into keyrota.schema_migration values (9999, '9999_future', 'x', '9.9.9')");
    const Error error = error_of_opening();
    EXPECT_EQ(error.code(), ExitCode::config);
    EXPECT_EQ(
        error.what(),
        fmt::format("the schema (version 9999) is newer than this program (version {})", known));
    EXPECT_EQ(error.hint(), "Install the newer keyrota.");
    EXPECT_EQ(error_of([&] { apply_migrations(owner()); }).code(), ExitCode::config);
}

TEST_F(MigrateTest, ANewerProgramIsRefusedUntilTheDatabaseIsMigrated) {
    const std::int64_t known = newest();
    execute(fmt::format("delete from keyrota.schema_migration where version = {}", known));
    const Error error = error_of_opening();
    EXPECT_EQ(error.code(), ExitCode::config);
    EXPECT_EQ(error.what(),
              fmt::format("the schema (version {}) is older than this program (version {})",
                          known - 1, known));
    EXPECT_EQ(error.hint(), "Run `keyrota db migrate`.");
}

TEST_F(MigrateTest, AMigrationUnderAnotherChecksumIsRefusedByName) {
    const std::string name = text("select name from keyrota.schema_migration where version = 2");
    execute("update keyrota.schema_migration set checksum = md5(checksum) where version = 2");
    const Error error = error_of_opening();
    EXPECT_EQ(error.code(), ExitCode::config);
    EXPECT_THAT(error.what(), HasSubstr(name));
    EXPECT_FALSE(error.hint().empty());
    EXPECT_EQ(error_of([&] { apply_migrations(owner()); }).code(), ExitCode::config);
}

TEST_F(MigrateTest, ADatabaseWithoutTheSchemaAsksForDbInit) {
    const Error error = error_of([&] { open_session(empty_config(), Access::runner); });
    EXPECT_EQ(error.code(), ExitCode::config);
    EXPECT_EQ(error.hint(), "Run `keyrota db init`.");
}

// ---- the whole installation

TEST_F(MigrateTest, InitialisingTwiceChangesNothing) {
    EXPECT_TRUE(init_database(empty_config()));
    Session session = open_session(empty_config(), Access::runner);
    constexpr Statement kInstallation{
        "installation",
        "select installation_uuid::text as uuid, simulation::int as simulation,"
        " (system_identifier = (select system_identifier from pg_control_system()))::int as here"
        " from keyrota.installation"};
    const Row first = session.one(kInstallation);
    EXPECT_EQ(first.int64("simulation"), 0);
    EXPECT_EQ(first.int64("here"), 1);
    EXPECT_FALSE(init_database(empty_config()));
    EXPECT_EQ(session.one(kInstallation).text("uuid"), first.text("uuid"));

    const auto before = fingerprint();
    EXPECT_FALSE(init_database(config(), {.simulation = true}));
    EXPECT_EQ(fingerprint(), before);
}

TEST_F(MigrateTest, ConcurrentInitialisationsMakeOneInstallation) {
    // Set, or reading a connection would set it for a moment, and another thread might see that.
    ASSERT_EQ(::setenv("PGSSLMODE", "disable", 1), 0);
    std::vector<std::future<bool>> callers;
    for (int i = 0; i < 3; ++i)
        callers.push_back(
            std::async(std::launch::async, [this] { return init_database(empty_config()); }));
    int made = 0;
    for (auto& caller : callers) made += caller.get();
    ::unsetenv("PGSSLMODE");
    EXPECT_EQ(made, 1);
    open_session(empty_config(), Access::runner);
}

TEST_F(MigrateTest, ASimulationIsRefusedOnARealInstallation) {
    init_database(empty_config());
    const Error error = error_of([&] { init_database(empty_config(), {.simulation = true}); });
    EXPECT_EQ(error.code(), ExitCode::usage);
    EXPECT_FALSE(error.hint().empty());
    Session session = open_session(empty_config(), Access::runner);
    EXPECT_EQ(session.one({"simulation", "select simulation::int as s from keyrota.installation"})
                  .int64("s"),
              0);
}

}  // namespace
}  // namespace keyrota::test
