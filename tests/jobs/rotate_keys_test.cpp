// rotate-keys: successors are made, delivered and seen in use, predecessors retired.

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <thread>

#include "rotation/deliver.h"
#include "support/program.h"
#include "support/rotations.h"

namespace keyrota::test {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using namespace std::chrono_literals;

constexpr auto kDay = std::chrono::hours(24);

// A sink beside which something happens while it works.
class BusySink : public Sink {
  public:
    explicit BusySink(std::function<void()> meanwhile) : meanwhile_(std::move(meanwhile)) {}
    std::vector<SinkAnswer> deliver(const std::vector<SecretDelivery>& deliveries) override {
        meanwhile_();
        return std::vector<SinkAnswer>(deliveries.size());
    }

  private:
    std::function<void()> meanwhile_;
};

class RotateKeys : public DatabaseTest {
  protected:
    void SetUp() override {
        DatabaseTest::SetUp();
        fs::create_directory(folder());
        ::chmod(folder().c_str(), 0700);
        SinkOptions& files = config().sinks.emplace_back();
        files.name = "files";
        files.type = "file";
        files.directory = folder();
        PolicyRule& rule = config().policy.back();
        rule.rotation_action = "rotate";
        rule.rotation_sink = "files";
    }

    fs::path folder() { return scratch_.path() / "secrets"; }
    /// A sink that runs this as a shell script, with the secret on standard input.
    void given_script(const std::string& script) {
        const fs::path file = scratch_.path() / "sink.sh";
        std::ofstream(file) << "#!/bin/sh\n" << script;
        ::chmod(file.c_str(), 0755);
        SinkOptions script_sink;
        script_sink.name = "files";
        script_sink.type = "exec";
        script_sink.command = {file.string()};
        script_sink.timeout = 2s;
        config().sinks = {script_sink};
    }
    /// A key that is due for rotation.
    std::int64_t given_due(GivenKey key = {.name = "due"}) {
        key.created_at = kNow - 90 * kDay;
        return given_key(key);
    }
    void rotate_at(Timestamp as_of, ExitCode expected = ExitCode::done) {
        const RunReport report = run("rotate-keys", as_of);
        EXPECT_EQ(report.exit_code, expected) << report.message;
    }
    /// Requested by flag-rotation, and delivered.
    std::int64_t given_rotated() {
        const std::int64_t key_id = given_due();
        EXPECT_EQ(run("flag-rotation", kNow).exit_code, ExitCode::done);
        rotate_at(kNow);
        return key_id;
    }
    /// Key 1 is rotated into a sink that takes its secret while others do this.
    RotationOutcome rotate_meanwhile(const std::vector<std::string>& statements) {
        given_due();
        run("flag-rotation", kNow);
        execute("update keyrota.rotation set sink = 'print' where state = 'requested'");
        BusySink sink([&] {
            for (const std::string& sql : statements) execute(sql);
        });
        Session session = session_as("keyrota_runner");
        Delivering delivering{.session = session,
                              .config = config(),
                              .as_of = kNow,
                              .in_batch =
                                  [&](const std::function<void()>& work) {
                                      Transaction transaction(session);
                                      work();
                                      transaction.commit();
                                  },
                              .by_hand = &sink};
        RotationOutcome told;
        deliver_rotations(delivering, [&](const RotationOutcome& outcome) { told = outcome; });
        execute("update keyrota.rotation set sink = 'files' where state = 'requested'");
        return told;
    }
    void given_use(std::int64_t key_id, Timestamp used_at) {
        execute("insert into keyrota.api_key_activity values (" + std::to_string(key_id) +
                ", keyrota.instant(" + std::to_string(to_micros(used_at)) +
                ")) on conflict (key_id) do update set last_used_at = excluded.last_used_at");
    }
    /// `1 retired 2`: predecessor, state, successor.
    std::vector<std::string> rotations() {
        return texts(
            "select concat_ws(' ', key_id, state, successor_id) from keyrota.rotation"
            " order by key_id, requested_at");
    }
    std::vector<std::string> keys() {
        return texts(
            "select concat_ws(' ', key_id, status, case when retire_at is not null then 'leaving'"
            " end) from keyrota.api_key_state order by key_id");
    }
    std::vector<std::string> open(const std::string& check) {
        return texts(
            "select key_id || ' ' || severity from keyrota.finding where status = 'open'"
            " and check_id = '" +
            check + "' order by key_id");
    }
    std::string file(std::int64_t lineage_id) {
        std::ifstream in(folder() / ("key-" + std::to_string(lineage_id) + ".json"));
        return {std::istreambuf_iterator<char>(in), {}};
    }
    /// Each rotation is in the trail as it is in its table.
    void expect_trail_tells_the_table() {
        EXPECT_EQ(audit_fault(), "");
        EXPECT_EQ(number(kRotationsUntold), 0)
            << text("select string_agg(payload, e'\\n') from keyrota.audit_entry");
    }

    Scratch scratch_;
};

// --- from the request to the delivery
// -------------------------------------------------------------

TEST_F(RotateKeys, ADueKeyGetsASuccessorThatItsSinkHasBeforeTheOldOneBeginsToLeave) {
    const std::int64_t key_id = given_due({.name = "billing", .expires_at = kNow + 30 * kDay});
    run("flag-rotation", kNow);
    EXPECT_THAT(rotations(), ElementsAre("1 requested"));
    EXPECT_THAT(open("KEY-ROTATION-DUE"), IsEmpty()) << "acted";
    rotate_at(kNow);
    EXPECT_THAT(rotations(), ElementsAre("1 delivered 2"));
    EXPECT_THAT(keys(), ElementsAre("1 active leaving", "2 active"));
    EXPECT_EQ(
        text("select (s.expires_at = keyrota.instant(" +
             std::to_string(to_micros(kNow + 30 * kDay)) + "), retire_at - keyrota.instant(" +
             std::to_string(to_micros(kNow)) + ")) from keyrota.api_key_state s where key_id = 1"),
        "(t,\"7 days\")")
        << "the end date stays";
    EXPECT_THAT(file(key_id), AllOf(HasSubstr("\"secret\""), HasSubstr("sk_live_")));
    EXPECT_EQ(text("select (predecessor_id, lineage_id, name) from keyrota.api_key"
                   " where key_id = 2"),
              "(1,1,billing)");
    expect_trail_tells_the_table();
    const auto before = fingerprint();
    run("flag-rotation", kNow);
    EXPECT_THAT(rotations(), ElementsAre("1 delivered 2")) << "not rotated twice";
}

TEST_F(RotateKeys, WhatIsDeliveredIsWhatTheGatewayWillFind) {
    const std::int64_t key_id = given_rotated();
    const std::string json = file(key_id);
    const std::size_t begin = json.find("sk_live_");
    const std::string secret = json.substr(begin, json.find('"', begin) - begin);
    EXPECT_EQ(number("select key_id from keyrota.api_key_secret where secret_hash = sha256('" +
                     secret + "'::bytea)"),
              2);
    EXPECT_EQ(
        number("select count(*) from keyrota.audit_entry where payload like '%" + secret + "%'"),
        0);
}

TEST_F(RotateKeys, AKeyThatChangedSinceTheRequestIsLeftAlone) {
    given_due({.name = "expired"});
    given_due({.name = "off"});
    given_due({.name = "gone"});
    given_due({.name = "imported"});
    run("flag-rotation", kNow);
    execute("update keyrota.api_key_state set status = 'expired' where key_id = 1");
    execute("update keyrota.api_key_state set status = 'inactive' where key_id = 2");
    execute("delete from keyrota.api_key_state where key_id = 3");
    execute("delete from keyrota.api_key where key_id = 3");
    execute("update keyrota.api_key set source = 'aws' where key_id = 4");
    rotate_at(kNow);
    EXPECT_THAT(rotations(),
                ElementsAre("1 cancelled", "2 cancelled", "3 cancelled", "4 cancelled"));
    EXPECT_EQ(number("select count(*) from keyrota.api_key"), 3);
    expect_trail_tells_the_table();
}

TEST_F(RotateKeys, ADryRunAndAHeldRotationChangeNothing) {
    given_due();
    run("flag-rotation", kNow);
    const auto before = fingerprint();
    const RunReport report = run("rotate-keys", kNow, {.dry_run = true});
    EXPECT_EQ(report.checks.back().found, 1);
    EXPECT_EQ(fingerprint(), before);
    execute("update keyrota.rotation set held = true");
    rotate_at(kNow);
    EXPECT_THAT(rotations(), ElementsAre("1 requested"));
}

// --- sinks that fail
// ------------------------------------------------------------------------------

TEST_F(RotateKeys, ARefusedSecretEndsItsKeyAndIsTriedAgainLaterAndAtLastGivenUp) {
    given_script("echo 'no room' >&2; exit 4\n");
    given_due();
    run("flag-rotation", kNow);
    Timestamp at = kNow;
    for (std::int64_t tries = 1; tries <= kMostTries; ++tries) {
        rotate_at(at, ExitCode::partial);
        EXPECT_EQ(number("select tries from keyrota.rotation"), tries);
        const Timestamp next = at + pause_after_tries(tries);
        rotate_at(next - 1us);
        EXPECT_EQ(number("select tries from keyrota.rotation"), tries) << "not before its time";
        at = next;
    }
    EXPECT_THAT(rotations(), ElementsAre("1 failed"));
    EXPECT_THAT(text("select failure from keyrota.rotation"), HasSubstr("no room"));
    EXPECT_EQ(number("select count(*) from keyrota.api_key_state where status = 'active'"), 1)
        << "the predecessor, as it was";
    EXPECT_EQ(text("select retire_at is null from keyrota.api_key_state where key_id = 1"), "true");
    rotate_at(at);
    EXPECT_THAT(open("KEY-ROTATION-FAILED"), ElementsAre("1 4"));
    EXPECT_THAT(open("KEY-ROTATION-DUE"), IsEmpty());
    expect_trail_tells_the_table();
}

TEST_F(RotateKeys, ASecretThatMayHaveArrivedIsReplacedByOneThatDidBeforeItsKeyEnds) {
    given_script("cat > " + (scratch_.path() / "got").string() + "; sleep 30\n");
    given_due();
    run("flag-rotation", kNow);
    rotate_at(kNow, ExitCode::partial);
    EXPECT_THAT(rotations(), ElementsAre("1 created 2"));
    EXPECT_THAT(keys(), ElementsAre("1 active", "2 active")) << "it may be in use by now";
    given_script("cat > " + (scratch_.path() / "got").string() + "\n");
    rotate_at(kNow + 15min);
    EXPECT_THAT(rotations(), ElementsAre("1 delivered 3"));
    EXPECT_THAT(keys(), ElementsAre("1 active leaving", "2 expired", "3 active"));
    expect_trail_tells_the_table();
}

TEST_F(RotateKeys, ASuccessorThatEndsWhileItsSinkWorksIsReplaced) {
    for (const char* end : {"set status = 'expired', expires_at = keyrota.instant(1)",
                            "set status = 'inactive', deactivated_at = keyrota.instant(1)",
                            "set expires_at = keyrota.instant(1)"}) {
        SCOPED_TRACE(end);
        const RotationOutcome outcome =
            rotate_meanwhile({std::string("update keyrota.api_key_state ") + end +
                              " where key_id = (select successor_id from keyrota.rotation where"
                              " state = 'created')"});
        EXPECT_EQ(outcome.kind, RotationOutcome::Kind::postponed);
        EXPECT_EQ(outcome.successor_id, 0);
        EXPECT_EQ(text("select concat_ws(' ', state, tries, successor_id) from keyrota.rotation"
                       " where state <> 'delivered'"),
                  "requested 1");
        rotate_at(kNow + 15min);
    }
    EXPECT_THAT(rotations(), ElementsAre("1 delivered 3", "4 delivered 6", "7 delivered 9"));
    EXPECT_THAT(keys(), ElementsAre("1 active leaving", "2 expired", "3 active",  //
                                    "4 active leaving", "5 expired", "6 active",  //
                                    "7 active leaving", "8 expired", "9 active"));
    expect_trail_tells_the_table();
}

TEST_F(RotateKeys, ASuccessorThatIsDeletedWhileItsSinkWorksIsReplaced) {
    rotate_meanwhile({"delete from keyrota.api_key_secret where key_id = 2",
                      "delete from keyrota.api_key_state where key_id = 2",
                      "delete from keyrota.api_key_activity where key_id = 2",
                      "delete from keyrota.api_key where key_id = 2"});
    EXPECT_THAT(rotations(), ElementsAre("1 requested"));
    rotate_at(kNow + 15min);
    EXPECT_THAT(rotations(), ElementsAre("1 delivered 3"));
}

TEST_F(RotateKeys, AKeyThatIsSwitchedOffWhileASinkHasItsSuccessorIsLeftAlone) {
    const RotationOutcome outcome = rotate_meanwhile(
        {"update keyrota.api_key_state set status = 'inactive', deactivated_at = now()"
         " where key_id = 1"});
    EXPECT_EQ(outcome.kind, RotationOutcome::Kind::cancelled);
    EXPECT_EQ(outcome.words, "it is inactive, and its successor would be active");
    EXPECT_THAT(rotations(), ElementsAre("1 cancelled 2"));
    EXPECT_THAT(keys(), ElementsAre("1 inactive", "2 expired"));
    rotate_at(kNow + 15min);
    EXPECT_THAT(rotations(), ElementsAre("1 cancelled 2"));
    expect_trail_tells_the_table();
}

TEST_F(RotateKeys, AKeyThatIsDeletedWhileASinkHasItsSuccessorHasNone) {
    const RotationOutcome outcome =
        rotate_meanwhile({"delete from keyrota.api_key_secret where key_id = 1",
                          "delete from keyrota.api_key_state where key_id = 1",
                          "delete from keyrota.api_key_activity where key_id = 1",
                          "delete from keyrota.api_key where key_id = 1"});
    EXPECT_EQ(outcome.kind, RotationOutcome::Kind::cancelled);
    EXPECT_THAT(rotations(), ElementsAre("1 cancelled 2"));
    EXPECT_THAT(keys(), ElementsAre("2 expired"));
}

TEST_F(RotateKeys, AKeyThatExpiresWhileASinkHasItsSuccessorHasThatInItsPlace) {
    EXPECT_EQ(rotate_meanwhile({"update keyrota.api_key_state set status = 'expired', expires_at ="
                                " keyrota.instant(1) where key_id = 1"})
                  .kind,
              RotationOutcome::Kind::delivered);
    EXPECT_THAT(keys(), ElementsAre("1 expired", "2 active"));
}

// A program takes its time for each secret, and it is looked every ten of them.
TEST_F(RotateKeys, ASecretWhoseKeyEndedMeanwhileIsNotGivenToAProgram) {
    const std::string got = (scratch_.path() / "got").string();
    given_script("cat > /dev/null; echo >> " + got + "; while [ ! -e " + got + ".on ]; do" +
                 " sleep 0.01; done\n");
    for (int i = 0; i < 12; ++i) given_due();
    run("flag-rotation", kNow);
    Session other = session_as("keyrota_owner");
    std::thread meanwhile([&] {
        while (!fs::exists(got)) std::this_thread::sleep_for(10ms);
        other.execute_verbatim("off",
                               "update keyrota.api_key_state set status = 'inactive',"
                               " deactivated_at = now() where key_id = 11");
        std::ofstream(got + ".on");
    });
    rotate_at(kNow);
    meanwhile.join();
    std::ifstream in(got);
    EXPECT_EQ(std::count(std::istreambuf_iterator<char>(in), {}, '\n'), 11);
    EXPECT_EQ(text("select state from keyrota.rotation where key_id = 11"), "cancelled");
    EXPECT_EQ(number("select count(*) from keyrota.rotation where state = 'delivered'"), 11);
    expect_trail_tells_the_table();
}

TEST_F(RotateKeys, ASinkThatTakesNothingIsLeftInPeaceForTheRestOfTheRun) {
    given_script("exit 1\n");
    config().limits.batch_size = 2;
    for (int i = 0; i < 5; ++i) given_due();
    run("flag-rotation", kNow);
    rotate_at(kNow, ExitCode::partial);
    EXPECT_EQ(number("select count(*) from keyrota.rotation where tries = 1"), 2);
}

TEST_F(RotateKeys, WithoutItsSinkARotationFailsAtOnce) {
    given_due();
    run("flag-rotation", kNow);
    config().sinks.clear();
    rotate_at(kNow, ExitCode::partial);
    EXPECT_THAT(rotations(), ElementsAre("1 failed"));
    EXPECT_EQ(text("select failure from keyrota.rotation"), "no sink is called files");
}

// --- retirement
// -----------------------------------------------------------------------------------

TEST_F(RotateKeys, APredecessorIsRetiredWhenItsSuccessorIsInUseAndItIsSilentAndNotATickBefore) {
    const std::int64_t old = given_rotated();
    given_usage_known(kNow - 100 * kDay, kNow + 20 * kDay);
    given_use(2, kNow + 1h);
    given_use(old, kNow + 6 * kDay);
    rotate_at(kNow + 1h);
    EXPECT_THAT(rotations(), ElementsAre("1 verified 2"));
    EXPECT_THAT(open("KEY-ROTATED"), ElementsAre("1 1"));
    rotate_at(kNow + 7 * kDay - 1us);
    EXPECT_THAT(keys(), ElementsAre("1 active leaving", "2 active"));
    rotate_at(kNow + 7 * kDay);
    EXPECT_THAT(keys(), ElementsAre("1 expired", "2 active"));
    EXPECT_EQ(
        text("select expires_at = keyrota.instant(" + std::to_string(to_micros(kNow + 7 * kDay)) +
             ") from keyrota.api_key_state where key_id = 1"),
        "true");
    EXPECT_THAT(rotations(), ElementsAre("1 retired 2"));
    EXPECT_THAT(open("KEY-ROTATED"), IsEmpty());
    EXPECT_THAT(texts("select action from keyrota.audit_entry where key_id = 1"
                      " and action ~ 'request|rotate|retire' order by entry_id"),
                ElementsAre("rotation.request", "key.retire"))
        << "by the names that commands write, too";
    expect_trail_tells_the_table();
}

TEST_F(RotateKeys, SilenceIsCountedToTheTick) {
    const std::int64_t old = given_rotated();
    given_usage_known(kNow - 100 * kDay, kNow + 20 * kDay);
    given_use(2, kNow + 1h);
    given_use(old, kNow + 8 * kDay);
    rotate_at(kNow + 9 * kDay - 1us);
    EXPECT_THAT(keys(), ElementsAre("1 active leaving", "2 active"));
    EXPECT_THAT(open("KEY-RETIRE-BLOCKED"), ElementsAre("1 4"));
    EXPECT_THAT(rotations(), ElementsAre("1 retiring 2"));
    rotate_at(kNow + 9 * kDay);
    EXPECT_THAT(keys(), ElementsAre("1 expired", "2 active"));
    EXPECT_THAT(open("KEY-RETIRE-BLOCKED"), IsEmpty());
}

TEST_F(RotateKeys, NothingIsRetiredWhileUsageIsNotKnownNorBeforeTheSuccessorIsUsed) {
    given_rotated();
    given_use(2, kNow + 1h);
    rotate_at(kNow + 8 * kDay);
    EXPECT_THAT(keys(), ElementsAre("1 active leaving", "2 active")) << "nobody reports usage";
    given_usage_known(kNow + 7 * kDay + 1us, kNow + 20 * kDay);
    rotate_at(kNow + 8 * kDay + 30min);
    EXPECT_THAT(keys(), ElementsAre("1 expired", "2 active"));

    execute("delete from keyrota.api_key_activity where key_id = 2");
    const std::int64_t other = given_due({.name = "other"});
    run("flag-rotation", kNow + 8 * kDay + 40min);
    rotate_at(kNow + 8 * kDay + 45min);
    rotate_at(kNow + 18 * kDay);
    EXPECT_EQ(
        text("select status from keyrota.api_key_state where key_id = " + std::to_string(other)),
        "active")
        << "its successor was never used";
}

TEST_F(RotateKeys, APolicyMayRetireWithoutEvidenceButNeverBeforeTheOverlapOrWithoutASuccessor) {
    config().policy.back().rotation_still_used = "retire";
    const std::int64_t old = given_rotated();
    given_use(old, kNow + 7 * kDay);
    rotate_at(kNow + 7 * kDay - 1us);
    EXPECT_THAT(keys(), ElementsAre("1 active leaving", "2 active"));
    execute("update keyrota.api_key_state set status = 'inactive' where key_id = 2");
    rotate_at(kNow + 7 * kDay);
    EXPECT_THAT(keys(), ElementsAre("1 active leaving", "2 inactive"));
    execute("update keyrota.api_key_state set status = 'active' where key_id = 2");
    rotate_at(kNow + 7 * kDay + 1us);
    EXPECT_THAT(keys(), ElementsAre("1 expired", "2 active"));
}

TEST_F(RotateKeys, APredecessorWhoseSuccessorWasReplacedInTurnIsRetiredAllTheSame) {
    given_rotated();
    given_usage_known(kNow - 100 * kDay, kNow + 20 * kDay);
    given_use(2, kNow + 1h);
    execute(
        "insert into keyrota.rotation (key_id, token, successor_id, reason, state, delivered_at)"
        " values (2, gen_random_uuid(), 1, 'manual', 'retired', now())");
    execute("update keyrota.api_key_state set status = 'expired' where key_id = 2");
    rotate_at(kNow + 8 * kDay);
    EXPECT_THAT(keys(), ElementsAre("1 expired", "2 expired"));
}

TEST_F(RotateKeys, APredecessorWithoutASuccessorThatWorksIsNotRetiredAndNotSilently) {
    given_rotated();
    given_usage_known(kNow - 100 * kDay, kNow + 20 * kDay);
    given_use(2, kNow + 1h);
    execute("update keyrota.api_key_state set status = 'inactive' where key_id = 2");
    rotate_at(kNow + 8 * kDay);
    EXPECT_THAT(keys(), ElementsAre("1 active leaving", "2 inactive"));
    EXPECT_THAT(open("KEY-RETIRE-BLOCKED"), ElementsAre("1 4"));
}

TEST_F(RotateKeys, SilenceCountsOnlyUpToWhereUsageIsKnown) {
    given_rotated();
    given_use(2, kNow + 1h);
    given_use(1, kNow + 6 * kDay);
    given_usage_known(kNow - 100 * kDay, kNow + 7 * kDay - 1us);
    rotate_at(kNow + 7 * kDay + 1h);
    EXPECT_THAT(keys(), ElementsAre("1 active leaving", "2 active")) << "a tick is not known";
    given_usage_known(kNow - 100 * kDay, kNow + 7 * kDay);
    rotate_at(kNow + 7 * kDay + 2h);
    EXPECT_THAT(keys(), ElementsAre("1 expired", "2 active"));
}

TEST_F(RotateKeys, TheOwnerIsWarnedThreeDaysAndOneDayBeforeAndNotATickBefore) {
    given_rotated();
    rotate_at(kNow + 4 * kDay - 1us);
    EXPECT_THAT(open("KEY-RETIRES-SOON"), IsEmpty());
    rotate_at(kNow + 4 * kDay);
    EXPECT_THAT(open("KEY-RETIRES-SOON"), ElementsAre("1 2"));
    rotate_at(kNow + 6 * kDay);
    EXPECT_THAT(open("KEY-RETIRES-SOON"), ElementsAre("1 3"));
    rotate_at(kNow + 7 * kDay);
    EXPECT_THAT(open("KEY-RETIRES-SOON"), IsEmpty());
}

TEST_F(RotateKeys, WhoStillCallsIsNamed) {
    const std::int64_t old = given_rotated();
    given_use(old, kNow + 8 * kDay);
    for (const char* seen : {"0", "864000"})
        execute(std::string("insert into keyrota.usage_network (key_id, network, first_seen_at,"
                            " last_seen_at, first_hour_requests) values (1, ") +
                (seen[1] == 0 ? "'192.0.2.0/24'" : "'198.51.100.0/24'") +
                ", keyrota.instant(0), keyrota.instant(" + std::to_string(to_micros(kNow)) +
                ") + interval '1 second' * " + seen + ", 1)");
    rotate_at(kNow + 8 * kDay + 1h);
    EXPECT_EQ(text("select evidence ->> 'networks' from keyrota.finding"
                   " where check_id = 'KEY-RETIRE-BLOCKED'"),
              R"(["198.51.100.0/24"])");
}

TEST_F(RotateKeys, TheBlastRadiusHoldsForRequestsAndForRetirements) {
    for (int i = 0; i < 21; ++i) given_due();
    const RunReport flagged = run("flag-rotation", kNow);
    EXPECT_EQ(flagged.exit_code, ExitCode::blast_radius);
    EXPECT_THAT(rotations(), IsEmpty());
    EXPECT_EQ(run("flag-rotation", kNow, {.max_actions = 21}).exit_code, ExitCode::done);
    config().policy.back().rotation_still_used = "retire";
    rotate_at(kNow);
    rotate_at(kNow + 7 * kDay, ExitCode::blast_radius);
    EXPECT_THAT(keys_with_status("expired"), IsEmpty());
}

TEST_F(RotateKeys, AKeyThatExpiresInItsOverlapEndsTheRotation) {
    given_due({.name = "due", .expires_at = kNow + 2 * kDay});
    run("flag-rotation", kNow);
    rotate_at(kNow);
    EXPECT_EQ(text("select retire_at = expires_at from keyrota.api_key_state where key_id = 1"),
              "true");
    run("expire-keys", kNow + 2 * kDay);
    rotate_at(kNow + 2 * kDay + 1us);
    EXPECT_THAT(rotations(), ElementsAre("1 retired 2"));
    EXPECT_THAT(keys(), ElementsAre("1 expired leaving", "2 active"));
}

TEST_F(RotateKeys, APolicyThatOnlyFlagsAsksForNothing) {
    config().policy.back().rotation_action = "flag";
    given_due();
    run("flag-rotation", kNow);
    EXPECT_THAT(rotations(), IsEmpty());
    EXPECT_THAT(open("KEY-ROTATION-DUE"), ElementsAre("1 4"));
}

TEST_F(RotateKeys, TwoDeliverersAtOnceDeliverEachRotationOnce) {
    config().limits.batch_size = 5;
    for (int i = 0; i < 20; ++i) given_due();
    run("flag-rotation", kNow);
    // What another one is delivering just now is left to it.
    Session other = session_as("keyrota_runner");
    const Row me = other.one({"me",
                              "select pid::bigint as pid, backend_start::text as start"
                              "  from pg_stat_activity where pid = pg_backend_pid()"});
    const std::string pid = std::to_string(me.int64("pid"));
    execute("update keyrota.rotation set state = 'created', claimed_pid = " + pid +
            ", claimed_start = '" + me.text("start") + "' where key_id = 7");
    rotate_at(kNow);
    EXPECT_EQ(number("select count(*) from keyrota.rotation where state = 'delivered'"), 19);
    EXPECT_EQ(number("select key_id from keyrota.rotation where state = 'created'"), 7);
    { Session gone = std::move(other); }
    EXPECT_TRUE(eventually(
        [&] { return number("select count(*) from pg_stat_activity where pid = " + pid) == 0; }));
    rotate_at(kNow + 1us);
    EXPECT_EQ(number("select count(*) from keyrota.rotation where state = 'delivered'"), 20);
}

}  // namespace
}  // namespace keyrota::test
