// Keys that behave unlike themselves, from hours in the database to findings, states and mail.

#include <fmt/format.h>

#include "detect_anomalies/anomaly_gate.h"
#include "detect_anomalies/hour_walk.h"
#include "support/database.h"

namespace keyrota::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using namespace std::chrono_literals;

constexpr auto kDay = 24h;
constexpr auto kClosed = 10min;  // usage.close_after
constexpr const char* kStates =
    "select md5(string_agg(key_id || encode(state, 'hex') || coalesce(last_alarm_at::text, '-')"
    " || coalesce(next_due_at::text, '-'), ',' order by key_id)) from keyrota.detector_state";
constexpr const char* kFindings =
    "select key_id || ' ' || check_id || ' ' || status || ' ' || episode || ' ' || evidence::text"
    "  from keyrota.finding order by 1";

class DetectAnomalies : public DatabaseTest {
  protected:
    void SetUp() override {
        DatabaseTest::SetUp();
        close_hours_until(kNow);
    }
    void close_hours_until(Timestamp until) { given_usage_known(kNow - 400 * kDay, until); }
    // So many requests an hour, 100 more or less by the hour of the day: nothing to tell.
    void given_usual_hours(std::int64_t key_id, Timestamp from, Timestamp until,
                           int requests = 100) {
        execute(
            fmt::format("insert into keyrota.usage_hour (key_id, hour, requests)"
                        " select {}, hour, {} + hashint4(extract(epoch from hour)::int) % 10"
                        "   from generate_series(keyrota.instant({}), keyrota.instant({}) - "
                        "interval '1 hour', interval '1 hour') as hour",
                        key_id, requests, to_micros(from), to_micros(until)));
    }
    void given_hour(std::int64_t key_id, Timestamp hour, std::int64_t requests,
                    std::int64_t errors = 0, std::int64_t late = 0) {
        execute(fmt::format(
            "insert into keyrota.usage_hour (key_id, hour, requests, client_errors, late_requests)"
            " values ({0}, keyrota.instant({1}), {2}, {3}, {4}) on conflict (key_id, hour) do"
            " update set requests = {2}, client_errors = {3}, late_requests = {4}",
            key_id, to_micros(hour), requests, errors, late));
    }
    std::int64_t given_usual_key(const std::string& name, Timestamp until = kNow) {
        const std::int64_t key_id = given_key({.name = name, .created_at = kNow - 60 * kDay});
        given_usual_hours(key_id, kNow - 40 * kDay, until);
        return key_id;
    }
    RunReport detect(Timestamp until, RunOptions options = {}) {
        close_hours_until(until);
        RunReport report = run("detect-anomalies", until + kClosed, options);
        EXPECT_EQ(report.exit_code, ExitCode::done) << report.message;
        for (const CheckReport& check : report.checks) EXPECT_EQ(check.error, "") << check.check_id;
        return report;
    }
    std::vector<std::string> open() {
        return texts(
            "select k.name || ' ' || f.check_id || ' ' || f.severity from keyrota.finding f"
            " join keyrota.api_key k using (key_id) where f.status = 'open' order by 1");
    }
    std::string evidence(const std::string& name) {
        return text("select coalesce(evidence ->> '" + name +
                    "', '-') from keyrota.finding where check_id like 'KEY-ANOMALY-%'");
    }
    std::string position() {
        return text("select keyrota.micros(judged_until)::text from keyrota.detector_position");
    }
};

TEST_F(DetectAnomalies, TheFirstRunLearnsFromAllHoursThereAreAndTellsNobodyOfTheOld) {
    const auto old = given_usual_key("old leak");
    given_hour(old, kNow - 5 * kDay, 5000);
    given_usual_key("usual");
    detect(kNow);
    EXPECT_THAT(open(), IsEmpty());
    EXPECT_EQ(number("select count(*) from keyrota.detector_state"), 2);
    EXPECT_EQ(number("select length(state) from keyrota.detector_state limit 1"), 419);
    EXPECT_EQ(position(), std::to_string(to_micros(kNow)));
    EXPECT_EQ(number("select alarms from keyrota.anomaly_gate"), 1);
}

TEST_F(DetectAnomalies, ASpikeIsToldWithItsNumbers) {
    const auto key_id = given_usual_key("spike");
    detect(kNow);
    given_hour(key_id, kNow, 3000, 2);
    detect(kNow + 1h);
    EXPECT_THAT(open(), ElementsAre("spike KEY-ANOMALY-SPIKE 3"));
    EXPECT_EQ(evidence("requests"), "3000");
    EXPECT_EQ(evidence("errors"), "2");
    EXPECT_EQ(evidence("hour_us"), std::to_string(to_micros(kNow)));
    EXPECT_EQ(evidence("since_us"), std::to_string(to_micros(kNow)));
    EXPECT_THAT(evidence("says"), StartsWith("3,000 requests Tue 06:00 UTC, expected "));
    EXPECT_EQ(evidence("held"), "-") << "the gate let it through";
    EXPECT_EQ(number("select jsonb_array_length(evidence -> 'last_7_days') from keyrota.finding"),
              28);
    EXPECT_EQ(text("select evidence #>> '{last_7_days,27}' from keyrota.finding").size(), 4U);
}

TEST_F(DetectAnomalies, OwnersHearOfWhatTheGateLetThroughAndOfNothingElse) {
    const auto key_id = given_usual_key("spike");
    execute("insert into keyrota.owner (owner_id, name, email) values (1, 'Ada', 'a@example.com')");
    execute("update keyrota.api_key set owner_id = 1");
    detect(kNow);
    given_hour(key_id, kNow, 3000);
    detect(kNow + 1h);
    execute("update keyrota.finding set evidence = evidence || '{\"held\": \"budget\"}'");
    run("notify-owners", kNow + 1h + 2 * kClosed);
    EXPECT_EQ(number("select count(*) from keyrota.notice where key_id > 0"), 0);
    execute("update keyrota.finding set evidence = evidence - 'held'");
    run("notify-owners", kNow + 1h + 3 * kClosed);
    EXPECT_EQ(number("select count(*) from keyrota.notice where key_id > 0"), 1);
}

TEST_F(DetectAnomalies, AnHourCountsOnceHoweverOftenTheJobRuns) {
    const auto key_id = given_usual_key("spike", kNow + 1h);
    given_hour(key_id, kNow, 3000);
    detect(kNow + 1h);
    const std::string states = text(kStates);
    const auto findings = texts(kFindings);
    detect(kNow + 1h);
    // As after a kill before the position moved: the hours come again.
    execute("update keyrota.detector_position set judged_until = keyrota.instant(" +
            std::to_string(to_micros(kNow - 10 * kDay)) + ")");
    detect(kNow + 1h);
    EXPECT_EQ(text(kStates), states);
    EXPECT_EQ(texts(kFindings), findings);
}

TEST_F(DetectAnomalies, HourByHourOrAllAtOnceTheStatesAreTheSame) {
    for (const char* name : {"one", "two"}) given_usual_key(name, kNow + 12h);
    given_hour(1, kNow + 2h, 4000);
    detect(kNow + 12h);
    const std::string at_once = text(
        "select string_agg(encode(state, 'hex'), ',' order by key_id)"
        " from keyrota.detector_state");
    execute("delete from keyrota.detector_state");
    execute("update keyrota.detector_position set judged_until = null");
    for (auto until = kNow; until <= kNow + 12h; until += 1h) detect(until);
    EXPECT_EQ(text("select string_agg(encode(state, 'hex'), ',' order by key_id)"
                   " from keyrota.detector_state"),
              at_once);
}

// New hours are gathered up to a day; after a longer standstill they are read key by key.
TEST_F(DetectAnomalies, AfterADayInBatchesOrALongStandstillTheStatesAreTheSame) {
    config().limits.batch_size = 1;  // ten new hours
    given_usual_key("usual", kNow + 30h);
    given_usual_key("falls silent", kNow + 2h);
    const auto late = given_key({.name = "begins late", .created_at = kNow});
    given_usual_hours(late, kNow + 3h, kNow + 30h);
    given_hour(1, kNow + 4h, 4000);
    const char* states =
        "select string_agg(encode(state, 'hex'), ',' order by key_id) from keyrota.detector_state";
    for (const auto until : {0h, 24h, 30h}) detect(kNow + until);
    const std::string day_by_day = text(states);
    execute("delete from keyrota.detector_state");
    execute("update keyrota.detector_position set judged_until = null");
    for (const auto until : {0h, 30h}) detect(kNow + until);
    EXPECT_EQ(text(states), day_by_day);
    EXPECT_EQ(number("select count(*) from keyrota.detector_state"), 3);
}

TEST_F(DetectAnomalies, AKeyThatBeganBeforeItHadAStateHasAllOfItsHoursRead) {
    given_usual_key("usual", kNow + 1h);
    detect(kNow);
    const auto moved = given_usual_key("hours without a state", kNow + 1h);
    detect(kNow + 1h);
    EXPECT_EQ(number(fmt::format("select count(*) from keyrota.detector_state s"
                                 "  join keyrota.detector_state k on k.key_id = {}"
                                 " where s.last_hour_at = k.last_hour_at",
                                 moved)),
              2);
    const std::string state = fmt::format(
        "select encode(state, 'hex') from keyrota.detector_state where key_id = {}", moved);
    const std::string from_all_hours = text(state);
    execute("delete from keyrota.detector_state");
    execute("update keyrota.detector_position set judged_until = null");
    detect(kNow + 1h);
    EXPECT_EQ(text(state), from_all_hours);
}

TEST_F(DetectAnomalies, ASilentKeyAlarmsWithoutAnyRowOfItsOwn) {
    given_usual_key("silent");
    detect(kNow);
    int hours = 0;
    for (; hours < 72 && open().empty(); ++hours) detect(kNow + std::chrono::hours(hours + 1));
    EXPECT_THAT(open(), ElementsAre("silent KEY-ANOMALY-DROP 3"));
    EXPECT_LT(hours, 48);
    EXPECT_THAT(evidence("says"), StartsWith("no request for "));
    EXPECT_EQ(evidence("since_us"), std::to_string(to_micros(kNow)));
}

TEST_F(DetectAnomalies, OfAKeyThatIsOverSilenceIsNoNews) {
    const auto gone = given_usual_key("switched off");
    given_usual_key("retires");
    detect(kNow);
    execute("update keyrota.api_key_state set status = 'inactive' where key_id = " +
            std::to_string(gone));
    execute(
        "update keyrota.api_key_state set retire_at = expires_at, expires_at = null where"
        " key_id <> " +
        std::to_string(gone));
    execute("update keyrota.api_key_state set retire_at = now() where key_id <> " +
            std::to_string(gone));
    for (int hour = 1; hour <= 60; hour += 6) detect(kNow + std::chrono::hours(hour));
    EXPECT_THAT(open(), IsEmpty());
    EXPECT_EQ(number("select coalesce(sum(alarms), 0) from keyrota.anomaly_gate"), 0)
        << "nor for the gate";
}

TEST_F(DetectAnomalies, AFindingEndsAfter24HoursWithoutAnAlarmAndNotOneEarlier) {
    const auto key_id = given_usual_key("spike");
    detect(kNow);
    given_hour(key_id, kNow, 3000);
    given_usual_hours(key_id, kNow + 1h, kNow + 48h);
    detect(kNow + 1h);
    ASSERT_THAT(open(), ElementsAre("spike KEY-ANOMALY-SPIKE 3"));
    const std::string last =
        text("select keyrota.micros(last_alarm_at)::text from keyrota.detector_state");
    const Timestamp over = from_micros(std::stoll(last)) + kDay;
    detect(over - 1h);
    detect(over);  // what is open is judged by the hours that were seen before
    EXPECT_THAT(open(), ElementsAre("spike KEY-ANOMALY-SPIKE 3"));
    detect(over + 1h);
    EXPECT_THAT(open(), IsEmpty());
    EXPECT_EQ(text("select resolution from keyrota.finding"), "absence");
}

TEST_F(DetectAnomalies, LateSamplesAreInvisible) {
    const auto key_id = given_usual_key("late");
    detect(kNow);
    given_hour(key_id, kNow, 3000, 0, 2900);
    detect(kNow + 1h);
    EXPECT_THAT(open(), IsEmpty());
}

TEST_F(DetectAnomalies, OfUnknownHoursNothingIsLearned) {
    const auto key_id = given_usual_key("gap");
    detect(kNow);
    const std::string states = text(kStates);
    given_hour(key_id, kNow, 3000);
    execute(
        fmt::format("insert into keyrota.usage_gap (from_at, to_at, reason) values"
                    " (keyrota.instant({}), keyrota.instant({}), 'gateway down')",
                    to_micros(kNow + 10min), to_micros(kNow + 20min)));
    detect(kNow + 1h);
    EXPECT_THAT(open(), IsEmpty());
    EXPECT_EQ(text(kStates), states);
}

TEST_F(DetectAnomalies, WhereAGatewayIsSilentNothingIsJudged) {
    given_usual_key("unknown");
    detect(kNow);
    const std::string states = text(kStates);
    close_hours_until(kNow + 30h);
    execute(fmt::format("update keyrota.usage_gateway set last_seen_at = keyrota.instant({})",
                        to_micros(kNow)));
    run("detect-anomalies", kNow + 30h + kClosed);
    EXPECT_EQ(text(kStates), states);
    EXPECT_THAT(texts("select distinct check_id from keyrota.finding"),
                ElementsAre("RUN-STALE-DATA"));
}

TEST_F(DetectAnomalies, WhatASilentGatewayDidNotReportIsSkippedOnceItIsBack) {
    given_usual_key("behind it");
    detect(kNow);
    const char* states = "select md5(state) from keyrota.detector_state";
    const std::string before = text(states);
    execute(
        fmt::format("insert into keyrota.usage_silence values ('edge', keyrota.instant({}), "
                    "keyrota.instant({}), true)",
                    to_micros(kNow), to_micros(kNow + 60h)));
    detect(kNow + 60h);
    EXPECT_THAT(open(), IsEmpty());
    EXPECT_EQ(text(states), before);
    given_hour(1, kNow + 60h, 3000);
    execute("update keyrota.usage_silence set to_at = to_at + interval '1 minute'");
    detect(kNow + 61h);
    EXPECT_THAT(open(), ElementsAre("behind it KEY-ANOMALY-SPIKE 3"))
        << "what was counted in such an hour is known";
}

TEST_F(DetectAnomalies, ASilenceThatIsAGatewaysHabitHidesNothing) {
    given_usual_key("silent");
    detect(kNow);
    execute(
        fmt::format("insert into keyrota.usage_silence values ('edge', keyrota.instant({}), "
                    "keyrota.instant({}), false)",
                    to_micros(kNow), to_micros(kNow + 60h)));
    detect(kNow + 60h);
    EXPECT_THAT(open(), ElementsAre("silent KEY-ANOMALY-DROP 3"));
}

TEST_F(DetectAnomalies, AStateOfAnotherFormatIsMadeAnewFromTheHoursThereAre) {
    const auto key_id = given_usual_key("other format", kNow + 1h);
    detect(kNow + 1h);
    const std::string states = text(kStates);
    execute("update keyrota.detector_state set state = set_byte(state, 0, 99)");
    execute("update keyrota.detector_position set judged_until = keyrota.instant(" +
            std::to_string(to_micros(kNow)) + ")");
    detect(kNow + 1h);
    EXPECT_EQ(text(kStates), states);
    EXPECT_EQ(key_id, 1);
}

TEST_F(DetectAnomalies, DeletedKeysTakeTheirStatesAlongAndTheirHoursSayNothing) {
    const auto key_id = given_usual_key("deleted");
    given_hour(99'999, kNow, 3000);
    detect(kNow);
    execute("delete from keyrota.api_key_secret");
    execute("delete from keyrota.api_key_state");
    execute("delete from keyrota.api_key_activity");
    execute("delete from keyrota.api_key where key_id = " + std::to_string(key_id));
    EXPECT_EQ(number("select count(*) from keyrota.detector_state"), 0);
    given_hour(key_id, kNow, 3000);
    detect(kNow + 1h);
    EXPECT_THAT(open(), IsEmpty());
    EXPECT_EQ(number("select count(*) from keyrota.detector_state"), 0);
}

TEST_F(DetectAnomalies, WaivedAnomaliesAreWaived) {
    const auto key_id = given_usual_key("waived");
    execute(
        "insert into keyrota.waiver (name, source, checks, names, reason, requested_by, "
        "approved_by,"
        " created_at, expires_at) values ('w', 'command', '{KEY-ANOMALY-SPIKE}', '{waived}',"
        " 'load test', 'ada', 'bob', '2026-01-01', '2027-01-01')");
    detect(kNow);
    given_hour(key_id, kNow, 3000);
    detect(kNow + 1h);
    EXPECT_EQ(text("select status from keyrota.finding where key_id > 0"), "waived");
}

TEST_F(DetectAnomalies, AKeyFromElsewhereIsToldOfAsAnyOther) {
    const auto key_id =
        given_key({.name = "imported", .source = "vault", .created_at = kNow - 60 * kDay});
    given_usual_hours(key_id, kNow - 40 * kDay, kNow);
    detect(kNow);
    given_hour(key_id, kNow, 3000);
    detect(kNow + 1h);
    EXPECT_THAT(open(), ElementsAre("imported KEY-ANOMALY-SPIKE 3"));
}

TEST_F(DetectAnomalies, AQuietPolicyNeedsMore) {
    const auto key_id = given_usual_key("loud");
    detect(kNow);
    int requests = 130;  // the least that a normal key would alarm by, about
    const std::string before = text("select encode(state, 'hex') from keyrota.detector_state");
    const auto alarms_at = [&](const std::string& sensitivity, int count) {
        execute("delete from keyrota.finding where key_id > 0");
        execute("delete from keyrota.anomaly_gate");
        execute("update keyrota.detector_state set state = decode('" + before +
                "', 'hex'), last_hour_at = keyrota.instant(" +
                std::to_string(to_micros(kNow - 1h)) + "), last_alarm_at = null");
        execute("update keyrota.detector_position set judged_until = keyrota.instant(" +
                std::to_string(to_micros(kNow)) + ")");
        config().policy.front().anomaly_sensitivity = sensitivity;
        given_hour(key_id, kNow, count);
        detect(kNow + 1h);
        return !open().empty();
    };
    while (requests < 2000 && !alarms_at("sensitive", requests)) requests += 5;
    EXPECT_LT(requests, 1000);
    EXPECT_FALSE(alarms_at("very quiet", requests));
    EXPECT_TRUE(alarms_at("very quiet", 9000));
}

TEST_F(DetectAnomalies, ALimitedRunIsGoneOnWith) {
    for (const char* name : {"a", "b", "c"}) given_usual_key(name);
    detect(kNow, {.limit = 2});
    EXPECT_EQ(number("select count(*) from keyrota.detector_state"), 2);
    EXPECT_EQ(number("select count(*) from keyrota.detector_position where judged_until is null"),
              1);
    detect(kNow, {.limit = 1});
    EXPECT_EQ(number("select count(*) from keyrota.detector_state"), 3) << "not the same two again";
    detect(kNow);
    EXPECT_EQ(number("select count(*) from keyrota.detector_state"), 3);
    EXPECT_EQ(position(), std::to_string(to_micros(kNow)));
}

TEST_F(DetectAnomalies, ADryRunChangesNothing) {
    const auto key_id = given_usual_key("spike");
    given_hour(key_id, kNow - 1h, 3000);
    const auto before = fingerprint();
    detect(kNow, {.dry_run = true});
    EXPECT_EQ(fingerprint(), before);
}

TEST_F(DetectAnomalies, AnOutageOfThePlatformIsToldOnceAndToNoOwner) {
    for (int n = 0; n < 12; ++n) given_usual_key(fmt::format("key {}", n));
    detect(kNow);
    for (std::int64_t key_id = 1; key_id <= 12; ++key_id) given_hour(key_id, kNow, 3000);
    detect(kNow + 1h);
    EXPECT_EQ(number("select count(*) from keyrota.finding where check_id = 'KEY-ANOMALY-SPIKE'"
                     " and evidence ->> 'held' = 'gate'"),
              12);
    EXPECT_THAT(texts("select detail || ' ' || (evidence ->> 'alarms') || ' ' ||"
                      " jsonb_array_length(evidence -> 'key_ids') from keyrota.finding"
                      " where check_id = 'RUN-GATE' and status = 'open'"),
                ElementsAre("KEY-ANOMALY-SPIKE 12 12"));
    run("notify-owners", kNow + 1h + 2 * kClosed);
    EXPECT_EQ(number("select count(*) from keyrota.notice n join keyrota.finding f on"
                     " f.key_id = n.key_id and f.uid = n.finding_uid where f.key_id > 0"),
              0);
    for (std::int64_t key_id = 1; key_id <= 12; ++key_id)
        given_usual_hours(key_id, kNow + 1h, kNow + 60h);
    detect(kNow + 50h);
    detect(kNow + 51h);
    EXPECT_THAT(texts("select distinct check_id from keyrota.finding where status = 'open'"),
                IsEmpty());
}

TEST_F(DetectAnomalies, TheBudgetOfAKeyHoldsWhatItDoesNotCover) {
    const auto key_id = given_usual_key("noisy");
    detect(kNow);
    // Its last three fields: no mail is left, no alarm was, and the refill began just now.
    const std::uint32_t hour = detector_hour(kNow);
    std::string refilled;
    for (unsigned shift = 0; shift < 32; shift += 8)
        refilled += fmt::format("{:02x}", hour >> shift & 0xFFU);
    execute("update keyrota.detector_state set state = overlay(state placing '\\x0000000000000000" +
            refilled + "' from length(state) - 11)");
    const std::string spent = text("select encode(state, 'hex') from keyrota.detector_state");
    int requests = 130;
    for (; requests < 2000 && open().empty(); requests += 5) {  // the least that alarms
        execute("update keyrota.detector_state set state = decode('" + spent + "', 'hex')");
        execute("update keyrota.detector_state set last_hour_at = keyrota.instant(" +
                std::to_string(to_micros(kNow - 1h)) + ")");
        execute(
            "update keyrota.detector_position set judged_until = last_hour_at + interval '1"
            " hour' from keyrota.detector_state");
        given_hour(key_id, kNow, requests);
        detect(kNow + 1h);
    }
    EXPECT_LT(requests, 1000);
    EXPECT_EQ(evidence("held"), "budget");
}

TEST_F(DetectAnomalies, ANewNetworkWithAFifthOfTheHourIsTold) {
    const auto given_network = [this](std::int64_t key_id, const char* network, Timestamp first,
                                      int requests) {
        execute(
            fmt::format("insert into keyrota.usage_network values ({}, '{}',"
                        " keyrota.instant({}), keyrota.instant({}), {})",
                        key_id, network, to_micros(first), to_micros(first), requests));
    };
    const Timestamp hour = kNow - 1h;
    const auto given = [&](const std::string& name, Timestamp known, Timestamp first, int requests,
                           const char* network = "198.51.100.0/24") {
        const auto key_id = given_key({.name = name, .created_at = kNow - 60 * kDay});
        given_hour(key_id, hour, 100);
        given_hour(key_id, hour - 24h, 100);
        given_network(key_id, "192.0.2.0/24", known, 1);
        given_network(key_id, network, first, requests);
    };
    given("fifth", hour - 14 * kDay, hour, 20);
    given("below", hour - 14 * kDay, hour, 19);
    given("young", hour - 14 * kDay + 1us, hour, 100);
    given("other", hour - 14 * kDay, hour, 100, "other");
    given("yesterday", hour - 40 * kDay, kNow - kDay, 100);
    given("before", hour - 40 * kDay, kNow - kDay - 1us, 100);
    execute(
        "insert into keyrota.usage_hour (key_id, hour, requests) select key_id, "
        "keyrota.instant(" +
        std::to_string(to_micros(kNow - kDay)) +
        "), 100 from keyrota.api_key on conflict do nothing");
    detect(kNow);
    EXPECT_THAT(open(),
                ElementsAre("fifth KEY-ANOMALY-NETWORK 3", "yesterday KEY-ANOMALY-NETWORK 3"));
    EXPECT_EQ(number("select count(*) from keyrota.finding where evidence ? 'held'"), 0)
        << "the gate let them through";
}

TEST_F(DetectAnomalies, ManyNewNetworksInOneHourAreOneEvent) {
    const auto given = [&](std::int64_t key_id, const char* network, Timestamp first) {
        execute(
            fmt::format("insert into keyrota.usage_network values ({0}, '{1}',"
                        " keyrota.instant({2}), keyrota.instant({2}), 100)",
                        key_id, network, to_micros(first)));
    };
    for (int n = 0; n < 12; ++n) {
        const auto key_id = given_usual_key(fmt::format("key {}", n));
        given(key_id, "192.0.2.0/24", kNow - 40 * kDay);
        given(key_id, "198.51.100.0/24", kNow - 1h);
    }
    detect(kNow);
    EXPECT_EQ(number("select count(*) from keyrota.finding where check_id = 'KEY-ANOMALY-NETWORK'"
                     " and evidence ->> 'held' = 'gate'"),
              12);
    EXPECT_THAT(texts("select detail || ' ' || (evidence ->> 'alarms') from keyrota.finding"
                      " where check_id = 'RUN-GATE' and status = 'open'"),
                ElementsAre("KEY-ANOMALY-NETWORK 12"));
    detect(kNow + 1h);
    EXPECT_EQ(number("select count(*) from keyrota.finding where check_id = 'KEY-ANOMALY-NETWORK'"
                     " and evidence ->> 'held' = 'gate'"),
              12)
        << "nor an hour later";
}

TEST_F(DetectAnomalies, ANewNetworkIsFoundThoughTheJobStoodStillForDays) {
    const auto key_id = given_usual_key("key", kNow + 72h);
    detect(kNow);
    for (const auto& [network, first] :
         {std::pair("192.0.2.0/24", kNow - 40 * kDay), std::pair("198.51.100.0/24", kNow + 10h)})
        execute(
            fmt::format("insert into keyrota.usage_network values ({0}, '{1}',"
                        " keyrota.instant({2}), keyrota.instant({2}), 100)",
                        key_id, network, to_micros(first)));
    detect(kNow + 72h);
    EXPECT_THAT(open(), ElementsAre("key KEY-ANOMALY-NETWORK 3"));
    detect(kNow + 73h);
    EXPECT_THAT(open(), IsEmpty());
}

TEST_F(DetectAnomalies, ASpikeFromANewNetworkIsGrave) {
    const auto key_id = given_usual_key("leak");
    execute(
        fmt::format("insert into keyrota.usage_network values ({0}, '192.0.2.0/24',"
                    " keyrota.instant({1}), keyrota.instant({1}), 1), ({0}, '198.51.100.0/24',"
                    " keyrota.instant({2}), keyrota.instant({2}), 2900)",
                    key_id, to_micros(kNow - 30 * kDay), to_micros(kNow + 5min)));
    detect(kNow);
    given_hour(key_id, kNow, 3000);
    detect(kNow + 1h);
    EXPECT_THAT(open(), ElementsAre("leak KEY-ANOMALY-NETWORK 3", "leak KEY-ANOMALY-SPIKE 4"));
}

TEST_F(DetectAnomalies, TheGateComparesTheEndOfADayWithTheEndsOfOtherDays) {
    given_keys(11'000, {.name = "many"});  // of which a hundred are less than one in a hundred
    execute(
        "insert into keyrota.detector_state (key_id, state, last_hour_at, next_due_at)"
        " select key_id, '', '2026-01-01', '2027-01-01' from keyrota.api_key");
    given_usual_key("usual");
    execute(fmt::format(
        "insert into keyrota.anomaly_gate (check_id, hour, alarms) select c, h, 100"
        "  from unnest('{{KEY-ANOMALY-SHIFT,KEY-ANOMALY-SPIKE}}'::text[]) c,"
        "       generate_series(keyrota.instant({0}) - interval '27 days', keyrota.instant({0}) -"
        "                       interval '7 hours', interval '1 day') h",
        to_micros(kNow - 7h)));
    detect(kNow);
    EXPECT_THAT(texts("select check_id || ' ' || is_held from (select distinct on (check_id) *"
                      "  from keyrota.anomaly_gate order by check_id, hour desc) newest"),
                ElementsAre("KEY-ANOMALY-SHIFT false", "KEY-ANOMALY-SPIKE true"));
}

TEST(AnomalyGate, LetsThroughWhatIsUsualOrAFewCoincidences) {
    EXPECT_FALSE(is_over_gate(20, 0, 1'000'000));
    EXPECT_TRUE(is_over_gate(21, 0, 1'000'000));
    EXPECT_FALSE(is_over_gate(50, 10, 1'000'000));
    EXPECT_TRUE(is_over_gate(51, 10, 1'000'000));
    EXPECT_FALSE(is_over_gate(5, 0, 5));
    EXPECT_TRUE(is_over_gate(6, 0, 599));
    EXPECT_FALSE(is_over_gate(6, 0, 600));
}

}  // namespace
}  // namespace keyrota::test
