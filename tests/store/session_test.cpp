#include "postgres/session.h"

#include <fmt/format.h>

#include <limits>
#include <thread>

#include "postgres/database.h"
#include "support/database.h"

namespace keyrota::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;
using namespace std::chrono_literals;

constexpr const char* kSecret = "sk_live_NeverShowMe42";

constexpr Statement kEchoText{"echo_text", "select cast(:value as text) as value"};
constexpr Statement kEchoNumber{"echo_number", "select cast(:value as bigint) as value"};
constexpr Statement kEchoReal{"echo_real", "select cast(:value as double precision) as value"};
constexpr Statement kEchoInstant{"echo_instant",
                                 "select keyrota.micros(keyrota.instant(:value)) as value"};
constexpr Statement kSleep{"sleep", "select pg_sleep(600)::text as done"};
constexpr Statement kBackend{"backend", "select pg_backend_pid()::bigint as pid"};

class SessionTest : public DatabaseTest {
  protected:
    void SetUp() override {
        DatabaseTest::SetUp();
        execute("create table keyrota.scratch (id bigint primary key, value text not null)");
        execute("grant all on keyrota.scratch to keyrota_runner");
    }

    std::string url_to(const std::string& user, const std::string& database) {
        const std::string socket = Server::instance().url("x", "x");  // host=DIRECTORY user=...
        return fmt::format("postgresql://{}:{}@/{}?host={}", user, kSecret, database,
                           socket.substr(5, socket.find(' ') - 5));
    }
    Error error_of_connecting(const std::string& url) {
        return error_of([&] { const Session session(parse_connection(url, 5s)); });
    }
    /// As the server sees it die: its backend is gone before this returns.
    void terminate(Session& session) {
        const std::int64_t pid = session.one(kBackend).int64("pid");
        Session superuser = session_as("postgres");
        superuser.execute_verbatim("terminate",
                                   fmt::format("select pg_terminate_backend({}, 10000)", pid));
    }
};

// ---- values

TEST_F(SessionTest, NeverShowsABoundValueInAnError) {
    constexpr Statement kStore{"store",
                               "insert into keyrota.scratch (id, value) values (:id, :value)"};
    constexpr Statement kRaise{"raise", "select cast(cast(:value as text) as regclass)::text as r"};
    constexpr Statement kMistake{"mistake", "selec cast(:value as text) as r"};
    constexpr Statement kMissing{"missing",
                                 "select cast(:value as text) as r from keyrota.nowhere"};
    runner().execute(kStore, {{"id", 1}, {"value", kSecret}});
    const std::vector<std::pair<Statement, Params>> refused = {
        {kEchoNumber, {{"value", kSecret}}},        // not a number
        {kStore, {{"id", 1}, {"value", kSecret}}},  // unique
        {kRaise, {{"value", kSecret}}},             // no such table
        {kMistake, {{"value", kSecret}}},           // syntax
        {kMissing, {{"value", kSecret}}},
        {kStore, {{"value", kSecret}}},  // a parameter too few
    };
    for (const auto& query : refused) {
        const Error error = error_of([&] { runner().execute(query.first, query.second); });
        EXPECT_EQ(error.code(), ExitCode::database) << query.first.name;
        EXPECT_THAT(error.what(), Not(HasSubstr("sk_live"))) << query.first.name;
        EXPECT_THAT(error.hint(), Not(HasSubstr("sk_live"))) << query.first.name;
    }
}

TEST_F(SessionTest, NamesTheStatementAndItsSqlstateInAnError) {
    const Error error = error_of([&] { runner().one(kEchoNumber, {{"value", "no number"}}); });
    EXPECT_THAT(error.what(), HasSubstr("echo_number"));
    EXPECT_THAT(error.what(), HasSubstr("22P02"));
}

TEST_F(SessionTest, BringsInstantsBackToTheMicrosecond) {
    const std::int64_t micros[] = {
        0,
        1,
        -1,
        999'999,
        -999'999,
        to_micros(kNow) + 1,
        9'007'199'254'740'993,      // 2^53 + 1, in 2255: a double cannot hold it
        -9'007'199'254'740'993,     // in 1684
        32'503'680'000'000'001,     // in 3000
        -62'135'596'799'999'999,    // in the year 1
        -210'866'803'199'999'999,   // PostgreSQL's first year
        9'223'372'036'854'775'806,  // in 294247; its last year is 294276
    };
    for (const std::int64_t us : micros)
        EXPECT_EQ(
            to_micros(runner().one(kEchoInstant, {{"value", from_micros(us)}}).instant("value")),
            us);
}

TEST_F(SessionTest, StoresTheInstantThatWasMeantWhateverTheServersTimeZone) {
    execute("create table keyrota.stamps (at timestamptz)");
    execute("set timezone to 'America/St_Johns'");
    owner().execute({"stamp", "insert into keyrota.stamps values (keyrota.instant(:at))"},
                    {{"at", *parse_timestamp("2026-03-08T02:30:00.123456Z")}});
    EXPECT_EQ(text("select at at time zone 'UTC' from keyrota.stamps"),
              "2026-03-08 02:30:00.123456");
}

TEST_F(SessionTest, TellsNullFromEmptyBothWays) {
    const Row row = runner().one(
        {"nulls",
         "select cast(:t as text) as t, cast(:n as bigint) as n, cast(:d as double precision) as d,"
         "       keyrota.micros(keyrota.instant(:at)) as at, cast(:empty as text) as empty,"
         "       (cast(:t as text) is null)::int as is_null,"
         "       (cast(:empty as text) is null)::int as empty_is_null"},
        {{"t", std::monostate{}},
         {"n", std::monostate{}},
         {"d", std::monostate{}},
         {"at", std::monostate{}},
         {"empty", ""}});
    for (const char* column : {"t", "n", "d", "at"}) EXPECT_TRUE(row.is_null(column)) << column;
    EXPECT_EQ(row.optional_int64("n"), std::nullopt);
    EXPECT_EQ(row.text_or("t", "otherwise"), "otherwise");
    EXPECT_EQ(row.int64("is_null"), 1);
    EXPECT_FALSE(row.is_null("empty"));
    EXPECT_EQ(row.text("empty"), "");
    EXPECT_EQ(row.int64("empty_is_null"), 0);
}

TEST_F(SessionTest, BringsTextBackByteForByte) {
    for (const std::string given :
         {"it's", "\"quoted\"", "''", ":value", "a :x b ::text :value", "$1 $$ $a$;--",
          "back\\slash \\' \\x41", "line\nbreak\ttab\r", "%s {} {0}",
          "Grüße, Žluťoučký, 鍵, \xF0\x9F\x94\x91", "  spaces  ", "{1,2,\"3\"}",
          "'; drop table keyrota.api_key; --", "\x01\x7F"})
        EXPECT_EQ(runner().one(kEchoText, {{"value", given}}).text("value"), given);
    const std::string large(3'000'000, 'x');
    EXPECT_EQ(runner().one(kEchoText, {{"value", large}}).text("value"), large);
}

TEST_F(SessionTest, RefusesATextThatTheDriverWouldCutAtANulCharacter) {
    const std::string given("before\0after", 12);
    EXPECT_EQ(sqlstate_of([&] { runner().one(kEchoText, {{"value", given}}); }), "22021");
    EXPECT_EQ(runner().one(kEchoText, {{"value", "still usable"}}).text("value"), "still usable");
}

TEST_F(SessionTest, RefusesTextThatIsNotUtf8) {
    EXPECT_EQ(sqlstate_of([&] { runner().one(kEchoText, {{"value", "\xC3("}}); }), "22021");
}

TEST_F(SessionTest, BringsNumbersBackExactly) {
    for (const std::int64_t given :
         {std::numeric_limits<std::int64_t>::min(), std::int64_t{-1}, std::int64_t{0},
          std::int64_t{9'007'199'254'740'993}, std::numeric_limits<std::int64_t>::max()})
        EXPECT_EQ(runner().one(kEchoNumber, {{"value", given}}).int64("value"), given);
    for (const double given : {0.0, 0.1, -1.0 / 3, 1e-300, std::numeric_limits<double>::max(),
                               std::numeric_limits<double>::denorm_min()})
        EXPECT_EQ(runner().one(kEchoReal, {{"value", given}}).real("value"), given);
}

TEST_F(SessionTest, ReadsAnIntegerOfFourBytesAsAnyOther) {
    EXPECT_EQ(runner().one({"int4", "select (-2147483648)::int as n"}).int64("n"), -2147483648LL);
    EXPECT_EQ(runner().one({"bool", "select true::int as n"}).int64("n"), 1);
}

TEST_F(SessionTest, SendsAParameterThatIsNamedTwiceTwice) {
    const Row row = runner().one(
        {"twice",
         "select cast(:b as text) as first, cast(:a as bigint) as n, cast(:b as text) as again,"
         "       cast(:a as bigint) + cast(:a as bigint) as sum"},
        {{"a", 21}, {"b", "same"}});  // not in the order of the text
    EXPECT_EQ(row.text("first"), "same");
    EXPECT_EQ(row.text("again"), "same");
    EXPECT_EQ(row.int64("n"), 21);
    EXPECT_EQ(row.int64("sum"), 42);
}

TEST_F(SessionTest, SendsFreshValuesEachTimeAStatementIsUsed) {
    // SOCI#1167: a prepared statement with a bound vector sends its first values for ever.
    constexpr Statement kStore{"store_set",
                               "insert into keyrota.scratch select id, :value"
                               "  from unnest(cast(:ids as bigint[])) as given (id)"};
    EXPECT_EQ(runner().execute(kStore, {{"ids", "{1,2,3}"}, {"value", "one"}}), 3);
    EXPECT_EQ(runner().execute(kStore, {{"ids", "{4,5}"}, {"value", "a longer text"}}), 2);
    EXPECT_EQ(runner().execute(kStore, {{"ids", "{}"}, {"value", "none"}}), 0);
    EXPECT_THAT(texts("select id || ' ' || value from keyrota.scratch order by id"),
                ElementsAre("1 one", "2 one", "3 one", "4 a longer text", "5 a longer text"));
}

TEST_F(SessionTest, LeavesNoPreparedStatementOnTheServer) {
    for (int i = 0; i < 3; ++i) runner().one(kEchoNumber, {{"value", i}});
    sqlstate_of([&] { runner().one(kEchoNumber, {{"value", "refused"}}); });
    EXPECT_EQ(
        runner().one({"prepared", "select count(*) as n from pg_prepared_statements"}).int64("n"),
        0);
}

TEST_F(SessionTest, ReturnsAllRowsInOrderAndTheNumberOfRowsAffected) {
    const auto rows = runner().rows(
        {"series", "select g::bigint as n from generate_series(1, 1000) g order by g"});
    ASSERT_EQ(rows.size(), 1000u);
    EXPECT_EQ(rows.front().int64("n"), 1);
    EXPECT_EQ(rows.back().int64("n"), 1000);
    runner().execute(
        {"fill", "insert into keyrota.scratch select g, 'x' from generate_series(1, 7) g"});
    EXPECT_EQ(runner().execute({"shrink", "delete from keyrota.scratch where id > :n"}, {{"n", 4}}),
              3);
}

TEST_F(SessionTest, DistinguishesNoRowFromARowThatMustBeThere) {
    constexpr Statement kNothing{"nothing", "select id from keyrota.scratch where id = :id"};
    EXPECT_FALSE(runner().row(kNothing, {{"id", 1}}));
    EXPECT_THAT(runner().rows(kNothing, {{"id", 1}}), IsEmpty());
    const Error error = error_of([&] { runner().one(kNothing, {{"id", 1}}); });
    EXPECT_EQ(error.code(), ExitCode::internal);
    EXPECT_THAT(error.what(), HasSubstr("nothing"));
}

// ---- the session

TEST_F(SessionTest, PinsWhatEveryStatementReliesOn) {
    Session superuser = session_as("postgres");
    superuser.execute_verbatim(
        "trap", fmt::format("alter role keyrota_runner in database {} set timezone = 'Asia/Tokyo'",
                            database()));
    superuser.execute_verbatim(
        "trap", fmt::format("alter database {} set search_path = public", database()));
    config().database.statement_timeout = 61s;
    config().database.lock_timeout = 1500ms;
    config().database.idle_in_transaction_timeout = 30s;
    Session session = open_session(config(), Access::runner);
    const auto setting = [&](const char* name) {
        return session.one({"setting", "select current_setting(:name) as value"}, {{"name", name}})
            .text("value");
    };
    EXPECT_EQ(setting("statement_timeout"), "61s");
    EXPECT_EQ(setting("lock_timeout"), "1500ms");
    EXPECT_EQ(setting("idle_in_transaction_session_timeout"), "30s");
    EXPECT_EQ(setting("TimeZone"), "UTC");
    EXPECT_EQ(setting("search_path"), "pg_catalog");
    EXPECT_EQ(setting("application_name"), "keyrota");
    EXPECT_EQ(setting("client_encoding"), "UTF8");
}

TEST_F(SessionTest, ACancelFromAnotherThreadEndsTheStatementAndNotTheSession) {
    Session& sleeper = runner();
    const std::int64_t pid = sleeper.one(kBackend).int64("pid");
    std::string sqlstate;
    std::thread waiting([&] { sqlstate = sqlstate_of([&] { sleeper.one(kSleep); }); });
    await_backend_waiting_for("PgSleep");
    sleeper.cancel();
    waiting.join();
    EXPECT_EQ(sqlstate, "57014");
    EXPECT_EQ(sleeper.one(kBackend).int64("pid"), pid);
}

TEST_F(SessionTest, ACancelOfAnIdleSessionDoesNotHarmItsNextStatement) {
    for (int i = 0; i < 50; ++i) {
        runner().cancel();
        EXPECT_EQ(runner().one(kEchoNumber, {{"value", i}}).int64("value"), i);
    }
}

TEST_F(SessionTest, AStatementOverItsTimeoutIsStoppedWith57014) {
    config().database.statement_timeout = 50ms;
    Session session = open_session(config(), Access::runner);
    EXPECT_EQ(sqlstate_of([&] { session.one(kSleep); }), "57014");
}

TEST_F(SessionTest, ATransactionLeftOpenRollsBack) {
    constexpr Statement kStore{"store", "insert into keyrota.scratch values (:id, 'x')"};
    {
        const Transaction transaction(runner());
        runner().execute(kStore, {{"id", 1}});
    }
    EXPECT_THROW(
        {
            const Transaction transaction(runner());
            runner().execute(kStore, {{"id", 2}});
            throw Error(ExitCode::internal, "halfway");
        },
        Error);
    EXPECT_EQ(number("select count(*) from keyrota.scratch"), 0);
    {
        Transaction transaction(runner());
        runner().execute(kStore, {{"id", 3}});
        transaction.commit();
    }
    EXPECT_EQ(number("select count(*) from keyrota.scratch"), 1);
}

TEST_F(SessionTest, ARefusedStatementEndsItsTransactionAndNotTheNextOne) {
    EXPECT_EQ(sqlstate_of([&] {
                  const Transaction transaction(runner());
                  runner().one(kEchoNumber, {{"value", "no number"}});
              }),
              "22P02");
    Transaction transaction(runner());
    EXPECT_EQ(runner().one(kEchoNumber, {{"value", 7}}).int64("value"), 7);
    transaction.commit();
}

TEST_F(SessionTest, ACommitOfARefusedTransactionIsNotTakenForOne) {
    // PostgreSQL answers COMMIT with ROLLBACK there, and without an error.
    Transaction transaction(runner());
    runner().execute({"store", "insert into keyrota.scratch values (1, 'x')"});
    sqlstate_of([&] { runner().one(kEchoNumber, {{"value", "no number"}}); });
    EXPECT_EQ(sqlstate_of([&] { transaction.commit(); }), "25P02");
    EXPECT_EQ(number("select count(*) from keyrota.scratch"), 0);
}

TEST_F(SessionTest, AVerbatimStatementIsSentAsItIs) {
    execute(
        "create function keyrota.scratch_notation() returns text language sql as $$ select ':x "
        "::y'::text $$");
    EXPECT_EQ(text("keyrota.scratch_notation()"), ":x ::y");
}

// ---- tries

TEST(WithRetries, RepeatsContentionAndThrowsTheLastFailure) {
    for (const char* sqlstate : {"55P03", "40P01", "40001"}) {
        int tries = 0;
        const Error error = error_of([&] {
            with_retries(3, [&] {
                ++tries;
                throw DatabaseError(sqlstate, fmt::format("try {}", tries));
            });
        });
        EXPECT_EQ(tries, 3) << sqlstate;
        EXPECT_STREQ(error.what(), "try 3") << sqlstate;
    }
}

TEST(WithRetries, RepeatsNothingElse) {
    for (const char* sqlstate : {"57014", "23505", "08006", "57P01", "25P02", "XX000", "40002"}) {
        int tries = 0;
        EXPECT_EQ(sqlstate_of([&] {
                      with_retries(3, [&] {
                          ++tries;
                          throw DatabaseError(sqlstate, "refused");
                      });
                  }),
                  sqlstate);
        EXPECT_EQ(tries, 1) << sqlstate;
    }
    int tries = 0;
    EXPECT_EQ(error_of([&] {
                  with_retries(3, [&] {
                      ++tries;
                      throw Error(ExitCode::lease_held, "taken over");
                  });
              }).code(),
              ExitCode::lease_held);
    EXPECT_EQ(tries, 1);
}

TEST_F(SessionTest, ABatchThatMetALockIsDoneOnceItIsFree) {
    execute("insert into keyrota.scratch values (1, 'before')");
    Transaction holder(owner());
    execute("update keyrota.scratch set value = 'theirs' where id = 1");
    config().database.lock_timeout = 20ms;
    Session session = open_session(config(), Access::runner);
    int tries = 0;
    with_retries(3, [&] {
        if (++tries == 2) holder.commit();
        Transaction transaction(session);
        session.execute(
            {"store", "update keyrota.scratch set value = value || ', then ours' where id = 1"});
        transaction.commit();
    });
    EXPECT_EQ(tries, 2);
    EXPECT_EQ(text("select value from keyrota.scratch"), "theirs, then ours");
}

// ---- connections that fail

TEST_F(SessionTest, ARefusedConnectionSaysWhereAndWhatToDoAndNoPassword) {
    const Error error = error_of_connecting(
        fmt::format("postgresql://keyrota_runner:{}@127.0.0.1:1/keys", kSecret));
    EXPECT_EQ(error.code(), ExitCode::database);
    EXPECT_THAT(error.what(), StartsWith("cannot connect to keyrota_runner@127.0.0.1:1/keys: "));
    EXPECT_THAT(error.what(), HasSubstr("refused"));
    EXPECT_THAT(error.what(), Not(HasSubstr("\n")));
    EXPECT_EQ(error.hint(), "Is the server running, and is database.url right?");
    EXPECT_THAT(error.what(), Not(HasSubstr(kSecret)));
}

TEST_F(SessionTest, AWrongDatabaseIsNamedWithoutThePassword) {
    const Error error = error_of_connecting(url_to("keyrota_runner", "nowhere"));
    EXPECT_EQ(error.code(), ExitCode::database);
    EXPECT_THAT(error.what(), HasSubstr("database \"nowhere\" does not exist"));
    EXPECT_EQ(error.hint(), "Create the database, or correct database.url.");
    EXPECT_THAT(error.what(), Not(HasSubstr(kSecret)));
}

TEST_F(SessionTest, AWrongUserIsNamedWithoutThePassword) {
    const Error error = error_of_connecting(url_to("nobody_here", database()));
    EXPECT_EQ(error.code(), ExitCode::database);
    EXPECT_THAT(error.what(), HasSubstr("role \"nobody_here\" does not exist"));
    EXPECT_THAT(error.hint(), HasSubstr("keyrota db init"));
    EXPECT_THAT(error.what(), Not(HasSubstr(kSecret)));
}

TEST_F(SessionTest, AServerWithoutASocketIsReportedAsUnreachable) {
    const Error error = error_of_connecting(
        fmt::format("postgresql://keyrota_runner:{}@/keys?host=/tmp/no-such-directory", kSecret));
    EXPECT_EQ(error.code(), ExitCode::database);
    EXPECT_THAT(error.what(), HasSubstr("/tmp/no-such-directory"));
    EXPECT_FALSE(error.hint().empty());
    EXPECT_THAT(error.what(), Not(HasSubstr(kSecret)));
}

TEST_F(SessionTest, ABackendThatIsTerminatedIsADatabaseErrorWithTheServersOrTheConnectionsClass) {
    Session session = open_session(config(), Access::runner);
    {
        const Transaction transaction(session);
        terminate(session);
        const std::string sqlstate = sqlstate_of([&] { session.one(kEchoNumber, {{"value", 1}}); });
        EXPECT_TRUE(sqlstate.starts_with("08") || sqlstate.starts_with("57P")) << sqlstate;
    }  // a rollback that cannot be sent is no second failure
    const Error again = error_of([&] { session.one(kEchoNumber, {{"value", 1}}); });
    EXPECT_EQ(again.code(), ExitCode::database);
    EXPECT_FALSE(again.hint().empty());
    const std::string sqlstate =
        sqlstate_of([&] { session.execute_verbatim("verbatim", "select 1"); });
    EXPECT_TRUE(sqlstate.starts_with("08")) << sqlstate;
}

TEST_F(SessionTest, ASessionThatIsTerminatedInTheMiddleOfAStatementSaysSo) {
    Session& sleeper = runner();
    const std::int64_t pid = sleeper.one(kBackend).int64("pid");
    std::string sqlstate;
    std::thread waiting([&] { sqlstate = sqlstate_of([&] { sleeper.one(kSleep); }); });
    Session superuser = session_as("postgres");
    await_backend_waiting_for("PgSleep");
    superuser.execute_verbatim("terminate",
                               fmt::format("select pg_terminate_backend({}, 10000)", pid));
    waiting.join();
    EXPECT_TRUE(sqlstate.starts_with("08") || sqlstate.starts_with("57P")) << sqlstate;
}

}  // namespace
}  // namespace keyrota::test
