// keys regenerate: a successor by hand.

#include <regex>

#include "secret/key_format.h"
#include "secret/sha256.h"
#include "support/key_console.h"

namespace keyrota::test {
namespace {

using std::chrono::hours;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kFuture = "2099-01-01T00:00:00Z";

class Regenerate : public KeyConsole {
  protected:
    Outcome regenerate(const Arguments& more, const Environment& extra = {}) {
        Arguments words{"keys", "regenerate", "1"};
        words.insert(words.end(), more.begin(), more.end());
        return keyrota(words, extra);
    }
    void expect_not_regenerated(const std::string& why) {
        expect_refused({"keys", "regenerate", "1", "--yes"}, "key 1 is not regenerated: " + why,
                       "HINT: `keyrota explain 1`");
        expect_refused({"keys", "regenerate", "1", "--dry-run"}, why);
    }
};

TEST_F(Regenerate, TheSuccessorIsItsPredecessorButForSecretAndEndDate) {
    given_owner("ada@example.com");
    given_key({.name = "checkout", .expires_at = *parse_timestamp(kFuture)});
    execute(
        "update keyrota.api_key set owner_id = 1, scopes = '{read:experiences,admin}',"
        " rate_limit_per_minute = 70, service_plan_id = 3, lineage_id = 1");
    execute("insert into keyrota.api_key_secret select sha256('old'), 1");
    const Outcome outcome = regenerate({"--yes"});
    ASSERT_EQ(outcome.exit_code, 0) << outcome.errors;
    std::smatch match;
    ASSERT_TRUE(std::regex_search(outcome.out, match, std::regex("secret  (sk_live_\\w+)\n")));
    const std::string secret = match[1];
    EXPECT_TRUE(has_valid_checksum(secret));
    EXPECT_EQ(outcome.out.find(secret), outcome.out.rfind(secret)) << "once";
    EXPECT_THAT(outcome.out, HasSubstr("Key 1 no longer works."));
    EXPECT_EQ(
        text("select encode(secret_hash, 'hex') from keyrota.api_key_secret where key_id = 2"),
        to_hex(sha256(secret)));
    const std::string but =
        "to_jsonb(k) - '{key_id,hint,created_at,predecessor_id,status,expires_at}'::text[]";
    EXPECT_EQ(text("select " + but + " from keyrota.key k where key_id = 2"),
              text("select " + but + " from keyrota.key k where key_id = 1"));
    EXPECT_EQ(text("select (predecessor_id, lineage_id, status, hint,"
                   " expires_at = created_at + interval '365 days')"
                   " from keyrota.key where key_id = 2"),
              fmt::format("(1,1,active,{},t)", secret_hint(secret)))
        << "by policy, not inherited";
    EXPECT_EQ(text("select (status, expires_at <= now(), expires_at ="
                   " (select created_at from keyrota.api_key where key_id = 2), retire_at)"
                   " from keyrota.api_key_state where key_id = 1"),
              "(expired,t,t,)");
    EXPECT_EQ(text("select (key_id, successor_id, reason, state, sink) from keyrota.rotation"),
              "(1,2,manual,retired,print)");
    expect_trail_verifies();
}

TEST_F(Regenerate, TheTrailHoldsBothKeysInOneBlockAndNoSecret) {
    given_key({.name = "checkout"});
    const auto made = object(regenerate({"--yes", "--json"}));
    EXPECT_EQ(made->getValue<int>("predecessor_id"), 1);
    const std::string secret = made->getValue<std::string>("secret");
    EXPECT_THAT(
        texts("select key_id || ' ' || action from keyrota.audit_entry"
              " where key_id > 0 order by key_id, action"),
        ElementsAre("1 key.retire", "1 rotation.deliver", "1 rotation.request", "2 key.create"));
    EXPECT_EQ(number("select count(distinct block_id) from keyrota.audit_entry where key_id > 0"),
              1);
    EXPECT_EQ(text("select (payload::jsonb -> 'before' ->> 'status', payload::jsonb -> 'after'"
                   " ->> 'status', payload::jsonb -> 'why') from keyrota.audit_entry"
                   " where key_id = 1 and action = 'key.retire'"),
              R"((active,expired,"{""reason"": ""manual"", ""successor_id"": 2}"))");
    EXPECT_EQ(text("select payload::jsonb -> 'after' from keyrota.audit_entry where key_id = 2"),
              text("select keyrota.key_record(k, s) from keyrota.api_key k"
                   " join keyrota.api_key_state s using (key_id) where k.key_id = 2"));
    const std::string all = text("select string_agg(payload, '') from keyrota.audit_entry");
    EXPECT_THAT(all, AllOf(Not(HasSubstr(secret)), Not(HasSubstr(to_hex(sha256(secret))))));
    expect_trail_verifies();
}

TEST_F(Regenerate, AnOverlapEndsAtItsTimeAndNeverLaterThanTheKey) {
    given_key({.name = "checkout"});
    const Outcome outcome = regenerate({"--overlap", "2d"});
    EXPECT_EQ(outcome.exit_code, 0) << "what goes on working needs no question: " << outcome.errors;
    EXPECT_THAT(outcome.out, HasSubstr("Key 1 keeps working until "));
    EXPECT_EQ(text("select (status, retire_at = expires_at, expires_at ="
                   " (select created_at + interval '2 days' from keyrota.api_key where key_id = 2))"
                   " from keyrota.api_key_state where key_id = 1"),
              "(active,t,t)");
    EXPECT_EQ(audited("key.overlap"), 1);
    EXPECT_THAT(keyrota({"keys", "show", "1"}).out, HasSubstr("1 active until "));
    expect_refused({"keys", "update", "1", "--expires-at", "never"}, "key 2 has taken its place");
    expect_refused({"keys", "regenerate", "1", "--yes"}, "key 2 has taken its place");

    const std::int64_t ends =
        number("select keyrota.micros(now() + interval '1 hour') from keyrota.installation");
    given_key({.name = "short", .expires_at = from_micros(ends)});
    EXPECT_EQ(keyrota({"keys", "regenerate", "3", "--overlap", "2d"}).exit_code, 0);
    EXPECT_EQ(number("select keyrota.micros(expires_at) from keyrota.api_key_state"
                     " where key_id = 3"),
              ends);
}

TEST_F(Regenerate, ExpireKeysEndsAnOverlap) {
    given_key({.name = "checkout"});
    ASSERT_EQ(regenerate({"--overlap", "1h"}).exit_code, 0);
    const Timestamp end =
        from_micros(number("select keyrota.micros(expires_at) from keyrota.api_key_state"
                           " where key_id = 1"));
    run("expire-keys", end - std::chrono::microseconds(1));
    EXPECT_EQ(text("select status from keyrota.api_key_state where key_id = 1"), "active");
    run("expire-keys", end);
    EXPECT_EQ(text("select status from keyrota.api_key_state where key_id = 1"), "expired");
}

TEST_F(Regenerate, TheSuccessorLivesAsLongAsItsPolicyRuleSays) {
    given_key({.name = "test", .type = "test"});
    given_key({.name = "live"});
    const Environment rules{
        {"KEYROTA_CONFIG",
         scratch().write("keyrota.yaml",
                         "policy:\n  defaults:\n    rotation:\n      successor_lifetime: 30d\n"
                         "  rules:\n  - name: tests\n    match: {type: test}\n"
                         "    rotation: {successor_lifetime: 0s}\n")}};
    EXPECT_EQ(regenerate({"--yes"}, rules).exit_code, 0);
    EXPECT_EQ(keyrota({"keys", "regenerate", "2", "--yes"}, rules).exit_code, 0);
    EXPECT_THAT(texts("select coalesce((expires_at - created_at)::text, 'never') from keyrota.key"
                      " where key_id > 2 order by key_id"),
                ElementsAre("never", "30 days"));
}

TEST_F(Regenerate, WhatCannotBeRotatedIsRefusedWithTheReason) {
    given_key({.name = "x", .source = "aws"});
    expect_not_regenerated("its source is aws");
    execute("update keyrota.api_key set source = 'native'");
    execute("update keyrota.api_key_state set status = 'expired'");
    expect_not_regenerated("it is expired: no rotation brings a key back to life");
    execute("update keyrota.api_key_state set status = 'active', expires_at = now()");
    expect_not_regenerated("it is expired");
    execute("update keyrota.api_key_state set status = 'inactive', expires_at = null");
    expect_not_regenerated("it is inactive: `keyrota keys activate` first");
    execute("update keyrota.api_key_state set status = 'active'");
    execute(
        "insert into keyrota.rotation (key_id, token, reason, state) values"
        " (1, gen_random_uuid(), 'scheduled', 'requested')");
    expect_not_regenerated("it has a rotation that is not finished");
    execute("update keyrota.rotation set state = 'cancelled'");
    EXPECT_EQ(regenerate({"--yes"}).exit_code, 0);
    expect_refused({"keys", "regenerate", "1", "--yes"}, "key 2 has taken its place");
    expect_refused({"keys", "regenerate", "77", "--yes"}, "there is no key \"77\"");
    for (const char* overlap : {"0s", "2", "401d", "soon"})
        expect_refused({"keys", "regenerate", "2", "--overlap", overlap}, "--overlap");
}

TEST_F(Regenerate, AsksBeforeAKeyStopsWorkingAndLooksOnlyWhenToldTo) {
    given_key({.name = "checkout"});
    expect_refused({"keys", "regenerate", "1"}, "stops working at once", "--dry-run");
    EXPECT_EQ(keyrota_on_terminal({"keys", "regenerate", "1"}, "no\n").exit_code, 2);
    const auto before = fingerprint();
    expect_done({"keys", "regenerate", "1", "--dry-run"}, "would regenerate key 1");
    EXPECT_EQ(fingerprint(), before);
    EXPECT_EQ(keyrota_on_terminal({"keys", "regenerate", "1"}, "yes\n").exit_code, 0);
    EXPECT_THAT(keys_with_status("expired"), ElementsAre("checkout"));
}

TEST_F(Regenerate, OfTwoAtOnceOneIsRefused) {
    given_key({.name = "checkout"});
    Session other = lock_key(1);
    Program first = start({"keys", "regenerate", "1", "--yes"});
    Program second = start({"keys", "regenerate", "1", "--yes"});
    wait_until_blocked();
    other.execute_verbatim("test", "rollback");
    std::vector<int> codes{first.wait().exit_code, second.wait().exit_code};
    std::sort(codes.begin(), codes.end());
    EXPECT_THAT(codes, ElementsAre(0, 2));
    EXPECT_EQ(number("select count(*) from keyrota.api_key"), 2);
}

TEST_F(Regenerate, AFamilyIsShownFromItsFirstKeyOnWithDeletedOnes) {
    given_key({.name = "checkout"});
    ASSERT_EQ(regenerate({"--yes"}).exit_code, 0);
    ASSERT_EQ(keyrota({"keys", "regenerate", "2", "--yes"}).exit_code, 0);
    for (const char* key : {"1", "2", "3"})
        EXPECT_THAT(keyrota({"keys", "show", key}).out,
                    HasSubstr("1 expired, 2 expired, 3 active\n"));
    ASSERT_EQ(keyrota({"keys", "delete", "2"}).exit_code, 0);
    EXPECT_THAT(keyrota({"keys", "show", "3"}).out, HasSubstr("1 expired, 2 deleted, 3 active\n"));
    const auto lineage = object(keyrota({"keys", "show", "3", "--json"}))->getArray("lineage");
    EXPECT_EQ(lineage->size(), 3U);
    EXPECT_EQ(lineage->getObject(2)->getValue<std::string>("reason"), "manual");
    given_key({.name = "alone"});
    EXPECT_THAT(keyrota({"keys", "show", "4"}).out, Not(HasSubstr("lineage  ")))
        << "one is no family";
}

}  // namespace
}  // namespace keyrota::test
