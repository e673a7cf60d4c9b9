// keyrota rotate and keyrota rotations; breach and leaver where there is a sink.

#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "support/key_console.h"

namespace keyrota::test {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class Rotations : public KeyConsole {
  protected:
    void SetUp() override {
        KeyConsole::SetUp();
        fs::create_directory(folder());
        ::chmod(folder().c_str(), 0700);
        given_sinks(fmt::format("[{{name: files, type: file, directory: {}}}]", folder().string()));
    }

    fs::path folder() { return scratch().path() / "secrets"; }
    void given_sinks(const std::string& sinks, const std::string& rotation = "sink: files") {
        environment()["KEYROTA_CONFIG"] = scratch().write(
            "keyrota.yaml", fmt::format("sinks: {}\npolicy: {{defaults: {{rotation: {{{}}}}}}}\n",
                                        sinks, rotation));
    }
    void given_broken_sink() {
        const fs::path script = scratch().write("sink.sh", "#!/bin/sh\nexit 1\n");
        ::chmod(script.c_str(), 0755);
        given_sinks(fmt::format("[{{name: files, type: exec, command: [{}]}}]", script.string()));
    }
    std::vector<std::string> rotations() {
        return texts(
            "select concat_ws(' ', key_id, reason, state, successor_id) from keyrota.rotation"
            " order by key_id, requested_at");
    }
    std::vector<std::string> keys() {
        return texts(
            "select concat_ws(' ', key_id, status, case when retire_at is not null then 'leaving'"
            " end) from keyrota.api_key_state order by key_id");
    }
    std::vector<std::string> files() {
        std::vector<std::string> found;
        for (const auto& entry : fs::directory_iterator(folder()))
            found.push_back(entry.path().filename());
        std::sort(found.begin(), found.end());
        return found;
    }
    /// All of a key but what no cancelling can undo.
    std::string row_of(std::int64_t key_id) {
        return text("select to_jsonb(k) from keyrota.key k where key_id = " +
                    std::to_string(key_id));
    }
};

TEST_F(Rotations, AKeyIsRotatedIntoItsPolicysSink) {
    given_key({.name = "billing"});
    expect_done({"rotate", "1"}, "rotated 1 of 1 key");
    EXPECT_THAT(rotations(), ElementsAre("1 manual delivered 2"));
    EXPECT_THAT(keys(), ElementsAre("1 active leaving", "2 active"));
    EXPECT_THAT(files(), ElementsAre("key-1.json"));
    expect_trail_verifies();
    expect_refused({"rotate", "1"}, "key 2 has taken its place", "HINT: `keyrota explain 1`");
    EXPECT_THAT(keyrota({"rotations", "list"}).out,
                AllOf(HasSubstr("delivered"), HasSubstr("files")));
    EXPECT_THAT(keyrota({"rotations", "show", "2"}).out, HasSubstr("successor id            2"));
    EXPECT_EQ(field(keyrota({"rotations", "show", "1", "--json"}), "key"),
              field(keyrota({"rotations", "list", "--json"}), "key"));
    EXPECT_THAT(field(keyrota({"rotations", "list", "--json"}), "overlap"), ElementsAre("7d"));
    EXPECT_THAT(keyrota({"audit", "show", "1"}).out, HasSubstr("overlap: 7d"));
}

TEST_F(Rotations, SelectsManyShowsThemAndAsks) {
    given_keys(3, {.name = "x"});
    given_key({.name = "off", .status = "inactive"});
    given_key({.name = "theirs", .source = "aws"});
    const auto before = fingerprint();
    const Outcome look = keyrota({"rotate", "--match", "*", "--dry-run"});
    EXPECT_THAT(look.out, AllOf(HasSubstr("would rotate 0 of 5"), HasSubstr("names no sink")))
        << "no rule was given to the keys as yet";
    EXPECT_EQ(fingerprint(), before);
    const auto json = object(keyrota({"rotate", "--match", "*", "--dry-run", "--json"}));
    EXPECT_TRUE(json->getValue<bool>("dry_run"));
    EXPECT_EQ(json->getValue<int>("selected"), 5);
    EXPECT_EQ(json->getArray("first_troubles")->size(), 5U);
    expect_refused({"rotate"}, "which keys?");
    EXPECT_EQ(keyrota({"rotate", "--match", "*"}).exit_code, 2) << "asks, and there is nobody";
    EXPECT_THAT(rotations(), IsEmpty());
    const Outcome done = keyrota({"rotate", "--match", "*", "--yes", "--overlap", "1d"});
    EXPECT_EQ(done.exit_code, 3) << "some were refused";
    EXPECT_THAT(done.out, AllOf(HasSubstr("rotated 3 of 5 keys"), HasSubstr("only native")));
    EXPECT_THAT(files(), SizeIs(3));
    EXPECT_EQ(number("select count(*) from keyrota.rotation where overlap = '1 day'"), 3);
    EXPECT_EQ(keyrota({"rotate", "--match", "*", "--yes", "--max-keys", "2"}).exit_code, 8);
}

TEST_F(Rotations, ByHandTheSecretIsShownOnATerminalOnly) {
    given_key({.name = "billing"});
    expect_refused({"rotate", "1", "--sink", "print"}, "this is not a terminal");
    expect_refused({"rotate", "1", "--sink", "fils"}, "there is no sink",
                   "Did you mean \"files\"?");
    const Outcome shown = keyrota_on_terminal({"rotate", "1", "--sink", "print"});
    EXPECT_EQ(shown.exit_code, 0);
    EXPECT_THAT(shown.out, HasSubstr("sk_live_"));
    EXPECT_THAT(rotations(), ElementsAre("1 manual delivered 2"));
    EXPECT_THAT(files(), IsEmpty());
}

TEST_F(Rotations, CancellingBringsThePredecessorBackExactly) {
    given_key({.name = "billing", .expires_at = *parse_timestamp("2099-01-01")});
    keyrota({"run", "flag-rotation"});
    const std::string before = row_of(1);
    ASSERT_EQ(keyrota({"rotate", "1"}).exit_code, 0);
    EXPECT_NE(row_of(1), before);
    execute(
        "insert into keyrota.api_key_activity values (2, now()) on conflict (key_id)"
        " do update set last_used_at = now()");
    expect_refused({"rotations", "cancel", "1"}, "was last used", "--yes");
    expect_done({"rotations", "cancel", "1", "--yes"}, "the key is as it was");
    EXPECT_EQ(row_of(1), before);
    EXPECT_THAT(keys(), ElementsAre("1 active", "2 expired"));
    EXPECT_THAT(rotations(), ElementsAre("1 manual cancelled 2"));
    expect_refused({"rotations", "cancel", "1", "--yes"}, "it has no unfinished one");
    expect_refused({"keys", "update", "2", "--expires-at", "never"}, "to succeed key 1");
    expect_trail_verifies();
    expect_done({"rotate", "1"}, "rotated 1 of 1");
}

TEST_F(Rotations, CancellingARegeneratedKeysOverlapGivesItsEndDateBack) {
    given_key({.name = "billing", .expires_at = *parse_timestamp("2099-01-01")});
    keyrota({"run", "flag-rotation"});
    const std::string before = row_of(1);
    ASSERT_EQ(keyrota({"keys", "regenerate", "1", "--overlap", "2d"}).exit_code, 0);
    expect_done({"rotations", "cancel", "1"}, "the key is as it was");
    EXPECT_EQ(row_of(1), before);
}

TEST_F(Rotations, HeldOnesStayAndFailedOnesAreTriedAgain) {
    given_key({.name = "billing"});
    given_broken_sink();
    const Outcome failed = keyrota({"rotate", "1"});
    EXPECT_EQ(failed.exit_code, 3);
    EXPECT_THAT(failed.out, HasSubstr("1 not delivered yet"));
    EXPECT_THAT(rotations(), ElementsAre("1 manual requested"));
    expect_refused({"rotations", "retry", "1"}, "it did not fail (requested)");
    execute("update keyrota.rotation set state = 'failed', retry_at = null");
    expect_refused({"rotate", "1"}, "its rotation failed");
    given_sinks(fmt::format("[{{name: files, type: file, directory: {}}}]", folder().string()));
    expect_done({"rotations", "retry", "1"}, "is tried again");
    expect_done({"rotations", "hold", "1"}, "is held");
    expect_done({"rotations", "hold", "1"}, "needs no change");
    EXPECT_EQ(keyrota({"run", "rotate-keys"}).exit_code, 0);
    EXPECT_THAT(rotations(), ElementsAre("1 manual requested"));
    expect_done({"rotations", "release", "1"}, "continues");
    EXPECT_EQ(keyrota({"run", "rotate-keys"}).exit_code, 0);
    EXPECT_THAT(rotations(), ElementsAre("1 manual delivered 3"));
    expect_trail_verifies();
}

// --- breach and leaver
// ----------------------------------------------------------------------------

TEST_F(Rotations, ABreachedKeyEndsAtOnceAndItsSuccessorIsDelivered) {
    given_key({.name = "leaked"});
    given_key({.name = "off", .status = "inactive"});
    const Outcome outcome = keyrota({"breach", "1", "2"});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.out << outcome.errors;
    EXPECT_THAT(outcome.out,
                AllOf(HasSubstr("ended 2 keys"), HasSubstr("1 successor was delivered")));
    EXPECT_THAT(keys(), ElementsAre("1 expired", "2 expired", "3 active"));
    EXPECT_THAT(files(), ElementsAre("key-1.json"));
    expect_refused({"keys", "activate", "1"}, "it was breached");
    expect_refused({"rotations", "cancel", "1"}, "the key was breached");
    EXPECT_EQ(keyrota({"run", "rotate-keys"}).exit_code, 0);
    EXPECT_THAT(rotations(), ElementsAre("1 breach retired 3", "2 breach retired"));
    expect_trail_verifies();
}

TEST_F(Rotations, ABreachEndsTheKeyEvenIfTheSinkTakesNothing) {
    given_key({.name = "leaked"});
    given_broken_sink();
    const Outcome outcome = keyrota({"breach", "1"});
    EXPECT_EQ(outcome.exit_code, 3);
    EXPECT_THAT(outcome.out, HasSubstr("1 not delivered yet"));
    EXPECT_THAT(keys_with_status("active"), IsEmpty());
    EXPECT_THAT(rotations(), ElementsAre("1 breach requested"));
    expect_refused({"rotations", "cancel", "1"}, "the key was breached");
    expect_refused({"keys", "update", "1", "--expires-at", "never"}, "it was breached");
    expect_refused({"keys", "regenerate", "2", "--yes"}, "it is expired");
}

TEST_F(Rotations, ABreachWithoutASinkIsMadeGoodOnceThereIsOne) {
    given_key({.name = "leaked"});
    environment().erase("KEYROTA_CONFIG");
    const Outcome outcome = keyrota({"breach", "1"});
    EXPECT_EQ(outcome.exit_code, 0);
    EXPECT_THAT(outcome.out, HasSubstr("1 without successors"));
    EXPECT_THAT(rotations(), ElementsAre("1 breach failed"));
    given_sinks(fmt::format("[{{name: files, type: file, directory: {}}}]", folder().string()));
    keyrota({"run", "rotate-keys"});  // gives the key its rule
    expect_done({"rotations", "retry", "1"}, "is tried again");
    EXPECT_EQ(keyrota({"run", "rotate-keys"}).exit_code, 0);
    EXPECT_THAT(files(), ElementsAre("key-1.json"));
}

TEST_F(Rotations, AKeyPastItsEndDateGetsNoSuccessorByABreach) {
    given_key({.name = "over", .expires_at = kNow});
    EXPECT_EQ(keyrota({"breach", "1"}).exit_code, 0);
    EXPECT_THAT(keys(), ElementsAre("1 expired"));
}

TEST_F(Rotations, ASuccessorThatWasNotDeliveredIsNotRotatedItself) {
    given_key({.name = "billing"});
    const fs::path script = scratch().write("sink.sh", "#!/bin/sh\nkill -9 $$\n");
    ::chmod(script.c_str(), 0755);
    given_sinks(fmt::format("[{{name: files, type: exec, command: [{}]}}]", script.string()));
    ASSERT_EQ(keyrota({"rotate", "1"}).exit_code, 3);
    EXPECT_THAT(rotations(), ElementsAre("1 manual created 2"));
    expect_refused({"rotate", "2", "--sink", "files"}, "was not delivered as yet");
    expect_refused({"keys", "regenerate", "2", "--yes"}, "was not delivered as yet");
    EXPECT_EQ(keyrota({"breach", "2"}).exit_code, 0);
    EXPECT_THAT(keys(), ElementsAre("1 active", "2 expired")) << "its predecessor gets another";
}

TEST_F(Rotations, ABreachHurriesARotationThatIsUnderWay) {
    given_key({.name = "leaked"});
    given_broken_sink();
    ASSERT_EQ(keyrota({"rotate", "1"}).exit_code, 3);
    execute("update keyrota.rotation set retry_at = null");
    given_sinks(fmt::format("[{{name: files, type: file, directory: {}}}]", folder().string()));
    EXPECT_EQ(keyrota({"breach", "1"}).exit_code, 0);
    EXPECT_THAT(rotations(), ElementsAre("1 breach delivered 3"));
    EXPECT_THAT(keys(), ElementsAre("1 expired", "2 expired", "3 active"));
}

TEST_F(Rotations, ALeaversKeysAreRotatedToTheFallbackOwner) {
    given_key({.name = "active"});
    given_key({.name = "inactive", .status = "inactive"});
    given_owner("ada@example.com");
    execute("update keyrota.api_key set owner_id = 1");
    given_owner("bo@example.com");
    const auto before = fingerprint();
    EXPECT_THAT(keyrota({"leaver", "1", "--to", "2", "--dry-run"}).out,
                HasSubstr("1 would be rotated"));
    EXPECT_EQ(fingerprint(), before);
    expect_done({"leaver", "1", "--to", "2"}, "2 handed to owner 2: 1 rotated, 0 switched off");
    EXPECT_THAT(keys(), ElementsAre("1 active leaving", "2 inactive", "3 active"));
    EXPECT_EQ(text("select owner_id from keyrota.api_key where key_id = 3"), "2");
    EXPECT_THAT(rotations(), ElementsAre("1 leaver delivered 3"));
    expect_trail_verifies();
    expect_done({"leaver", "1", "--to", "2"},
                "0 handed");  // gives the keys their new owner's rules
    const auto after = fingerprint();
    expect_done({"leaver", "1", "--to", "2"}, "0 handed");
    EXPECT_EQ(fingerprint(), after);
}

TEST_F(Rotations, ASuccessorOnItsWayOutlivesALeaver) {
    given_key({.name = "billing"});
    given_owner("ada@example.com");
    execute("update keyrota.api_key set owner_id = 1");
    given_owner("bo@example.com");
    const fs::path script = scratch().write("sink.sh", "#!/bin/sh\nkill -9 $$\n");
    ::chmod(script.c_str(), 0755);
    given_sinks(fmt::format("[{{name: files, type: exec, command: [{}]}}]", script.string()));
    ASSERT_EQ(keyrota({"rotate", "1"}).exit_code, 3);
    ASSERT_THAT(rotations(), ElementsAre("1 manual created 2"));
    EXPECT_THAT(keyrota({"leaver", "1", "--to", "2", "--dry-run"}).out,
                HasSubstr("1 would be rotated, 0 switched off"));
    expect_done({"leaver", "1", "--to", "2"}, "2 handed to owner 2: 1 rotated, 0 switched off");
    EXPECT_THAT(keys(), ElementsAre("1 active", "2 active")) << "the sink may have its secret";
    EXPECT_THAT(rotations(), ElementsAre("1 manual created 2")) << "it has no rotation of its own";
    EXPECT_EQ(number("select count(*) from keyrota.api_key where owner_id = 2"), 2);
    // One that is held, or was given up, is on its way no more.
    execute("update keyrota.api_key set owner_id = 1");
    execute("update keyrota.rotation set held = true");
    EXPECT_THAT(keyrota({"leaver", "1", "--to", "2", "--dry-run"}).out,
                HasSubstr("0 would be rotated, 2 switched off"));
    execute("update keyrota.rotation set state = 'failed', held = false, retry_at = null");
    expect_done({"leaver", "1", "--to", "2"}, "0 rotated, 2 switched off");
    expect_trail_verifies();
}

TEST_F(Rotations, WhatIsHeldDoesNotKeepALeaversSecretAlive) {
    given_key({.name = "waits"});
    given_key({.name = "is delivered"});
    given_key({.name = "was held once"});
    given_owner("ada@example.com");
    given_owner("bo@example.com");
    expect_done({"rotate", "2"}, "rotated 1 of 1");
    given_broken_sink();
    ASSERT_EQ(keyrota({"rotate", "1"}).exit_code, 3);
    ASSERT_EQ(keyrota({"rotate", "3"}).exit_code, 3);
    execute("update keyrota.rotation set retry_at = null");
    for (const char* key : {"1", "2", "3"}) expect_done({"rotations", "hold", key}, "is held");
    expect_done({"rotations", "cancel", "3"}, "");
    execute("update keyrota.api_key set owner_id = 1 where key_id <= 3");
    given_sinks(fmt::format("[{{name: files, type: file, directory: {}}}]", folder().string()));
    EXPECT_THAT(keyrota({"leaver", "1", "--to", "2", "--dry-run"}).out,
                HasSubstr("1 would be rotated, 2 switched off"));
    expect_done({"leaver", "1", "--to", "2"}, "3 handed to owner 2: 1 rotated, 2 switched off");
    EXPECT_EQ(texts("select status from keyrota.api_key_state where key_id <= 3 order by key_id"),
              (std::vector<std::string>{"inactive", "inactive", "active"}));
    EXPECT_EQ(text("select s.status from keyrota.rotation r join keyrota.api_key_state s"
                   " on s.key_id = r.successor_id where r.key_id = 2"),
              "active")
        << "what is delivered already goes on";
    expect_done({"rotations", "release", "1"}, "continues");
    EXPECT_EQ(keyrota({"run", "rotate-keys"}).exit_code, 0);
    EXPECT_EQ(text("select state from keyrota.rotation where key_id = 1"), "cancelled");
}

TEST_F(Rotations, WithoutAFallbackOwnerOrByWishALeaversKeysAreSwitchedOff) {
    given_key({.name = "a"});
    given_owner("ada@example.com");
    execute("update keyrota.api_key set owner_id = 1");
    given_owner("bo@example.com");
    expect_done({"leaver", "1", "--to", "2", "--deactivate"}, "0 rotated, 1 switched off");
    EXPECT_THAT(keys(), ElementsAre("1 inactive"));
    given_key({.name = "b"});
    execute("update keyrota.api_key set owner_id = 1 where key_id = 2");
    expect_done({"leaver", "1"}, "1 switched off; there is no fallback owner");
    EXPECT_THAT(files(), IsEmpty());
}

}  // namespace
}  // namespace keyrota::test
