// The audit trail as an operator and an auditor use it.

#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <fstream>
#include <regex>
#include <sstream>

#include "audit/audit.h"
#include "support/program.h"

namespace keyrota::test {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::StartsWith;

class Audit : public ProgramTest {
  protected:
    void SetUp() override {
        ProgramTest::SetUp();
        environment()["KEYROTA_DATA_DIR"] = config().data_dir;  // where the signing key is
    }
    /// One more block with an entry about the key.
    void given_entry(std::int64_t key_id, const std::string& action, const std::string& before,
                     const std::string& after, const std::string& why = "null") {
        Transaction transaction(runner());
        record_audit(
            runner(),
            {.action = action, .key_id = key_id, .before = before, .after = after, .why = why});
        transaction.commit();
    }
    void given_trail(int blocks = 3) {
        for (int i = 1; i <= blocks; ++i)
            given_entry(i, "key.update", R"({"name": "old"})", R"({"name": "new, \"ä\" \\ \t"})");
    }
    void tamper(const std::string& sql) {
        admin().execute_verbatim("tamper", "set session_replication_role = replica");
        admin().execute_verbatim("tamper", sql);
    }
    static Poco::JSON::Object::Ptr object(const std::string& json) {
        return Poco::JSON::Parser().parse(json).extract<Poco::JSON::Object::Ptr>();
    }
    std::string head_line() {
        const Outcome head = keyrota({"audit", "head"});
        EXPECT_EQ(head.errors, "");
        return head.out.substr(head.out.find("keyrota-head"));
    }
    Outcome verify(const std::string& heads, const Arguments& more = {}) {
        Arguments words{"audit", "verify", "--head", heads};
        words.insert(words.end(), more.begin(), more.end());
        return keyrota(words);
    }
    static std::string with_another_signature(std::string line) {
        char& digit = line.at(line.rfind("==") - 6);
        digit = digit == 'A' ? 'B' : 'A';
        return line;
    }
    std::string place(const char* name) const { return scratch().path() / name; }
    /// The verifier that shares nothing with the program.
    static Outcome independent(const std::string& file, const Arguments& more = {}) {
        Arguments words{"/usr/bin/python3", KEYROTA_SOURCE_DIR "/docs/verify_export.py", file};
        words.insert(words.end(), more.begin(), more.end());
        return keyrota::test::run(words, {.environment = bare_environment()});
    }
    static std::vector<std::string> lines_of(const std::string& file) {
        std::ifstream in(file);
        std::vector<std::string> lines;
        for (std::string line; std::getline(in, line);) lines.push_back(line);
        return lines;
    }
    std::string written(const char* name, const std::vector<std::string>& lines) const {
        std::string text;
        for (const std::string& line : lines) text += line + "\n";
        return scratch().write(name, text);
    }
};

// ---- head

TEST_F(Audit, AHeadIsOneLineThatAPersonCanKeep) {
    given_trail();
    const Outcome head = keyrota({"audit", "head"});
    EXPECT_EQ(head.exit_code, 0);
    EXPECT_EQ(head.errors, "");
    const std::string height = text("select height from keyrota.audit_head");
    EXPECT_THAT(head.out, AllOf(ContainsRegex("height +" + height + "\n"), HasSubstr("signed by"),
                                HasSubstr("sealed at"), HasSubstr("entries total")));
    EXPECT_TRUE(std::regex_match(head_line(),
                                 std::regex("keyrota-head v1 [0-9a-f-]{36} " + height +
                                            " [0-9a-f]{64} 20[0-9T:.-]*Z [A-Za-z0-9+/]{86}==\n")));
    const auto json = object(keyrota({"audit", "head", "--json"}).out);
    EXPECT_EQ(json->getValue<std::string>("hash"),
              text("select encode(block_hash, 'hex') from keyrota.audit_head"));
    EXPECT_THAT(json->getValue<std::string>("line"), StartsWith("keyrota-head v1 "));
    EXPECT_THAT(json->getValue<std::string>("public_key"),
                StartsWith("-----BEGIN PUBLIC KEY-----"));
}

TEST_F(Audit, WithoutTheSigningKeyAHeadIsPrintedUnsignedWithANote) {
    const Environment elsewhere{{"KEYROTA_DATA_DIR", place("nothing-here")}};
    const Outcome head = keyrota({"audit", "head"}, elsewhere);
    EXPECT_EQ(head.exit_code, 0);
    EXPECT_THAT(head.errors, HasSubstr("this head is unsigned: the signing key, "));
    EXPECT_TRUE(std::regex_search(head.out, std::regex("Z -\n$"))) << head.out;
    EXPECT_FALSE(std::filesystem::exists(place("nothing-here")));
    EXPECT_TRUE(object(keyrota({"audit", "head", "--json"}, elsewhere).out)->isNull("signed_by"));
    EXPECT_EQ(verify(scratch().write("unsigned", head.out)).exit_code, 0);
}

TEST_F(Audit, TheSigningKeyOfAnotherInstallationSignsNothing) {
    std::filesystem::create_directory(place("other"));
    keyrota::test::run({"/usr/bin/openssl", "genpkey", "-algorithm", "ED25519", "-out",
                        place("other/signing.key")});
    ::chmod(place("other/signing.key").c_str(), 0600);
    const Environment other{{"KEYROTA_DATA_DIR", place("other")}};
    const Outcome head = keyrota({"audit", "head"}, other);
    EXPECT_EQ(head.exit_code, 0);
    EXPECT_THAT(head.errors, HasSubstr("is the signing key of another installation"));
    ::chmod(place("other/signing.key").c_str(), 0644);
    EXPECT_THAT(keyrota({"audit", "head"}, other).errors, HasSubstr("others may read it"));
    EXPECT_EQ(keyrota({"audit", "head"}, other).exit_code, 4);
}

// ---- verify

TEST_F(Audit, ATrailIsVerifiedAgainstHeadsThatWereKept) {
    given_trail();
    std::string kept = "From: me\n\n" + head_line();
    given_entry(1, "key.update", "null", "null");
    kept += "> " + head_line() + "and the JSON: " + keyrota({"audit", "head", "--json"}).out;
    const std::string file = scratch().write("heads.txt", kept);
    given_entry(2, "key.update", "null", "null");

    const Outcome intact = verify(file);
    EXPECT_EQ(intact.exit_code, 0) << intact.errors;
    EXPECT_THAT(intact.out, AllOf(StartsWith("the audit trail is intact: "),
                                  HasSubstr("it holds all 3 heads that were kept\n")));
    const std::string head = intact.out.substr(intact.out.rfind("head ") + 5);
    const std::string height_and_hash = head.substr(0, head.size() - 1);
    EXPECT_EQ(verify(height_and_hash).exit_code, 0);
    EXPECT_EQ(verify(height_and_hash.substr(height_and_hash.find(':') + 1)).exit_code, 0);
    EXPECT_EQ(verify(file, {"--head", height_and_hash}).exit_code, 0);
    EXPECT_EQ(object(verify(file, {"--json"}).out)->getValue<int>("kept_heads"), 3);

    tamper(
        "delete from keyrota.audit_entry where block_id in (select block_id from"
        " keyrota.audit_block order by height desc limit 2)");
    tamper(
        "delete from keyrota.audit_block where height > (select max(height) - 2 from"
        " keyrota.audit_block)");
    tamper(
        "update keyrota.audit_head h set height = b.height, block_hash = b.block_hash from"
        " keyrota.audit_block b where b.height = (select max(height) from keyrota.audit_block)");
    EXPECT_EQ(keyrota({"audit", "verify"}).exit_code, 0);  // nothing else can know
    const Outcome cut = verify(file);
    EXPECT_EQ(cut.exit_code, 11);
    EXPECT_THAT(cut.errors, HasSubstr("heads.txt:4) is of block"));
    EXPECT_THAT(cut.errors, HasSubstr("the tail was cut off"));
    EXPECT_EQ(verify(height_and_hash).exit_code, 11);
}

TEST_F(Audit, AHeadThatIsNoneIsRefusedAndAForgedOneIsFound) {
    given_trail();
    const std::string line = head_line();
    const auto refused = [&](const std::string& text, int code, const char* message) {
        const Outcome outcome = verify(scratch().write("heads.txt", text));
        EXPECT_EQ(outcome.exit_code, code) << text << outcome.errors;
        EXPECT_THAT(outcome.errors, HasSubstr(message)) << text;
    };
    refused(line, 0, "");
    refused("nothing here\n", 2, "there is no head in");
    refused(line.substr(0, line.size() - 9), 2, "heads.txt:1: this head is incomplete");
    refused("\n" + line.substr(0, 60), 2, "heads.txt:2: this head is incomplete");
    refused(std::regex_replace(line, std::regex(" v1 "), " v2 "), 2, "another version");
    refused(std::regex_replace(line, std::regex("v1 [0-9a-f]{8}"), "v1 00000000"), 2,
            "a head of installation 00000000");
    // Another block, another time, another signature: none of them was signed like that.
    refused(std::regex_replace(line, std::regex("([0-9a-f-]{36}) [0-9]+ "), "$1 1 "), 11,
            "this head is not signed by the key ");
    refused(std::regex_replace(line, std::regex(" 20(\\d\\d)-"), " 19$1-"), 11, "is not signed");
    refused(with_another_signature(line), 11, "is not signed");
    for (const char* word : {"nowhere.txt", "12", "1:abc", "abc"})
        EXPECT_EQ(verify(word).exit_code, 2) << word;
}

TEST_F(Audit, APublicKeyKeptElsewhereShowsThatTheDatabasesWasReplaced) {
    given_trail();
    const std::string heads = scratch().write("heads.txt", head_line());
    const std::string key = scratch().write(
        "keyrota.pem",
        object(keyrota({"audit", "head", "--json"}).out)->getValue<std::string>("public_key"));
    EXPECT_EQ(verify(heads, {"--public-key", key}).exit_code, 0);
    keyrota::test::run(
        {"/usr/bin/openssl", "genpkey", "-algorithm", "ED25519", "-out", place("evil")});
    const std::string other =
        keyrota::test::run({"/usr/bin/openssl", "pkey", "-in", place("evil"), "-pubout"}).out;
    tamper("update keyrota.installation set signing_public_key = '" + other + "'");
    const Outcome replaced = verify(heads);
    EXPECT_EQ(replaced.exit_code, 11);
    EXPECT_THAT(replaced.errors, HasSubstr("HINT: The line was altered, or the public key"));
    EXPECT_EQ(verify(heads, {"--public-key", key}).exit_code, 0);
    EXPECT_EQ(verify(heads, {"--public-key", heads}).exit_code, 2);
}

TEST_F(Audit, ABrokenTrailIsNamedWithItsPlaceAndExitsEleven) {
    given_trail();
    tamper("alter table keyrota.audit_entry drop constraint audit_entry_check");
    tamper("update keyrota.audit_entry set key_id = 77 where key_id = 2");
    const Outcome broken = keyrota({"audit", "verify", "--json"});
    EXPECT_EQ(broken.exit_code, 11);
    EXPECT_THAT(broken.errors, AllOf(HasSubstr("the audit trail is broken: entry "),
                                     HasSubstr("key.update of key 77"), HasSubstr("its payload 2"),
                                     HasSubstr("HINT: ")));
    const auto json = object(broken.out);
    EXPECT_FALSE(json->getValue<bool>("intact"));
    EXPECT_EQ(json->getValue<std::string>("action"), "key.update");
    EXPECT_EQ(json->getValue<std::string>("entry_id"),
              text("select entry_id from keyrota.audit_entry where key_id = 77"));
    EXPECT_EQ(json->getValue<std::string>("height"),
              text("select height from keyrota.audit_entry join keyrota.audit_block using"
                   " (block_id) where key_id = 77"));
}

TEST_F(Audit, ARunThatSealedABlockLogsTheSignedHeadAndTheLogIsEnoughToVerifyAgainst) {
    Timestamp as_of = kNow;
    for (const char* format : {"text", "json"}) {
        as_of += std::chrono::minutes(5);
        const std::string log = place(fmt::format("{}.log", format).c_str());
        const Environment logged{{"KEYROTA_LOG_FILE", log}, {"KEYROTA_LOG_FORMAT", format}};
        given_key({.name = "due", .expires_at = as_of});
        EXPECT_EQ(keyrota({"run", "expire-keys", "--as-of", to_string(as_of)}, logged).exit_code,
                  0);
        EXPECT_EQ(keyrota({"run", "expire-keys", "--as-of", to_string(as_of)}, logged).exit_code,
                  0);
        std::vector<std::string> heads;
        for (const std::string& line : lines_of(log))
            if (line.find("audit head: ") != std::string::npos) heads.push_back(line);
        ASSERT_EQ(heads.size(), 1U) << "the idle run sealed nothing";
        EXPECT_THAT(heads.front(), HasSubstr(text("select encode(block_hash, 'hex') from"
                                                  " keyrota.audit_head")));
        const Outcome verified = verify(log);
        EXPECT_EQ(verified.exit_code, 0) << verified.errors;
        EXPECT_THAT(verified.out, HasSubstr("it holds the head that was kept"));
    }
}

// ---- export

TEST_F(Audit, AnExportIsVerifiedByAProgramThatSharesNothingWithThisOne) {
    given_trail();
    given_keys(1500, {.name = "due", .expires_at = kNow});
    keyrota({"run", "expire-keys", "--as-of", to_string(kNow), "--max-actions", "2000"});
    const std::string file = place("trail.jsonl");
    const Outcome exported = keyrota({"audit", "export", "--out", file});
    EXPECT_EQ(exported.exit_code, 0) << exported.errors;
    struct stat status {};
    ASSERT_EQ(::stat(file.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600U);
    EXPECT_FALSE(std::filesystem::exists(file + ".new"));

    const auto head = object(keyrota({"audit", "head", "--json"}).out);
    const std::string key = scratch().write("key", head->getValue<std::string>("public_key"));
    const Outcome verified = independent(file, {"--public-key", key});
    EXPECT_EQ(verified.exit_code, 0) << verified.out << verified.errors;
    EXPECT_EQ(verified.out,
              fmt::format("intact, the whole trail: {} entries in {} blocks, head {}\n",
                          number("select count(*) from keyrota.audit_entry"),
                          number("select count(*) from keyrota.audit_block"),
                          number("select height from keyrota.audit_head")));

    // Line by line: nothing can be left out, changed or moved without its notice.
    const std::vector<std::string> lines = lines_of(file);
    for (std::size_t i = 0; i < 8; ++i) {
        std::vector<std::string> missing = lines;
        missing.erase(missing.begin() + static_cast<std::ptrdiff_t>(i));
        EXPECT_NE(independent(written("missing", missing)).exit_code, 0) << lines[i];
        std::vector<std::string> swapped = lines;
        std::swap(swapped[i], swapped[i + 1]);
        EXPECT_NE(independent(written("swapped", swapped)).exit_code, 0) << lines[i];
    }
    const auto broken_by = [&](const std::string& from, const std::string& to) {
        std::vector<std::string> changed;
        for (const std::string& line : lines)
            changed.push_back(std::regex_replace(line, std::regex(from), to));
        EXPECT_NE(changed, lines) << from;
        return independent(written("changed", changed)).out;
    };
    EXPECT_THAT(broken_by("old", "odd"), HasSubstr("is not what its hash says"));
    EXPECT_THAT(broken_by("\"entries_total\": 1000", "\"entries_total\": 999"),
                HasSubstr("was sealed with 999 entries and has 1000"));
    EXPECT_THAT(broken_by("(\"kind\": \"head\".*) v1 ", "$1 v2 "),
                HasSubstr("another trail's head"));
    std::vector<std::string> forged = lines;
    forged.back() = with_another_signature(forged.back());
    EXPECT_THAT(independent(written("forged", forged)).out,
                HasSubstr("signature is not of this key"));
    EXPECT_THAT(independent(file, {"--head", "2:" + std::string(64, '0')}).out,
                HasSubstr("block 2 is not the one that was kept"));
}

TEST_F(Audit, APartOfTheTrailIsExportedByKeyTimeAndAction) {
    given_trail();
    given_entry(2, "key.delete", R"({"name": "new"})", "null");
    const auto payloads = [&](Arguments filter) {
        Arguments words{"audit", "export"};
        words.insert(words.end(), filter.begin(), filter.end());
        const Outcome outcome = keyrota(words);
        EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
        EXPECT_EQ(independent(scratch().write("part", outcome.out)).exit_code, 0)
            << independent(place("part")).out;
        std::vector<std::string> found;
        std::istringstream lines(outcome.out);
        for (std::string line; std::getline(lines, line);) {
            const auto json = object(line);
            if (json->getValue<std::string>("kind") != "entry") continue;
            const auto payload = object(json->getValue<std::string>("payload"));
            found.push_back(payload->getValue<std::string>("action") + " " +
                            payload->getValue<std::string>("key_id"));
        }
        return found;
    };
    EXPECT_THAT(payloads({"--key", "2"}), ElementsAre("key.update 2", "key.delete 2"));
    EXPECT_THAT(payloads({"--key", "2", "--action", "key.delete"}), ElementsAre("key.delete 2"));
    EXPECT_THAT(payloads({"--action", "it's :x"}), ElementsAre());
    const auto at = [&](int offset) {
        return to_string(from_micros(
            number("select at_us from keyrota.audit_entry where action = 'key.delete'") + offset));
    };
    EXPECT_THAT(payloads({"--since", at(0)}), ElementsAre("key.delete 2"));
    EXPECT_THAT(payloads({"--since", at(1)}), ElementsAre());
    EXPECT_THAT(payloads({"--since", at(0), "--until", at(0)}), ElementsAre());
    EXPECT_THAT(payloads({"--since", at(0), "--until", at(1)}), ElementsAre("key.delete 2"));
    for (const Arguments& wrong :
         {Arguments{"--since", "soon"}, Arguments{"--format", "xml"}, Arguments{"--key", "999"},
          Arguments{"--out", "/nowhere/x"}, Arguments{"--action", ""}}) {
        Arguments words{"audit", "export"};
        words.insert(words.end(), wrong.begin(), wrong.end());
        EXPECT_EQ(keyrota(words).exit_code, 2) << wrong.front();
    }
}

TEST_F(Audit, AnExportAsCsvIsReadByAnotherProgramAndItsHashesHold) {
    given_trail();
    const std::string file = place("trail.csv");
    EXPECT_EQ(keyrota({"audit", "export", "--format", "csv", "--out", file}).exit_code, 0);
    const Outcome read = keyrota::test::run(
        {"/usr/bin/python3", "-c",
         "import csv, hashlib, sys\n"
         "for row in csv.DictReader(open(sys.argv[1], newline='', encoding='utf-8')):\n"
         "    assert hashlib.sha256(row['payload'].encode()).hexdigest() == row['entry_hash']\n"
         "    print(row['action'], row['key_id'], row['height'])\n",
         file},
        {.environment = bare_environment()});
    EXPECT_EQ(read.exit_code, 0) << read.errors;
    EXPECT_THAT(read.out,
                HasSubstr("key.update 3 " + text("select height from keyrota.audit_head")));
}

// ---- show

TEST_F(Audit, TheStoryOfAKeyIsToldNewestFirst) {
    given_key({.name = "due", .expires_at = kNow});
    given_entry(1, "key.create", "null", R"({"name": "due", "status": "active"})");
    keyrota({"run", "expire-keys", "--as-of", to_string(kNow)});
    given_entry(1, "key.update", R"({"status": "expired", "expires_at_us": null, "scopes": ["a"]})",
                R"({"status": "expired", "expires_at_us": 1764547200000000, "scopes": ["a", "b"]})",
                R"({"reason": "asked for \u001b[31mit"})");
    const Outcome shown = keyrota({"audit", "show", "1"});
    EXPECT_EQ(shown.exit_code, 0) << shown.errors;
    const std::string stamp = "20[0-9T:-]+Z  ";
    const std::string by = ", by [^ ]+@[^ ]+ as keyrota_runner";
    EXPECT_TRUE(std::regex_match(
        shown.out, std::regex(stamp + "key.update" + by +
                              "\n    expires_at: - -> 2025-12-01T00:00:00Z\n"
                              "    scopes: \\[a\\] -> \\[a, b\\]\n"
                              "    because reason asked for \\?\\[31mit\n" +
                              stamp + "key.expire" + by +
                              ", run [0-9]+\n    status: active -> expired\n"
                              "    because KEY-EXPIRED, as_of 2026-11-24T06:00:00Z, expires_at "
                              "2026-11-24T06:00:00Z\n" +
                              stamp + "key.create" + by + "\n    name: due\n    status: active\n")))
        << shown.out;

    const auto json = Poco::JSON::Parser()
                          .parse(keyrota({"audit", "show", "1", "--json"}).out)
                          .extract<Poco::JSON::Array::Ptr>();
    ASSERT_EQ(json->size(), 3U);
    const auto newest = json->getObject(0);
    EXPECT_EQ(newest->getObject("after")->getValue<std::int64_t>("expires_at_us"),
              1764547200000000);
    EXPECT_EQ(newest->getValue<std::string>("session_user"), "keyrota_runner");
    EXPECT_EQ(newest->getValue<std::string>("height"),
              text("select height from keyrota.audit_head"));
    EXPECT_THAT(
        keyrota({"audit", "show", "1", "--csv"}).out,
        StartsWith("at,action,run_id,by,session_user,before,after,why,height,entry_id\r\n20"));

    const Outcome first = keyrota({"audit", "show", "1", "--limit", "1"});
    EXPECT_THAT(first.out, AllOf(HasSubstr("key.update"), Not(HasSubstr("key.create")),
                                 HasSubstr("These are the newest 1; --limit 0 shows all.")));
    EXPECT_THAT(keyrota({"audit", "show", "1", "--limit", "3"}).out, Not(HasSubstr("--limit")));
}

TEST_F(Audit, ADeletedKeyHasItsStoryAndSoHasWhatConcernsNoKey) {
    given_entry(42, "key.delete", R"({"name": "gone"})", "null");
    EXPECT_THAT(keyrota({"audit", "show", "42"}).out, HasSubstr("    name: gone -> -\n"));
    given_entry(0, "policy.update", R"([{"name": "default", "days": [1, 2]}])",
                R"([{"name": "default", "days": [1]}, {"name": "new", "days": [3]}])");
    EXPECT_THAT(keyrota({"audit", "show", "0"}).out,
                AllOf(HasSubstr("    default.days: [1, 2] -> [1]\n"),
                      HasSubstr("    new.days: - -> [3]\n"), Not(HasSubstr(".name"))));
    given_key({.name = "quiet"});
    EXPECT_EQ(keyrota({"audit", "show", "1"}).out, "nothing was ever done with this key\n");
    EXPECT_EQ(keyrota({"audit", "show", "43"}).exit_code, 2);
    EXPECT_EQ(keyrota({"audit", "show", "sk_live_...abcd"}).exit_code, 0);
}

// ---- what entries may hold

TEST_F(Audit, APolicysEntryHoldsAnOwnersIdAndNoAddress) {
    execute(
        "insert into keyrota.owner (owner_id, name, email) values (7, 'Ada', 'ada@example.com')");
    const std::string file =
        scratch().write("keyrota.yaml",
                        "policy:\n  rules:\n"
                        "  - name: hers\n    match: {owner: Ada@example.com}\n"
                        "  - name: others\n    match: {owner: x@example.com}\n");
    ::chmod(file.c_str(), 0644);
    const Outcome done = keyrota({"run", "expire-keys", "--config", file});
    EXPECT_EQ(done.exit_code, 0) << done.errors;
    EXPECT_EQ(text("select jsonb_path_query_array(payload::jsonb, '$.after[*].owner_id') from"
                   " keyrota.audit_entry where action = 'policy.update' order by entry_id desc"
                   " limit 1"),
              "[7, 0, null]");
    EXPECT_EQ(number("select count(*) from keyrota.audit_entry where payload like '%@example%'"),
              0);
}

}  // namespace
}  // namespace keyrota::test
