// Samples become figures: each counted exactly once, whoever commits when.

#include <fmt/format.h>

#include "catalog.h"
#include "support/database.h"

namespace keyrota::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using namespace std::chrono_literals;

struct GivenSample {
    std::int64_t key_id = 1;
    std::string at = "date_trunc('hour', now()) - interval '3 hours'";  // SQL
    std::string gateway = "edge";
    std::int64_t requests = 1;
    std::int64_t client_errors = 0;
    std::int64_t rate_limited = 0;
    std::string scope = "read:analytics";
    std::string network = "10.1.2.0/24";
    std::string auth = "header";
    bool browser = false;
};

std::string insertion(const GivenSample& s) {
    return fmt::format(
        "insert into keyrota.usage_sample (key_id, at, gateway, requests, client_errors,"
        " rate_limited, scope, network, auth, browser) values ({}, {}, '{}', {}, {}, {},"
        " nullif('{}', ''), nullif('{}', '')::cidr, '{}', {})",
        s.key_id, s.at, s.gateway, s.requests, s.client_errors, s.rate_limited, s.scope, s.network,
        s.auth, s.browser);
}

class RollupUsage : public DatabaseTest {
  protected:
    void given_sample(const GivenSample& sample) { execute(insertion(sample)); }
    RunReport roll_up(ExitCode expected = ExitCode::done) {
        Interruption interruption;
        const RunReport report = run_job(find_job("rollup-usage"), {}, config(), interruption);
        EXPECT_EQ(report.exit_code, expected) << report.message;
        return report;
    }
    static const CheckReport& step(const RunReport& report, const std::string& name) {
        for (const CheckReport& check : report.checks)
            if (check.check_id == name) return check;
        throw std::runtime_error("no such step: " + name);
    }
    std::string sums() {
        return text(
            "select (sum(requests), sum(client_errors), sum(rate_limited), sum(query_auth),"
            " sum(browser_requests)) from keyrota.usage_hour");
    }
    std::int64_t requests() {
        return number("select coalesce(sum(requests), 0) from keyrota.usage_hour");
    }
    void complete_until(const std::string& instant) {
        execute("update keyrota.usage_watermark set complete_until = " + instant);
    }
};

TEST_F(RollupUsage, CountsEverySampleOnceAndOnlyOnce) {
    given_sample({.requests = 5, .client_errors = 2, .auth = "query"});
    given_sample({.requests = 3, .rate_limited = 1, .scope = "admin", .browser = true});
    EXPECT_EQ(step(roll_up(), "roll-up").applied, 2);
    EXPECT_EQ(sums(), "(8,2,1,5,3)");
    EXPECT_EQ(step(roll_up(), "roll-up").applied, 0);
    EXPECT_EQ(sums(), "(8,2,1,5,3)");
    given_sample({.requests = 1});
    roll_up();
    EXPECT_EQ(sums(), "(9,2,1,5,3)");
    EXPECT_EQ(number("select count(*) from keyrota.usage_hour"), 1);
}

TEST_F(RollupUsage, AWriterThatCommitsLateIsCountedWithWhatCameAfterIt) {
    Session slow = session_as("keyrota_gateway");
    {
        Transaction open(slow);
        slow.execute_verbatim("slow", insertion({.requests = 100}));
        given_sample({.requests = 1});
        roll_up();
        EXPECT_EQ(requests(), 0) << "what came after an open transaction waits for it";
        open.commit();
    }
    roll_up();
    EXPECT_EQ(requests(), 101);
    roll_up();
    EXPECT_EQ(requests(), 101);
}

TEST_F(RollupUsage, IsCompleteUpToABoundBelowWhichNobodyIsOpen) {
    roll_up();
    EXPECT_EQ(text("select complete_until > now() - interval '1 minute' from"
                   " keyrota.usage_watermark"),
              "true");
    const std::string before = text("select complete_until from keyrota.usage_watermark");
    Session slow = session_as("keyrota_gateway");
    Transaction open(slow);
    slow.execute_verbatim("slow", insertion({}));
    roll_up();
    EXPECT_EQ(text("select complete_until from keyrota.usage_watermark"), before);
}

TEST_F(RollupUsage, AnHourThatIsOverGetsItsBusiestMinuteOnce) {
    const std::string hour = "date_trunc('hour', now()) - interval '3 hours'";
    given_sample({.at = hour + " + interval '5 minutes'", .requests = 4});
    given_sample({.at = hour + " + interval '7 minutes 1 second'", .requests = 3});
    given_sample({.at = hour + " + interval '7 minutes 59 seconds'", .requests = 3});
    given_sample({.at = hour + " + interval '9 minutes'", .requests = 6});
    EXPECT_EQ(step(roll_up(), "close-hours").applied, 1);
    const std::string peak =
        "select (peak_minute, peak_minute_at - hour, requests, late_requests) from"
        " keyrota.usage_hour";
    EXPECT_EQ(text(peak), "(6,00:07:00,16,0)") << "the first of two alike";
    given_sample({.at = hour + " + interval '9 minutes'", .requests = 50, .client_errors = 7});
    roll_up();
    EXPECT_EQ(text(peak), "(6,00:07:00,66,50)") << "what is late is counted, and marked";
    EXPECT_EQ(number("select late_client_errors from keyrota.usage_hour"), 7);
}

TEST_F(RollupUsage, AnHourClosesAtItsTimeAndNotATickBefore) {
    given_sample({.at = "timestamptz '2100-01-01 05:20Z'", .requests = 7});
    complete_until("timestamptz '2100-01-01 06:10Z' - interval '1 microsecond'");
    roll_up();
    EXPECT_EQ(text("select peak_minute from keyrota.usage_hour"), "NULL");
    complete_until("timestamptz '2100-01-01 06:10Z'");
    roll_up();
    EXPECT_EQ(text("select peak_minute from keyrota.usage_hour"), "7");
    EXPECT_EQ(text("select closed_until from keyrota.usage_watermark"), "2100-01-01 06:00:00+00");
    EXPECT_EQ(number("select count(*) from keyrota.usage_open_hour"), 0);
}

TEST_F(RollupUsage, AClockThatIsADayAheadMakesNoUseInTheFuture) {
    const std::int64_t key = given_key({.name = "k"});
    execute("insert into keyrota.api_key_activity (key_id) select key_id from keyrota.api_key");
    given_sample({.key_id = key, .at = "now() + interval '1 day'", .requests = 2});
    roll_up();
    EXPECT_EQ(requests(), 2) << "kept";
    EXPECT_EQ(text("select last_used_at <= now() from keyrota.api_key_activity"), "true");
    EXPECT_EQ(text("select last_seen_at <= now() from keyrota.usage_gateway"), "true");
    EXPECT_EQ(text("select peak_minute from keyrota.usage_hour"), "NULL") << "its hour is to come";
    EXPECT_EQ(number("select count(*) from keyrota.usage_open_hour"), 1);
}

TEST_F(RollupUsage, AClockThatIsADayBehindShowsAsSilence) {
    given_sample({.at = "now() - interval '1 day'"});
    roll_up();
    EXPECT_EQ(text("select last_seen_at < now() - interval '23 hours' from keyrota.usage_gateway"),
              "true");
}

TEST_F(RollupUsage, AGatewayThatReportsIsKnownAndExpectedFromThenOn) {
    given_sample({.gateway = "edge-1"});
    given_sample({.at = "now()", .gateway = "edge-2"});
    roll_up();
    EXPECT_THAT(texts("select name || ' ' || expected || ' ' || (since_at is not null) from"
                      " keyrota.usage_gateway order by name"),
                ElementsAre("edge-1 true true", "edge-2 true true"));
}

TEST_F(RollupUsage, LastUseMovesByMoreThanAMinute) {
    const std::int64_t key = given_key({.name = "k"});
    execute("insert into keyrota.api_key_activity (key_id) select key_id from keyrota.api_key");
    const std::string used =
        "select last_used_at - timestamptz '2026-11-01' from keyrota.api_key_activity";
    const auto at = [&](const char* after) {
        given_sample(
            {.key_id = key, .at = fmt::format("timestamptz '2026-11-01' + interval '{}'", after)});
        roll_up();
        return text(used);
    };
    EXPECT_EQ(at("10 minutes"), "00:10:00");
    EXPECT_EQ(at("11 minutes"), "00:10:00");
    EXPECT_EQ(at("11 minutes 1 microsecond"), "00:11:00.000001");
    EXPECT_EQ(at("1 minute"), "00:11:00.000001") << "and never back";
}

TEST_F(RollupUsage, ScopesMoveByAnHourAndAreSixtyFourAKey) {
    for (int i = 0; i < 70; ++i) given_sample({.scope = fmt::format("scope-{:02}", i)});
    given_sample({.scope = ""});
    roll_up();
    EXPECT_EQ(number("select count(*) from keyrota.usage_scope"), 64);
    given_sample({.key_id = 2, .at = "timestamptz '2026-11-01 10:00Z'", .scope = "admin"});
    roll_up();
    given_sample({.key_id = 2, .at = "timestamptz '2026-11-01 11:00Z'", .scope = "admin"});
    roll_up();
    const std::string last =
        "select last_used_at at time zone 'UTC' from keyrota.usage_scope where key_id = 2";
    EXPECT_EQ(text(last), "2026-11-01 10:00:00");
    given_sample({.key_id = 2, .at = "timestamptz '2026-11-01 11:00:01Z'", .scope = "admin"});
    given_sample({.key_id = 1, .scope = "one more"});
    roll_up();
    EXPECT_EQ(text(last), "2026-11-01 11:00:01");
    EXPECT_EQ(number("select count(*) from keyrota.usage_scope where key_id = 1"), 64);
}

TEST_F(RollupUsage, NetworksAreMaskedAndTheRestIsOther) {
    given_sample({.network = "10.1.2.77/32"});
    given_sample({.requests = 2, .network = "10.1.2.0/24"});
    given_sample({.network = "2001:db8:1:2::/64"});
    given_sample({.network = ""});
    roll_up();
    EXPECT_THAT(
        texts("select network || ' ' || first_hour_requests from keyrota.usage_network order by 1"),
        ElementsAre("10.1.2.0/24 3", "2001:db8:1::/48 1"));
    given_sample({.requests = 5, .network = "10.1.2.0/24"});
    roll_up();
    EXPECT_EQ(number("select max(first_hour_requests) from keyrota.usage_network"), 8)
        << "of the hour in which it was first seen";
    execute(
        "insert into keyrota.usage_sample (key_id, at, gateway, requests, network)"
        " select 1, now(), 'edge', 1, ('10.2.' || i || '.0/24')::cidr from generate_series(0, 255)"
        " i");
    roll_up();
    EXPECT_EQ(number("select count(*) from keyrota.usage_network where network <> 'other'"), 256);
    EXPECT_EQ(number("select count(*) from keyrota.usage_network where network = 'other'"), 1);
    EXPECT_EQ(requests(), 266);
}

TEST_F(RollupUsage, WhatAThousandNewKeysHaveIsCountedTogetherNotForEach) {
    // From then on the planner takes them for empty.
    execute("vacuum keyrota.usage_scope");
    execute("vacuum keyrota.usage_network");
    execute(
        "insert into keyrota.usage_sample (key_id, at, gateway, requests, scope, network)"
        " select i, now(), 'edge', 1, 'read:analytics', '10.1.2.0/24' from generate_series(1, 1000)"
        " i");
    roll_up();
    for (const std::string table : {"usage_scope", "usage_network"}) {
        const std::string of = " from pg_stat_all_tables where relname = '" + table + "'";
        EXPECT_TRUE(eventually([&] { return number("select n_tup_ins" + of) == 1000; }))
            << "the job's session has ended";
        EXPECT_LT(number("select seq_scan" + of), 100) << "not one for each";
    }
}

TEST_F(RollupUsage, AKeyThatWasDeletedWhileItsSamplesWaitedStopsNothing) {
    const std::int64_t key = given_key({.name = "gone"});
    given_sample({.key_id = key, .requests = 3});
    given_sample({.key_id = key + 1, .requests = 4});
    execute("delete from keyrota.api_key_state");
    execute("delete from keyrota.api_key");
    roll_up();
    EXPECT_EQ(requests(), 7);
}

TEST_F(RollupUsage, AfterALongPauseTheSamplesAreCountedInSlices) {
    for (int i = 0; i < 20; ++i) given_sample({});
    execute(
        "update keyrota.usage_watermark set rolled_at = now() - interval '9 hours', xid ="
        " (select min(xid) from keyrota.usage_sample)");
    const std::int64_t before = number("select pg_current_xact_id()::text::bigint");
    EXPECT_EQ(step(roll_up(), "roll-up").applied, 20);
    EXPECT_EQ(requests(), 20);
    EXPECT_GE(number("select xid from keyrota.usage_watermark"), before);
}

TEST_F(RollupUsage, ADryRunSaysHowManyWaitAndChangesNothing) {
    given_sample({});
    given_sample({});
    const auto before = fingerprint();
    EXPECT_EQ(step(run("rollup-usage", kNow, {.dry_run = true}), "roll-up").found, 2);
    EXPECT_EQ(fingerprint(), before);
}

TEST_F(RollupUsage, WhoHoldsItUpForLongIsNamed) {
    const auto open_findings = [&] {
        return texts("select check_id || ' ' || detail from keyrota.finding where status = 'open'");
    };
    roll_up();
    Session slow = session_as("keyrota_gateway");
    {
        Transaction open(slow);
        slow.execute_verbatim("slow", insertion({}));
        const std::int64_t pid =
            slow.one({"pid", "select pg_backend_pid()::bigint as pid"}).int64("pid");
        roll_up();
        EXPECT_EQ(step(roll_up(), "ROLLUP-STALLED").found, 0) << "not for long yet";
        execute(
            "update keyrota.usage_rollup set taken_at = taken_at - interval '16 minutes' where"
            " taken_at = (select max(taken_at) from keyrota.usage_rollup)");
        roll_up();
        EXPECT_THAT(open_findings(), ElementsAre(fmt::format("ROLLUP-STALLED pid {}", pid)));
        EXPECT_EQ(text("select evidence ->> 'database' from keyrota.finding"), database());
    }
    roll_up();
    EXPECT_EQ(text("select status from keyrota.finding"), "resolved");
}

TEST_F(RollupUsage, OnAnotherServerItIsHeldBack) {
    given_sample({});
    roll_up();
    given_sample({});
    execute("update keyrota.usage_watermark set system_identifier = system_identifier + 1");
    const RunReport held = roll_up(ExitCode::held_back);
    EXPECT_THAT(held.hint, HasSubstr("keyrota usage rebase"));
    EXPECT_EQ(requests(), 1);
    execute(
        "update keyrota.usage_watermark set system_identifier = system_identifier - 1, xid = xid +"
        " 1000000000");
    roll_up(ExitCode::held_back);
    EXPECT_EQ(requests(), 1);
}

TEST_F(RollupUsage, TheCostOfItDoesNotGrowWithWhatIsCounted) {
    EXPECT_THAT(text("select string_agg(indexdef, '') from pg_indexes where tablename ="
                     " 'usage_sample_' || to_char(current_date, 'YYYYMMDD')"),
                HasSubstr("USING brin (xid, received_at)"));
}

TEST_F(RollupUsage, ASilenceOfAGatewayIsRememberedUnlessItBringsWhatWasMissing) {
    config().usage.silent_after = 2h;
    const char* silences =
        "select gateway || ' ' || (to_at - from_at)::text from keyrota.usage_silence order by 1";
    for (const char* gateway : {"silent", "buffering", "quick"})
        given_sample({.at = "now() - interval '12 hours'", .gateway = gateway});
    roll_up();
    EXPECT_THAT(texts(silences), IsEmpty()) << "it was never heard of before";
    execute(
        "insert into keyrota.usage_sample (key_id, at, gateway, requests) values"
        " (1, (select last_seen_at from keyrota.usage_gateway where name = 'silent') + interval"
        " '2 hours 1 second', 'silent', 1), (1, (select last_seen_at from keyrota.usage_gateway"
        " where name = 'quick') + interval '2 hours', 'quick', 1)");
    given_sample({.at = "now() - interval '11 hours'", .gateway = "buffering"});
    given_sample({.at = "now()", .gateway = "buffering"});
    roll_up();
    EXPECT_THAT(texts(silences), ElementsAre("silent 02:00:01"));
    const auto is_unusual = [&](const char* gap) {
        execute(
            "delete from keyrota.usage_silence where is_unusual and from_at > (select min(from_at) "
            "from keyrota.usage_silence)");
        execute(std::string("insert into keyrota.usage_sample (key_id, at, gateway, requests)"
                            " select 1, last_seen_at + interval '") +
                gap + "', name, 1 from keyrota.usage_gateway where name = 'silent'");
        roll_up();
        return text(
            "select is_unusual::text from keyrota.usage_silence order by from_at desc limit 1");
    };
    EXPECT_EQ(is_unusual("3 hours"), "false") << "half as long again at most";
    EXPECT_EQ(is_unusual("4 hours 31 minutes"), "true");
}

TEST_F(RollupUsage, AStampThatCameTooEarlyMovesToItsMonthWhenThatIsMade) {
    const std::string month =
        text("select 'keyrota.usage_hour_' || to_char(now() + interval '2 months', 'YYYYMM')");
    execute("alter table keyrota.usage_hour detach partition " + month);
    execute("drop table " + month);
    execute(
        "insert into keyrota.usage_hour (key_id, hour, requests) values (1, date_trunc('hour',"
        " now() + interval '2 months'), 1)");
    EXPECT_EQ(number("select count(*) from keyrota.usage_hour_default"), 1);
    roll_up();
    EXPECT_EQ(number("select count(*) from " + month), 1);
    EXPECT_EQ(requests(), 1);
}

TEST_F(RollupUsage, PruneFreesDaysThatAreRolledUpAndNoOthers) {
    execute(
        "create table keyrota.usage_sample_20200101 partition of keyrota.usage_sample for values"
        " from ('2020-01-01 00:00+00') to ('2020-01-02 00:00+00')");
    execute(
        "insert into keyrota.usage_sample (key_id, at, gateway, requests, received_at)"
        " values (1, now(), 'edge', 1, '2020-01-01 12:00+00')");
    const auto days = [&] {
        return number(
            "select count(*) from pg_inherits where inhparent ="
            " 'keyrota.usage_sample'::regclass");
    };
    const std::int64_t before = days();
    EXPECT_EQ(step(run("prune", kNow), "old-samples").applied, 0) << "not rolled up";
    EXPECT_EQ(days(), before);
    roll_up();
    EXPECT_EQ(step(run("prune", kNow), "old-samples").applied, 1);
    EXPECT_EQ(days(), before - 1);
    EXPECT_EQ(requests(), 1);
}

TEST_F(RollupUsage, PruneMakesNoGatewayWait) {
    execute(
        "create table keyrota.usage_sample_20200101 partition of keyrota.usage_sample for values"
        " from ('2020-01-01 00:00+00') to ('2020-01-02 00:00+00')");
    execute(
        "insert into keyrota.usage_sample (key_id, at, gateway, requests, received_at)"
        " values (1, '2020-01-01', 'edge', 1, '2020-01-01 12:00+00')");
    roll_up();
    Session writer = session_as("keyrota_gateway");
    Transaction open(writer);
    writer.execute_verbatim("write", insertion({}));
    EXPECT_EQ(step(run("prune", kNow), "old-samples").applied, 1) << "its space is free";
    EXPECT_EQ(number("select count(*) from keyrota.usage_sample_20200101"), 0);
}

TEST_F(RollupUsage, PruneRemovesOldHours) {
    given_sample({.at = "timestamptz '2020-01-01'"});
    given_sample({.key_id = 2});
    roll_up();
    EXPECT_EQ(step(run("prune", kNow), "old-hours").applied, 1);
    EXPECT_THAT(texts("select key_id from keyrota.usage_hour"), ElementsAre("2"));
}

}  // namespace
}  // namespace keyrota::test
