// Six things that calls tell about a key, over the last closed hours.

#include <fmt/format.h>

#include "config/options.h"
#include "support/database.h"

namespace keyrota::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using namespace std::chrono_literals;

constexpr auto kDay = 24h;
constexpr auto kClosed = 10min;  // usage.close_after

// A key's calls in one hour, as the rollup leaves them.
struct Calls {
    Timestamp hour = kNow - 1h;
    std::int64_t requests = 0;
    std::int64_t client_errors = 0;
    std::int64_t server_errors = 0;
    std::int64_t rate_limited = 0;
    std::string peak_minute = "null";
    std::int64_t query_auth = 0;
    std::int64_t browser_requests = 0;
    std::int64_t late_requests = 0;
};

class WatchUsage : public DatabaseTest {
  protected:
    void SetUp() override {
        DatabaseTest::SetUp();
        given_usage_known(kNow - 100 * kDay, kNow + kClosed);
        execute(
            "insert into keyrota.owner (owner_id, name, email) values"
            " (1, 'Ada', 'ada@example.com')");
    }
    std::int64_t given(GivenKey key, const Calls& calls, const std::string& columns = "") {
        const std::int64_t key_id = given_key(key);
        given_calls(key_id, calls);
        if (!columns.empty())
            execute("update keyrota.api_key set " + columns +
                    " where key_id = " + std::to_string(key_id));
        return key_id;
    }
    void given_calls(std::int64_t key_id, const Calls& calls) {
        execute(fmt::format(
            "insert into keyrota.usage_hour (key_id, hour, requests, client_errors, server_errors, "
            "rate_limited, peak_minute, peak_minute_at, query_auth, browser_requests, "
            "late_requests) values ({0}, keyrota.instant({1}), {2}, {3}, {4}, {5}, {6}, case when "
            "{6} is not null then keyrota.instant({1}) + interval '7 minutes' end, {7}, {8}, {9})",
            key_id, to_micros(calls.hour), calls.requests, calls.client_errors, calls.server_errors,
            calls.rate_limited, calls.peak_minute, calls.query_auth, calls.browser_requests,
            calls.late_requests));
    }
    void given_setting(const std::string& check, const std::string& settings,
                       std::int64_t key_id = 0, std::int64_t owner_id = 0) {
        execute(
            fmt::format("insert into keyrota.alert_setting (key_id, owner_id, check_id, settings)"
                        " values ({}, {}, '{}', '{}')",
                        key_id, owner_id, check, settings));
    }
    /// Names and severities, after a run when the hour before kNow has just closed.
    std::vector<std::string> found(const std::string& check, Timestamp as_of = kNow + kClosed) {
        const RunReport report = run("watch-usage", as_of);
        EXPECT_TRUE(report.complete) << report.message;
        return open(check);
    }
    std::vector<std::string> open(const std::string& check) {
        return texts(
            "select k.name || ' ' || f.severity from keyrota.finding f"
            "  join keyrota.api_key k using (key_id)"
            " where f.status = 'open' and f.check_id = '" +
            check + "' order by k.key_id");
    }
    std::string evidence(const std::string& check, const std::string& name) {
        return text("select evidence ->> '" + name + "' from keyrota.finding where check_id = '" +
                    check + "'");
    }
};

TEST_F(WatchUsage, ErrorsAreReportedAtFivePercentAndGraveAtTwentyFive) {
    given({.name = "none"}, {.requests = 1000});
    given({.name = "below"}, {.requests = 10'000, .client_errors = 499});
    given({.name = "five"}, {.requests = 10'000, .client_errors = 300, .server_errors = 200});
    given({.name = "below high"}, {.requests = 10'000, .server_errors = 2499});
    given({.name = "high"}, {.requests = 10'000, .server_errors = 2500});
    given({.name = "refused"}, {.requests = 1000, .rate_limited = 900});
    EXPECT_THAT(found("KEY-ERROR-RATE"), ElementsAre("five 3", "below high 3", "high 4"));
}

TEST_F(WatchUsage, BelowAHundredRequestsNoRateIsJudged) {
    given({.name = "99"}, {.requests = 99, .client_errors = 99}, "rate_limit_per_minute = 10");
    given({.name = "100"}, {.requests = 100, .client_errors = 5}, "rate_limit_per_minute = 10");
    given({.name = "99 refused"}, {.requests = 99, .rate_limited = 99},
          "rate_limit_per_minute = 10");
    given({.name = "100 refused"}, {.requests = 100, .rate_limited = 1},
          "rate_limit_per_minute = 10");
    EXPECT_THAT(found("KEY-ERROR-RATE"), ElementsAre("100 3"));
    EXPECT_THAT(open("KEY-RATE-LIMITED"), ElementsAre("100 refused 3"));
}

TEST_F(WatchUsage, TheWindowAddsUpItsHours) {
    const auto key_id = given({.name = "adds up"}, {.hour = kNow - 24h, .requests = 60});
    given_calls(key_id, {.hour = kNow - 1h, .requests = 40, .client_errors = 5});
    EXPECT_THAT(found("KEY-ERROR-RATE"), ElementsAre("adds up 3"));
    EXPECT_EQ(evidence("KEY-ERROR-RATE", "requests"), "100");
    EXPECT_EQ(evidence("KEY-ERROR-RATE", "client_errors"), "5");
    EXPECT_EQ(evidence("KEY-ERROR-RATE", "error_rate"), "5.00");
    EXPECT_EQ(evidence("KEY-ERROR-RATE", "from_us"), std::to_string(to_micros(kNow - 24h)));
    EXPECT_EQ(evidence("KEY-ERROR-RATE", "until_us"), std::to_string(to_micros(kNow)));
}

TEST_F(WatchUsage, AnHourCountsWhenItIsClosedAndFor24HoursFromThen) {
    given({.name = "calls"}, {.hour = kNow, .requests = 100, .client_errors = 100});
    given_usage_known(kNow - 100 * kDay, kNow + 48h);
    EXPECT_THAT(found("KEY-ERROR-RATE", kNow + 1h + kClosed - 1us), IsEmpty());
    EXPECT_THAT(found("KEY-ERROR-RATE", kNow + 1h + kClosed), ElementsAre("calls 4"));
    EXPECT_THAT(found("KEY-ERROR-RATE", kNow + 25h + kClosed - 1us), ElementsAre("calls 4"));
    EXPECT_THAT(found("KEY-ERROR-RATE", kNow + 25h + kClosed), IsEmpty());
}

TEST_F(WatchUsage, AnHourThatTheRollupHasNotClosedDoesNotCount) {
    given({.name = "calls"}, {.hour = kNow - 1h, .requests = 100, .client_errors = 100});
    execute(fmt::format("update keyrota.usage_watermark set closed_until = keyrota.instant({})",
                        to_micros(kNow - 1h)));
    EXPECT_THAT(found("KEY-ERROR-RATE"), IsEmpty());
    execute("update keyrota.usage_watermark set closed_until = null");
    EXPECT_THAT(found("KEY-ERROR-RATE"), IsEmpty());
    execute(fmt::format("update keyrota.usage_watermark set closed_until = keyrota.instant({})",
                        to_micros(kNow)));
    EXPECT_THAT(found("KEY-ERROR-RATE"), ElementsAre("calls 4"));
}

TEST_F(WatchUsage, LateSamplesCountInTheirOwnHour) {
    given({.name = "late"},
          {.hour = kNow - 24h, .requests = 100, .client_errors = 5, .late_requests = 90});
    given({.name = "too old"},
          {.hour = kNow - 25h, .requests = 100, .client_errors = 5, .late_requests = 90});
    EXPECT_THAT(found("KEY-ERROR-RATE"), ElementsAre("late 3"));
}

TEST_F(WatchUsage, TheWindowIsConfigured) {
    config().usage.watch_window = 2h;
    given({.name = "in"}, {.hour = kNow - 2h, .requests = 100, .client_errors = 5});
    given({.name = "out"}, {.hour = kNow - 3h, .requests = 100, .client_errors = 5});
    EXPECT_THAT(found("KEY-ERROR-RATE"), ElementsAre("in 3"));
}

TEST_F(WatchUsage, APeakIsReportedAtEightyPercentOfTheLimitAndMoreUrgentAtNinetyFive) {
    const std::string limit = "rate_limit_per_minute = 1000";
    given({.name = "below"}, {.requests = 999, .peak_minute = "799"}, limit);
    given({.name = "80"}, {.requests = 999, .peak_minute = "800"}, limit);
    given({.name = "below 95"}, {.requests = 999, .peak_minute = "949"}, limit);
    given({.name = "95"}, {.requests = 999, .peak_minute = "950"}, limit);
    given({.name = "over"}, {.requests = 1999, .peak_minute = "1200"}, limit);
    given({.name = "no peak"}, {.requests = 999}, limit);
    EXPECT_THAT(found("KEY-RATE-NEAR-LIMIT"), ElementsAre("80 2", "below 95 2", "95 3", "over 3"));
}

TEST_F(WatchUsage, TheLimitIsTheKeysOwnOrElseItsPlansAndWithoutOneNothingIsJudged) {
    const Calls calls{.requests = 200, .rate_limited = 100, .peak_minute = "80"};
    const auto plan = [](const std::string& name) {
        return "service_plan_id = (select service_plan_id from keyrota.service_plan where name = "
               "'" +
               name + "')";
    };
    given({.name = "free"}, calls, plan("Free"));
    given({.name = "basic"}, calls, plan("Basic"));
    given({.name = "basic, own"}, calls, plan("Basic") + ", rate_limit_per_minute = 100");
    given({.name = "free, own"}, calls, plan("Free") + ", rate_limit_per_minute = 1000");
    given({.name = "enterprise"}, calls, plan("Enterprise"));
    given({.name = "enterprise, own"}, calls, plan("Enterprise") + ", rate_limit_per_minute = 80");
    given({.name = "no plan"}, calls);
    EXPECT_THAT(found("KEY-RATE-NEAR-LIMIT"),
                ElementsAre("free 2", "basic, own 2", "enterprise, own 3"));
    EXPECT_THAT(open("KEY-RATE-LIMITED"), ElementsAre("free 3", "basic 3", "basic, own 3",
                                                      "free, own 3", "enterprise, own 3"));
}

TEST_F(WatchUsage, RefusalsAreReportedAtOnePercent) {
    const std::string limit = "rate_limit_per_minute = 1000";
    given({.name = "below"}, {.requests = 10'000, .rate_limited = 99}, limit);
    given({.name = "one"}, {.requests = 10'000, .rate_limited = 100}, limit);
    given({.name = "none"}, {.requests = 10'000, .client_errors = 400}, limit);
    EXPECT_THAT(found("KEY-RATE-LIMITED"), ElementsAre("one 3"));
}

TEST_F(WatchUsage, TheEvidenceSaysWhatTheClientSawOfItsLimit) {
    const auto key_id = given({.name = "busy"}, {.hour = kNow - 3h, .peak_minute = "40"},
                              "rate_limit_per_minute = 100");
    execute("update keyrota.usage_hour set requests = 40");
    given_calls(key_id,
                {.hour = kNow - 2h, .requests = 500, .rate_limited = 50, .peak_minute = "90"});
    given_calls(key_id, {.hour = kNow - 1h, .requests = 90, .peak_minute = "90"});
    found("KEY-RATE-NEAR-LIMIT");
    for (const char* check : {"KEY-RATE-NEAR-LIMIT", "KEY-RATE-LIMITED"}) {
        EXPECT_EQ(evidence(check, "limit"), "100");
        EXPECT_EQ(evidence(check, "peak_minute"), "90");
        EXPECT_EQ(evidence(check, "remaining"), "10");
        EXPECT_EQ(evidence(check, "peak_minute_at_us"), std::to_string(to_micros(kNow - 2h + 7min)))
            << "the first of equals";
        EXPECT_EQ(evidence(check, "reset_at_us"), std::to_string(to_micros(kNow - 2h + 8min)));
    }
    execute("update keyrota.usage_hour set peak_minute = 130");
    execute("delete from keyrota.finding");
    found("KEY-RATE-NEAR-LIMIT");
    EXPECT_EQ(evidence("KEY-RATE-NEAR-LIMIT", "remaining"), "0");
}

TEST_F(WatchUsage, AKeyInAUrlIsReportedAtTheFirstCall) {
    given({.name = "header"}, {.requests = 1000});
    given({.name = "query"}, {.requests = 1000, .query_auth = 1});
    given({.name = "inactive", .status = "inactive"}, {.requests = 10, .query_auth = 10});
    given({.name = "expired", .expires_at = kNow - kDay, .status = "expired"},
          {.requests = 10, .query_auth = 10});
    EXPECT_THAT(found("KEY-IN-QUERY-STRING"), ElementsAre("query 3", "inactive 3"));
}

TEST_F(WatchUsage, ASecretKeyInABrowserIsReportedAtTheFirstCallAndOthersMayBeThere) {
    given({.name = "secret"}, {.requests = 1000, .browser_requests = 1});
    given({.name = "kept"}, {.requests = 1000});
    given({.name = "public", .type = "public"}, {.requests = 1000, .browser_requests = 1000});
    given({.name = "test", .type = "test"}, {.requests = 1000, .browser_requests = 1000});
    given({.name = "over", .expires_at = kNow - kDay}, {.requests = 10, .browser_requests = 1});
    EXPECT_THAT(found("KEY-SECRET-IN-BROWSER"), ElementsAre("secret 4"));
}

TEST_F(WatchUsage, ACallInAnHourThatBeganWhenTheKeyWasOverIsReported) {
    const Calls calls{.hour = kNow - 1h, .requests = 1};
    given({.name = "active"}, calls);
    given({.name = "expired", .expires_at = kNow - 1h, .status = "expired"}, calls);
    given({.name = "ended in that hour", .expires_at = kNow - 1h + 1us, .status = "expired"},
          calls);
    given({.name = "not yet marked", .expires_at = kNow - 1h}, calls);
    given({.name = "since when", .status = "inactive"}, calls);
    const auto switched_off = [&](const std::string& name, Timestamp at) {
        const auto key_id = given({.name = name, .status = "inactive"}, calls);
        execute(
            fmt::format("update keyrota.api_key_state set deactivated_at = keyrota.instant({})"
                        " where key_id = {}",
                        to_micros(at), key_id));
    };
    switched_off("inactive", kNow - 1h);
    switched_off("inactive in that hour", kNow - 1h + 1us);
    given({.name = "silent", .status = "inactive"}, {.hour = kNow - 26h, .requests = 1});
    EXPECT_THAT(found("KEY-INACTIVE-IN-USE"),
                ElementsAre("expired 3", "not yet marked 3", "since when 3", "inactive 3"));
}

TEST_F(WatchUsage, OnlyCallsSinceTheEndAreEvidenceOfUse) {
    const auto key_id = given({.name = "expired", .expires_at = kNow - 90min, .status = "expired"},
                              {.hour = kNow - 2h, .requests = 50});
    given_calls(key_id, {.hour = kNow - 1h, .requests = 3, .client_errors = 3});
    EXPECT_THAT(found("KEY-INACTIVE-IN-USE"), ElementsAre("expired 3"));
    EXPECT_EQ(evidence("KEY-INACTIVE-IN-USE", "requests"), "3");
    EXPECT_EQ(evidence("KEY-INACTIVE-IN-USE", "status"), "expired");
    EXPECT_EQ(evidence("KEY-INACTIVE-IN-USE", "over_at_us"),
              std::to_string(to_micros(kNow - 90min)));
}

TEST_F(WatchUsage, TheRatesOfAKeyThatIsOverAreNotJudged) {
    const Calls calls{
        .requests = 100, .client_errors = 50, .rate_limited = 50, .peak_minute = "100"};
    const std::string limit = "rate_limit_per_minute = 100";
    given({.name = "expired", .expires_at = kNow - kDay, .status = "expired"}, calls, limit);
    given({.name = "inactive", .status = "inactive"}, calls, limit);
    given({.name = "not yet marked", .expires_at = kNow - kDay}, calls, limit);
    EXPECT_THAT(found("KEY-ERROR-RATE"), IsEmpty());
    EXPECT_THAT(open("KEY-RATE-NEAR-LIMIT"), IsEmpty());
    EXPECT_THAT(open("KEY-RATE-LIMITED"), IsEmpty());
}

TEST_F(WatchUsage, ThresholdsComeFromTheRuleOfTheKey) {
    PolicyRule tests = built_in_rule();
    tests.name = "tests";
    tests.type = "test";
    tests.usage_min_requests = 10;
    tests.usage_error_rate = 50;
    tests.usage_error_rate_high = 100;
    tests.usage_near_limit = 10;
    tests.usage_near_limit_high = 20;
    tests.usage_rate_limited = 20;
    config().policy.insert(config().policy.begin(), tests);
    const std::string limit = "rate_limit_per_minute = 1000";
    given({.name = "49", .type = "test"},
          {.requests = 100, .client_errors = 49, .rate_limited = 19, .peak_minute = "99"}, limit);
    given({.name = "50", .type = "test"},
          {.requests = 10, .client_errors = 5, .rate_limited = 2, .peak_minute = "100"}, limit);
    given({.name = "few", .type = "test"},
          {.requests = 9, .client_errors = 5, .rate_limited = 4, .peak_minute = "200"}, limit);
    EXPECT_THAT(found("KEY-ERROR-RATE"), ElementsAre("50 3"));
    EXPECT_THAT(open("KEY-RATE-NEAR-LIMIT"), ElementsAre("50 2", "few 3"));
    EXPECT_THAT(open("KEY-RATE-LIMITED"), ElementsAre("50 3"));
}

TEST_F(WatchUsage, TheKeysThresholdsWinOverItsOwnersAndThoseOverTheRules) {
    const Calls ten{.requests = 100, .client_errors = 10};
    given({.name = "rule's"}, ten);
    given({.name = "owner's"}, ten, "owner_id = 1");
    const auto own = given({.name = "own"}, ten, "owner_id = 1");
    given({.name = "owner's, more"}, {.requests = 100, .client_errors = 20}, "owner_id = 1");
    given_setting("KEY-ERROR-RATE", R"({"error_rate": 20, "error_rate_high": 20})", 0, 1);
    given_setting("KEY-ERROR-RATE", R"({"error_rate": 10})", own);
    given_setting("KEY-RATE-LIMITED", R"({"min_requests": 1000})", own);
    EXPECT_THAT(found("KEY-ERROR-RATE"), ElementsAre("rule's 3", "own 3", "owner's, more 4"));
    execute("update keyrota.alert_setting set settings = '{\"error_rate\": 11}' where key_id <> 0");
    EXPECT_THAT(found("KEY-ERROR-RATE"), ElementsAre("rule's 3", "owner's, more 4"));
}

TEST_F(WatchUsage, OwnThresholdsHoldForLimitsToo) {
    const Calls calls{.requests = 100, .rate_limited = 5, .peak_minute = "60"};
    const std::string limit = "rate_limit_per_minute = 100, owner_id = 1";
    const auto own = given({.name = "own"}, calls, limit);
    given({.name = "owner's"}, calls, limit);
    given_setting("KEY-RATE-NEAR-LIMIT", R"({"near_limit": 60, "near_limit_high": 61})", 0, 1);
    given_setting("KEY-RATE-NEAR-LIMIT", R"({"near_limit_high": 60})", own);
    given_setting("KEY-RATE-LIMITED", R"({"rate_limited": 6})", 0, 1);
    given_setting("KEY-RATE-LIMITED", R"({"rate_limited": 5, "mail": "off"})", own);
    EXPECT_THAT(found("KEY-RATE-NEAR-LIMIT"), ElementsAre("own 3", "owner's 2"));
    EXPECT_THAT(open("KEY-RATE-LIMITED"), ElementsAre("own 3"));
}

TEST_F(WatchUsage, RatesAreUnknownWithoutAllGatewaysAndFactsAreFacts) {
    const std::string limit = "rate_limit_per_minute = 100";
    given({.name = "before"},
          {.requests = 100, .client_errors = 50, .rate_limited = 50, .query_auth = 1}, limit);
    EXPECT_THAT(found("KEY-ERROR-RATE"), ElementsAre("before 4"));
    execute("delete from keyrota.usage_hour");
    given({.name = "after"},
          {.requests = 100, .client_errors = 50, .rate_limited = 50, .query_auth = 1}, limit);
    execute("insert into keyrota.usage_gateway (name) values ('announced')");
    EXPECT_THAT(found("KEY-ERROR-RATE"), ElementsAre("before 4"));
    EXPECT_THAT(open("KEY-RATE-LIMITED"), ElementsAre("before 3"));
    EXPECT_THAT(open("KEY-IN-QUERY-STRING"), ElementsAre("before 3", "after 3"));
    EXPECT_EQ(text("select detail from keyrota.finding where check_id = 'RUN-STALE-DATA'"),
              "watch-usage/announced");
    execute("update keyrota.usage_gateway set expected = false where name = 'announced'");
    EXPECT_THAT(found("KEY-ERROR-RATE"), ElementsAre("after 4"));
    EXPECT_THAT(open("KEY-IN-QUERY-STRING"), ElementsAre("after 3"));
    EXPECT_EQ(text("select status from keyrota.finding where check_id = 'RUN-STALE-DATA'"),
              "resolved");
}

TEST_F(WatchUsage, AGapMakesItUnknownAsLongAsItReachesIntoTheWindow) {
    given({.name = "calls"}, {.requests = 100, .client_errors = 50});
    execute(
        fmt::format("insert into keyrota.usage_gap (from_at, to_at, gateway, reason) values"
                    " (keyrota.instant({}), keyrota.instant({}), 'edge', 'lost')",
                    to_micros(kNow - 30h), to_micros(kNow - 24h + 1us)));
    EXPECT_THAT(found("KEY-ERROR-RATE"), IsEmpty());
    execute(fmt::format("update keyrota.usage_gap set to_at = keyrota.instant({})",
                        to_micros(kNow - 24h)));
    EXPECT_THAT(found("KEY-ERROR-RATE"), ElementsAre("calls 4"));
}

TEST_F(WatchUsage, BeforeADayWasCollectedNothingIsKnownAndNobodyIsBlamed) {
    given({.name = "calls"}, {.requests = 100, .client_errors = 50});
    given_usage_known(kNow - 24h + 1us, kNow + kClosed);
    EXPECT_THAT(found("KEY-ERROR-RATE"), IsEmpty());
    EXPECT_EQ(number("select count(*) from keyrota.finding"), 0);
    given_usage_known(kNow - 24h, kNow + kClosed);
    EXPECT_THAT(found("KEY-ERROR-RATE"), ElementsAre("calls 4"));
}

TEST_F(WatchUsage, ADeletedKeyResolvesItsFindingsAndAWaivedOneStaysSo) {
    const auto gone = given({.name = "gone"}, {.requests = 100, .client_errors = 50});
    given({.name = "waived"}, {.requests = 100, .client_errors = 50});
    EXPECT_THAT(found("KEY-ERROR-RATE"), ElementsAre("gone 4", "waived 4"));
    execute("update keyrota.finding set status = 'waived' where key_id <> " + std::to_string(gone));
    for (const char* table : {"api_key_state", "api_key"})
        execute(fmt::format("delete from keyrota.{} where key_id = {}", table, gone));
    found("KEY-ERROR-RATE");
    EXPECT_THAT(texts("select status from keyrota.finding order by key_id"),
                ElementsAre("resolved", "waived"));
}

TEST_F(WatchUsage, AKeyWithoutOwnerPlanOrAnyCallIsNoTrouble) {
    given_key({.name = "silent"});
    given({.name = "bare"}, {.requests = 1});
    run("watch-usage", kNow + kClosed);
    EXPECT_EQ(number("select count(*) from keyrota.finding"), 0);
}

TEST_F(WatchUsage, AnUnchangedHourWritesNoFinding) {
    given({.name = "calls"}, {.requests = 100, .client_errors = 50, .query_auth = 7});
    found("KEY-ERROR-RATE");
    const auto rows = [&] {
        return text("select md5(string_agg(f::text || xmin, '')) from keyrota.finding f");
    };
    const std::string before = rows();
    found("KEY-ERROR-RATE", kNow + kClosed + 30min);
    EXPECT_EQ(rows(), before);
}

}  // namespace
}  // namespace keyrota::test
