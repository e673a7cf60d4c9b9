// keys update, activate, deactivate and delete.

#include "support/key_console.h"

namespace keyrota::test {
namespace {

using std::chrono::hours;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kFuture = "2099-01-01T00:00:00Z";

class KeyChanges : public KeyConsole {
  protected:
    static Timestamp past() { return *parse_timestamp("2026-01-01"); }
};

// --- update

TEST_F(KeyChanges, AnUpdateSetsWhatItSaysAndTheTrailHoldsWhatDiffers) {
    given_owner("ada@example.com");
    given_key({.name = "checkout"});
    execute(
        "update keyrota.api_key set scopes = '{read:experiences,admin}', policy_rule_id ="
        " (select policy_rule_id from keyrota.policy_rule limit 1)");
    expect_done({"keys", "update", "1", "--expires-at", kFuture, "--new-owner", "ada@example.com",
                 "--add-scope", "write:consumers", "--remove-scope", "admin", "--name", "payments",
                 "--plan", "Pro", "--limit", "600"},
                "updated 1 of 1 key");
    EXPECT_EQ(text("select (owner_id, name, scopes, service_plan, limit_per_minute, status,"
                   " expires_at, policy_rule_id) from keyrota.key"),
              "(1,payments,\"{read:experiences,write:consumers}\",Pro,600,active,"
              "\"2099-01-01 00:00:00+00\",)");
    EXPECT_EQ(text("select payload::jsonb - 'actor' - 'at_us' from keyrota.audit_entry"
                   " where action = 'key.update'"),
              text("select jsonb_build_object('action', 'key.update', 'key_id', 1, 'run_id', null,"
                   " 'why', null, 'before', '{\"name\": \"checkout\", \"owner_id\": null,"
                   " \"scopes\": [\"read:experiences\", \"admin\"], \"service_plan\": null,"
                   " \"rate_limit_per_minute\": null, \"expires_at_us\": null}'::jsonb,"
                   " 'after', '{\"name\": \"payments\", \"owner_id\": 1,"
                   " \"scopes\": [\"read:experiences\", \"write:consumers\"],"
                   " \"service_plan\": \"Pro\", \"rate_limit_per_minute\": 600,"
                   " \"expires_at_us\": 4070908800000000}'::jsonb)"));
    expect_done(
        {"keys", "update", "1", "--limit", "none", "--expires-at", "never", "--scopes", "none"},
        "expires at: 2099-01-01T00:00:00Z -> never");
    EXPECT_EQ(text("select (scopes, limit_per_minute, expires_at) from keyrota.key"),
              "({},10000,)");
    expect_trail_verifies();
}

TEST_F(KeyChanges, AnUpdateOfWhatIsSoAlreadyWritesNothing) {
    given_key({.name = "checkout"});
    const Arguments words{"keys", "update", "1", "--plan", "Pro", "--expires-at", kFuture};
    expect_done(words, "updated 1 of 1 key");
    const auto before = fingerprint();
    expect_done(words, "left 1 that need no change");
    EXPECT_EQ(fingerprint(), before);
}

TEST_F(KeyChanges, MovingTheEndDateOfAnExpiredKeyDoesNotBringItBackToLife) {
    given_key({.name = "expired", .expires_at = past(), .status = "expired"});
    given_key({.name = "due", .expires_at = past()});
    for (const char* key : {"1", "2"})
        expect_refused({"keys", "activate", key}, "it is expired", "`keyrota keys update`");
    expect_done({"keys", "update", "1", "2", "--expires-at", kFuture}, "updated 2 of 2 keys");
    for (const char* name : {"expired", "due"})
        EXPECT_EQ(state_of(name), "(inactive,\"2099-01-01 00:00:00+00\",t)")
            << "a gateway refuses it until it is activated";
    expect_done({"keys", "activate", "1", "2"}, "activated 2 of 2 keys");
    EXPECT_EQ(state_of("due"), "(active,\"2099-01-01 00:00:00+00\",f)");
}

TEST_F(KeyChanges, AKeyThatWasRotatedIsNotExtended) {
    given_key({.name = "old", .expires_at = past(), .status = "expired"});
    execute(
        "insert into keyrota.rotation (key_id, token, successor_id, reason, state) values"
        " (1, gen_random_uuid(), 9, 'manual', 'retired')");
    expect_refused({"keys", "update", "1", "--expires-at", "never"}, "key 9 has taken its place");
}

TEST_F(KeyChanges, APublicKeyIsGivenNoScopeThatWrites) {
    given_key({.name = "ios", .type = "public"});
    expect_refused({"keys", "update", "1", "--add-scope", "admin"}, "may only read");
    expect_done({"keys", "update", "1", "--add-scope", "read:analytics"}, "updated 1");
    execute("update keyrota.api_key set scopes = '{legacy:write}'");
    expect_done({"keys", "update", "1", "--remove-scope", "legacy:write"}, "updated 1");
}

TEST_F(KeyChanges, WhatCannotBeIsRefusedWithWhatWasMeant) {
    given_key({.name = "checkout"});
    const auto update = [](const Arguments& more) {
        Arguments words{"keys", "update", "1"};
        words.insert(words.end(), more.begin(), more.end());
        return words;
    };
    expect_refused(update({}), "update what?", "keys update --help");
    expect_refused(update({"--expires-at", "2020-01-01"}), "is past");
    expect_refused(update({"--add-scope", "admn"}), "there is no scope \"admn\"", "\"admin\"");
    expect_refused(update({"--remove-scope", "admn"}), "there is no scope \"admn\"", "\"admin\"");
    expect_refused(update({"--scopes", "admin", "--add-scope", "admin"}), "--scopes sets them all");
    expect_refused(update({"--add-scope", "admin", "--remove-scope", "admin"}),
                   "added and removed");
    expect_refused(update({"--plan", "Proo"}), "no service plan", "\"Pro\"");
    expect_refused(update({"--new-owner", "8"}), "there is no owner \"8\"");
    expect_refused(update({"--limit", "0"}), "--limit", "or none");
    expect_refused(update({"--limit", "99999999999"}), "--limit");
    expect_refused(update({"--name", "a\nb"}), "control characters");
    expect_refused({"keys", "update", "--match", "*", "--name", "x"}, "--name is for one key");
    expect_refused({"keys", "deactivate"}, "which keys?", "--match");
    expect_refused({"keys", "deactivate", "1", "--match", "*"}, "cannot be combined");
    expect_refused({"keys", "deactivate", "1", "77"}, "there is no key \"77\"");
}

// --- activate, deactivate

TEST_F(KeyChanges, ADeactivatedKeyCanComeBack) {
    given_key({.name = "x"});
    expect_done({"keys", "deactivate", "1"}, "status: active -> inactive");
    EXPECT_EQ(state_of("x"), "(inactive,,t)");
    const auto before = fingerprint();
    expect_done({"keys", "deactivate", "1"}, "deactivated 0 of 1 key\nleft 1 that need no change");
    EXPECT_EQ(fingerprint(), before) << "nor is it deactivated anew";
    expect_done({"keys", "activate", "1"}, "activated 1 of 1 key");
    EXPECT_EQ(state_of("x"), "(active,,f)");
    EXPECT_EQ(audited("key.activate") + audited("key.deactivate"), 2);
    expect_trail_verifies();
}

TEST_F(KeyChanges, AnExpiredKeyStaysExpiredWhenItsOwnersKeysAreDeactivated) {
    given_key({.name = "x", .expires_at = past(), .status = "expired"});
    expect_done({"keys", "deactivate", "1"}, "left 1 that need no change");
    EXPECT_EQ(state_of("x"), "(expired,\"2026-01-01 00:00:00+00\",f)");
}

TEST_F(KeyChanges, OnlyNativeKeysAreChanged) {
    given_key({.name = "imported", .source = "aws"});
    given_key({.name = "native"});
    execute("insert into keyrota.api_key_external values ('aws', 'AKIA1', 1)");
    for (const char* verb : {"deactivate", "activate", "delete"})
        expect_refused({"keys", verb, "aws:AKIA1"}, "its source is aws: only native keys");
    expect_refused({"keys", "update", "1", "--plan", "Pro"}, "its source is aws");
    const Outcome both = keyrota({"keys", "deactivate", "1", "2"});
    EXPECT_EQ(both.exit_code, 3);
    EXPECT_THAT(both.out, AllOf(HasSubstr("deactivated 1 of 2 keys"), HasSubstr("refused 1\n  1  "),
                                HasSubstr("its source is aws")));
    EXPECT_THAT(keys_with_status("inactive"), ElementsAre("native"));
}

// --- many

TEST_F(KeyChanges, ASelectionTakesKeysByNameOwnerAndTeamTogether) {
    given_key({.name = "a-1"});
    given_key({.name = "a-2"});
    given_key({.name = "b-1"});
    given_owner_of_keys("ada@example.com", "a-1");
    execute("insert into keyrota.team (name) values ('Payments')");
    execute("update keyrota.owner set team_id = 1");
    expect_done({"keys", "deactivate", "--match", "a-*", "--team", "Payments"}, "1 of 1 key");
    EXPECT_THAT(keys_with_status("inactive"), ElementsAre("a-1"));
    expect_done({"keys", "deactivate", "--match", "nothing*"}, "no keys");
    expect_done({"keys", "activate", "--owner", "ada@example.com"}, "1 of 1 key");
    expect_done({"keys", "deactivate", "--match", "?-1", "--yes"}, "2 of 2 keys");
}

TEST_F(KeyChanges, ADryRunShowsWhatWouldBeAndLeavesEveryTableAsItWas) {
    given_keys(12, {.name = "x"});
    given_key({.name = "x", .source = "aws"});
    given_key({.name = "x", .status = "inactive"});
    const auto before = fingerprint();
    for (const Arguments& words :
         {Arguments{"keys", "deactivate", "--match", "x", "--dry-run"},
          Arguments{"keys", "delete", "--match", "x", "--dry-run"},
          Arguments{"keys", "update", "--match", "x", "--expires-at", kFuture, "--dry-run"}}) {
        const Outcome outcome = keyrota(words, {{"KEYROTA_LIMITS_BATCH_SIZE", "5"}});
        EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
        EXPECT_THAT(outcome.out, AllOf(HasSubstr("of 14 keys; nothing was changed"),
                                       HasSubstr(" more\n"), HasSubstr("refused 1\n  13  ")));
    }
    EXPECT_EQ(fingerprint(), before);
    const auto json =
        object(keyrota({"keys", "deactivate", "--match", "x", "--dry-run", "--json"}));
    EXPECT_EQ(json->getValue<int>("changed"), 12);
    EXPECT_EQ(json->getValue<int>("unchanged"), 1);
    EXPECT_EQ(json->getValue<int>("refused"), 1);
    EXPECT_EQ(json->getArray("first_changes")->size(), 10U);
    EXPECT_EQ(json->getArray("first_changes")
                  ->getObject(0)
                  ->getObject("after")
                  ->getValue<std::string>("status"),
              "inactive");
}

TEST_F(KeyChanges, SeveralThatAFilterSelectedAreAskedForFirst) {
    given_keys(2, {.name = "x"});
    const Arguments words{"keys", "deactivate", "--match", "x"};
    expect_refused(words, "deactivate 2 keys?", "--dry-run, then give --yes");
    const Outcome refused = keyrota_on_terminal(words, "no\n");
    EXPECT_EQ(refused.exit_code, 2);
    EXPECT_THAT(refused.out, AllOf(HasSubstr("Type yes to continue"), HasSubstr("not confirmed")));
    EXPECT_THAT(keys_with_status("inactive"), testing::IsEmpty());
    EXPECT_EQ(keyrota_on_terminal(words, "yes\n").exit_code, 0);
    EXPECT_EQ(keys_with_status("inactive").size(), 2U);

    const Arguments deletion{"keys", "delete", "--match", "x"};
    EXPECT_EQ(keyrota_on_terminal(deletion, "yes\n").exit_code, 2) << "the number must be typed";
    EXPECT_EQ(keyrota_on_terminal(deletion, "2\n").exit_code, 0);
    EXPECT_EQ(number("select count(*) from keyrota.api_key"), 0);
}

TEST_F(KeyChanges, OneThatAFilterSelectedIsAskedForBeforeItIsDeleted) {
    given_key({.name = "x", .status = "inactive"});
    expect_refused({"keys", "delete", "--match", "x"}, "delete 1 key for good?", "then give --yes");
    expect_done({"keys", "delete", "--match", "x", "--yes"}, "deleted 1 of 1 key");
}

TEST_F(KeyChanges, MoreThanMayBeChangedAtOnceAreNotChangedAtAll) {
    given_keys(5, {.name = "x"});
    const auto before = fingerprint();
    const Arguments words{"keys", "deactivate", "--match", "x", "--yes", "--max-keys"};
    const auto with = [&](const char* most, bool dry) {
        Arguments all = words;
        all.emplace_back(most);
        if (dry) all.emplace_back("--dry-run");
        return keyrota(all);
    };
    const Outcome outcome = with("4", false);
    EXPECT_EQ(outcome.exit_code, 8);
    EXPECT_THAT(outcome.errors, HasSubstr("5 keys would be changed, more than 4"));
    EXPECT_EQ(with("4", true).exit_code, 8);
    EXPECT_EQ(fingerprint(), before);
    EXPECT_EQ(with("5", false).exit_code, 0);
}

TEST_F(KeyChanges, ManyAreChangedInBatchesOfTheirOwnBlocks) {
    given_keys(11, {.name = "x"});
    const Outcome outcome = keyrota({"keys", "deactivate", "--match", "x", "--yes", "--json"},
                                    {{"KEYROTA_LIMITS_BATCH_SIZE", "4"}});
    EXPECT_EQ(object(outcome)->getValue<int>("changed"), 11);
    EXPECT_EQ(audited("key.deactivate"), 11);
    EXPECT_EQ(number("select count(distinct block_id) from keyrota.audit_entry"
                     " where action = 'key.deactivate'"),
              3);
    expect_trail_verifies();
}

// --- delete

TEST_F(KeyChanges, ADeletedKeyLeavesItsRecordInTheTrailAndItsFindingsClosed) {
    given_key({.name = "old", .expires_at = kNow});
    given_key({.name = "other"});
    given_owner("ada@example.com");
    execute("update keyrota.api_key set owner_id = 1, scopes = '{admin}'");
    for (const char* sql :
         {"insert into keyrota.api_key_secret select sha256(key_id::text::bytea), key_id from"
          " keyrota.api_key",
          "insert into keyrota.api_key_activity select key_id from keyrota.api_key",
          "insert into keyrota.usage_hour (key_id, hour) select key_id, now() from keyrota.api_key",
          "insert into keyrota.usage_scope select key_id, 'admin', now() from keyrota.api_key",
          "insert into keyrota.usage_network (key_id, network, first_seen_at, last_seen_at)"
          " select key_id, 'other', now(), now() from keyrota.api_key",
          "insert into keyrota.alert_setting (key_id, check_id, settings) select key_id, 'x', '{}'"
          " from keyrota.api_key",
          "insert into keyrota.finding (key_id, uid, check_id, status, severity, opened_at,"
          " changed_at, run_id) values (1, 'kf_a', 'KEY-UNUSED', 'open', 2, now(), now(), 1)"})
        execute(sql);
    expect_done({"keys", "delete", "1"}, "gone for good");
    for (const char* table : {"api_key", "api_key_state", "api_key_secret", "api_key_activity",
                              "usage_hour", "usage_scope", "usage_network", "alert_setting"})
        EXPECT_THAT(texts(fmt::format("select key_id from keyrota.{}", table)), ElementsAre("2"))
            << table;
    EXPECT_EQ(text("select (status, resolution, decided_why) from keyrota.finding"),
              "(resolved,\"by hand\",\"the key was deleted\")");
    EXPECT_EQ(text("select payload::jsonb -> 'before' from keyrota.audit_entry"
                   " where action = 'key.delete'"),
              text("select jsonb_build_object('source', 'native', 'lineage_id', 1,"
                   " 'predecessor_id', null, 'owner_id', 1, 'name', 'old', 'type', 'secret',"
                   " 'environment', 'production', 'prefix', 'sk_live_', 'hint', 'abcd', 'scopes',"
                   " array['admin'], 'service_plan', null, 'rate_limit_per_minute', null,"
                   " 'created_at_us', 1792908000000000, 'status', 'active', 'expires_at_us',"
                   " 1795500000000000, 'retire_at_us', null, 'deactivated_at_us', null)"));
    expect_done({"keys", "delete", "1", "2"}, "deleted 1 of 2 keys\nleft 1 that need no change");
    expect_refused({"keys", "delete", "3"}, "there is no key \"3\"");
    expect_trail_verifies();
}

TEST_F(KeyChanges, AKeyInItsOverlapIsNotDeletedUntilItHasRetired) {
    given_key({.name = "predecessor", .retire_at = kNow + hours(1)});
    expect_refused({"keys", "delete", "1"}, "in the overlap of a rotation");
    execute("update keyrota.api_key_state set status = 'expired'");
    expect_done({"keys", "delete", "1"}, "deleted 1 of 1 key");
}

// --- beside others

TEST_F(KeyChanges, ALockedKeyIsLeftToTheNextTimeAndAllOthersAreChanged) {
    given_keys(5, {.name = "x"});
    const Environment quick{{"KEYROTA_DATABASE_LOCK_TIMEOUT", "50ms"},
                            {"KEYROTA_LIMITS_MAX_TRIES", "1"}};
    const Arguments words{"keys", "deactivate", "--match", "x", "--yes"};
    {
        const Session holder = lock_key(3);
        const Outcome outcome = keyrota(words, quick);
        EXPECT_EQ(outcome.exit_code, 3);
        EXPECT_THAT(outcome.out,
                    AllOf(HasSubstr("deactivated 4 of 5 keys"),
                          HasSubstr("left 1 that other sessions hold locked; run it again")));
    }
    expect_done(words, "deactivated 1 of 5 keys");
    EXPECT_EQ(audited("key.deactivate"), 5);
}

TEST_F(KeyChanges, AKeyThatIsLockedForAMomentIsWaitedFor) {
    given_keys(3, {.name = "x"});
    std::optional<Session> holder(lock_key(2));
    Program change = start({"keys", "deactivate", "--match", "x", "--yes"},
                           {{"KEYROTA_DATABASE_LOCK_TIMEOUT", "1m"}});
    wait_until_blocked();
    holder.reset();
    const Outcome outcome = change.wait();
    EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
    EXPECT_EQ(keys_with_status("inactive").size(), 3U);
}

TEST_F(KeyChanges, AKeyThatChangedAfterTheLookIsJudgedAgain) {
    given_keys(2, {.name = "x", .expires_at = kNow + hours(24 * 365 * 50), .status = "inactive"});
    Session holder = lock_key(1);
    Program change = start({"keys", "activate", "--match", "x", "--yes"},
                           {{"KEYROTA_DATABASE_LOCK_TIMEOUT", "1m"}});
    wait_until_blocked();
    holder.execute_verbatim("expire",
                            "update keyrota.api_key_state set status = 'expired',"
                            " expires_at = '2026-01-01' where key_id = 1");
    holder.execute_verbatim("commit", "commit");
    const Outcome outcome = change.wait();
    EXPECT_EQ(outcome.exit_code, 3);
    EXPECT_THAT(outcome.out, HasSubstr("activated 1 of 2 keys"));
    EXPECT_EQ(text("select status from keyrota.api_key_state where key_id = 1"), "expired");
}

TEST_F(KeyChanges, TwoAtOnceChangeEveryKeyOnce) {
    given_keys(200, {.name = "x"});
    const Arguments words{"keys", "deactivate", "--match", "x", "--yes"};
    const Environment small{{"KEYROTA_LIMITS_BATCH_SIZE", "10"}};
    Program one = start(words, small);
    Program two = start(words, small);
    EXPECT_EQ(one.wait().exit_code, 0);
    EXPECT_EQ(two.wait().exit_code, 0);
    EXPECT_EQ(keys_with_status("inactive").size(), 200U);
    EXPECT_EQ(audited("key.deactivate"), 200);
    expect_trail_verifies();
}

}  // namespace
}  // namespace keyrota::test
