// Keys as people make, find and export them.

#include <sys/stat.h>

#include <fstream>
#include <regex>
#include <sstream>

#include "secret/key_format.h"
#include "secret/sha256.h"
#include "support/key_console.h"

namespace keyrota::test {
namespace {

using std::chrono::hours;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

class Keys : public KeyConsole {
  protected:
    void SetUp() override {
        KeyConsole::SetUp();
        given_owner("ada@example.com");
    }
    Outcome create(const Arguments& more) {
        Arguments words{"keys", "create", "--owner", "ada@example.com", "--name", "checkout"};
        words.insert(words.end(), more.begin(), more.end());
        return keyrota(words);
    }
    void expect_not_created(const Arguments& more, const std::string& message,
                            const std::string& hint) {
        Arguments words{"keys", "create", "--owner", "ada@example.com", "--name", "checkout"};
        words.insert(words.end(), more.begin(), more.end());
        expect_refused(words, message, hint);
    }
    std::vector<std::string> names(const Arguments& filter) {
        Arguments words{"keys", "list", "--json"};
        words.insert(words.end(), filter.begin(), filter.end());
        return field(keyrota(words), "name");
    }
};

// --- create

TEST_F(Keys, ACreatedKeyIsStoredByItsHashAndItsSecretIsShownOnce) {
    const Outcome outcome =
        create({"--type", "secret", "--scopes", "read:experiences,admin", "--scopes",
                "write:consumers", "--plan", "Pro", "--limit", "70", "--expires-at", "2099-01-02"});
    ASSERT_EQ(outcome.exit_code, 0) << outcome.errors;
    std::smatch match;
    ASSERT_TRUE(std::regex_search(outcome.out, match, std::regex("secret  (sk_live_\\w+)\n")));
    const std::string secret = match[1];
    EXPECT_TRUE(has_valid_checksum(secret));
    EXPECT_EQ(text("select (encode(secret_hash, 'hex'), key_id) from keyrota.api_key_secret"),
              fmt::format("({},1)", to_hex(sha256(secret))));
    EXPECT_EQ(text("select to_jsonb(k) - 'created_at' from keyrota.key k"),
              text("select jsonb_build_object('key_id', 1, 'source', 'native', 'lineage_id', 1,"
                   " 'predecessor_id', null, 'owner_id', 1, 'name', 'checkout', 'type', 'secret',"
                   " 'environment', 'production', 'prefix', 'sk_live_', 'hint', '" +
                   std::string(secret_hint(secret)) +
                   "', 'scopes', array['read:experiences', 'admin', 'write:consumers'],"
                   " 'service_plan', 'Pro', 'limit_per_minute', 70, 'status', 'active',"
                   " 'expires_at', timestamptz '2099-01-02', 'retire_at', null,"
                   " 'deactivated_at', null, 'last_used_at', null, 'policy_rule_id', null)"));
    EXPECT_EQ(number("select count(*) from keyrota.api_key_activity"), 1);

    EXPECT_EQ(outcome.out.find(secret), outcome.out.rfind(secret)) << "once";
    EXPECT_THAT(keyrota({"keys", "show", "1"}).out, Not(HasSubstr(secret)));
    const std::string payload =
        text("select payload from keyrota.audit_entry where action = 'key.create'");
    EXPECT_THAT(payload,
                AllOf(HasSubstr("key.create"), HasSubstr("\"owner_id\": 1"), Not(HasSubstr(secret)),
                      Not(HasSubstr("hash")), Not(HasSubstr("example.com"))));
    EXPECT_THAT(payload, Not(HasSubstr(to_hex(sha256(secret)))));
    expect_trail_verifies();
}

TEST_F(Keys, TheSecretIsAFieldOfTheJson) {
    const auto made = object(create({"--type", "test", "--json"}));
    EXPECT_THAT(made->getValue<std::string>("secret"), StartsWith("sk_test_"));
    EXPECT_EQ(made->getValue<std::string>("environment"), "test");
    EXPECT_EQ(made->getValue<std::string>("status"), "active");
    EXPECT_TRUE(made->get("expires_at").isEmpty());
    EXPECT_THAT(object(create({"--type", "public", "--json"}))->getValue<std::string>("secret"),
                StartsWith("pk_live_"));
}

TEST_F(Keys, ASecondCreateMakesASecondKeyWithASecretOfItsOwn) {
    const auto first = object(create({"--type", "secret", "--json"}));
    const auto second = object(create({"--type", "secret", "--json"}));
    EXPECT_NE(first->getValue<std::string>("secret"), second->getValue<std::string>("secret"));
    EXPECT_EQ(second->getValue<int>("key_id"), 2);
}

TEST_F(Keys, WhatCannotBeIsRefusedWithWhatWasMeant) {
    const Arguments secret{"--type", "secret"};
    expect_not_created({"--type", "secert"}, "--type", "keys create --help");
    expect_not_created({"--type", "test", "--environment", "production"}, "a test key cannot",
                       "type test are for the test environment");
    expect_not_created({"--type", "secret", "--environment", "test"}, "a secret key cannot", "");
    expect_not_created({"--type", "secret", "--scopes", "read:experience"},
                       "there is no scope \"read:experience\"",
                       "Did you mean \"read:experiences\"?");
    expect_not_created({"--type", "secret", "--scopes", "admin,"}, "there is no scope \"\"",
                       "Known scopes: read:experiences");
    expect_not_created({"--type", "public", "--scopes", "read:experiences,admin"},
                       "a public key cannot have \"admin\"", "exposed by design");
    expect_not_created({"--type", "secret", "--plan", "Por"}, "there is no service plan \"Por\"",
                       "Did you mean \"Pro\"?");
    expect_not_created({"--type", "secret", "--plan", "Unknown"}, "no service plan",
                       "Known plans: Basic, Enterprise, Free, Pro.");
    expect_not_created({"--type", "secret", "--expires-at", "soon"}, "cannot read \"soon\"",
                       "2027-06-30");
    expect_not_created({"--type", "secret", "--expires-at", "2020-01-01"}, "is past", "never");
    expect_not_created({"--type", "secret", "--limit", "0"}, "--limit", "");
    expect_refused(
        {"keys", "create", "--owner", "ada@exmaple.com", "--name", "x", "--type", "secret"},
        "there is no owner \"ada@exmaple.com\"", "Did you mean \"ada@example.com\"?");
    execute("update keyrota.owner set active = false");
    expect_not_created(secret, "has left", "--active true");
}

TEST_F(Keys, ANameIsStoredInAnyScriptOrRefused) {
    const auto with_name = [](const std::string& name) {
        return Arguments{"keys", "create", "--owner", "1",     "--name",
                         name,   "--type", "secret",  "--json"};
    };
    for (const char* name : {"=cmd|'/c calc'!A1", "\"quoted\", 'so'", "Оплата", "rocket 🚀", "دفع"})
        EXPECT_EQ(object(keyrota(with_name(name)))->getValue<std::string>("name"), name);
    expect_refused(with_name(std::string(10'000, 'x')), "10000 characters", "says what it is for");
    expect_refused(with_name("a\x1b[31m"), "control characters", "");
    expect_refused(with_name("\xe2\x80\xaegnp.exe"), "direction of writing", "");
    expect_refused(with_name("two\nlines"), "control characters", "");

    EXPECT_THAT(keyrota({"keys", "list"}).out, HasSubstr("=cmd|'/c calc'!A1"));
    EXPECT_THAT(keyrota({"keys", "list", "--csv"}).out,
                AllOf(HasSubstr(",'=cmd|'/c calc'!A1,"), HasSubstr(R"(,"""quoted"", 'so'",)")));
}

TEST_F(Keys, ACredentialReportHasALineAKeyWithTheChecksThatHoldForItGravestFirst) {
    given_key({.name = "bare", .status = "expired"});
    execute(
        "update keyrota.api_key set created_at = now() - interval '10 days' where name = 'bare'");
    for (const char* finding :
         {"'KEY-NO-EXPIRY', 'open', null, 2, null", "'KEY-SCOPE-ADMIN', 'waived', null, 4, null",
          "'KEY-UNUSED', 'resolved', 'absence', 3, now()"})
        execute(fmt::format(
            "insert into keyrota.finding (key_id, uid, opened_at, changed_at, run_id, check_id, "
            "status, resolution, severity, resolved_at) select key_id, 'kf_' || md5('{}'), now(), "
            "now(), 1, {} from keyrota.api_key where name = 'bare'",
            std::string(finding).substr(1, 8), finding));
    const Outcome report = keyrota({"keys", "list", "--name", "bare", "--credential-report"});
    EXPECT_EQ(report.exit_code, 0) << report.errors;
    EXPECT_THAT(report.out,
                ::testing::MatchesRegex(
                    "key_id,key,name,type,environment,source,owner,team,key_active,status,"
                    "created_time,age_days,last_used_time,expires_time,scopes,findings\r\n"
                    "[0-9]+,sk_live_...abcd,bare,secret,production,native,N/A,N/A,FALSE,expired,"
                    "[^,]+,10,N/A,N/A,,KEY-SCOPE-ADMIN KEY-NO-EXPIRY\r\n"));
    expect_refused({"keys", "list", "--credential-report", "--json"}, "a format of its own", "");
}

TEST_F(Keys, TheScopesThatAreKnownComeFromTheConfiguration) {
    const Environment scopes{{"KEYROTA_KEYS_SCOPES", "read:orders,ship"}};
    const Arguments words{"keys", "create", "--owner", "1",        "--name",
                          "x",    "--type", "secret",  "--scopes", "ship"};
    EXPECT_EQ(keyrota(words, scopes).exit_code, 0);
    EXPECT_EQ(keyrota(words).exit_code, 2);
}

TEST_F(Keys, AKeyWhoseSecretCannotBeWrittenIsReported) {
    Environment all = environment();
    const Outcome outcome =
        test::run({"/bin/sh", "-c",
                   std::string("exec \"") + KEYROTA_PROGRAM +
                       "\" keys create --owner 1 --name x --type secret > /dev/full"},
                  {.environment = all});
    EXPECT_EQ(outcome.exit_code, 1);
    EXPECT_THAT(outcome.errors, AllOf(HasSubstr("key 1 was created, but its secret could not"),
                                      HasSubstr("keyrota keys delete 1")));
}

// --- list

TEST_F(Keys, AreListedWithWhatAnyKeyConsoleShows) {
    given_key({.name = "checkout", .expires_at = kNow + hours(1)});
    given_key({.name = "endless", .type = "test"});
    const std::string table = keyrota({"keys", "list"}).out;
    EXPECT_THAT(table, StartsWith("KEY ID  NAME "));
    for (const char* head : {"TYPE", "ENVIRONMENT", "OWNER", "CREATED AT", "AGE DAYS",
                             "LAST USED AT", "EXPIRES AT", "STATUS"})
        EXPECT_THAT(table, HasSubstr(head));
    EXPECT_THAT(table, AllOf(HasSubstr("2026-11-24"), HasSubstr("never")));
    EXPECT_LT(table.find("endless"), table.find("checkout")) << "the latest first";
    EXPECT_EQ(keyrota({"keys", "list", "--name", "none"}).out, "no keys\n");
}

TEST_F(Keys, AreFilteredByEverythingThatMatters) {
    execute("insert into keyrota.team (name) values ('Payments')");
    execute("update keyrota.owner set team_id = 1");
    given_key({.name = "hers"});
    execute("update keyrota.api_key set owner_id = 1, service_plan_id = 3, scopes = '{admin}'");
    given_key({.name = "a test", .type = "test"});
    given_key({.name = "a public", .type = "public"});
    given_key({.name = "off", .status = "inactive"});
    given_key({.name = "imported", .source = "aws"});
    given_key({.name = "100%_"});

    EXPECT_EQ(names({}).size(), 6U);
    EXPECT_THAT(names({"--owner", "ADA@example.com"}), ElementsAre("hers"));
    EXPECT_THAT(names({"--owner", "1"}), ElementsAre("hers"));
    EXPECT_THAT(names({"--team", "Payments"}), ElementsAre("hers"));
    EXPECT_THAT(names({"--plan", "Pro"}), ElementsAre("hers"));
    EXPECT_THAT(names({"--scope", "admin"}), ElementsAre("hers"));
    EXPECT_THAT(names({"--type", "public"}), ElementsAre("a public"));
    EXPECT_THAT(names({"--environment", "test"}), ElementsAre("a test"));
    EXPECT_THAT(names({"--status", "inactive"}), ElementsAre("off"));
    EXPECT_THAT(names({"--source", "aws"}), ElementsAre("imported"));
    EXPECT_THAT(names({"--name", "a *"}), UnorderedElementsAre("a test", "a public"));
    EXPECT_THAT(names({"--name", "o?f"}), ElementsAre("off"));
    EXPECT_THAT(names({"--name", "*%*"}), ElementsAre("100%_"));
    EXPECT_THAT(names({"--type", "test", "--status", "inactive"}), IsEmpty());

    expect_refused({"keys", "list", "--owner", "nobody@example.com"}, "there is no owner");
    expect_refused({"keys", "list", "--team", "Paymnets"}, "no team", "Did you mean \"Payments\"?");
    expect_refused({"keys", "list", "--plan", "Bsic"}, "no service plan", "\"Basic\"");
    expect_refused({"keys", "list", "--expires-within", "30"}, "--expires-within");
    expect_refused({"keys", "list", "--created-before", "once"}, "--created-before");
    expect_refused({"keys", "list", "--sort", "age"}, "--sort");
}

TEST_F(Keys, FiltersOfTimeHaveTheirBoundWhereTheySayIt) {
    given_key({.name = "ends", .expires_at = kNow});
    EXPECT_THAT(names({"--expires-before", to_string(kNow)}), IsEmpty());
    EXPECT_THAT(names({"--expires-before", "2026-11-24T06:00:00.000001Z"}), ElementsAre("ends"));
    EXPECT_THAT(names({"--created-before", to_string(kNow - hours(24 * 30))}), IsEmpty());
    EXPECT_THAT(names({"--created-before", "2026-10-25T06:00:00.000001Z"}), ElementsAre("ends"));

    // These are measured from the database's clock: a minute to either side.
    execute("delete from keyrota.api_key_state; ");
    execute("delete from keyrota.api_key");
    given_keys(3, {.name = "x"});
    execute(
        "update keyrota.api_key_state s set expires_at = now() + v.left_over"
        "  from (values (2, interval '-1 minute'), (3, '59 minutes'), (4, '61 minutes'))"
        "       as v (key_id, left_over) where s.key_id = v.key_id");
    EXPECT_THAT(field(keyrota({"keys", "list", "--json", "--expires-within", "1h"}), "key_id"),
                ElementsAre("3"));
    execute(
        "insert into keyrota.api_key_activity values (2, now() - interval '61 minutes'),"
        " (3, now() - interval '59 minutes')");
    EXPECT_THAT(field(keyrota({"keys", "list", "--json", "--unused-for", "1h"}), "key_id"),
                ElementsAre("4", "2"))
        << "one never used since it was made, too";
}

TEST_F(Keys, EveryOrderPagesThroughEveryKeyOnce) {
    for (const char* name : {"b", "a", "c", "a", "d"}) given_key({.name = name});
    execute(
        "update keyrota.api_key_state set expires_at = timestamptz '2027-01-01' + key_id % 2 *"
        " interval '1 day' where key_id <> 3");
    execute(
        "insert into keyrota.api_key_activity select key_id, timestamptz '2026-01-01' from"
        " keyrota.api_key where key_id in (2, 4)");
    execute("update keyrota.api_key set owner_id = 1 where key_id in (1, 4)");
    for (const char* sort : {"key_id", "name", "created", "expires", "last-used", "owner"})
        for (const std::string& way : {std::string(sort), "-" + std::string(sort)}) {
            SCOPED_TRACE(way);
            const std::vector<std::string> all =
                field(keyrota({"keys", "list", "--json", "--sort", way}), "key_id");
            EXPECT_THAT(all, UnorderedElementsAre("1", "2", "3", "4", "5"));
            std::vector<std::string> paged;
            for (Arguments page{"keys", "list", "--json", "--sort", way, "--limit", "2"};;) {
                const auto found = field(keyrota(page), "key_id");
                paged.insert(paged.end(), found.begin(), found.end());
                if (found.size() < 2) break;
                page.resize(7);
                page.insert(page.end(), {"--after", found.back()});
            }
            EXPECT_EQ(paged, all);
        }
    EXPECT_THAT(names({"--sort", "name"}), ElementsAre("a", "a", "b", "c", "d"));
    EXPECT_THAT(names({"--sort", "-name"}), ElementsAre("d", "c", "b", "a", "a"));
    EXPECT_EQ(field(keyrota({"keys", "list", "--json", "--sort", "expires"}), "key_id"),
              (std::vector<std::string>{"2", "4", "1", "5", "3"}))
        << "without an end date last";
    EXPECT_THAT(field(keyrota({"keys", "list", "--json"}), "key_id"),
                ElementsAre("5", "4", "3", "2", "1"));
    expect_refused({"keys", "list", "--sort", "name", "--after", "99"}, "key 99 is gone");
}

TEST_F(Keys, ATableThatIsCutSaysHowToGoOn) {
    given_keys(3, {.name = "x"});
    EXPECT_THAT(keyrota({"keys", "list", "--limit", "2"}).out, HasSubstr("--after 2 continues"));
    EXPECT_THAT(keyrota({"keys", "list", "--limit", "3"}).out, Not(HasSubstr("--after")));
    given_keys(98, {.name = "x"});
    EXPECT_THAT(keyrota({"keys", "list"}).out, HasSubstr("--limit 0 shows all"));
    EXPECT_THAT(keyrota({"keys", "list", "--limit", "0"}).out, Not(HasSubstr("--after")));
    EXPECT_EQ(names({}).size(), 101U) << "JSON is whole";
}

TEST_F(Keys, AHostileKeyThatCameFromElsewhereIsShownHarmless) {
    given_key({.name = "=cmd()\x1b[31m\xe2\x80\xaegnp.exe"});
    for (const Arguments& words : {Arguments{"keys", "list"}, Arguments{"keys", "show", "1"},
                                   Arguments{"keys", "deactivate", "1", "--dry-run"}})
        EXPECT_THAT(keyrota(words).out,
                    AllOf(HasSubstr("=cmd()?[31m?gnp.exe"), Not(HasSubstr("\x1b"))));
    EXPECT_THAT(keyrota({"keys", "export", "--format", "csv"}).out, HasSubstr(",'=cmd()"));
}

// --- show

TEST_F(Keys, AreShownWithTheirFamilyAndFindings) {
    given_key({.name = "old"});
    given_key({.name = "new"});
    execute("update keyrota.api_key set predecessor_id = 1, lineage_id = 1 where key_id = 2");
    execute(
        "insert into keyrota.rotation (key_id, token, successor_id, reason, state) values"
        " (1, gen_random_uuid(), 2, 'manual', 'created')");
    execute(
        "insert into keyrota.finding (key_id, uid, check_id, status, severity, opened_at,"
        " changed_at, run_id) values (1, 'kf_a', 'KEY-UNUSED', 'open', 2, now(), now(), 1)");
    const auto old = object(keyrota({"keys", "show", "1", "--json"}));
    EXPECT_EQ(old->getValue<int>("successor_id"), 2);
    EXPECT_EQ(old->getValue<int>("findings_open"), 1);
    const auto young = object(keyrota({"keys", "show", "2", "--json"}));
    EXPECT_EQ(young->getValue<int>("predecessor_id"), 1);
    EXPECT_EQ(young->getValue<int>("lineage_id"), 1);
    EXPECT_THAT(keyrota({"keys", "show", "1"}).out,
                AllOf(HasSubstr("successor id"), HasSubstr("keyrota explain 1")));
    expect_refused({"keys", "show", "7"}, "there is no key \"7\"");
}

// --- export

TEST_F(Keys, AnExportHasTheColumnsThatAnImportReads) {
    given_key({.name = "a, \"b\"", .expires_at = kNow, .source = "aws"});
    execute("insert into keyrota.api_key_external values ('aws', 'AKIA1', 1)");
    execute(
        "update keyrota.api_key set owner_id = 1, scopes = '{read:x,admin}', service_plan_id = 1");
    EXPECT_EQ(keyrota({"keys", "export", "--format", "csv"}).out,
              "external_id,name,owner_email,type,environment,prefix,hint,scopes,plan,created_at,"
              "expires_at,status\r\n"
              "AKIA1,\"a, \"\"b\"\"\",ada@example.com,secret,production,sk_live_,abcd,read:x admin,"
              "Free,2026-10-25T06:00:00Z,2026-11-24T06:00:00Z,active\r\n");
    const auto line = object(keyrota({"keys", "export", "--format", "jsonl"}));
    EXPECT_EQ(line->getArray("scopes")->size(), 2U);
    EXPECT_EQ(line->getValue<std::string>("name"), "a, \"b\"");
    EXPECT_EQ(line->size(), 12U) << "no secret, no hash, no key_id";
}

TEST_F(Keys, AnExportedFileIsWholeAndNobodyElsesToRead) {
    given_keys(2500, {.name = "x"});
    const std::string file = scratch().path() / "keys.jsonl";
    expect_done({"keys", "export", "--format", "jsonl", "--out", file}, "2500 keys written");
    struct stat status {};
    ASSERT_EQ(::stat(file.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U);
    std::ifstream in(file);
    std::int64_t lines = 0;
    for (std::string line; std::getline(in, line);) ++lines;
    EXPECT_EQ(lines, 2500);
    EXPECT_FALSE(std::filesystem::exists(file + ".new"));
    EXPECT_EQ(keyrota({"keys", "export", "--format", "csv", "--out", "/nowhere/x"}).exit_code, 2);
    expect_done({"keys", "export", "--format", "csv", "--name", "none", "--out", file}, "0 keys");
}

// --- secrets

TEST_F(Keys, ASecretOnAnyCommandLineIsRefusedAndNotRepeated) {
    const std::string secret(make_secret("sk_live_"));
    for (const Arguments& words :
         {Arguments{"explain", secret}, Arguments{"keys", "show", secret},
          Arguments{"keys", "list", "--name=" + secret}, Arguments{secret},
          Arguments{"findings", "ack", "kf_1234", "--why", "leaked " + secret},
          Arguments{"--log-format", "json", "audit", "verify", "pk_test_aaaaaaaaaaaaaaaaaaaa"}}) {
        const Outcome outcome = keyrota(words);
        EXPECT_EQ(outcome.exit_code, 2);
        EXPECT_EQ(outcome.out, "");
        EXPECT_THAT(outcome.errors, AllOf(HasSubstr("a secret must not stand on the command line"),
                                          HasSubstr("HINT: "), Not(HasSubstr("sk_live_")),
                                          Not(HasSubstr("aaaaaaaaaa"))));
    }
}

}  // namespace
}  // namespace keyrota::test
