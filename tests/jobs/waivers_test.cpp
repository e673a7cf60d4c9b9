// What a waiver does to findings, and what remains when it is over.

#include "support/database.h"

namespace keyrota::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using namespace std::chrono_literals;

constexpr auto kDay = std::chrono::hours(24);

class Waivers : public DatabaseTest {
  protected:
    /// A waiver in the table, with these columns besides; in force until `expires_at`.
    void given_waiver(const std::string& name, const std::string& checks,
                      const std::string& columns, const std::string& values,
                      Timestamp expires_at = kNow + 30 * kDay) {
        execute(
            "insert into keyrota.waiver (name, source, checks, reason, requested_by, approved_by,"
            " created_at, expires_at, " +
            columns + ") values ('" + name + "', 'command', '{" + checks +
            "}', 'moves in March', 'Ada', 'Grace', '2026-11-01', '" + to_string(expires_at) +
            "', " + values + ")");
    }
    /// Endless secret keys are old enough to be reported (KEY-NO-EXPIRY).
    std::int64_t given_endless(const std::string& name) {
        return given_key({.name = name, .created_at = kNow - 100 * kDay});
    }
    /// `name status` of the findings of KEY-NO-EXPIRY after a review.
    std::vector<std::string> reviewed(Timestamp as_of = kNow) {
        const RunReport report = run("review-permissions", as_of);
        EXPECT_TRUE(report.complete) << report.message;
        return states();
    }
    std::vector<std::string> states(const std::string& check = "KEY-NO-EXPIRY") {
        return texts(
            "select k.name || ' ' || f.status from keyrota.finding f join keyrota.api_key k using"
            " (key_id) where f.check_id = '" +
            check + "' order by k.key_id");
    }
    void end_waiver(const std::string& name, const std::string& why) {
        execute(
            "update keyrota.waiver set ended_at = created_at + interval '1 day', ended_why = '" +
            why + "' where name = '" + name + "'");
    }
    std::string rows_as_written() {
        return text(
            "select md5(string_agg(f::text || f.xmin, '' order by key_id, uid))"
            "  from keyrota.finding f");
    }
};

TEST_F(Waivers, AFindingThatAWaiverCoversIsWaivedFromItsFirstNightOn) {
    given_endless("covered");
    given_endless("other");
    given_waiver("legacy", "KEY-NO-EXPIRY", "names", "'{covered}'");
    EXPECT_THAT(reviewed(), ElementsAre("covered waived", "other open"));
}

TEST_F(Waivers, OpenAndAcknowledgedFindingsBecomeWaived) {
    given_endless("open");
    given_endless("acknowledged");
    reviewed();
    execute(
        "update keyrota.finding set status = 'acknowledged' where key_id ="
        " (select max(key_id) from keyrota.api_key)");
    given_waiver("legacy", "KEY-NO-EXPIRY", "environments", "'{production}'");
    EXPECT_THAT(reviewed(kNow + kDay), ElementsAre("open waived", "acknowledged waived"));
    EXPECT_EQ(number("select count(distinct episode) from keyrota.finding"
                     " where check_id = 'KEY-NO-EXPIRY' and episode = 1"),
              1);
}

TEST_F(Waivers, ItHoldsATickBeforeItsEndAndNotAtIt) {
    given_endless("covered");
    given_waiver("legacy", "KEY-NO-EXPIRY", "names", "'{covered}'", kNow + 10 * kDay);
    EXPECT_THAT(reviewed(kNow + 10 * kDay - 1us), ElementsAre("covered waived"));
    EXPECT_THAT(reviewed(kNow + 10 * kDay), ElementsAre("covered open"));
    EXPECT_EQ(text("select decided_by || ': ' || decided_why from keyrota.finding"
                   " where check_id = 'KEY-NO-EXPIRY'"),
              "Grace: was waived (legacy, approved by Grace): moves in March; expired "
              "2026-12-04T06:00:00Z");
    EXPECT_EQ(text("select (episode, waiver_id is null) from keyrota.finding"
                   " where check_id = 'KEY-NO-EXPIRY'"),
              "(1,t)");
}

TEST_F(Waivers, FindingsOfAnEndedWaiverReopenAndSayWhy) {
    given_endless("covered");
    given_waiver("legacy", "KEY-NO-EXPIRY", "names", "'{covered}'");
    reviewed();
    end_waiver("legacy", "moved early");
    EXPECT_THAT(reviewed(kNow + kDay), ElementsAre("covered open"));
    EXPECT_THAT(text("select decided_why from keyrota.finding where check_id = 'KEY-NO-EXPIRY'"),
                HasSubstr("moves in March; ended: moved early"));
}

TEST_F(Waivers, AWaiverThatNoLongerCoversAKeyLetsItsFindingReopen) {
    given_endless("covered");
    given_waiver("legacy", "KEY-NO-EXPIRY", "names", "'{covered}'");
    reviewed();
    execute("update keyrota.api_key set name = 'renamed'");
    EXPECT_THAT(reviewed(kNow + kDay), ElementsAre("renamed open"));
    EXPECT_THAT(text("select decided_why from keyrota.finding where check_id = 'KEY-NO-EXPIRY'"),
                HasSubstr("it covers this no longer"));
}

TEST_F(Waivers, AnUnchangedNightWritesNothingWhetherWaivedOrNot) {
    for (const char* name : {"a", "b", "c"}) given_endless(name);
    given_waiver("legacy", "KEY-NO-EXPIRY", "names", "'{a,b}'");
    reviewed();
    const std::string before = rows_as_written();
    EXPECT_THAT(reviewed(kNow + kDay), ElementsAre("a waived", "b waived", "c open"));
    EXPECT_EQ(rows_as_written(), before);
}

TEST_F(Waivers, OfSeveralWaiversTheOneThatLastsLongestCountsAndAnotherTakesItsPlace) {
    given_endless("covered");
    given_waiver("short", "KEY-NO-EXPIRY", "names", "'{covered}'", kNow + 5 * kDay);
    given_waiver("long", "KEY-NO-EXPIRY", "environments", "'{production}'", kNow + 9 * kDay);
    const auto by = [&] {
        return text(
            "select w.name from keyrota.finding join keyrota.waiver w using (waiver_id)"
            " where check_id = 'KEY-NO-EXPIRY' and status = 'waived'");
    };
    reviewed();
    EXPECT_EQ(by(), "long");
    end_waiver("long", "not needed");
    EXPECT_THAT(reviewed(kNow + kDay), ElementsAre("covered waived"));
    EXPECT_EQ(by(), "short");
}

TEST_F(Waivers, AllKindsThatAreGivenMustHold) {
    execute("insert into keyrota.team (team_id, name) values (1, 'Payments'), (2, 'Search')");
    execute(
        "insert into keyrota.owner (owner_id, name, email, team_id) values"
        " (1, 'Ada', 'Ada@Example.com', 1), (2, 'Bo', 'bo@example.com', 1),"
        " (3, 'Cy', 'cy@example.com', 2), (4, 'Di', null, null)");
    for (int owner = 1; owner <= 4; ++owner) {
        const std::int64_t key_id = given_endless("key" + std::to_string(owner));
        execute("update keyrota.api_key set owner_id = " + std::to_string(owner) +
                " where key_id = " + std::to_string(key_id));
    }
    const std::int64_t nobody = given_endless("key5");
    const auto waived = [&](const std::string& columns, const std::string& values) {
        execute(
            "update keyrota.waiver set ended_at = now(), ended_why = 'next' where ended_at is"
            " null");
        given_waiver("w", "KEY-NO-EXPIRY", columns, values);
        std::vector<std::string> names;
        for (const std::string& state : reviewed())
            if (state.ends_with(" waived")) names.push_back(state.substr(0, state.find(' ')));
        return names;
    };
    EXPECT_THAT(waived("teams", "'{Payments}'"), ElementsAre("key1", "key2"));
    EXPECT_THAT(waived("owners", "'{ada@example.com}'"), ElementsAre("key1"));
    EXPECT_THAT(waived("teams, names", "'{Payments}', '{*2,*3}'"), ElementsAre("key2"));
    EXPECT_THAT(waived("key_ids", "'{" + std::to_string(nobody) + ",99}'"), ElementsAre("key5"));
    EXPECT_THAT(waived("environments", "'{test}'"), IsEmpty());
    EXPECT_THAT(waived("names", "'{key?}'"), ElementsAre("key1", "key2", "key3", "key4", "key5"));
    EXPECT_THAT(waived("names, except_teams", "'{*}', '{Payments}'"),
                ElementsAre("key3", "key4", "key5"));
    EXPECT_THAT(waived("names, except_teams, except_names", "'{*}', '{Payments}', '{key1}'"),
                ElementsAre("key2", "key3", "key4", "key5"));
    EXPECT_THAT(waived("names, except_owners", "'{*}', '{cy@example.com}'"),
                ElementsAre("key1", "key2", "key4", "key5"));
    EXPECT_THAT(waived("names, except_environments", "'{*}', '{production}'"), IsEmpty());
    EXPECT_THAT(waived("names, except_key_ids", "'{*}', '{" + std::to_string(nobody) + "}'"),
                ElementsAre("key1", "key2", "key3", "key4"));
}

TEST_F(Waivers, InAGlobOnlyStarAndQuestionMarkAreSpecial) {
    for (const char* name : {"a%b", "a_b", "axb", "a\\b", "ab", "a.b"}) given_endless(name);
    const auto waived = [&](const std::string& glob) {
        execute("delete from keyrota.waiver");
        given_waiver("w", "KEY-NO-EXPIRY", "names", "array['" + glob + "']");
        reviewed();
        return texts(
            "select name from keyrota.api_key join keyrota.finding using (key_id)"
            " where check_id = 'KEY-NO-EXPIRY' and status = 'waived' order by name collate \"C\"");
    };
    EXPECT_THAT(waived("a%b"), ElementsAre("a%b"));
    EXPECT_THAT(waived("a_b"), ElementsAre("a_b"));
    EXPECT_THAT(waived("a\\b"), ElementsAre("a\\b"));
    EXPECT_THAT(waived("a.b"), ElementsAre("a.b"));
    EXPECT_THAT(waived("a?b"), ElementsAre("a%b", "a.b", "a\\b", "a_b", "axb"));
    EXPECT_THAT(waived("a*b"), ElementsAre("a%b", "a.b", "a\\b", "a_b", "ab", "axb"));
}

TEST_F(Waivers, FailOnIgnoresWhatIsWaivedInADryRunToo) {
    given_endless("covered");
    given_waiver("legacy", "KEY-NO-EXPIRY,KEY-OWNER-MISSING", "names", "'{covered}'",
                 kNow + 2 * kDay);
    const auto code = [&](Timestamp as_of, bool dry_run) {
        return run("review-permissions", as_of, {.dry_run = dry_run, .fail_on = 1}).exit_code;
    };
    EXPECT_EQ(code(kNow, true), ExitCode::done);
    EXPECT_EQ(code(kNow, false), ExitCode::done);
    EXPECT_EQ(code(kNow + kDay, true), ExitCode::done);
    EXPECT_EQ(code(kNow + 2 * kDay, true), ExitCode::findings);
    EXPECT_EQ(code(kNow + 2 * kDay, false), ExitCode::findings);
}

// The standing pass comes once a day; what a waiver changes must not wait for it.
TEST_F(Waivers, AnIncrementalCheckSeesAWaiverComeAndGoInItsNextRun) {
    given_key({.name = "soon", .expires_at = kNow + 20 * kDay});
    run("expire-keys", kNow);
    const auto state = [&] { return states("KEY-EXPIRES-SOON"); };
    EXPECT_THAT(state(), ElementsAre("soon open"));
    given_waiver("quiet", "KEY-EXPIRES-SOON", "names", "'{soon}'", kNow + 10min);
    const RunReport report = run("expire-keys", kNow + 5min);
    EXPECT_EQ(report.checks.at(1).pass, "incremental");
    EXPECT_EQ(report.checks.at(1).waived, 1);
    EXPECT_THAT(state(), ElementsAre("soon waived"));
    const std::string before = rows_as_written();
    run("expire-keys", kNow + 6min);
    EXPECT_EQ(rows_as_written(), before);
    run("expire-keys", kNow + 10min - 1us);
    EXPECT_THAT(state(), ElementsAre("soon waived"));
    run("expire-keys", kNow + 10min);
    EXPECT_THAT(state(), ElementsAre("soon open"));
}

TEST_F(Waivers, ANextStageOfAWaivedFindingStaysWaived) {
    given_key({.name = "soon", .expires_at = kNow + 20 * kDay});
    given_waiver("quiet", "KEY-EXPIRES-SOON", "names", "'{soon}'", kNow + 30 * kDay);
    run("expire-keys", kNow);
    run("expire-keys", kNow + 19 * kDay);
    EXPECT_THAT(states("KEY-EXPIRES-SOON"), ElementsAre("soon waived"));
    EXPECT_EQ(text("select severity from keyrota.finding"), "4");
}

TEST_F(Waivers, TheEndDateOfAKeyIsNeverWaived) {
    given_key({.name = "due", .expires_at = kNow});
    given_waiver("quiet", "KEY-EXPIRES-SOON", "names", "'{*}'");
    run("expire-keys", kNow);
    EXPECT_THAT(keys_with_status("expired"), ElementsAre("due"));
}

TEST_F(Waivers, TheTableRefusesWhatIsNeverWaivedWhoeverWritesIt) {
    for (const char* check : {"KEY-EXPIRED", "KEY-UNUSED,KEY-BREACHED", "KEY-ROTATED"})
        EXPECT_EQ(sqlstate_of([&] { given_waiver("w", check, "names", "'{*}'"); }), "23514")
            << check;
    EXPECT_EQ(sqlstate_of([&] { given_waiver("w", "KEY-UNUSED", "except_names", "'{*}'"); }),
              "23514");
}

TEST_F(Waivers, AWaivedFindingIsResolvedLikeAnyOtherAndIsWaivedAgainWhenItComesBack) {
    const std::int64_t key_id = given_endless("covered");
    given_waiver("legacy", "KEY-NO-EXPIRY", "names", "'{covered}'", kNow + 90 * kDay);
    reviewed();
    const auto ends = [&](const std::string& at) {
        execute("update keyrota.api_key_state set expires_at = " + at +
                " where key_id = " + std::to_string(key_id));
    };
    ends("'2028-01-01'");
    EXPECT_THAT(reviewed(kNow + kDay), ElementsAre("covered resolved"));
    ends("null");
    EXPECT_THAT(reviewed(kNow + 20 * kDay), ElementsAre("covered waived"));
}

TEST_F(Waivers, AFindingWaivedByHandIsLeftAlone) {
    given_endless("by hand");
    reviewed();
    execute("update keyrota.finding set status = 'waived'");
    EXPECT_THAT(reviewed(kNow + kDay), ElementsAre("by hand waived"));
}

TEST_F(Waivers, ADeletedKeyLeavesAFindingThatIsResolved) {
    const std::int64_t key_id = given_endless("gone");
    given_waiver("legacy", "KEY-NO-EXPIRY", "key_ids", "'{" + std::to_string(key_id) + "}'");
    reviewed();
    execute("delete from keyrota.api_key_state; delete from keyrota.api_key");
    run("review-permissions", kNow + kDay);
    EXPECT_EQ(text("select status from keyrota.finding where check_id = 'KEY-NO-EXPIRY'"),
              "resolved");
}

TEST_F(Waivers, ADryRunLeavesEverythingAsItIs) {
    given_endless("covered");
    reviewed();
    given_waiver("legacy", "KEY-NO-EXPIRY", "names", "'{covered}'");
    const auto before = fingerprint();
    const RunReport report = run("review-permissions", kNow + kDay, {.dry_run = true});
    EXPECT_EQ(fingerprint(), before);
    for (const CheckReport& check : report.checks)
        EXPECT_EQ(check.waived, check.check_id == "KEY-NO-EXPIRY" ? 1 : 0) << check.check_id;
}

}  // namespace
}  // namespace keyrota::test
