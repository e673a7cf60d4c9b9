// Housekeeping: what is old enough goes, what others go by stays.

#include <fmt/format.h>

#include "catalog.h"
#include "support/database.h"

namespace keyrota::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;
using namespace std::chrono_literals;

constexpr auto kDay = 24h;

class Prune : public DatabaseTest {
  protected:
    // A finished run; `name` goes into its message, to be recognised by.
    struct GivenRun {
        std::string name;
        Timestamp as_of;
        std::string job = "expire-keys";
        std::string status = "done";
        bool complete = true;
        std::int64_t found = 0;
        std::string check = "KEY-EXPIRED";
    };
    std::int64_t given_run(const GivenRun& given) {
        execute(fmt::format(
            "insert into keyrota.job_run (job, as_of, status, complete, message, finished_at, "
            "os_user, host, process_id, program_version, plan_digest) values ('{}', "
            "keyrota.instant({}), '{}', {}, '{}', now(), 'u', 'h', 1, '1', {})",
            given.job, to_micros(given.as_of), given.status, given.complete, given.name,
            given.status == "planned" ? "'digest'" : "null"));
        const std::int64_t run_id = number("select max(run_id) from keyrota.job_run");
        if (!given.check.empty())
            execute(
                fmt::format("insert into keyrota.run_check (run_id, check_id, pass, "
                            "found_total) values ({}, '{}', 'incremental', {})",
                            run_id, given.check, given.found));
        return run_id;
    }
    // So that no other given run is the one that others go by.
    void given_a_newest_run() { given_run({.name = "newest", .as_of = kNow}); }
    std::vector<std::string> runs_left() {
        return texts(
            "select message from keyrota.job_run where job <> 'prune' and message <> 'newest'"
            " order by run_id");
    }

    void given_finding(const std::string& check, std::int64_t key_id,
                       const std::optional<Timestamp>& resolved_at, std::int64_t episodes = 1) {
        const std::string resolved =
            resolved_at ? fmt::format("keyrota.instant({})", to_micros(*resolved_at)) : "null";
        execute(fmt::format(
            "insert into keyrota.finding (key_id, uid, check_id, episode, status, resolution, "
            "severity, opened_at, changed_at, resolved_at, run_id) values ({0}, "
            "keyrota.finding_uid('{1}', {0}, ''), '{1}', {2}, '{3}', {4}, 2, '2020-01-01', "
            "'2020-01-01', {5}, 1)",
            key_id, check, episodes, resolved_at ? "resolved" : "open",
            resolved_at ? "'absence'" : "null", resolved));
        execute(fmt::format(
            "insert into keyrota.finding_episode (key_id, uid, episode, severity, opened_at, "
            "resolved_at, resolution, run_id) select {0}, keyrota.finding_uid('{1}', {0}, ''), e, "
            "2, '2019-01-01', '2019-02-01', 'absence', 1 from generate_series(1, {2}) e",
            key_id, check, episodes - 1));
    }
    std::vector<std::string> findings_left() {
        return texts(
            "select check_id || ' ' || key_id from keyrota.finding order by check_id, key_id");
    }

    static const CheckReport& chore(const RunReport& report, const std::string& name) {
        for (const CheckReport& check : report.checks)
            if (check.check_id == name) return check;
        throw std::runtime_error("no such chore: " + name);
    }
    RunReport prune(RunOptions options = {}) {
        const RunReport report = run("prune", kNow, options);
        EXPECT_EQ(report.exit_code, ExitCode::done) << report.message;
        return report;
    }
};

TEST_F(Prune, RemovesARunThatDidSomethingAtItsRetentionAndNotATickBefore) {
    given_a_newest_run();
    given_run({.name = "old", .as_of = kNow - 90 * kDay, .found = 1});
    given_run({.name = "a tick younger", .as_of = kNow - 90 * kDay + 1us, .found = 1});
    const CheckReport done = chore(prune(), "old-runs");
    EXPECT_EQ(done.found, 1);
    EXPECT_EQ(done.applied, 1);
    EXPECT_THAT(runs_left(), ElementsAre("a tick younger"));
    EXPECT_EQ(number("select count(*) from keyrota.run_check where found_total = 1 and check_id ="
                     " 'KEY-EXPIRED'"),
              1)
        << "its checks go with it";
}

TEST_F(Prune, RemovesARunThatFoundAndDidNothingSooner) {
    given_a_newest_run();
    given_run({.name = "idle", .as_of = kNow - 7 * kDay});
    given_run({.name = "a tick younger", .as_of = kNow - 7 * kDay + 1us});
    given_run({.name = "found", .as_of = kNow - 7 * kDay, .found = 1});
    given_run({.name = "failed", .as_of = kNow - 7 * kDay, .status = "failed", .complete = false});
    given_run(
        {.name = "planned", .as_of = kNow - 7 * kDay, .status = "planned", .complete = false});
    prune();
    EXPECT_THAT(runs_left(), ElementsAre("a tick younger", "found", "failed", "planned"));
}

TEST_F(Prune, RemovesAMessageOfWhichNothingIsToComeAtItsRetention) {
    const auto given_message = [&](const char* subject, const char* state, Timestamp created_at) {
        execute(fmt::format(
            "insert into keyrota.message (kind, recipient, subject, text_body, severity, state, "
            "created_at, next_try_at, expires_at, sent_at, run_id) values ('notice', "
            "'ada@example.com', '{0}', '', 1, '{1}', keyrota.instant({2}), keyrota.instant({2}), "
            "keyrota.instant({2}), case when '{1}' = 'sent' then keyrota.instant({2}) end, 1)",
            subject, state, to_micros(created_at)));
    };
    for (const char* state : {"sent", "dead", "cancelled"})
        given_message("old", state, kNow - 180 * kDay);
    given_message("a tick younger", "sent", kNow - 180 * kDay + 1us);
    given_message("still to be sent", "pending", kNow - 300 * kDay);
    EXPECT_EQ(chore(prune(), "old-messages").applied, 3);
    EXPECT_THAT(texts("select subject from keyrota.message order by 1"),
                ElementsAre("a tick younger", "still to be sent"));
}

TEST_F(Prune, ForgetsHowFarALogWasReadTogetherWithTheFiguresOfItsLines) {
    const auto given_position = [&](const char* file, Timestamp updated_at) {
        execute(fmt::format(
            "insert into keyrota.ingest_position (beginning_hash, beginning_length, byte_offset, "
            "tail_hash, file, updated_at) values ('', 1, 1, '', '{}', keyrota.instant({}))",
            file, to_micros(updated_at)));
    };
    given_position("old", kNow - 400 * kDay);
    given_position("a tick younger", kNow - 400 * kDay + 1us);
    EXPECT_EQ(chore(prune(), "old-log-positions").applied, 1);
    EXPECT_EQ(texts("select file from keyrota.ingest_position"),
              std::vector<std::string>{"a tick younger"});
}

TEST_F(Prune, KeepsTheLastCompleteRunOfEachJobAndCheckHoweverOld) {
    given_run({.name = "before it", .as_of = kNow - 300 * kDay});
    given_run({.name = "last complete", .as_of = kNow - 200 * kDay});
    given_run({.name = "failed since",
               .as_of = kNow - 150 * kDay,
               .status = "failed",
               .complete = false});
    given_run({.name = "newest, failed too",
               .as_of = kNow - 140 * kDay,
               .status = "failed",
               .complete = false});
    given_run({.name = "of a check no longer run", .as_of = kNow - 400 * kDay, .check = "KEY-OLD"});
    given_run({.name = "of another job",
               .as_of = kNow - 400 * kDay,
               .job = "check-runs",
               .check = "RUN-MISSED"});
    given_run({.name = "without any check",
               .as_of = kNow - 400 * kDay,
               .job = "watch-usage",
               .check = ""});
    prune();
    EXPECT_THAT(runs_left(),
                ElementsAre("last complete", "newest, failed too", "of a check no longer run",
                            "of another job", "without any check"));
}

TEST_F(Prune, AJobThatHasNotRunForLongIsStillMissedAfterwards) {
    given_run({.name = "last complete", .as_of = kNow - 400 * kDay});
    prune();
    run("check-runs", kNow);
    EXPECT_THAT(texts("select detail from keyrota.finding where check_id = 'RUN-MISSED'"),
                ElementsAre("expire-keys"));
}

TEST_F(Prune, ARunOfAFutureThatDidNotComeIsNotTheLastOneAndStays) {
    given_run({.name = "last", .as_of = kNow - 100 * kDay});
    given_run({.name = "future", .as_of = kNow + 1us});
    prune();
    EXPECT_THAT(runs_left(), ElementsAre("last", "future"));
}

TEST_F(Prune, KeepsARunThatIsRunning) {
    given_a_newest_run();
    execute(
        "insert into keyrota.job_lease values ('expire-keys', '1/1', 1000, pg_backend_pid(), "
        "now(), "
        "'me', now(),"
        " now() + interval '1 hour')");
    given_run(
        {.name = "at work", .as_of = kNow - 100 * kDay, .status = "running", .complete = false});
    prune();
    EXPECT_THAT(runs_left(), ElementsAre("at work"));
}

TEST_F(Prune, EndsAKilledRunThatNoLaterRunOfItsJobHasEnded) {
    const std::int64_t dead = given_run({.name = "killed",
                                         .as_of = kNow - kDay,
                                         .job = "watch-usage",
                                         .status = "running",
                                         .complete = false});
    given_run({.name = "a tick younger",
               .as_of = kNow - kDay + 1us,
               .job = "watch-scopes",
               .status = "running",
               .complete = false});
    execute(
        fmt::format("insert into keyrota.plan_item (run_id, key_id, check_id, uid, change)"
                    " values ({}, 1, 'KEY-X', 'kf_x', 'open')",
                    dead));
    execute(
        "insert into keyrota.job_lease values ('watch-usage', '1/1', 7, 0, now(), 'gone', now(),"
        " now())");
    EXPECT_EQ(chore(prune(), "dead-runs").applied, 1);
    EXPECT_THAT(texts("select job || ' ' || status from keyrota.job_run where job <> 'prune'"
                      " order by run_id"),
                ElementsAre("watch-usage interrupted", "watch-scopes running"));
    EXPECT_EQ(number("select count(*) from keyrota.plan_item"), 0);
    EXPECT_EQ(number("select count(*) from keyrota.job_lease"), 0)
        << "without it the run, should it live, does nothing more";
}

TEST_F(Prune, RemovesAResolvedFindingWithItsEpisodesAtItsRetentionAndNotATickBefore) {
    given_finding("KEY-A", 1, kNow - 400 * kDay, 3);
    given_finding("KEY-B", 1, kNow - 400 * kDay + 1us, 2);
    given_finding("KEY-C", 1, std::nullopt, 2);  // open
    given_finding("KEY-A", 0, kNow - 400 * kDay);
    const CheckReport done = chore(prune(), "old-findings");
    EXPECT_EQ(done.found, 2);
    EXPECT_EQ(done.applied, 2);
    EXPECT_THAT(findings_left(), ElementsAre("KEY-B 1", "KEY-C 1"));
    EXPECT_EQ(number("select count(*) from keyrota.finding_episode"), 2)
        << "one of each that is left";
}

TEST_F(Prune, AFindingThatReturnsAfterItWasRemovedIsANewOne) {
    given_key({.name = "due", .expires_at = kNow + 20 * kDay});
    run("expire-keys", kNow);
    execute(
        "update keyrota.finding set status = 'resolved', resolution = 'by hand',"
        " resolved_at = '2020-01-01'");
    prune();
    EXPECT_THAT(findings_left(), IsEmpty());
    run("expire-keys", kNow + kDay);
    EXPECT_EQ(text("select (status, episode) from keyrota.finding"), "(open,1)");
}

TEST_F(Prune, WorksInBatchesAndEndsWhereEverythingIsDone) {
    config().limits.batch_size = 3;
    given_a_newest_run();
    for (int i = 0; i < 10; ++i) given_run({.name = "idle", .as_of = kNow - 10 * kDay});
    for (int i = 1; i <= 10; ++i) given_finding("KEY-A", i, kNow - 401 * kDay);
    for (int i = 1; i <= 10; ++i) given_finding("KEY-B", i, kNow - 401 * kDay);
    const RunReport report = prune();
    EXPECT_TRUE(report.complete);
    EXPECT_EQ(chore(report, "old-runs").applied, 10);
    EXPECT_EQ(chore(report, "old-findings").applied, 20);
    EXPECT_THAT(runs_left(), IsEmpty());
    EXPECT_THAT(findings_left(), IsEmpty());
    EXPECT_EQ(text("select (found_total, applied_total) from keyrota.run_check where check_id ="
                   " 'old-findings'"),
              "(20,20)");
}

TEST_F(Prune, ASecondRunFindsNothingToDo) {
    given_a_newest_run();
    given_run({.name = "idle", .as_of = kNow - 10 * kDay});
    given_finding("KEY-A", 1, kNow - 400 * kDay);
    prune();
    for (const CheckReport& done : run("prune", kNow + 1min).checks) {
        EXPECT_EQ(done.found, 0) << done.check_id;
        EXPECT_EQ(done.applied, 0) << done.check_id;
    }
}

TEST_F(Prune, ADryRunSaysHowManyAndChangesNothing) {
    given_a_newest_run();
    given_run({.name = "idle", .as_of = kNow - 10 * kDay});
    given_finding("KEY-A", 1, kNow - 400 * kDay);
    execute("drop table keyrota.usage_sample_" +
            text("select to_char(current_date + 60, 'YYYYMMDD')"));
    const auto before = fingerprint();
    const RunReport report = prune({.dry_run = true});
    EXPECT_EQ(fingerprint(), before);
    for (const char* name : {"old-runs", "old-findings", "sample-days"}) {
        EXPECT_EQ(chore(report, name).found, 1) << name;
        EXPECT_EQ(chore(report, name).applied, 0) << name;
    }
}

TEST_F(Prune, ALimitHoldsForEachChore) {
    given_a_newest_run();
    for (int i = 0; i < 5; ++i) given_run({.name = "idle", .as_of = kNow - 10 * kDay});
    const RunReport report = run("prune", kNow, {.limit = 2});
    EXPECT_FALSE(report.complete);
    EXPECT_EQ(chore(report, "old-runs").applied, 2);
    EXPECT_EQ(runs_left().size(), 3U);
}

TEST_F(Prune, TheAuditTrailIsNotTouched) {
    given_keys(3, {.name = "due", .expires_at = kNow - 500 * kDay});
    run("expire-keys", kNow - 399 * kDay);
    const std::string trail =
        "select md5(string_agg(e::text, '' order by entry_id)) from keyrota.audit_entry e";
    const std::string before = text(trail);
    EXPECT_NE(before, "NULL");
    config().retention.findings = 30 * kDay;
    EXPECT_EQ(chore(prune(), "old-findings").applied, 3);
    EXPECT_EQ(text(trail), before);
}

TEST_F(Prune, MakesThePartitionsThatAreMissing) {
    for (const int day : {0, 30, 60})
        execute("drop table keyrota.usage_sample_" +
                text(fmt::format("select to_char(current_date + {}, 'YYYYMMDD')", day)));
    EXPECT_EQ(sqlstate_of([&] {
                  execute(
                      "insert into keyrota.usage_sample (key_id, at, gateway, requests) values (1,"
                      " now(), 'g', 1)");
              }),
              "23514");
    EXPECT_EQ(chore(prune(), "sample-days").applied, 3);
    execute(
        "insert into keyrota.usage_sample (key_id, at, gateway, requests) values (1, now(), 'g',"
        " 1)");
    EXPECT_EQ(number("select count(*) from pg_inherits where inhparent ="
                     " 'keyrota.usage_sample'::regclass"),
              61);
    EXPECT_EQ(sqlstate_of([&] {
                  execute(
                      "insert into keyrota.usage_sample (key_id, at, gateway, requests) values (1,"
                      " now(), 'g', 0)");
              }),
              "23514")
        << "the checks hold in a partition that was made later";
}

TEST_F(Prune, AChoreThatFailsStopsNoOther) {
    given_a_newest_run();
    given_run({.name = "idle", .as_of = kNow - 10 * kDay});
    execute("alter table keyrota.finding rename column resolved_at to elsewhere");
    const RunReport report = run("prune", kNow);
    EXPECT_EQ(report.exit_code, ExitCode::partial);
    EXPECT_FALSE(report.complete);
    EXPECT_NE(chore(report, "old-findings").error, "");
    EXPECT_THAT(runs_left(), IsEmpty());
}

TEST_F(Prune, WhatSomebodyElseHasLockedIsLeftToTheNextRun) {
    config().database.lock_timeout = 20ms;
    config().limits.max_tries = 1;
    given_finding("KEY-A", 1, kNow - 400 * kDay);
    {
        Session other = session_as("keyrota_owner");
        const Transaction holding(other);
        other.execute_verbatim("lock", "select from keyrota.finding for update");
        const RunReport report = run("prune", kNow);
        EXPECT_EQ(report.exit_code, ExitCode::partial);
        EXPECT_EQ(chore(report, "old-findings").failed, 1);
        EXPECT_FALSE(report.complete);
    }
    EXPECT_EQ(chore(prune(), "old-findings").applied, 1);
}

// An as_of that was chosen is no clock that went wrong: guards of time hold for the clock only.
TEST_F(Prune, IsHeldBackWhereTheDatabaseIsAnotherThanTheLastRunSaw) {
    given_finding("KEY-A", 1, *parse_timestamp("2020-01-01"));
    execute("update keyrota.installation set timeline_id = timeline_id + 1");
    Interruption interruption;
    const RunReport held = run_job(find_job("prune"), {}, config(), interruption);
    EXPECT_EQ(held.exit_code, ExitCode::held_back);
    EXPECT_EQ(chore(held, "old-findings").refused, 1);
    EXPECT_THAT(findings_left(), UnorderedElementsAre("KEY-A 1", "RUN-HELD 0"));
}

TEST_F(Prune, APlanFileOfItIsEmptySinceItChangesNoKey) {
    given_finding("KEY-A", 1, kNow - 400 * kDay);
    Interruption interruption;
    const PlanReport planned = plan_job(find_job("prune"), {.as_of = kNow}, config(), interruption,
                                        "/tmp/keyrota-prune-plan-" + database());
    std::filesystem::remove("/tmp/keyrota-prune-plan-" + database());
    EXPECT_THAT(planned.run.checks, IsEmpty());
}

}  // namespace
}  // namespace keyrota::test
