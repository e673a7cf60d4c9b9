#include "postgres/copy.h"

#include <fmt/format.h>

#include <fstream>
#include <limits>
#include <sstream>

#include "postgres/database.h"
#include "support/database.h"

namespace keyrota::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using namespace std::chrono_literals;

constexpr std::int64_t kMillion = 1'000'000;

// The most memory this process held since the last call, in KiB.
std::int64_t peak_memory_kib() {
    std::ifstream status("/proc/self/status");
    std::int64_t kib = 0;
    for (std::string word; status >> word;)
        if (word == "VmHWM:") status >> kib;
    std::ofstream("/proc/self/clear_refs") << "5";
    return kib;
}

class CopyTest : public DatabaseTest {
  protected:
    void SetUp() override {
        DatabaseTest::SetUp();
        execute(
            "create table keyrota.scratch (id bigint not null, small integer, yes boolean, words "
            "text,"
            " raw bytea, at timestamptz, list text[], net cidr, check (id <> 13))");
        execute("grant all on keyrota.scratch to keyrota_runner");
    }

    void write_ids(std::int64_t first, std::int64_t last) {
        CopyWriter writer(runner(), "ids", "keyrota.scratch (id)");
        for (std::int64_t id = first; id <= last; ++id) {
            writer.row(1);
            writer.int64(id);
        }
        writer.finish();
    }
    /// A session that is in nobody's way: the next statement just works.
    void expect_usable(Session& session) {
        EXPECT_EQ(session.one({"usable", "select cast(:n as bigint) as n"}, {{"n", 7}}).int64("n"),
                  7);
    }
    std::int64_t stored() { return number("select count(*) from keyrota.scratch"); }
};

TEST_F(CopyTest, WritesAndReadsEveryTypeExactly) {
    const std::string raw("\0\\x\n\377\0", 6);
    const std::string words = "it's \"Grüße\"\t\\N :x {}\n";
    const Timestamp at = kNow + 1us;
    {
        CopyWriter writer(runner(), "types",
                          "keyrota.scratch (id, small, yes, words, raw, at, list, net)");
        writer.row(8);
        writer.int64(std::numeric_limits<std::int64_t>::min());
        writer.int32(std::numeric_limits<std::int32_t>::max());
        writer.boolean(true);
        writer.text(words);
        writer.text(raw);
        writer.instant(at);
        writer.text_array({"read:orders", "", "a,b", "\"q\"", "NULL", "{}", "\\"});
        writer.cidr4(0xC0A80100, 24);
        writer.row(8);
        writer.int64(std::numeric_limits<std::int64_t>::max());
        writer.int32(-1);
        writer.boolean(false);
        writer.text("");
        writer.text("");
        writer.instant(from_micros(0));
        writer.text_array({});
        writer.cidr4(0xFFFFFFFF, 32);
        writer.finish();
    }
    EXPECT_THAT(texts("select concat_ws('|', yes, list, cardinality(list), net) from "
                      "keyrota.scratch order by id"),
                ElementsAre(R"(t|{read:orders,"","a,b","\"q\"","NULL","{}","\\"}|7|192.168.1.0/24)",
                            "f|{}|0|255.255.255.255/32"));

    CopyReader reader(runner(), "types",
                      "select id, small, words, raw, at from keyrota.scratch order by id");
    ASSERT_TRUE(reader.next());
    EXPECT_EQ(reader.int64(0), std::numeric_limits<std::int64_t>::min());
    EXPECT_EQ(reader.int32(1), std::numeric_limits<std::int32_t>::max());
    EXPECT_EQ(reader.bytes(2), words);
    EXPECT_EQ(reader.bytes(3), raw);
    EXPECT_EQ(reader.instant(4), at);
    ASSERT_TRUE(reader.next());
    EXPECT_EQ(reader.int64(0), std::numeric_limits<std::int64_t>::max());
    EXPECT_EQ(reader.int32(1), -1);
    EXPECT_FALSE(reader.is_null(2));
    EXPECT_EQ(reader.bytes(2), "");
    EXPECT_EQ(reader.instant(4), from_micros(0));
    EXPECT_FALSE(reader.next());
    EXPECT_FALSE(reader.next());  // and stays at the end
    expect_usable(runner());
}

TEST_F(CopyTest, TellsNullFromEmpty) {
    {
        CopyWriter writer(runner(), "nulls",
                          "keyrota.scratch (id, small, yes, words, raw, at, list, net)");
        writer.row(8);
        writer.int64(1);
        for (int i = 0; i < 7; ++i) writer.null();
        writer.finish();
    }
    EXPECT_EQ(
        number("select num_nulls(small, yes, words, raw, at, list, net) from keyrota.scratch"), 7);
    CopyReader reader(runner(), "nulls", "select id, small, words, raw, at from keyrota.scratch");
    ASSERT_TRUE(reader.next());
    EXPECT_FALSE(reader.is_null(0));
    for (std::size_t field = 1; field < 5; ++field) EXPECT_TRUE(reader.is_null(field)) << field;
    EXPECT_EQ(reader.bytes(2), "");
}

TEST_F(CopyTest, BringsInstantsBackToTheMicrosecondHoweverFar) {
    const std::int64_t micros[] = {-210'866'803'200'000'000,  // PostgreSQL's first instant
                                   -62'135'596'799'999'999,   // in the year 1
                                   -1,
                                   1,
                                   946'684'799'999'999,  // a tick before PostgreSQL's epoch
                                   9'007'199'254'740'993,
                                   9'223'372'036'854'775'806};
    {
        CopyWriter writer(runner(), "instants", "keyrota.scratch (id, at)");
        for (const std::int64_t us : micros) {
            writer.row(2);
            writer.int64(us);
            writer.instant(from_micros(us));
        }
        writer.finish();
    }
    EXPECT_EQ(number("select count(*) from keyrota.scratch where keyrota.micros(at) = id"), 7);
    EXPECT_EQ(number("select count(*) from keyrota.scratch where at = keyrota.instant(id)"), 7);
    CopyReader reader(runner(), "instants", "select id, at from keyrota.scratch");
    while (reader.next()) EXPECT_EQ(to_micros(reader.instant(1)), reader.int64(0));
}

TEST_F(CopyTest, WritesAndReadsNothingAtAll) {
    CopyWriter(runner(), "nothing", "keyrota.scratch (id)").finish();
    EXPECT_EQ(stored(), 0);
    CopyReader reader(runner(), "nothing", "select id from keyrota.scratch");
    EXPECT_FALSE(reader.next());
}

TEST_F(CopyTest, WritesRowsLargerThanItsBuffer) {
    const std::string large(3'000'000, 'x');
    {
        CopyWriter writer(runner(), "large", "keyrota.scratch (id, words)");
        for (int id = 1; id <= 3; ++id) {
            writer.row(2);
            writer.int64(id);
            writer.text(large);
        }
        writer.finish();
    }
    CopyReader reader(runner(), "large", "select words from keyrota.scratch");
    int rows = 0;
    while (reader.next()) {
        EXPECT_EQ(reader.bytes(0), large);
        ++rows;
    }
    EXPECT_EQ(rows, 3);
}

TEST_F(CopyTest, AnAbandonedWriterStoresNothingAndTheSessionStaysUsable) {
    for (const int rows : {0, 10, 200'000}) {  // the last one has sent some to the server
        {
            CopyWriter writer(runner(), "abandoned", "keyrota.scratch (id)");
            for (int id = 1; id <= rows; ++id) {
                writer.row(1);
                writer.int64(1000 + id);
            }
        }
        EXPECT_EQ(stored(), 0) << rows;
        expect_usable(runner());
    }
}

TEST_F(CopyTest, AnExceptionAmongTheRowsStoresNothing) {
    EXPECT_THROW(
        {
            Transaction transaction(runner());
            CopyWriter writer(runner(), "interrupted", "keyrota.scratch (id)");
            writer.row(1);
            writer.int64(1);
            throw Error(ExitCode::internal, "halfway");
        },
        Error);
    EXPECT_EQ(stored(), 0);
    expect_usable(runner());
}

TEST_F(CopyTest, AnAbandonedReaderLeavesTheSessionUsableAtOnce) {
    for (const int rows : {0, 1, 5000}) {
        {
            CopyReader reader(runner(), "abandoned", "select generate_series(1, 1000000000)");
            for (int i = 0; i < rows; ++i) ASSERT_TRUE(reader.next());
        }
        expect_usable(runner());
    }
}

TEST_F(CopyTest, AnAbandonedReaderNeverCancelsTheNextStatement) {
    // The reader stops before, at and behind the last row: the cancel may reach a server that is
    // already done.
    for (int round = 0; round < 100; ++round) {
        {
            CopyReader reader(runner(), "abandoned", "select generate_series(1, 3)");
            for (int i = 0; i < round % 5; ++i) reader.next();
        }
        expect_usable(runner());
    }
}

TEST_F(CopyTest, AConstraintViolationThrowsItsSqlstateAndStoresNothing) {
    for (const std::int64_t last :
         {13, 300'000}) {  // found at the end, or while rows are still sent
        const Error error = error_of([&] { write_ids(10, last); });
        EXPECT_EQ(error.code(), ExitCode::database);
        EXPECT_THAT(error.what(), HasSubstr("ids"));
        EXPECT_THAT(error.what(), Not(HasSubstr("13,")));
        EXPECT_EQ(sqlstate_of([&] { write_ids(10, last); }), "23514");
        EXPECT_EQ(stored(), 0);
        expect_usable(runner());
    }
    write_ids(1, 12);
    EXPECT_EQ(stored(), 12);
}

TEST_F(CopyTest, WhatTheServerRefusesHasItsSqlstateAndTheCopysName) {
    const auto read = [&](const char* query) {
        CopyReader reader(runner(), "refused", query);
        while (reader.next()) continue;
    };
    EXPECT_EQ(sqlstate_of([&] { read("select * from keyrota.nowhere"); }), "42P01");
    EXPECT_EQ(
        sqlstate_of([&] { read("select 1 / (500000 - i) from generate_series(1, 1000000) i"); }),
        "22012");
    EXPECT_EQ(sqlstate_of([&] { CopyWriter(runner(), "refused", "keyrota.nowhere (id)"); }),
              "42P01");
    EXPECT_EQ(sqlstate_of([&] { CopyWriter(runner(), "refused", "keyrota.audit_block (height)"); }),
              "42501");
    EXPECT_THAT(error_of([&] { read("select * from keyrota.nowhere"); }).what(),
                HasSubstr("refused"));
    expect_usable(runner());
}

TEST_F(CopyTest, AConnectionThatBreaksInTheMiddleIsADatabaseError) {
    const auto terminate = [&](Session& session) {
        Session superuser = session_as("postgres");
        superuser.execute_verbatim(
            "terminate",
            fmt::format(
                "select pg_terminate_backend({}, 10000)",
                session.one({"pid", "select pg_backend_pid()::bigint as pid"}).int64("pid")));
    };
    const auto expect_broken = [&](const char* what, const std::function<void(Session&)>& act) {
        Session session = open_session(config(), Access::runner);
        const std::string sqlstate = sqlstate_of([&] { act(session); });
        EXPECT_TRUE(sqlstate.starts_with("08") || sqlstate.starts_with("57P"))
            << what << ": " << sqlstate;
    };
    expect_broken("before", [&](Session& session) {
        terminate(session);
        CopyReader reader(session, "broken", "select 1");
    });
    expect_broken("while reading", [&](Session& session) {
        const std::int64_t pid =
            session.one({"pid", "select pg_backend_pid()::bigint as pid"}).int64("pid");
        CopyReader reader(session, "broken", "select generate_series(1, 1000000000)");
        ASSERT_TRUE(reader.next());
        Session superuser = session_as("postgres");
        superuser.execute_verbatim("terminate",
                                   fmt::format("select pg_terminate_backend({})", pid));
        while (reader.next()) continue;
    });
    expect_broken("while writing", [&](Session& session) {
        const std::int64_t pid =
            session.one({"pid", "select pg_backend_pid()::bigint as pid"}).int64("pid");
        CopyWriter writer(session, "broken", "keyrota.scratch (id)");
        Session superuser = session_as("postgres");
        superuser.execute_verbatim("terminate",
                                   fmt::format("select pg_terminate_backend({}, 10000)", pid));
        for (int id = 1; id <= 200'000; ++id) {
            writer.row(1);
            writer.int64(1000 + id);
        }
        writer.finish();
    });
    EXPECT_EQ(stored(), 0);
}

TEST_F(CopyTest, AMillionRowsPassWithoutBeingHeldInMemory) {
#ifdef KEYROTA_SANITIZED
    GTEST_SKIP() << "the sanitizer keeps freed memory for a while";
#endif
    const std::string padding(200, 'x');  // 200 MB in all
    Session& session = runner();
    peak_memory_kib();
    const std::int64_t before = peak_memory_kib();
    {
        CopyReader reader(session, "large",
                          "select i, repeat('x', 200) from generate_series(1, 1000000) i");
        std::int64_t rows = 0;
        while (reader.next()) rows += reader.bytes(1).size() == padding.size();
        EXPECT_EQ(rows, kMillion);
    }
    {
        CopyWriter writer(session, "large", "keyrota.scratch (id, words)");
        for (std::int64_t id = 1; id <= kMillion; ++id) {
            writer.row(2);
            writer.int64(1000 + id);
            writer.text(padding);
        }
    }  // abandoned: the server need not keep it either
    EXPECT_LT(peak_memory_kib() - before, 16 * 1024);
}

}  // namespace
}  // namespace keyrota::test
