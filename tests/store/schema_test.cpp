#include <fmt/format.h>

#include "postgres/database.h"
#include "support/database.h"

namespace keyrota::test {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr const char* kDenied = "42501";
constexpr const char* kCheck = "23514";

class SchemaTest : public DatabaseTest {
  protected:
    /// How the server answers one statement: "" for yes, else a SQLSTATE.
    static std::string answer(Session& session, const std::string& sql) {
        return sqlstate_of([&] { session.execute_verbatim("question", sql); });
    }
    std::string answer(const std::string& sql) { return answer(owner(), sql); }
    std::vector<std::string> tables() {
        return texts(
            "select c.oid::regclass from pg_class c where c.relnamespace = 'keyrota'::regnamespace"
            "   and c.relkind in ('r', 'p') and not c.relispartition order by 1");
    }
    std::int64_t given_secret(const std::string& name, const std::string& hash_of) {
        const std::int64_t key = given_key({.name = name});
        execute(fmt::format("insert into keyrota.api_key_secret values (sha256('{}'), {})", hash_of,
                            key));
        return key;
    }
};

// ---- who may do what, by really connecting as each

TEST_F(SchemaTest, TheAuditorReadsEverythingButSecretsAndWritesNothing) {
    Session auditor = session_as("keyrota_auditor");
    for (const std::string& table : tables()) {
        const bool secret = table == "keyrota.api_key_secret";
        EXPECT_EQ(answer(auditor, "select count(*) from " + table), secret ? kDenied : "") << table;
        EXPECT_EQ(answer(auditor, "delete from " + table), kDenied) << table;
        EXPECT_EQ(answer(auditor, "truncate " + table), kDenied) << table;
        EXPECT_EQ(answer(auditor, fmt::format("insert into {0} default values", table)), kDenied)
            << table;
    }
    EXPECT_EQ(answer(auditor, "select count(*) from keyrota.key"), "");
    EXPECT_EQ(answer(auditor, "update keyrota.api_key_state set status = 'expired'"), kDenied);
    EXPECT_EQ(answer(auditor, "create table keyrota.mine ()"), kDenied);
    EXPECT_EQ(answer(auditor, "create table public.mine ()"), kDenied);
    for (const char* call : {"keyrota.audit_seal(1)", "keyrota.make_sample_partitions(1)",
                             "keyrota.analyze_plan_item()"})
        EXPECT_EQ(answer(auditor, fmt::format("select {}", call)), kDenied) << call;
    EXPECT_EQ(answer(auditor, "select nextval('keyrota.audit_block_id_seq')"), kDenied);
}

TEST_F(SchemaTest, AGatewayLooksAHashUpAndAppendsSamples) {
    const std::int64_t key = given_secret("used", "sk_live_x");
    Session gateway = session_as("keyrota_gateway");
    const Row row = gateway.one(
        {"lookup",
         "select s.key_id, s.status, k.environment, p.requests_per_minute::bigint as per_minute"
         "  from keyrota.api_key_state s join keyrota.api_key k on k.key_id = s.key_id"
         "  left join keyrota.service_plan p on p.service_plan_id = k.service_plan_id"
         " where s.key_id = (select key_id from keyrota.api_key_secret where secret_hash = "
         "sha256('sk_live_x'))"
         "   and s.status = 'active' and (s.expires_at is null or s.expires_at > now())"});
    EXPECT_EQ(row.int64("key_id"), key);
    EXPECT_EQ(gateway.execute(
                  {"sample",
                   "insert into keyrota.usage_sample (key_id, at, gateway, requests, client_errors,"
                   "  server_errors, rate_limited, scope, network, auth, browser)"
                   " values (:key_id, now(), 'edge-1', 5, 1, 1, 1, 'read:orders', '10.1.2.0/24',"
                   "  'query', true)"},
                  {{"key_id", key}}),
              1);
    EXPECT_EQ(
        number("select count(*) from keyrota.usage_sample where key_id = " + std::to_string(key) +
               " and received_at > now() - interval '1 hour' and xid <= "
               "pg_current_xact_id()::text::bigint"),
        1);
}

TEST_F(SchemaTest, AGatewayCannotChooseWhenOrInWhichTransactionASampleArrived) {
    Session gateway = session_as("keyrota_gateway");
    EXPECT_EQ(answer(gateway,
                     "insert into keyrota.usage_sample (key_id, at, gateway, requests, received_at)"
                     " values (1, now(), 'edge-1', 1, now() + interval '3 days')"),
              kDenied);
    EXPECT_EQ(answer(gateway,
                     "insert into keyrota.usage_sample (key_id, at, gateway, requests, xid)"
                     " values (1, now(), 'edge-1', 1, '3')"),
              kDenied);
    const std::string partition = text(
        "select min(inhrelid::regclass::text) from pg_inherits"
        " where inhparent = 'keyrota.usage_sample'::regclass");
    EXPECT_EQ(answer(gateway, "insert into " + partition +
                                  " (key_id, at, gateway, requests) values (1, now(), 'e', 1)"),
              kDenied);
}

TEST_F(SchemaTest, AGatewaySeesAndChangesNothingElse) {
    Session gateway = session_as("keyrota_gateway");
    for (const std::string& table : tables()) {
        const bool shared = table == "keyrota.api_key_secret";
        EXPECT_EQ(answer(gateway, "select * from " + table), shared ? "" : kDenied) << table;
        EXPECT_EQ(answer(gateway, "delete from " + table), kDenied) << table;
        EXPECT_EQ(answer(gateway, "truncate " + table), kDenied) << table;
    }
    for (const char* sql :
         {"select name from keyrota.api_key", "select owner_id from keyrota.api_key",
          "select retire_at from keyrota.api_key_state", "select * from keyrota.key",
          "select name from keyrota.service_plan",
          "update keyrota.api_key_state set status = 'active'",
          "insert into keyrota.api_key_secret values (sha256('mine'), 1)",
          "select requests from keyrota.usage_sample", "select keyrota.audit_seal(1)",
          "create table keyrota.mine ()"})
        EXPECT_EQ(answer(gateway, sql), kDenied) << sql;
}

TEST_F(SchemaTest, TheRunnerAppendsToTheAuditTrailAndCannotChangeIt) {
    for (const char* sql :
         {"update keyrota.audit_entry set payload = payload", "delete from keyrota.audit_entry",
          "truncate keyrota.audit_entry", "update keyrota.audit_block set sealed_at = now()",
          "delete from keyrota.audit_block", "truncate keyrota.audit_block",
          "insert into keyrota.audit_block values (99, 99, 1, '', '')",
          "update keyrota.audit_head set height = 0",
          "insert into keyrota.audit_head values (false, 0, '')", "delete from keyrota.audit_head",
          "truncate keyrota.audit_head", "select * from keyrota.audit_head for update",
          "alter table keyrota.audit_entry disable trigger all",
          "drop trigger audit_entry_append_only on keyrota.audit_entry",
          "set session_replication_role = replica", "set role keyrota_owner"})
        EXPECT_EQ(answer(runner(), sql), kDenied) << sql;
    EXPECT_EQ(answer(runner(),
                     "insert into keyrota.audit_entry (key_id, block_id, payload)"
                     " values (0, nextval('keyrota.audit_block_id_seq'), '{\"key_id\": 0}')"),
              "");
    EXPECT_EQ(answer(runner(), "select keyrota.audit_seal(currval('keyrota.audit_block_id_seq'))"),
              "");
}

TEST_F(SchemaTest, TheRunnerWorksOnTheRestButNotOnTheSchema) {
    for (const std::string& table : tables())
        EXPECT_EQ(answer(runner(), "select count(*) from " + table), "") << table;
    for (const char* sql :
         {"insert into keyrota.schema_migration values (99, 'x', 'x', 'x')",
          "delete from keyrota.schema_migration", "update keyrota.schema_migration set name = name",
          "create table keyrota.mine ()", "drop table keyrota.finding",
          "truncate keyrota.api_key cascade",
          "create or replace function keyrota.audit_refuse() returns trigger language plpgsql as"
          " $$ begin return null; end $$"})
        EXPECT_EQ(answer(runner(), sql), kDenied) << sql;
    EXPECT_EQ(answer(runner(), "truncate keyrota.plan_item"), "");
    EXPECT_EQ(answer(runner(), "select keyrota.analyze_plan_item()"), "");
    EXPECT_EQ(answer(runner(), "select keyrota.make_sample_partitions(0)"), "");
}

TEST_F(SchemaTest, TheCheckerSeesTheViewsMadeForItAndNothingElse) {
    Session checker = session_as("keyrota_checker");
    for (const std::string& table : tables())
        EXPECT_EQ(answer(checker, "select * from " + table), kDenied) << table;
    for (const char* sql : {"select * from keyrota.key", "select keyrota.make_sample_partitions(0)",
                            "insert into keyrota.checks_usage_scope values (1, 'x', now())",
                            "set role keyrota_runner", "set role keyrota_owner",
                            "create table public.mine ()", "create schema mine"})
        EXPECT_EQ(answer(checker, sql), kDenied) << sql;
    for (const char* view : {"checks_key", "checks_usage_hour", "checks_usage_scope"})
        EXPECT_EQ(answer(checker, fmt::format("select * from keyrota.{}", view)), "") << view;
    EXPECT_EQ(
        number("select count(*) from pg_auth_members where member = 'keyrota_checker'::regrole"),
        0);
}

TEST_F(SchemaTest, EveryRoleIsRefusedToChangeTheAuditTrail) {
    Session by_owner = open_session(config(), Access::owner);
    Session superuser = session_as("postgres");
    std::vector<std::pair<std::string, Session*>> sessions{{"owner", &by_owner},
                                                           {"superuser", &superuser}};
    std::vector<Session> others;
    others.reserve(4);
    for (const char* role :
         {"keyrota_runner", "keyrota_auditor", "keyrota_checker", "keyrota_gateway"}) {
        others.push_back(session_as(role));
        sessions.emplace_back(role, &others.back());
    }
    const std::int64_t entries = number("select count(*) from keyrota.audit_entry");
    for (auto& [role, session] : sessions)
        for (const char* sql :
             {"update keyrota.audit_entry set payload = payload", "delete from keyrota.audit_entry",
              "delete from keyrota.audit_entry where false", "truncate keyrota.audit_entry",
              "truncate keyrota.audit_entry, keyrota.audit_block, keyrota.audit_head cascade",
              "insert into keyrota.audit_entry (key_id, block_id, payload) values (0, 1, "
              "'{\"key_id\": 0}')"
              " on conflict (key_id, entry_id) do update set payload = excluded.payload",
              "merge into keyrota.audit_entry e using (select 0) x on true when matched then "
              "delete",
              "update keyrota.audit_block set entries_total = 1", "delete from keyrota.audit_block",
              "truncate keyrota.audit_block", "delete from keyrota.audit_head",
              "truncate keyrota.audit_head"})
            EXPECT_EQ(answer(*session, sql), kDenied) << role << ": " << sql;
    EXPECT_EQ(number("select count(*) from keyrota.audit_entry"), entries);
}

// ---- what rows may say

TEST_F(SchemaTest, ATestKeyBelongsToTheTestEnvironmentAndOnlyATestKeyDoes) {
    const auto insert = [&](const char* type, const char* environment) {
        return answer(fmt::format(
            "insert into keyrota.api_key (lineage_id, name, type, environment, prefix, hint)"
            " values (0, 'k', '{}', '{}', 'sk_live_', 'abcd')",
            type, environment));
    };
    EXPECT_EQ(insert("public", "production"), "");
    EXPECT_EQ(insert("secret", "production"), "");
    EXPECT_EQ(insert("test", "test"), "");
    EXPECT_EQ(insert("test", "production"), kCheck);
    EXPECT_EQ(insert("secret", "test"), kCheck);
    EXPECT_EQ(insert("public", "test"), kCheck);
    EXPECT_EQ(insert("private", "production"), kCheck);
    EXPECT_EQ(insert("secret", "staging"), kCheck);
}

TEST_F(SchemaTest, AKeysStateIsOneOfThreeAndItsInstantsAreFinite) {
    given_key({.name = "key"});
    const auto set = [&](const char* to) {
        return answer(fmt::format("update keyrota.api_key_state set {}", to));
    };
    for (const char* good :
         {"status = 'active'", "status = 'inactive'", "status = 'expired'", "expires_at = null"})
        EXPECT_EQ(set(good), "") << good;
    for (const char* bad :
         {"status = 'retired'", "status = 'Active'", "status = ''", "expires_at = 'infinity'",
          "expires_at = '-infinity'", "retire_at = 'infinity'"})
        EXPECT_EQ(set(bad), kCheck) << bad;
    EXPECT_EQ(set("status = null"), "23502");
}

TEST_F(SchemaTest, ASampleCountsEveryCallAndNoMoreErrorsThanCalls) {
    const auto insert = [&](const char* counts) {
        return answer(fmt::format(
            "insert into keyrota.usage_sample (key_id, at, gateway, requests, client_errors,"
            " server_errors, rate_limited) values (1, now(), 'edge-1', {})",
            counts));
    };
    EXPECT_EQ(insert("1, 0, 0, 0"), "");
    EXPECT_EQ(insert("3, 1, 1, 1"), "");
    EXPECT_EQ(insert("2147483647, 2147483647, 0, 0"), "");
    for (const char* bad :
         {"0, 0, 0, 0", "-1, 0, 0, 0", "3, 2, 1, 1", "3, 4, 0, 0", "3, -1, 0, 0", "3, 0, -1, 0",
          "3, 0, 0, -1", "2147483647, 2147483647, 2147483647, 2147483647"})
        EXPECT_EQ(insert(bad), kCheck) << bad;
    for (const char* at : {"infinity", "-infinity"})
        EXPECT_EQ(
            answer(fmt::format("insert into keyrota.usage_sample (key_id, at, gateway, requests)"
                               " values (1, '{}', 'edge-1', 1)",
                               at)),
            kCheck);
    EXPECT_EQ(answer("insert into keyrota.usage_sample (key_id, at, gateway, requests, auth)"
                     " values (1, now(), 'edge-1', 1, 'cookie')"),
              kCheck);
}

TEST_F(SchemaTest, ASampleHasAHomeHoweverLateOrFutureItsStampIs) {
    for (const char* at : {"1970-01-01", "now", "2290-01-01", "0001-01-01"})
        EXPECT_EQ(
            answer(fmt::format("insert into keyrota.usage_sample (key_id, at, gateway, requests)"
                               " values (1, '{}', 'edge-1', 1)",
                               at)),
            "");
    EXPECT_EQ(answer("insert into keyrota.usage_hour (key_id, hour) values (1, '0001-01-01'), (1, "
                     "'2290-01-01')"),
              "");
}

TEST_F(SchemaTest, ASecretHashIsASha256AndBelongsToOneKey) {
    const std::int64_t key = given_secret("key", "one");
    EXPECT_EQ(answer(fmt::format("insert into keyrota.api_key_secret values ('\\x00', {})", key)),
              kCheck);
    EXPECT_EQ(
        answer(fmt::format("insert into keyrota.api_key_secret values (sha256('one'), {})", key)),
        "23505");
    EXPECT_EQ(answer("insert into keyrota.api_key_secret values (sha256('two'), 0)"), "23503");
}

TEST_F(SchemaTest, AnAuditEntrysKeyIsTheOneInItsPayload) {
    const auto insert = [&](const char* key_id, const char* payload) {
        return answer(runner(),
                      fmt::format("insert into keyrota.audit_entry (key_id, block_id, payload)"
                                  " values ({}, 1, '{}')",
                                  key_id, payload));
    };
    EXPECT_EQ(insert("7", R"({"key_id": 7, "action": "x", "run_id": 3, "at_us": 5})"), "");
    EXPECT_EQ(text("select concat_ws(' ', action, run_id, at_us) from keyrota.audit_entry where "
                   "key_id = 7"),
              "x 3 5");
    EXPECT_EQ(insert("7", R"({"key_id": 8})"), kCheck);
    EXPECT_EQ(insert("7", R"({"action": "x"})"), kCheck);
    EXPECT_EQ(insert("7", R"({"key_id": null})"), kCheck);
    EXPECT_EQ(insert("7", "no json"), "22P02");
    EXPECT_EQ(answer(runner(),
                     "insert into keyrota.audit_entry (key_id, block_id, payload, action)"
                     " values (0, 1, '{\"key_id\": 0}', 'forged')"),
              "428C9");
}

TEST_F(SchemaTest, AFindingIsResolvedWithAReasonAndATimeOrNotAtAll) {
    const auto insert = [&](const char* status, const char* resolution, const char* resolved_at) {
        return answer(fmt::format(
            "insert into keyrota.finding (key_id, uid, check_id, status, resolution, resolved_at,"
            " severity, opened_at, changed_at, run_id)"
            " values (1, gen_random_uuid(), 'KEY-X', '{}', {}, {}, 3, now(), now(), 1)",
            status, resolution, resolved_at));
    };
    EXPECT_EQ(insert("open", "null", "null"), "");
    EXPECT_EQ(insert("resolved", "'acted'", "now()"), "");
    EXPECT_EQ(insert("resolved", "null", "now()"), kCheck);
    EXPECT_EQ(insert("resolved", "'absence'", "null"), kCheck);
    EXPECT_EQ(insert("open", "'absence'", "now()"), kCheck);
    EXPECT_EQ(insert("closed", "null", "null"), kCheck);
}

// ---- what makes it fast, and what makes it scale

TEST_F(SchemaTest, NoIndexOfAKeysStateKnowsItsStatus) {
    // Columns, expressions and predicate alike: an index depends on each column that it mentions.
    const std::string indexes =
        "select d.objid::regclass from pg_depend d join pg_index i on i.indexrelid = d.objid"
        "  join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid"
        " where d.classid = 'pg_class'::regclass and d.refobjid = 'keyrota.api_key_state'::regclass"
        "   and a.attname = 'status'";
    EXPECT_THAT(texts(indexes), IsEmpty());
    execute("create index forbidden on keyrota.api_key_state (expires_at) where status = 'active'");
    EXPECT_THAT(texts(indexes), ElementsAre("keyrota.forbidden"));
}

TEST_F(SchemaTest, AFlipOfStatusIsAHotUpdate) {
    given_keys(20, {.name = "due", .expires_at = kNow, .retire_at = kNow});
    const Transaction transaction(owner());
    execute("update keyrota.api_key_state set status = 'expired'");
    EXPECT_EQ(number("pg_stat_get_xact_tuples_updated('keyrota.api_key_state'::regclass)"), 20);
    EXPECT_EQ(number("pg_stat_get_xact_tuples_hot_updated('keyrota.api_key_state'::regclass)"), 20);
}

TEST_F(SchemaTest, UniqueConstraintsOfTablesThatGrowContainTheKey) {
    // But for the two directories, which are keyed by their own column.
    EXPECT_THAT(texts("select c.conrelid::regclass from pg_constraint c"
                      "  join pg_attribute a on a.attrelid = c.conrelid and a.attname = 'key_id' "
                      "and not a.attisdropped"
                      " where c.contype in ('p', 'u') and c.connamespace = 'keyrota'::regnamespace"
                      "   and c.conparentid = 0 and not a.attnum = any (c.conkey) order by 1"),
                ElementsAre("keyrota.api_key_external", "keyrota.api_key_secret"));
}

TEST_F(SchemaTest, SamplesHaveAPartitionForEachOfTheNextSixtyDays) {
    const std::string day = text("select installed_at::date from keyrota.installation");
    const auto insert = [&](int days, const char* time) {
        return answer(fmt::format(
            "insert into keyrota.usage_sample (key_id, at, gateway, requests, received_at)"
            " values (1, now(), 'edge-1', 1, (date '{}' + {}) + time '{}')",
            day, days, time));
    };
    for (int days = 0; days <= 60; ++days) {
        EXPECT_EQ(insert(days, "00:00"), "") << days;
        EXPECT_EQ(insert(days, "23:59:59.999999"), "") << days;
    }
    EXPECT_EQ(insert(61, "00:00"), kCheck);  // no partition
    EXPECT_EQ(insert(-1, "23:59:59"), kCheck);
}

TEST_F(SchemaTest, TheRunnerMakesPartitionsAheadAndMakingThemAgainIsNothing) {
    constexpr Statement kMake{"make_partitions",
                              "select keyrota.make_sample_partitions(62) as made"};
    EXPECT_THAT(runner().one(kMake).int64("made"), ::testing::AnyOf(2, 3));  // 3 over midnight
    EXPECT_EQ(runner().one(kMake).int64("made"), 0);
    EXPECT_EQ(
        number("select count(*) from pg_class where relnamespace = 'keyrota'::regnamespace"
               "   and relispartition and relkind = 'r' and relowner <> 'keyrota_owner'::regrole"),
        0);
    // A session's time zone must not move their bounds.
    EXPECT_THAT(texts("select pg_get_expr(relpartbound, oid) from pg_class where relname ~ "
                      "'^usage_sample_2' and relkind = 'r'"),
                Not(Contains(Not(::testing::HasSubstr(" 00:00:00+00'")))));
}

// ---- triggers and functions

TEST_F(SchemaTest, AChangeOfAMatchingColumnTakesAKeysPolicyRuleAway) {
    execute("insert into keyrota.team (name) values ('one'), ('two')");
    execute(
        "insert into keyrota.owner (name, email, team_id) values ('ann', 'ann@example.com', 1), "
        "('bob', null, 1)");
    given_key({.name = "key"});
    given_key({.name = "bystander"});
    execute("update keyrota.api_key set owner_id = 1 where name = 'key'");
    const auto clears = [&](const std::string& change) {
        execute(
            "update keyrota.api_key set policy_rule_id = (select min(policy_rule_id) from "
            "keyrota.policy_rule)");
        execute("update " + change);
        EXPECT_EQ(number("select count(*) from keyrota.api_key where name = 'bystander' and "
                         "policy_rule_id is null"),
                  0)
            << change;
        return number(
                   "select count(*) from keyrota.api_key where owner_id in (1, 2) and "
                   "policy_rule_id is null") == 1;
    };
    const std::string key = " where name <> 'bystander'";
    EXPECT_TRUE(clears("keyrota.api_key set type = 'public'" + key));
    EXPECT_TRUE(clears("keyrota.api_key set type = 'test', environment = 'test'" + key));
    EXPECT_TRUE(clears("keyrota.api_key set service_plan_id = 1" + key));
    EXPECT_TRUE(clears("keyrota.api_key set owner_id = 2" + key));
    EXPECT_TRUE(clears("keyrota.api_key set scopes = '{read:orders}'" + key));
    EXPECT_TRUE(clears("keyrota.owner set team_id = 2"));
    EXPECT_TRUE(clears("keyrota.owner set team_id = null"));
    EXPECT_TRUE(clears("keyrota.owner set email = 'bob@example.com' where name = 'bob'"));

    // What no rule asks for, or what is not a change.
    EXPECT_FALSE(clears(
        "keyrota.api_key set rate_limit_per_minute = 5, hint = 'wxyz', prefix = 'sk_test_'" + key));
    EXPECT_FALSE(
        clears("keyrota.api_key set created_at = now(), predecessor_id = 1, lineage_id = 9" + key));
    EXPECT_FALSE(
        clears("keyrota.api_key set type = type, environment = environment, scopes = scopes,"
               " owner_id = owner_id, service_plan_id = service_plan_id" +
               key));
    EXPECT_FALSE(clears("keyrota.api_key_state set status = 'expired'"));
    EXPECT_FALSE(
        clears("keyrota.owner set team_id = team_id, email = upper(email), active = false"));
    EXPECT_FALSE(clears(
        "keyrota.owner set team_id = 2, email = 'else@example.com' where name = 'ann'"));  // not
                                                                                           // its
                                                                                           // owner
    EXPECT_FALSE(clears("keyrota.api_key set name = 'renamed'" + key));
}

TEST_F(SchemaTest, AFindingsUidIsStableAcrossVersions) {
    // Other people store them: made with an independent program, never to change.
    EXPECT_EQ(text("keyrota.finding_uid('KEY-EXPIRED', 42, '')"),
              "kf_e96449ac556be2a0f6df381f7c4bddd3");
    EXPECT_EQ(text("keyrota.finding_uid('RUN-STALE-DATA', 0, 'find-unused/gateway-é')"),
              "kf_981f60a745428a9e0206569c6c39609a");
}

TEST_F(SchemaTest, FindingsThatReadAlikeHaveDifferentUids) {
    EXPECT_THAT(texts("select distinct keyrota.finding_uid(c, k, d) from (values ('ab', 1, 'c'), "
                      "('a', 1, 'bc'),"
                      " ('abc', 1, ''), ('a', 12, ''), ('a', 1, '2'), ('a', 1, '20:'), ('a1', 2, "
                      "''), ('a', -1, 'bc'))"
                      " x (c, k, d)"),
                SizeIs(8));
}

TEST_F(SchemaTest, ABoundInstantStillUsesAnIndex) {
    execute("set enable_seqscan = off");
    bool used = false;
    for (const Row& row : owner().rows({"plan",
                                        "explain select key_id from keyrota.api_key_state"
                                        " where expires_at <= keyrota.instant(:at)"},
                                       {{"at", kNow}}))
        used =
            used || row.text("QUERY PLAN").find("Index Cond: (expires_at <=") != std::string::npos;
    EXPECT_TRUE(used);
}

}  // namespace
}  // namespace keyrota::test
