// A file becomes the keys of a source: all of it or nothing, and the same file twice changes
// nothing.

#include "commands/import/keys_import.h"

#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>
#include <fmt/format.h>

#include <sstream>
#include <thread>

#include "commands/import/owners_import.h"
#include "policy/policy.h"
#include "secret/key_format.h"
#include "secret/sha256.h"
#include "support/program.h"

namespace keyrota::test {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr const char* kHeader = "external_id,name,owner_email,type\n";

class KeysImport : public DatabaseTest {
  protected:
    void SetUp() override {
        DatabaseTest::SetUp();
        execute(
            "insert into keyrota.owner (name, email) values ('Ada', 'Ada@example.com'), ('Grace', "
            "'grace@example.com')");
    }

    // Words for what a test says of an import; the file's text is what matters.
    struct Given {
        KeysImportOptions options{};
        Terminal terminal{};
        std::string answer = "";
    };
    static Given from(const std::string& source = "legacy") {
        Given given;
        given.options.source = source;
        return given;
    }
    std::string import(const std::string& text, Given given = from()) {
        given.options.file = scratch_.write("import", text);
        std::istringstream in(given.answer);
        std::ostringstream out;
        EXPECT_EQ(keys_import(config(), given.options, Format::json, given.terminal, in, out),
                  ExitCode::done);
        return out.str();
    }
    Poco::JSON::Object::Ptr totals(const std::string& text, const Given& given = from()) {
        const std::string said = import(text, given);
        return Poco::JSON::Parser()
            .parse(said.substr(said.find('{')))
            .extract<Poco::JSON::Object::Ptr>();
    }
    std::string numbers(const std::string& text, const Given& given = from()) {
        const auto said = totals(text, given);
        return fmt::format("new {} changed {} unchanged {} vanished {} pruned {}",
                           said->getValue<int>("new"), said->getValue<int>("changed"),
                           said->getValue<int>("unchanged"), said->getValue<int>("vanished"),
                           said->getValue<int>("pruned"));
    }
    // What is said of a file that is refused; nothing may have changed.
    Error refused(const std::string& text, const Given& given = from()) {
        const auto before = fingerprint();
        const Error error = error_of([&] { import(text, given); });
        EXPECT_EQ(fingerprint(), before);
        return error;
    }
    std::string refusal(const std::string& text, const Given& given = from()) {
        const std::string message = refused(text, given).what();
        const std::string file = (scratch_.path() / "import").string() + ":";
        std::string shown;
        for (std::size_t at = 0; at < message.size();) {
            if (message.compare(at, file.size(), file) == 0)
                at += file.size();
            else
                shown += message[at++];
        }
        return shown;
    }
    std::string key(const std::string& columns, const std::string& external_id = "a") {
        return text("select (" + columns +
                    ") from keyrota.key join keyrota.api_key_external using (key_id, source) where "
                    "external_id = '" +
                    external_id + "'");
    }
    std::vector<std::string> audit_actions() {
        return texts(
            "select action from keyrota.audit_entry where action <> 'policy.update' order by "
            "entry_id");
    }
    void expect_trail_intact() { EXPECT_EQ(audit_fault(), ""); }

    const Scratch& scratch() const { return scratch_; }

  private:
    Scratch scratch_;
};

TEST_F(KeysImport, MakesAKeyOfFourColumns) {
    EXPECT_EQ(numbers(std::string(kHeader) + "a,checkout,ADA@example.com,secret\n"),
              "new 1 changed 0 unchanged 0 vanished 0 pruned 0");
    EXPECT_EQ(key("source, name, owner_id, type, environment, prefix, hint, scopes, service_plan, "
                  "status, expires_at"),
              "(legacy,checkout,1,secret,production,\"\",\"\",{},,active,)");
    EXPECT_EQ(key("lineage_id = key_id"), "true");
    EXPECT_EQ(number("select count(*) from keyrota.api_key_activity"), 1);
    EXPECT_THAT(audit_actions(), ElementsAre("key.import"));
    expect_trail_intact();
}

TEST_F(KeysImport, TakesEveryColumn) {
    import(
        "external_id,name,owner_email,type,environment,prefix,hint,scopes,plan,created_at,expires_"
        "at,status,secret_hash\n"
        "a,n,grace@example.com,test,test,sk_test_,9f3a,\"write:b, "
        "read:a;read:a\",Enterprise,2025-03-01,"
        "2027-03-01T09:00:00+01:00,inactive," +
        std::string(64, 'A') + "\n");
    EXPECT_EQ(key("type, environment, prefix, hint, scopes, service_plan, created_at, expires_at, "
                  "status"),
              "(test,test,sk_test_,9f3a,\"{read:a,write:b}\",Enterprise,\"2025-03-01 "
              "00:00:00+00\",\"2027-03-01 "
              "08:00:00+00\",inactive)");
    EXPECT_EQ(key("deactivated_at is not null"), "true");
    EXPECT_EQ(text("select encode(secret_hash, 'hex') from keyrota.api_key_secret"),
              std::string(64, 'a'));
}

TEST_F(KeysImport, JsonLinesSayTheSame) {
    import("{\"external_id\":\"a\",\"name\":\"n\",\"owner_email\":\"ada@example.com\",\"type\":\"secret\","
           "\"scopes\":[\"b\",\"a\"],\"expires_at\":null}\n\n"
           "{\"external_id\":7,\"name\":\"\\u00e9\\n\",\"owner_email\":\"ada@example.com\",\"type\":\"public\"}",
           [] { Given given = from();
    given.options.format = FileFormat::json_lines;
    return given;
}());
EXPECT_EQ(key("scopes, expires_at"), "(\"{a,b}\",)");
EXPECT_EQ(key("name = U&'\\00e9' || chr(10)", "7"), "true");
}  // namespace

TEST_F(KeysImport, TheSameFileAgainWritesNothing) {
    const std::string file =
        "external_id,name,owner_email,type,scopes,plan,expires_at,status,secret_hash\n"
        "a,n,ada@example.com,secret,\"b a\",Pro,2027-01-01,active," +
        std::string(64, 'a') +
        "\n"
        "b,m,grace@example.com,public,,,,inactive," +
        std::string(64, 'b') + "\n";
    import(file);
    const auto before = fingerprint();
    EXPECT_EQ(numbers(file), "new 0 changed 0 unchanged 2 vanished 0 pruned 0");
    EXPECT_EQ(fingerprint(), before);
}

TEST_F(KeysImport, AChangedRowIsWrittenWhereItChangedAndNowhereElse) {
    const std::string header = "external_id,name,owner_email,type,expires_at\n";
    import(header + "a,n,ada@example.com,secret,2027-01-01\nb,m,ada@example.com,secret,\n");
    const auto xmins = [&](const char* table) {
        return texts(fmt::format("select xmin from keyrota.{} order by key_id", table));
    };
    const auto keys = xmins("api_key"), states = xmins("api_key_state");
    EXPECT_EQ(
        numbers(header + "a,n,ada@example.com,secret,2028-01-01\nb,m,ada@example.com,secret,\n"),
        "new 0 changed 1 unchanged 1 vanished 0 pruned 0");
    EXPECT_EQ(xmins("api_key"), keys);
    EXPECT_NE(xmins("api_key_state")[0], states[0]);
    EXPECT_EQ(xmins("api_key_state")[1], states[1]);
    EXPECT_EQ(text("select payload::jsonb -> 'before' || (payload::jsonb -> 'after') from "
                   "keyrota.audit_entry where "
                   "action = 'key.import_update'"),
              "{\"expires_at_us\": 1830297600000000}");
    expect_trail_intact();
}

TEST_F(KeysImport, WhatTheFileHasNoColumnForStaysAndAnEmptyFieldMeansNone) {
    import(
        "external_id,name,owner_email,type,scopes,plan,expires_at,hint\na,n,ada@example.com,secret,"
        "x,Pro,2027-01-01,abcd\n");
    EXPECT_EQ(numbers(std::string(kHeader) + "a,n,ada@example.com,secret\n"),
              "new 0 changed 0 unchanged 1 vanished 0 pruned 0");
    EXPECT_EQ(key("scopes, service_plan, expires_at is null, hint"), "({x},Pro,f,abcd)");
    import(
        "external_id,name,owner_email,type,scopes,plan,expires_at,hint\na,n,ada@example.com,secret,"
        ",,,\n");
    EXPECT_EQ(key("scopes, service_plan, expires_at is null, hint"), "({},,t,\"\")");
}

TEST_F(KeysImport, ABadLineNearTheEndChangesNothing) {
    std::string file = kHeader;
    for (int i = 2; i <= 100'000; ++i)
        file += fmt::format("k{},n,ada@example.com,{}\n", i, i == 99'999 ? "secrte" : "secret");
    EXPECT_EQ(refusal(file),
              "99999: type: \"secrte\" is not known\n  HINT: Did you mean \"secret\"?");
}

TEST_F(KeysImport, EveryBadLineIsSaidAtOnceInOrder) {
    EXPECT_EQ(refusal("external_id,name,owner_email,type,plan,expires_at\n"
                      "a,n,nobody@example.com,secret,,\n"
                      ",n,ada@example.com,secret,Prro,\n"
                      "b,n,ada,secret,,soon\n"
                      "c,n,ada@example.com,secret,,\n"
                      "c,n,ada@example.com,secret,,\n"
                      "d,n\n"),
              "2: owner_email: no owner has the address \"nobody@example.com\"\n"
              "  HINT: `keyrota owners import` adds owners; --create-owners creates them from "
              "their addresses.\n"
              "3: external_id: empty\n"
              "3: plan: \"Prro\" is not known\n  HINT: Did you mean \"Pro\"?\n"
              "4: owner_email: not an email address\n"
              "4: expires_at: not an instant\n"
              "  HINT: For example 2027-01-01 or 2027-01-01T08:00:00Z; a map's time_format allows "
              "others.\n"
              "6: external_id: \"c\" is already in line 5\n"
              "7: 2 fields; the header has 6");
}

TEST_F(KeysImport, AHundredBadLinesAreShownAndTheOthersCounted) {
    std::string file = kHeader;
    for (int i = 0; i < 150; ++i) file += "a,,ada@example.com,secret\n";
    for (int i = 0; i < 50; ++i) file += fmt::format("n{},n,no{}@example.com,secret\n", i, i);
    const std::string said = refusal(file);
    EXPECT_THAT(said, HasSubstr("101: name: empty\nand 100 more"));
    EXPECT_THAT(said, Not(HasSubstr("102: ")));
}

TEST_F(KeysImport, TypeAndEnvironmentMustGoTogether) {
    const std::string header = "external_id,name,owner_email,type,environment\n";
    EXPECT_THAT(refusal(header + "a,n,ada@example.com,test,production\n"),
                HasSubstr("2: environment: a test key belongs"));
    EXPECT_THAT(refusal(header + "a,n,ada@example.com,public,test\n"),
                HasSubstr("2: environment: a key of this type"));
    import(header + "a,n,ada@example.com,test,\nb,n,ada@example.com,public,production\n");
    EXPECT_EQ(key("environment", "a") + key("environment", "b"), "testproduction");
}

TEST_F(KeysImport, StatusesComeAndGo) {
    const std::string header = "external_id,name,owner_email,type,status\n";
    const auto status = [&](const std::string& said) {
        import(header + "a,n,ada@example.com,secret," + said + "\n");
        return key("status, deactivated_at is not null");
    };
    EXPECT_EQ(status("inactive"), "(inactive,t)");
    EXPECT_EQ(status("active"), "(active,f)");
    EXPECT_EQ(status("expired"), "(expired,f)");
    EXPECT_EQ(status(""), "(active,f)");
    EXPECT_THAT(refusal(header + "a,n,ada@example.com,secret,Active\n"),
                HasSubstr("Did you mean \"active\"?"));
}

TEST_F(KeysImport, ASecretIsHashedAndNeverStoredNorSaid) {
    const std::string secret(make_secret("sk_live_"));
    const std::string header = "external_id,name,owner_email,type,secret\n";
    const std::string said = import(header + "a,n,ada@example.com,secret," + secret +
                                    "\nb,n,ada@example.com,secret,short\n");
    EXPECT_EQ(key("prefix, hint"), fmt::format("(sk_live_,{})", secret_hint(secret)));
    EXPECT_EQ(key("prefix, hint", "b"), "(\"\",\"\")");
    EXPECT_EQ(
        number("select count(*) from keyrota.api_key_secret where encode(secret_hash, 'hex') = '" +
               to_hex(secret_hash(secret)) + "'"),
        1);
    // Everywhere else, the trail and what is printed included.
    std::string everything = said;
    for (const std::string& table :
         texts("select c.oid::regclass::text from pg_class c where relnamespace = "
               "'keyrota'::regnamespace and relkind = 'r' and relname <> 'api_key_secret'"))
        everything += text("select string_agg(r::text, chr(10)) from " + table + " r");
    EXPECT_THAT(everything,
                AllOf(Not(HasSubstr(secret)), Not(HasSubstr(to_hex(secret_hash(secret))))));
}

TEST_F(KeysImport, ASecretInTheWrongPlaceIsNotEchoed) {
    const std::string secret = "sk_live_4fZ0qJ7xK2mB9tR1uC5wE8yH3aD6gL1SCyQ1";
    const std::string header =
        "external_id,name,owner_email,type,environment,prefix,hint,plan,created_at,status,secret_"
        "hash\n";
    std::string said;
    for (int column = 2; column < 11; ++column) {
        std::vector<std::string> fields{"a", "n", "ada@example.com", "secret", "", "", "", "", "",
                                        "",  ""};
        fields[static_cast<std::size_t>(column)] = secret;
        said += refusal(header + fmt::format("{}\n", fmt::join(fields, ",")));
    }
    EXPECT_THAT(said, AllOf(HasSubstr("2: hint: longer than 4"),
                            HasSubstr("2: secret_hash: must be"), Not(HasSubstr("sk_live"))));
}

TEST_F(KeysImport, NoTwoKeysHaveOneSecret) {
    const std::string header = "external_id,name,owner_email,type,secret\n";
    EXPECT_EQ(refusal(header + "a,n,ada@example.com,secret,x\nb,n,ada@example.com,secret,x\n"),
              "3: the secret is the same as in line 2");
    const std::int64_t native = given_key({.name = "native"});
    execute(fmt::format("insert into keyrota.api_key_secret values (sha256('x'), {})", native));
    EXPECT_EQ(refusal(header + "a,n,ada@example.com,secret,x\n"),
              fmt::format("2: the secret is the same as that of key {}", native));
}

TEST_F(KeysImport, AnotherSecretReplacesTheFormerOne) {
    const std::string header = "external_id,name,owner_email,type,secret\n";
    import(header + "a,n,ada@example.com,secret,x\n");
    EXPECT_EQ(numbers(header + "a,n,ada@example.com,secret,y\n"),
              "new 0 changed 1 unchanged 0 vanished 0 pruned 0");
    EXPECT_EQ(text("select secret_hash = sha256('y') from keyrota.api_key_secret"), "true");
    EXPECT_EQ(text("select payload::jsonb -> 'after' from keyrota.audit_entry where action = "
                   "'key.import_update'"),
              "{\"secret\": \"replaced\"}");
    EXPECT_EQ(numbers(header + "a,n,ada@example.com,secret,\n"),
              "new 0 changed 0 unchanged 1 vanished 0 pruned 0");
    EXPECT_EQ(number("select count(*) from keyrota.api_key_secret"), 1);
}

TEST_F(KeysImport, NamesStayAsTheyAre) {
    const std::vector<std::string> names{"=1+1",
                                         "@SUM(A1)",
                                         "line\nbreak",
                                         "\x1b[31mred",
                                         "\xe2\x80\xae"
                                         "desrever",
                                         "\xf0\x9f\x94\x91",
                                         "quote \" and, comma",
                                         std::string(1000, 'x')};
    std::string file = kHeader;
    for (std::size_t i = 0; i < names.size(); ++i) {
        std::string quoted;
        for (const char c : names[i]) quoted += c == '"' ? "\"\"" : std::string(1, c);
        file += fmt::format("k{},\"{}\",ada@example.com,secret\n", i, quoted);
    }
    import(file);
    EXPECT_EQ(texts("select name from keyrota.api_key order by key_id"), names);
    EXPECT_EQ(refusal(std::string(kHeader) + "a," + std::string(10'000, 'x') +
                      ",ada@example.com,secret\n"),
              "2: name: longer than 1000 characters");
    EXPECT_EQ(
        refusal(std::string(kHeader) + "a," + std::string("a\0b", 3) + ",ada@example.com,secret\n")
                .find("NUL") == std::string::npos,
        true);  // so near the beginning it is called a binary file
}

TEST_F(KeysImport, UnknownOwnersAreMadeWhereThatIsAskedFor) {
    Given given = from();
    given.options.create_owners = true;
    EXPECT_EQ(
        totals(std::string(kHeader) + "a,n,New@example.com,secret\nb,n,new@EXAMPLE.com,secret\n",
               given)
            ->getValue<int>("new_owners"),
        1);
    EXPECT_EQ(number("select count(*) from keyrota.owner where lower(email) = 'new@example.com' "
                     "and name = email"),
              1);
    EXPECT_THAT(audit_actions(), ElementsAre("owner.import", "key.import", "key.import"));
    EXPECT_EQ(text("select string_agg(payload, '') not like '%example.com%' from "
                   "keyrota.audit_entry where key_id = 0"),
              "true");
    expect_trail_intact();
}

TEST_F(KeysImport, VanishedKeysAreReportedAndExpiredOnlyWhenAsked) {
    import(std::string(kHeader) + "a,n,ada@example.com,secret\nb,gone,ada@example.com,secret\n");
    const std::string rest = std::string(kHeader) + "a,n,ada@example.com,secret\n";
    const auto before = fingerprint();
    EXPECT_EQ(numbers(rest), "new 0 changed 0 unchanged 1 vanished 1 pruned 0");
    EXPECT_EQ(fingerprint(), before);

    Given given = from();
    given.options.prune = true;
    EXPECT_THAT(refused(rest, given).hint(), HasSubstr("--yes"));
    given.options.yes = true;
    EXPECT_EQ(numbers(rest, given), "new 0 changed 0 unchanged 1 vanished 1 pruned 1");
    EXPECT_EQ(key("status", "b"), "expired");
    EXPECT_EQ(text("select payload::jsonb ->> 'before' from keyrota.audit_entry where action = "
                   "'key.expire'"),
              "{\"status\": \"active\"}");
    EXPECT_EQ(numbers(rest, given), "new 0 changed 0 unchanged 1 vanished 0 pruned 0");
    expect_trail_intact();

    EXPECT_EQ(numbers(std::string(kHeader) +
                      "a,n,ada@example.com,secret\nb,gone,ada@example.com,secret\n"),
              "new 0 changed 1 unchanged 1 vanished 0 pruned 0");
    EXPECT_EQ(key("status", "b"), "active") << "what the source lists again is a key again";
}

TEST_F(KeysImport, AKeyThatIsSwitchedOffStaysSoWhereNoColumnSaysOtherwise) {
    const std::string row = "a,n,ada@example.com,secret";
    import("external_id,name,owner_email,type,status\n" + row + ",inactive\n");
    EXPECT_EQ(numbers(std::string(kHeader) + row + "\n"),
              "new 0 changed 0 unchanged 1 vanished 0 pruned 0");
    EXPECT_EQ(key("status", "a"), "inactive");
    import("external_id,name,owner_email,type,status\n" + row + ",\n");
    EXPECT_EQ(key("status", "a"), "active") << "an empty field says so";
}

TEST_F(KeysImport, OnATerminalTheirNumberMustBeTyped) {
    import(std::string(kHeader) + "a,n,ada@example.com,secret\nb,gone,ada@example.com,secret\n");
    const std::string rest = std::string(kHeader) + "a,n,ada@example.com,secret\n";
    Given given = from();
    given.options.prune = true;
    given.terminal.in = true;
    for (const char* answer : {"", "y\n", "2\n"}) {
        given.answer = answer;
        EXPECT_THAT(refused(rest, given).what(), HasSubstr("not confirmed"));
    }
    given.answer = "1\n";
    import(rest, given);
    EXPECT_EQ(key("status", "b"), "expired");
}

TEST_F(KeysImport, PruningStopsAtTheBlastRadius) {
    std::string file = kHeader;
    for (int i = 0; i < 22; ++i) file += fmt::format("k{},n,ada@example.com,secret\n", i);
    import(file);
    Given given = from();
    given.options.prune = given.options.yes = true;
    const std::string without_21 =
        std::string(kHeader) + "k0,n,ada@example.com,secret\nnew,n,ada@example.com,secret\n";
    const Error error = refused(without_21, given);
    EXPECT_EQ(error.code(), ExitCode::blast_radius);
    EXPECT_THAT(error.hint(), HasSubstr("--max-actions 21"));
    EXPECT_EQ(numbers(without_21 + "k1,n,ada@example.com,secret\n", given),
              "new 1 changed 0 unchanged 2 vanished 20 pruned 20");
    given.options.max_actions = 1;
    EXPECT_EQ(refused(std::string(kHeader) + "k0,n,ada@example.com,secret\n", given).code(),
              ExitCode::blast_radius);
    given.options.max_actions = 2;
    EXPECT_EQ(numbers(std::string(kHeader) + "k0,n,ada@example.com,secret\n", given),
              "new 0 changed 0 unchanged 1 vanished 2 pruned 2");
}

TEST_F(KeysImport, AFileWithoutKeysPrunesNothing) {
    import(std::string(kHeader) + "a,n,ada@example.com,secret\n");
    Given given = from();
    given.options.prune = given.options.yes = true;
    EXPECT_THAT(refused(kHeader, given).what(), HasSubstr("holds no key"));
    EXPECT_EQ(numbers(kHeader), "new 0 changed 0 unchanged 0 vanished 1 pruned 0");
}

TEST_F(KeysImport, ADryRunSaysItAndDoesNothing) {
    import(std::string(kHeader) + "a,n,ada@example.com,secret\nb,gone,ada@example.com,secret\n");
    Given given = from();
    given.options.dry_run = given.options.prune = given.options.create_owners = true;
    const auto before = fingerprint();
    EXPECT_EQ(numbers(std::string(kHeader) +
                          "a,other,ada@example.com,secret\nc,n,new@example.com,secret\n",
                      given),
              "new 1 changed 1 unchanged 0 vanished 1 pruned 0");
    EXPECT_EQ(fingerprint(), before);
}

TEST_F(KeysImport, SourcesDoNotKnowEachOther) {
    const std::string file = std::string(kHeader) + "a,n,ada@example.com,secret\n";
    import(file);
    EXPECT_EQ(numbers(file, from("other")), "new 1 changed 0 unchanged 0 vanished 0 pruned 0");
    EXPECT_EQ(number("select count(*) from keyrota.api_key"), 2);
    EXPECT_THAT(refused(file, from("native")).what(), HasSubstr("keyrota's own"));
    EXPECT_THAT(refused(file, from("a:b")).what(), HasSubstr("not a name for a source"));
}

TEST_F(KeysImport, ImportedKeysGetFindingsAndNoActions) {
    import(
        "external_id,name,owner_email,type,expires_at\na,due,ada@example.com,secret,2026-11-24T05:"
        "00:00Z\n");
    given_key({.name = "native", .expires_at = kNow - std::chrono::hours(1)});
    run("expire-keys", kNow);
    EXPECT_THAT(keys_with_status("expired"), ElementsAre("native"));
    EXPECT_EQ(text("select check_id || ' ' || status from keyrota.finding join keyrota.api_key "
                   "using (key_id) where name = 'due'"),
              "KEY-EXPIRED open");
}

TEST_F(KeysImport, TheOnlyRuleOfPolicyHoldsAtOnce) {
    refresh_policy(runner(), config().policy);
    import(std::string(kHeader) + "a,n,ada@example.com,secret\n");
    EXPECT_EQ(key("policy_rule_id = (select policy_rule_id from keyrota.policy_rule)"), "true");
    execute(
        "insert into keyrota.policy_rule (name, rank, expiry_notice_before) values ('another', 0, "
        "'{}')");
    import(std::string(kHeader) + "a,n,ada@example.com,secret\nb,n,ada@example.com,secret\n");
    EXPECT_EQ(key("policy_rule_id is null", "b"), "true");
}

TEST_F(KeysImport, ManyKeysAreSealedInSeveralBlocks) {
    std::string file = kHeader;
    for (int i = 0; i < 10'001; ++i) file += fmt::format("k{},n,ada@example.com,secret\n", i);
    import(file);
    EXPECT_THAT(
        texts("select entries_total from keyrota.audit_block where height > 1 order by height"),
        ElementsAre("10000", "1"));
    expect_trail_intact();
}

TEST_F(KeysImport, ASecondImportOfTheSourceWaitsForTheFirst) {
    config().database.lock_timeout = std::chrono::milliseconds(50);  // which is for other locks
    Session first = session_as("keyrota_runner");
    const auto lock = [&](const char* source) {
        first.execute_verbatim("begin", "begin");
        first.one({"lock",
                   "select pg_advisory_xact_lock(hashtextextended('keyrota import ' || "
                   "cast(:source as text), 0))::text as l"},
                  {{"source", source}});
    };
    lock("legacy");
    import(std::string(kHeader) + "a,n,ada@example.com,secret\n", from("other"));
    std::thread second([&] { import(std::string(kHeader) + "a,n,ada@example.com,secret\n"); });
    await_backend_waiting_for("advisory");
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    EXPECT_EQ(number("select count(*) from keyrota.api_key"), 1);
    first.execute_verbatim("rollback", "rollback");
    second.join();
    EXPECT_EQ(number("select count(*) from keyrota.api_key"), 2);
}

// --- files
// ------------------------------------------------------------------------------------------

TEST_F(KeysImport, ReadsCsvAsItIsWritten) {
    import(
        "\xef\xbb\xbf"
        "type,external_id,\"name\",owner_email\r\n\r\n"
        "secret,a,\"two\r\nlines, \"\"quoted\"\"\",ada@example.com\r\nsecret,b,\" blank "
        "\",ada@example.com");
    EXPECT_EQ(key("name"), "two\r\nlines, \"quoted\"");
    EXPECT_EQ(key("name", "b"), " blank ");
}

TEST_F(KeysImport, LinesAreCountedAsAnEditorDoes) {
    EXPECT_EQ(refusal("external_id,name,owner_email,type\r\na,\"two\nlines\",ada@example.com,"
                      "secret\r\n\r\nb,,ada@example.com,secret\r\n"),
              "5: name: empty");
}

TEST_F(KeysImport, BrokenCsvIsSaidWhereItBreaks) {
    EXPECT_EQ(refusal(std::string(kHeader) +
                      "a,quo\"te,ada@example.com,secret\nb,,ada@example.com,secret\n"),
              "2:6: unexpected quote\n  HINT: Put a field that contains a quote in quotes, and "
              "double the quote.\n"
              "3: name: empty");
    EXPECT_THAT(refusal(std::string(kHeader) + "a,\"n,ada@example.com,secret\n"),
                HasSubstr("2: the file ends inside a quoted field"));
    EXPECT_EQ(refusal(std::string(kHeader) + "a,\xff,ada@example.com,secret\n"), "2: not UTF-8");
    EXPECT_THAT(refusal(""), HasSubstr("the file is empty"));
}

TEST_F(KeysImport, TheHeaderIsTakenAtItsWord) {
    EXPECT_EQ(
        refusal(
            "external_id,name,owner_email,type,expiers_at,name\na,n,ada@example.com,secret,,\n"),
        "1: unknown column \"expiers_at\"\n  HINT: Did you mean \"expires_at\"?\n1: column "
        "\"name\" appears twice");
    EXPECT_THAT(refusal("external_id,name,owner_email\na,n,ada@example.com\n"),
                HasSubstr("1: column \"type\" is missing"));
}

TEST_F(KeysImport, AFileWithoutAHeaderShowsNoneOfItsFields) {
    EXPECT_THAT(refusal("a,n,ada@example.com,sk_live_4fZ0qJ7xK2mB9tR1\n"),
                AllOf(HasSubstr("1: unknown column 4\n"), Not(HasSubstr("sk_live"))));
}

TEST_F(KeysImport, BrokenJsonIsSaidLineByLine) {
    Given given = from();
    given.options.format = FileFormat::json_lines;
    const std::string good =
        R"("external_id":"a","name":"n","owner_email":"ada@example.com","type":"secret")";
    EXPECT_EQ(
        refusal("{" + good + "}\n{\n[]\n{" + good + ",\"tpye\":1}\n{" + good +
                    ",\"name\":\"m\"}\n{" + good + ",\"scopes\":{}}\n{\"name\":\"\\u0000\"}\n",
                given),
        "2: not valid JSON, or not UTF-8\n3: not a JSON object\n"
        "4: unknown column \"tpye\"\n  HINT: Did you mean \"type\"?\n"
        "5: column \"name\" appears twice\n"
        "6: column \"scopes\" must be a string, a number, true, false, null or a list of strings\n"
        "7: column \"name\" contains a NUL character");
}

TEST_F(KeysImport, ALineOfAHundredMegabytesIsRefusedByItsNumber) {
    Given json = from();
    json.options.format = FileFormat::json_lines;
    const std::string huge(100'000'000, 'x');
    EXPECT_EQ(refusal("{}\n{\"name\":\"" + huge + "\"}\n{\n", json).substr(0, 22),
              "1: external_id: empty\n");
    EXPECT_THAT(refusal("{}\n{\"name\":\"" + huge + "\"}\n{\n", json),
                AllOf(HasSubstr("\n2: longer than 1 MiB\n"), HasSubstr("\n3: not valid JSON")));
    EXPECT_EQ(refusal(std::string(kHeader) + "a," + huge + ",ada@example.com,secret\n"),
              "2: longer than 1 MiB\n  HINT: Is a closing quote missing?");
    std::string lines = std::string(kHeader) + "a,\"n,ada@example.com,secret\n";
    for (int i = 0; i < 100'000; ++i) lines += "b,n,ada@example.com,secret\n";
    EXPECT_EQ(refusal(lines), "2: longer than 1 MiB\n  HINT: Is a closing quote missing?");
}

TEST_F(KeysImport, WhatIsNoTextIsRefused) {
    EXPECT_THAT(refused("\x1f\x8b\x08xxxx").hint(), HasSubstr("zcat"));
    EXPECT_THAT(refused(std::string("\x7f"
                                    "ELF\0\0",
                                    6))
                    .what(),
                HasSubstr("binary file"));
    EXPECT_THAT(refused(std::string("\xff\xfe"
                                    "a\0",
                                    4))
                    .what(),
                HasSubstr("UTF-16"));
    Given given = from();
    const auto error = [&](const std::string& file) {
        given.options.file = file;
        std::istringstream in;
        std::ostringstream out;
        return std::string(error_of([&] {
                               keys_import(config(), given.options, Format::json, {}, in, out);
                           }).what());
    };
    EXPECT_THAT(error("/tmp"), HasSubstr("/tmp: it is a directory"));
    EXPECT_THAT(error("/nowhere"), HasSubstr("/nowhere: it cannot be read: No such file"));
}

// --- maps
// -------------------------------------------------------------------------------------------

TEST_F(KeysImport, AnAwsCredentialReportMakesTwoKeysOfALine) {
    Given given = from("aws");
    given.options.map = "aws-credential-report";
    given.options.owner = "ada@example.com";
    given.options.file =
        std::string(KEYROTA_SOURCE_DIR) + "/config/sample/aws-credential-report.csv";
    std::istringstream in;
    std::ostringstream out;
    keys_import(config(), given.options, Format::json, {}, in, out);
    EXPECT_THAT(texts("select external_id || ' ' || name || ' ' || status || ' ' || created_at "
                      "from keyrota.key join "
                      "keyrota.api_key_external using (key_id) order by 1"),
                ElementsAre("arn:aws:iam::123456789012:user/ada/access-key-1 ada access key 1 "
                            "inactive 2023-04-11 09:00:00+00",
                            "arn:aws:iam::123456789012:user/deploy/access-key-1 deploy access key "
                            "1 active 2025-11-02 10:20:30+00",
                            "arn:aws:iam::123456789012:user/deploy/access-key-2 deploy access key "
                            "2 active 2026-10-30 08:00:00+00"));
}

TEST_F(KeysImport, AMapOfOnesOwn) {
    Given given = from();
    given.options.map = scratch().write(
        "map.yaml",
        "other_columns: ignore\nempty: ['-']\nkeys:\n  - external_id: {text: '{org}/{id}'}\n"
        "    name: title\n    owner_email: {column: who, values: {ada: ada@example.com}}\n"
        "    type: {text: secret}\n    created_at: {column: made, time_format: '%d.%m.%Y'}\n"
        "    expires_at: {column: ends, time_format: unix}\n");
    import("id,org,title,who,made,ends,more\n1,x,n,ada,24.12.2025,1800000000,z\n2,x,m,ada,-,-,\n",
           given);
    EXPECT_EQ(key("created_at, expires_at", "x/1"),
              "(\"2025-12-24 00:00:00+00\",\"2027-01-15 08:00:00+00\")");
    EXPECT_EQ(key("expires_at is null", "x/2"), "true");
    EXPECT_EQ(
        refusal("id,org,title,who,made,ends\n1,-,n,eve,soon,\n", given),
        "2: external_id: empty\n2: owner_email (column \"who\"): not an email address\n"
        "2: created_at (column \"made\"): not an instant\n  HINT: The map reads it as %d.%m.%Y.");
}

TEST_F(KeysImport, AMapIsStrictAndSaysEverythingAtOnce) {
    Given given = from();
    const std::string map = scratch().write("map.yaml",
                                            "keys:\n  - external_id: id\n    nmae: title\n    "
                                            "type: {colunm: t}\n    plan: {column: a, text: b}\n"
                                            "    status: {text: '{x'}\nempty: none\nempty: []\n");
    given.options.map = map;
    const Error error = refused(kHeader, given);
    EXPECT_EQ(error.code(), ExitCode::config);
    EXPECT_THAT(
        error.what(),
        AllOf(HasSubstr(map + ":3:5: unknown option \"nmae\"\n  HINT: Did you mean \"name\"?"),
              HasSubstr(":4:12: unknown option \"colunm\""),
              HasSubstr(":5:11: plan must have either"), HasSubstr(":6:13: a { in a text"),
              HasSubstr(":7:1: empty must be a list"), HasSubstr(":8:1: empty is set twice")));
    given.options.map = "aws-credential-reprot";
    EXPECT_THAT(refused(kHeader, given).hint(), HasSubstr("aws-credential-report"));
}

// --- owners
// -----------------------------------------------------------------------------------------

class OwnersImport : public KeysImport {
  protected:
    std::string import_owners(const std::string& text, bool create_teams = false,
                              bool dry_run = false) {
        OwnersImportOptions options;
        options.file = scratch().write("owners", text);
        options.create_teams = create_teams;
        options.dry_run = dry_run;
        std::ostringstream out;
        owners_import(config(), options, Format::json, false, out);
        return out.str();
    }
    std::string owner_of(const std::string& email) {
        return text(
            "select (o.name, t.name, o.time_zone, o.active, f.email) from keyrota.owner o left "
            "join keyrota.team t using "
            "(team_id) left join keyrota.owner f on f.owner_id = o.fallback_owner_id where o.email "
            "= '" +
            email + "'");
    }
};

TEST_F(OwnersImport, MakesAndChangesOwnersAndLeavesTheUnchangedAlone) {
    const std::string file =
        "email,name,team,time_zone,active,fallback_email\n"
        "new@example.com,New,Payments,Europe/Berlin,true,last@example.com\n"
        "ada@example.com,Ada,,,false,\nlast@example.com,Last,,,,ada@example.com\n";
    EXPECT_THAT(import_owners(file, true),
                HasSubstr("\"new\": 2, \"changed\": 1, \"unchanged\": 0"));
    EXPECT_EQ(owner_of("new@example.com"), "(New,Payments,Europe/Berlin,t,last@example.com)");
    EXPECT_EQ(owner_of("ada@example.com"), "(Ada,,UTC,f,)");
    EXPECT_EQ(owner_of("last@example.com"), "(Last,,UTC,t,ada@example.com)");
    EXPECT_EQ(text("select string_agg(payload, '') not like '%@%' from keyrota.audit_entry"),
              "true");
    expect_trail_intact();
    const auto before = fingerprint();
    EXPECT_THAT(import_owners(file, true),
                HasSubstr("\"new\": 0, \"changed\": 0, \"unchanged\": 3"));
    EXPECT_EQ(fingerprint(), before);
}

TEST_F(OwnersImport, WhatTheFileHasNoColumnForStays) {
    import_owners("email,name,time_zone,active\nada@example.com,Ada,Asia/Tokyo,false\n");
    EXPECT_THAT(import_owners("email,name\nada@example.com,Countess\n"),
                HasSubstr("\"changed\": 1"));
    EXPECT_EQ(owner_of("ada@example.com"), "(Countess,,Asia/Tokyo,f,)");
}

TEST_F(OwnersImport, SaysEverythingThatIsWrongAndChangesNothing) {
    const auto before = fingerprint();
    const Error error = error_of([&] {
        import_owners(
            "email,name,team,time_zone,active,fallback_email\n"
            "x@example.com,X,None,Europe/Atlantis,maybe,x@example.com\n"
            "y@example.com,Y,None,Europe/Atlantis,,Y@example.com\n"
            "z@example.com,Z,,,,nobody@example.com\nZ@example.com,Z,,,,\n");
    });
    EXPECT_THAT(error.what(),
                AllOf(HasSubstr(":2: active: \"maybe\" is not known"),
                      HasSubstr(":3: team: there is no team \"None\""),
                      HasSubstr(":3: time_zone: PostgreSQL does not know it"),
                      HasSubstr(":3: fallback_email: nobody can be"),
                      HasSubstr(":4: fallback_email: no owner has the address"),
                      HasSubstr(":5: email: \"Z@example.com\" is already in line 4")));
    import_owners("email,name\nnew@example.com,New\n", false, true);
    EXPECT_EQ(fingerprint(), before);
}

}  // namespace keyrota::test
}  // namespace keyrota::test
