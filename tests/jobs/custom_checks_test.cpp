#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "support/program.h"

namespace keyrota::test {
namespace {

namespace fs = std::filesystem;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using namespace std::chrono_literals;

constexpr auto kDay = std::chrono::hours(24);

class CustomChecksJob : public DatabaseTest {
  protected:
    void SetUp() override {
        DatabaseTest::SetUp();
        config().folder = scratch_.path();
        fs::create_directory(folder());
    }

    fs::path folder() { return config().folder / "checks.d"; }
    fs::path write(const std::string& name, const std::string& text) {
        std::ofstream(folder() / name) << text;
        ::chmod((folder() / name).c_str(), 0644);
        return folder() / name;
    }
    static std::string header(const std::string& id, const std::string& more = "") {
        return "-- id: " + id +
               "\n-- kind: standing\n-- severity: 3\n-- title: a title\n"
               "-- remediation: do something\n" +
               more;
    }
    /// A check of that query, in a file of that name.
    fs::path given_check(const std::string& id, const std::string& query,
                         const std::string& more = "") {
        return write(id + ".sql", header(id, more) + query);
    }
    static std::string all_keys(const std::string& where = "true") {
        return "select key_id, ''::text as detail, '{}'::jsonb as evidence from keyrota.checks_key"
               " where " +
               where;
    }
    /// What the only check of the run says: its error.
    std::string error_of_run(RunReport report) {
        EXPECT_EQ(report.exit_code, ExitCode::partial) << report.message;
        EXPECT_FALSE(report.complete);
        EXPECT_EQ(report.checks.size(), 1U);
        return report.checks.empty() ? "" : report.checks.front().error;
    }
    std::vector<std::string> findings() {
        return texts(
            "select concat_ws(' ', f.check_id, k.name, f.detail, f.severity, f.status)"
            "  from keyrota.finding f left join keyrota.api_key k using (key_id)"
            " order by f.check_id, f.key_id, f.detail");
    }

  private:
    Scratch scratch_;
};

TEST_F(CustomChecksJob, ACheckLivesAsAllOthersDo) {
    given_key({.name = "one"});
    given_key({.name = "two"});
    given_check("CUSTOM-A", all_keys("name = 'two'"));
    EXPECT_TRUE(run("custom-checks", kNow).complete);
    EXPECT_THAT(findings(), ElementsAre("CUSTOM-A two  3 open"));
    const RunReport unchanged = run("custom-checks", kNow + kDay);
    EXPECT_EQ(unchanged.checks.at(0).found, 1);
    EXPECT_EQ(unchanged.checks.at(0).opened + unchanged.checks.at(0).changed, 0);
    execute("update keyrota.api_key set name = 'three' where name = 'two'");
    run("custom-checks", kNow + 2 * kDay);
    EXPECT_THAT(findings(), ElementsAre("CUSTOM-A three  3 resolved"));
}

TEST_F(CustomChecksJob, OneKeyMayHaveSeveralFindingsThatDifferInDetail) {
    given_key({.name = "one"});
    given_check("CUSTOM-A",
                "select key_id, scope as detail, jsonb_build_object('scope', scope) as evidence"
                "  from keyrota.checks_key cross join unnest('{x,y}'::text[]) scope");
    EXPECT_TRUE(run("custom-checks", kNow).complete);
    EXPECT_THAT(findings(), ElementsAre("CUSTOM-A one x 3 open", "CUSTOM-A one y 3 open"));
    EXPECT_THAT(texts("select evidence ->> 'scope' from keyrota.finding order by detail"),
                ElementsAre("x", "y"));
}

TEST_F(CustomChecksJob, WhatMayBeNullIsReadAsEmpty) {
    given_key({.name = "one"});
    given_check("CUSTOM-A",
                "select key_id, null::text as detail, null::jsonb as evidence"
                " from keyrota.checks_key");
    EXPECT_TRUE(run("custom-checks", kNow).complete);
    EXPECT_THAT(findings(), ElementsAre("CUSTOM-A one  3 open"));
    given_check("CUSTOM-A",
                "select null::bigint as key_id, 'x' as detail, '{}'::jsonb as evidence");
    EXPECT_THAT(error_of_run(run("custom-checks", kNow + kDay)), EndsWith("a key_id is null"));
}

TEST_F(CustomChecksJob, TheInstantOfTheRunIsItsFirstParameter) {
    given_key({.name = "at", .created_at = kNow - kDay});
    given_key({.name = "a tick later", .created_at = kNow - kDay + 1us});
    given_check("CUSTOM-A", all_keys("created_at <= $1 - interval '1 day' and name <> ':x'"));
    run("custom-checks", kNow);
    EXPECT_THAT(findings(), ElementsAre("CUSTOM-A at  3 open"));
    given_check("CUSTOM-A", all_keys("name = $2"));
    EXPECT_THAT(error_of_run(run("custom-checks", kNow + kDay)), HasSubstr("more parameters"));
}

TEST_F(CustomChecksJob, ABrokenCheckStopsNoOtherAndIsNoAnswer) {
    given_key({.name = "one"});
    given_check("CUSTOM-A", all_keys());
    given_check("CUSTOM-B", all_keys());
    run("custom-checks", kNow);
    const fs::path broken =
        given_check("CUSTOM-A", "select key_id,\n       name from\n keyrota.kee");
    execute("update keyrota.api_key set name = 'two'");
    const RunReport report = run("custom-checks", kNow + kDay);
    EXPECT_EQ(report.exit_code, ExitCode::partial);
    EXPECT_EQ(
        report.checks.at(0).error,
        broken.string() + ": line 8: relation \"keyrota.kee\" does not exist (SQLSTATE 42P01)");
    EXPECT_EQ(report.checks.at(1).error, "");
    EXPECT_EQ(report.checks.at(1).found, 1);
    EXPECT_THAT(findings(), ElementsAre("CUSTOM-A two  3 open", "CUSTOM-B two  3 open"));
    given_check("CUSTOM-A", all_keys("false"));
    EXPECT_TRUE(run("custom-checks", kNow + kDay + 1h).complete);
    EXPECT_THAT(findings(), ElementsAre("CUSTOM-A two  3 resolved", "CUSTOM-B two  3 open"));
}

TEST_F(CustomChecksJob, AMessageNamesTheLineOfTheFile) {
    const fs::path file = given_check("CUSTOM-A", "-- ünd\nselect nme\n  from keyrota.checks_key");
    EXPECT_EQ(error_of_run(run("custom-checks", kNow)),
              file.string() + ": line 7: column \"nme\" does not exist (SQLSTATE 42703)");
}

TEST_F(CustomChecksJob, ACheckThatTakesTooLongIsEnded) {
    config().custom_checks.timeout = 100ms;
    given_check(
        "CUSTOM-A",
        "select 0::bigint as key_id, pg_sleep(60)::text as detail, '{}'::jsonb as evidence");
    EXPECT_THAT(error_of_run(run("custom-checks", kNow)), HasSubstr("statement timeout"));
}

TEST_F(CustomChecksJob, WhatReturnsOtherColumnsIsNotExecuted) {
    for (const char* query :
         {"select key_id, 'x' as detail from keyrota.checks_key",
          "select 1 as key_id, 'x' as detail, '{}'::jsonb as evidence",  // an integer
          "select 1::bigint as key_id, 'x' as detail, '{}' as evidence",
          "select 'x' as detail, 1::bigint as key_id, '{}'::jsonb as evidence",
          "select key_id, 'x' as detail, '{}'::jsonb as evidence, 'expire' as action"
          "  from keyrota.checks_key",
          "explain analyze select pg_sleep(60)", "", ";"}) {
        given_check("CUSTOM-A", query);
        EXPECT_THAT(error_of_run(run("custom-checks", kNow)), HasSubstr("it must return")) << query;
    }
}

TEST_F(CustomChecksJob, ADryRunAndALimitHoldHereToo) {
    given_keys(5, {.name = "one"});
    given_check("CUSTOM-A", all_keys());
    const auto before = fingerprint();
    EXPECT_EQ(run("custom-checks", kNow, {.dry_run = true}).checks.at(0).opened, 5);
    EXPECT_EQ(fingerprint(), before);
    const RunReport limited = run("custom-checks", kNow, {.limit = 2});
    EXPECT_EQ(limited.checks.at(0).opened, 2);
    EXPECT_FALSE(limited.complete);
}

// ---- what it cannot do

TEST_F(CustomChecksJob, ACheckCanDoNothing) {
    const std::int64_t key_id = given_key({.name = "one"});
    execute("insert into keyrota.api_key_secret values (sha256('secret'), " +
            std::to_string(key_id) + ")");
    Session superuser = session_as("postgres");
    superuser.execute_verbatim("extension", "create extension dblink schema public");
    const auto before = fingerprint();
    const auto row = [](const std::string& detail) {
        return "select 0::bigint as key_id, (" + detail +
               ")::text as detail, '{}'::jsonb as evidence";
    };
    const std::vector<std::string> attempts = {
        row("set_config('role', 'keyrota_runner', true)"),
        row("set_config('role', 'keyrota_owner', false)"),
        row("set_config('role', 'postgres', true)"),
        row("set_config('session_authorization', 'postgres', true)"),
        row("set_config('transaction_read_only', 'off', true)"),
        row("query_to_xml('select * from keyrota.api_key_secret', true, true, '')"),
        row("query_to_xml('delete from keyrota.finding', true, true, '')"),
        row("table_to_xml('keyrota.owner', true, true, '')"),
        row("public.dblink_exec('dbname=" + database() + "', 'delete from keyrota.api_key')"),
        row("public.dblink_connect('dbname=" + database() + " user=postgres')"),
        row("select secret_hash from keyrota.api_key_secret"),
        row("select email from keyrota.owner"),
        row("select payload from keyrota.audit_entry limit 1"),
        row("nextval('keyrota.lease_token_seq')"),
        row("setval('keyrota.lease_token_seq', 1)"),
        row("pg_terminate_backend(pid) from pg_stat_activity where usename = 'keyrota_runner'"),
        row("lo_import('/etc/passwd')"),
        row("lo_export(1, '/tmp/x')"),
        row("pg_read_file('/etc/passwd')"),
        row("pg_ls_dir('/')"),
        row("pg_reload_conf()"),
        row("keyrota.make_sample_partitions(400)"),
        row("keyrota.audit_seal(1)"),
        "copy keyrota.api_key to '/tmp/x'",
        "copy (select 1) to program 'touch /tmp/x'",
        "copy keyrota.finding from program 'true'",
        "set role keyrota_runner",
        "do $$ begin perform 1; end $$",
        "commit",
        "begin; delete from keyrota.api_key; commit",
        row("1") + "; delete from keyrota.api_key",
        "with gone as (delete from keyrota.finding returning key_id) select key_id, '' as detail,"
        " '{}'::jsonb as evidence from gone",
        "with made as (insert into keyrota.checks_usage_scope values (1, 'x', now()) returning "
        "key_id)"
        " select key_id, '' as detail, '{}'::jsonb as evidence from made",
        "select key_id, name as detail, '{}'::jsonb as evidence from keyrota.checks_key for update",
        "select 0::bigint as key_id, 'x' as detail, '{}'::jsonb as evidence into keyrota.mine",
        "create table keyrota.mine as " + row("1"),
    };
    for (const std::string& attempt : attempts) {
        given_check("CUSTOM-A", attempt);
        const RunReport report = run("custom-checks", kNow, {.dry_run = true});
        ASSERT_EQ(report.checks.size(), 1U);
        EXPECT_NE(report.checks.at(0).error, "") << attempt;
        EXPECT_EQ(report.checks.at(0).found, 0) << attempt;
    }
    EXPECT_EQ(fingerprint(), before);
}

TEST_F(CustomChecksJob, NothingThatACheckDidOutlivesIt) {
    given_check("CUSTOM-A",
                "select lo_create(4711)::bigint as key_id,"
                " set_config('statement_timeout', '0', false) as detail, '{}'::jsonb as evidence");
    given_check(
        "CUSTOM-B",
        "select 0::bigint as key_id, current_setting('statement_timeout') as detail,"
        " '{}'::jsonb as evidence from pg_largeobject_metadata right join (select) x on true"
        " where oid is null");
    config().custom_checks.timeout = 77s;
    run("custom-checks", kNow);
    EXPECT_THAT(texts("select detail from keyrota.finding where check_id = 'CUSTOM-B'"),
                ElementsAre("77s"));
    EXPECT_EQ(number("select count(*) from pg_largeobject_metadata"), 0);
}

TEST_F(CustomChecksJob, ARoleThatMayMoreIsRefused) {
    given_check("CUSTOM-A", all_keys());
    for (const char* role : {"postgres", "keyrota_runner", "keyrota_owner", "keyrota_auditor"}) {
        config().database.checker_url = Server::instance().url(role, database());
        EXPECT_THAT(error_of_run(run("custom-checks", kNow, {.dry_run = true})),
                    HasSubstr("may do more than custom checks should"))
            << role;
    }
}

TEST_F(CustomChecksJob, TheRoleMayExecuteNoFunctionInTheNameOfItsOwner) {
    EXPECT_EQ(number("select count(*) from pg_proc where prosecdef"
                     " and pronamespace = 'keyrota'::regnamespace"
                     " and has_function_privilege('keyrota_checker', oid, 'execute')"),
              0);
}

// ---- files

TEST_F(CustomChecksJob, AFileThatOthersCouldHaveWrittenIsRefused) {
    const fs::path file = given_check("CUSTOM-A", all_keys());
    ::chmod(file.c_str(), 0664);
    EXPECT_THAT(error_of_run(run("custom-checks", kNow)),
                HasSubstr("can be written by others than its owner"));
    ::chmod(file.c_str(), 0644);
    EXPECT_TRUE(run("custom-checks", kNow + 1h).complete);
    ::chmod(folder().c_str(), 0777);
    EXPECT_THAT(error_of_run(run("custom-checks", kNow + 2h)),
                HasSubstr("can be written by others than its owner"));
}

TEST_F(CustomChecksJob, AHeaderIsComplete) {
    const std::string query = all_keys();
    const auto without = [](const std::string& line) {
        std::string text = header("CUSTOM-A");
        const std::size_t begin = text.find("-- " + line);
        return text.erase(begin, text.find('\n', begin) + 1 - begin);
    };
    const std::vector<std::pair<std::string, std::string>> broken = {
        {query, "its header has no id"},
        {without("kind"), "its header has no kind"},
        {without("severity"), "its header has no severity"},
        {without("title"), "its header has no title"},
        {without("remediation"), "its header has no remediation"},
        {header("KEY-UNUSED"), "\"KEY-UNUSED\" is not a custom check id"},
        {header("CUSTOM-"), "\"CUSTOM-\" is not a custom check id"},
        {header("CUSTOM-a"), "\"CUSTOM-a\" is not a custom check id"},
        {header("CUSTOM-A", "-- kind: standing\n"), "line 6: kind is given twice"},
        {header("CUSTOM-A", "-- schedul: x\n"), "line 6: unknown header field \"schedul\""},
        {header("CUSTOM-A", "-- schedule:\n"), "line 6: schedule is empty"},
        {header("CUSTOM-A", "-- schedule: daily\n"), "schedule: "},
        {header("CUSTOM-A", "-- schedule: 0 * * * *\n"), "more frequent than the job"},
        {"-- id: CUSTOM-A\n-- kind: incremental\n-- severity: 3\n-- title: t\n-- remediation: r\n",
         "kind must be standing, not \"incremental\""},
        {"-- id: CUSTOM-A\n-- kind: standing\n-- severity: 6\n-- title: t\n-- remediation: r\n",
         "severity must be from 1 to 5, not \"6\""},
    };
    for (const auto& [text, complaint] : broken) {
        write("one.sql", text + query);
        EXPECT_THAT(error_of_run(run("custom-checks", kNow, {.dry_run = true})),
                    HasSubstr(complaint));
    }
}

TEST_F(CustomChecksJob, OfTwoFilesWithOneIdNeitherIsUsed) {
    given_key({.name = "one"});
    write("a.sql", header("CUSTOM-A") + all_keys());
    write("b.sql", header("CUSTOM-A") + all_keys("false"));
    EXPECT_THAT(error_of_run(run("custom-checks", kNow)), EndsWith("b.sql have the same id"));
    EXPECT_THAT(findings(), IsEmpty());
}

TEST_F(CustomChecksJob, OnlySqlFilesAreChecks) {
    write("a.sql.example", "nonsense");
    write("README", "nonsense");
    const RunReport report = run("custom-checks", kNow);
    EXPECT_TRUE(report.complete);
    EXPECT_THAT(report.checks, IsEmpty());
}

TEST_F(CustomChecksJob, AFolderThatWasNamedMustBeThere) {
    fs::remove(folder());
    EXPECT_TRUE(run("custom-checks", kNow).complete) << "the default need not";
    config().custom_checks.dir = folder();
    const RunReport report = run("custom-checks", kNow + 1h);
    EXPECT_EQ(report.exit_code, ExitCode::config);
    EXPECT_THAT(report.message, HasSubstr("cannot be read: No such file or directory"));
}

TEST_F(CustomChecksJob, ARemovedChecksFindingsAreResolvedUnlessAFileCannotBeRead) {
    given_key({.name = "one"});
    const fs::path a = given_check("CUSTOM-A", all_keys());
    const fs::path b = given_check("CUSTOM-B", all_keys());
    run("custom-checks", kNow);
    fs::remove(a);
    ::chmod(b.c_str(), 0666);
    run("custom-checks", kNow + kDay);
    EXPECT_THAT(findings(), ElementsAre("CUSTOM-A one  3 open", "CUSTOM-B one  3 open"));
    ::chmod(b.c_str(), 0644);
    EXPECT_EQ(run("custom-checks", kNow + kDay + 1h).checks.size(), 2U);
    EXPECT_THAT(findings(), ElementsAre("CUSTOM-A one  3 resolved", "CUSTOM-B one  3 open"));
    EXPECT_EQ(run("custom-checks", kNow + 2 * kDay).checks.size(), 1U) << "gone for good";
}

TEST_F(CustomChecksJob, ACheckWaitsForItsOwnSchedule) {
    given_key({.name = "one"});
    given_check("CUSTOM-A", all_keys(), "-- schedule: 0 6 * * 3\n");  // Wednesdays
    const auto evaluated = [&](Timestamp as_of) {
        const RunReport report = run("custom-checks", as_of);
        EXPECT_TRUE(report.complete);
        return report.checks.size();
    };
    EXPECT_EQ(evaluated(kNow), 1U) << "at first, whatever the day: a Tuesday, at 6";
    EXPECT_EQ(evaluated(kNow + kDay - 1us), 0U);
    EXPECT_THAT(findings(), ElementsAre("CUSTOM-A one  3 open"));
    EXPECT_EQ(evaluated(kNow + kDay), 1U);
    EXPECT_EQ(evaluated(kNow + 2 * kDay), 0U);
    EXPECT_EQ(evaluated(kNow + 8 * kDay), 1U);
}

// ---- the examples that are shipped

class CheckExamples : public CustomChecksJob {
  protected:
    void SetUp() override {
        CustomChecksJob::SetUp();
        execute(
            "insert into keyrota.owner (owner_id, name, email) values (1, 'Ada', "
            "'ada@example.com'),"
            " (2, 'Bob', 'bob@example.com')");
    }
    void given_example(const std::string& name) {
        std::ifstream file(fs::path(KEYROTA_SOURCE_DIR) / "config/checks.d" /
                           (name + ".sql.example"));
        std::stringstream text;
        text << file.rdbuf();
        write(name + ".sql", text.str());
    }
};

TEST_F(CheckExamples, AreAllThatAreShipped) {
    std::vector<std::string> names;
    for (const auto& entry :
         fs::directory_iterator(fs::path(KEYROTA_SOURCE_DIR) / "config/checks.d"))
        names.push_back(entry.path().filename());
    EXPECT_THAT(names, Each(EndsWith(".sql.example")));
    EXPECT_EQ(names.size(), 3U);
}

TEST_F(CheckExamples, SharedName) {
    given_keys(2, {.name = "twice"});
    given_key({.name = "once"});
    given_key({.name = "retired"});
    given_key({.name = "retired", .retire_at = kNow + kDay});
    execute("update keyrota.api_key set owner_id = 1");
    given_keys(2, {.name = "nobody's"});
    given_example("shared-name");
    EXPECT_TRUE(run("custom-checks", kNow).complete);
    EXPECT_THAT(findings(), ElementsAre("CUSTOM-SHARED-NAME twice twice 2 open"));
}

TEST_F(CheckExamples, BusyTestKey) {
    const std::int64_t busy = given_key({.name = "busy", .type = "test"});
    const std::int64_t calm = given_key({.name = "calm", .type = "test"});
    execute(
        "insert into keyrota.usage_hour (key_id, hour, requests) values"
        " (" +
        std::to_string(busy) +
        ", '2026-11-24 05:00Z', 100001),"
        " (" +
        std::to_string(calm) +
        ", '2026-11-24 05:00Z', 100000),"
        " (" +
        std::to_string(calm) + ", '2026-11-17 06:00Z', 100000)");
    given_example("busy-test-key");
    EXPECT_TRUE(run("custom-checks", kNow).complete);
    EXPECT_THAT(findings(), ElementsAre("CUSTOM-BUSY-TEST-KEY busy  3 open"));
}

TEST_F(CheckExamples, TooManyKeys) {
    given_keys(51, {.name = "one of many"});
    execute("update keyrota.api_key set owner_id = 1");
    given_keys(50, {.name = "one of fewer"});
    execute("update keyrota.api_key set owner_id = 2 where owner_id is null");
    given_example("too-many-keys");
    EXPECT_TRUE(run("custom-checks", kNow).complete);
    EXPECT_THAT(findings(), ElementsAre("CUSTOM-TOO-MANY-KEYS owner 1 2 open"));
}

}  // namespace
}  // namespace keyrota::test
