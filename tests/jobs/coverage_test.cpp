// What is judged by usage that nobody knows: the runner holds it back, and tells the operator.

#include <fmt/format.h>

#include "runner/plan_file.h"
#include "support/database.h"

namespace keyrota::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using namespace std::chrono_literals;

// A job of this test: keys named `quiet` are unused, and public keys expire as unused; `loud` ones
// are certain. The window is the hour before the run.
constexpr Statement kPrepare{"prepare_judged",
                             "create temporary table judged on commit drop as"
                             " select key_id, name from keyrota.api_key"};
constexpr Statement kQuiet{
    "key_quiet",
    "select key_id, '' as detail, 3 as severity, null::text as action, null::timestamptz as due_at,"
    "       '{}'::jsonb as evidence from pg_temp.judged where name = 'quiet'"};
constexpr Statement kLoud{
    "key_loud",
    "select key_id, '' as detail, 3 as severity, null::text as action, null::timestamptz as due_at,"
    "       '{}'::jsonb as evidence from pg_temp.judged where name = 'loud'"};
// Of `obscure` keys it does not know.
constexpr Statement kByKey{
    "key_by_key",
    "select key_id, '' as detail, case when name = 'quiet' then 3 end as severity,"
    "       null::text as action, null::timestamptz as due_at, '{}'::jsonb as evidence"
    "  from pg_temp.judged where name in ('quiet', 'obscure')"};
constexpr Statement kEnds{
    "key_ends",
    "select key_id, '' as detail, 3 as severity, 'expire' as action, expires_at as due_at,"
    "       '{}'::jsonb as evidence from keyrota.api_key_state where expires_at is not null"};

void plan_judge(const RunContext& run, Plan& plan) {
    const auto add = [&](const char* check_id, CheckKind kind, const Statement& statement,
                         Coverage::Lacking lacking) {
        plan.add({.check_id = check_id,
                  .kind = kind,
                  .statement = statement,
                  .coverage = Coverage{run.as_of - 1h, run.as_of, lacking}});
    };
    plan.prepare({kPrepare, {}});
    add("KEY-QUIET", CheckKind::standing, kQuiet, Coverage::Lacking::judges_nothing);
    add("KEY-LOUD", CheckKind::standing, kLoud, Coverage::Lacking::resolves_nothing);
    add("KEY-BY-KEY", CheckKind::standing, kByKey, Coverage::Lacking::judged_by_the_key);
    add("KEY-ENDS", CheckKind::incremental, kEnds, Coverage::Lacking::judges_nothing);
    plan.add_standing("KEY-PLAIN", kQuiet);
}
constexpr Job kJudge{"judge", "judge keys by their use", "20 * * * *", plan_judge};
constexpr Job kJudgeToo{"judge-too", "the same again", "20 * * * *", plan_judge};

class CoverageGuard : public DatabaseTest {
  protected:
    void SetUp() override {
        DatabaseTest::SetUp();
        given_usage_known(kNow - 24h * 100, kNow + 24h);
    }
    RunReport judge(Timestamp as_of, const Job& job = kJudge, RunOptions options = {}) {
        Interruption interruption;
        options.as_of = as_of;
        RunReport report = run_job(job, options, config(), interruption);
        EXPECT_EQ(report.exit_code, ExitCode::done) << report.message;
        EXPECT_EQ(report.complete, !options.dry_run);
        return report;
    }
    void given_gateway(const std::string& name, const std::string& last_seen,
                       bool expected = true) {
        execute(
            fmt::format("insert into keyrota.usage_gateway (name, expected, last_seen_at) values"
                        " ('{}', {}, {}) on conflict (name) do update"
                        " set last_seen_at = excluded.last_seen_at",
                        name, expected, last_seen));
    }
    static std::string at(Timestamp t) { return fmt::format("keyrota.instant({})", to_micros(t)); }
    std::vector<std::string> open(const std::string& check) {
        return texts(
            "select coalesce(k.name, f.detail) from keyrota.finding f"
            "  left join keyrota.api_key k using (key_id)"
            " where f.status = 'open' and f.check_id = '" +
            check + "' order by 1");
    }
    static std::vector<std::string> unknown(const RunReport& report) {
        std::vector<std::string> checks;
        for (const CheckReport& check : report.checks)
            if (check.pass == kUnknownPass) checks.push_back(check.check_id);
        return checks;
    }
};

TEST_F(CoverageGuard, ASilentGatewayMakesTheAnswerUnknownATickAfterItsTimeAndNotAt) {
    given_key({.name = "quiet"});
    given_gateway("east", at(kNow));
    EXPECT_THAT(unknown(judge(kNow + 6h)), IsEmpty());
    EXPECT_THAT(open("KEY-QUIET"), ElementsAre("quiet"));
    EXPECT_THAT(unknown(judge(kNow + 6h + 1us)), ElementsAre("KEY-QUIET", "KEY-LOUD", "KEY-ENDS"));
    EXPECT_THAT(open("RUN-STALE-DATA"), ElementsAre("judge/east"));
    const auto evidence = [&](const std::string& name) {
        return text("select evidence ->> '" + name + "' from keyrota.finding where key_id = 0");
    };
    EXPECT_EQ(evidence("reason"), "silent");
    EXPECT_EQ(evidence("since_us"), std::to_string(to_micros(kNow)));
    EXPECT_EQ(evidence("checks"), R"(["KEY-QUIET", "KEY-LOUD", "KEY-BY-KEY", "KEY-ENDS"])");
    EXPECT_EQ(number("select severity from keyrota.finding where key_id = 0"), 3);
}

TEST_F(CoverageGuard, OnlyExpectedGatewaysCountAndOneThatNeverReportedIsSilent) {
    EXPECT_THAT(unknown(judge(kNow)), IsEmpty());
    given_gateway("retired", at(kNow - 24h), false);
    EXPECT_THAT(unknown(judge(kNow)), IsEmpty());
    given_gateway("planned", "null");
    EXPECT_THAT(unknown(judge(kNow)), ElementsAre("KEY-QUIET", "KEY-LOUD", "KEY-ENDS"));
    EXPECT_THAT(open("RUN-STALE-DATA"), ElementsAre("judge/planned"));
}

TEST_F(CoverageGuard, ARollupThatFellBehindMakesItUnknown) {
    given_usage_known(kNow - 24h * 100, kNow);
    given_gateway("edge", at(kNow + 24h));
    EXPECT_THAT(unknown(judge(kNow + 6h)), IsEmpty());
    EXPECT_THAT(unknown(judge(kNow + 6h + 1us)), ElementsAre("KEY-QUIET", "KEY-LOUD", "KEY-ENDS"));
    EXPECT_THAT(open("RUN-STALE-DATA"), ElementsAre("judge/all"));
    EXPECT_EQ(text("select evidence ->> 'reason' from keyrota.finding where key_id = 0"), "behind");
}

TEST_F(CoverageGuard, WhatWasNeverCollectedIsUnknownAndNobodyIsBlamed) {
    given_usage_known(kNow - 1h + 1us);
    EXPECT_THAT(unknown(judge(kNow)), ElementsAre("KEY-QUIET", "KEY-LOUD", "KEY-ENDS"));
    execute("delete from keyrota.usage_gateway");
    EXPECT_THAT(unknown(judge(kNow)), ElementsAre("KEY-QUIET", "KEY-LOUD", "KEY-ENDS"));
    EXPECT_THAT(open("RUN-STALE-DATA"), IsEmpty());
    given_usage_known(kNow - 1h);
    EXPECT_THAT(unknown(judge(kNow)), IsEmpty());
}

// What the runner says of a window, keyrota.usage_known says too.
TEST_F(CoverageGuard, AgreesWithTheFunctionThatStatementsAsk) {
    for (const Timestamp from : {kNow - 2h, kNow - 1h})
        for (const Timestamp since : {kNow - 2h, kNow - 1h, kNow - 1h + 1us})
            for (const Timestamp heard : {kNow, kNow - 6h, kNow - 6h - 1us})
                for (const char* gap : {"", "edge", "other"}) {
                    given_usage_known(since, heard);
                    execute("delete from keyrota.usage_gap");
                    if (*gap != 0)
                        execute(fmt::format(
                            "insert into keyrota.usage_gap (from_at, to_at, gateway, reason)"
                            " values ({}, {}, '{}', 'lost')",
                            at(from), at(from + 1us), gap));
                    const bool known = number(fmt::format("select keyrota.usage_known({}, {})::int",
                                                          at(kNow - 1h), at(kNow))) == 1;
                    EXPECT_EQ(unknown(judge(kNow)).empty(), known)
                        << to_string(from) << " " << to_string(since) << " " << to_string(heard)
                        << " " << gap;
                }
}

TEST_F(CoverageGuard, AGapCountsFromTheTickInWhichItReachesIntoTheWindow) {
    const auto given_gap = [&](Timestamp from, Timestamp to, const std::string& gateway) {
        execute(fmt::format(
            "delete from keyrota.usage_gap; insert into keyrota.usage_gap (from_at, to_at, gateway,"
            " reason) values ({}, {}, {}, 'lost')",
            at(from), at(to), gateway));
    };
    given_gap(kNow - 3h, kNow - 1h, "null");
    EXPECT_THAT(unknown(judge(kNow)), IsEmpty());
    given_gap(kNow - 3h, kNow - 1h + 1us, "null");
    EXPECT_THAT(unknown(judge(kNow)), ElementsAre("KEY-QUIET", "KEY-LOUD", "KEY-ENDS"));
    EXPECT_THAT(open("RUN-STALE-DATA"), ElementsAre("judge/all"));
    given_gap(kNow, kNow + 1h, "'edge'");
    EXPECT_THAT(unknown(judge(kNow)), IsEmpty());
    given_gap(kNow - 1us, kNow + 1h, "'edge'");
    EXPECT_THAT(unknown(judge(kNow)), ElementsAre("KEY-QUIET", "KEY-LOUD", "KEY-ENDS"));
    EXPECT_THAT(open("RUN-STALE-DATA"), ElementsAre("judge/edge")) << "all of them is over";
}

TEST_F(CoverageGuard, NothingOpensAndNothingIsResolvedButWhatIsCertainOpens) {
    given_key({.name = "quiet"});
    given_key({.name = "loud"});
    judge(kNow);
    EXPECT_THAT(open("KEY-QUIET"), ElementsAre("quiet"));
    EXPECT_THAT(open("KEY-LOUD"), ElementsAre("loud"));

    execute("update keyrota.api_key set name = 'known'");
    given_key({.name = "quiet"});
    given_key({.name = "loud"});
    given_gateway("edge", "null");
    judge(kNow + 1h);
    EXPECT_THAT(open("KEY-QUIET"), ElementsAre("known"));
    EXPECT_THAT(open("KEY-LOUD"), ElementsAre("known", "loud"));
    EXPECT_THAT(open("KEY-PLAIN"), ElementsAre("quiet")) << "needs no usage: is complete";

    given_gateway("edge", at(kNow + 2h));
    judge(kNow + 2h);
    EXPECT_THAT(open("KEY-QUIET"), ElementsAre("quiet"));
    EXPECT_THAT(open("KEY-LOUD"), ElementsAre("loud"));
    EXPECT_THAT(open("RUN-STALE-DATA"), IsEmpty());
}

TEST_F(CoverageGuard, AKeyOfWhichTheStatementDoesNotKnowKeepsWhatItHas) {
    given_key({.name = "quiet"});
    given_key({.name = "obscure"});
    EXPECT_EQ(judge(kNow).checks.at(2).found, 1);
    EXPECT_THAT(open("KEY-BY-KEY"), ElementsAre("quiet"));
    execute(
        "update keyrota.api_key set name = case name when 'quiet' then 'obscure' else 'quiet' end");
    judge(kNow + 1h);
    EXPECT_THAT(open("KEY-BY-KEY"), ElementsAre("obscure", "quiet"));
    execute("update keyrota.api_key set name = 'loud'");
    judge(kNow + 2h);
    EXPECT_THAT(open("KEY-BY-KEY"), IsEmpty());
}

TEST_F(CoverageGuard, IsResolvedByItsOwnJobOnly) {
    given_gateway("edge", "null");
    judge(kNow);
    judge(kNow, kJudgeToo);
    EXPECT_THAT(open("RUN-STALE-DATA"), ElementsAre("judge-too/edge", "judge/edge"));
    given_gateway("edge", at(kNow + 1h));
    judge(kNow + 1h);
    EXPECT_THAT(open("RUN-STALE-DATA"), ElementsAre("judge-too/edge"));
    run("expire-keys", kNow + 1h);
    EXPECT_THAT(open("RUN-STALE-DATA"), ElementsAre("judge-too/edge"));
}

TEST_F(CoverageGuard, AnIncrementalCheckGoesOnFromWhereItLastKnew) {
    judge(kNow);
    given_gateway("edge", "null");
    judge(kNow + 1h);
    given_gateway("edge", at(kNow + 2h));
    judge(kNow + 2h);
    EXPECT_EQ(text("select string_agg(pass || coalesce(' ' || keyrota.micros(since_at), ''), ', '"
                   " order by run_id) from keyrota.run_check where check_id = 'KEY-ENDS'"),
              fmt::format("standing, unknown, incremental {}", to_micros(kNow)));
}

TEST_F(CoverageGuard, AnUnchangedSilenceWritesNoFinding) {
    given_key({.name = "quiet"});
    given_gateway("edge", "null");
    judge(kNow);
    const auto rows = [&] {
        return text("select md5(string_agg(f::text || xmin, '')) from keyrota.finding f");
    };
    const std::string before = rows();
    judge(kNow + 1h);
    EXPECT_EQ(rows(), before);
}

TEST_F(CoverageGuard, ADryRunTellsButWritesNothing) {
    given_key({.name = "quiet"});
    given_gateway("edge", "null");
    const auto before = fingerprint();
    EXPECT_THAT(unknown(judge(kNow, kJudge, {.dry_run = true})),
                ElementsAre("KEY-QUIET", "KEY-LOUD", "KEY-ENDS"));
    EXPECT_EQ(fingerprint(), before);
}

TEST_F(CoverageGuard, APlanIsNotAppliedByUsageThatIsUnknownMeanwhile) {
    given_key({.name = "ends", .expires_at = kNow + 1h});
    const std::filesystem::path file =
        std::filesystem::temp_directory_path() / ("keyrota-coverage-" + database());
    Interruption interruption;
    const RunOptions options{.as_of = kNow};
    EXPECT_EQ(plan_job(kJudge, options, config(), interruption, file).run.status, "planned");
    given_gateway("edge", "null");
    const RunReport applied = apply_plan(kJudge, options, config(), interruption, file);
    std::filesystem::remove(file);
    EXPECT_EQ(applied.exit_code, ExitCode::done);
    EXPECT_EQ(applied.checks.at(0).drifted, 1);
    EXPECT_THAT(keys_with_status("expired"), IsEmpty());
    EXPECT_THAT(open("RUN-STALE-DATA"), ElementsAre("judge/edge"));
}

constexpr Job kUnprepared{"judge", "cannot", "20 * * * *", [](const RunContext&, Plan& plan) {
                              plan.prepare({{"prepare_nothing", "select 1 / 0"}, {}});
                              plan.add_standing("KEY-QUIET", kQuiet);
                              plan.add_standing("KEY-LOUD", kLoud);
                          }};

TEST_F(CoverageGuard, APreparationThatFailsIsNoAnswerOfAnyCheck) {
    given_key({.name = "quiet"});
    judge(kNow);
    for (const bool dry_run : {false, true}) {
        Interruption interruption;
        const RunReport report =
            run_job(kUnprepared, {.dry_run = dry_run, .as_of = kNow + 1h}, config(), interruption);
        EXPECT_EQ(report.exit_code, ExitCode::partial);
        EXPECT_NE(report.checks.at(0).error, "");
        EXPECT_NE(report.checks.at(1).error, "");
    }
    EXPECT_THAT(open("KEY-QUIET"), ElementsAre("quiet"));
    EXPECT_EQ(number("select count(*) from keyrota.run_check where error is not null"), 2);
}

}  // namespace
}  // namespace keyrota::test
