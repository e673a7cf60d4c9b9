// Steps: work of a job in batches of its own, by a small job that is made here.

#include <unistd.h>

#include <csignal>
#include <thread>

#include "runner/step.h"
#include "support/database.h"

namespace keyrota::test {
namespace {

using namespace std::chrono_literals;

constexpr Statement kDue{"due", "select count(*) as total from keyrota.team where name <> :done"};
constexpr Statement kHandle{"handle",
                            "update keyrota.team set email = 'handled' where team_id = (select"
                            " min(team_id) from keyrota.team where email is null)"};
constexpr Statement kNothing{"nothing",
                             "select 1::bigint as key_id, '' as detail, 3 as severity,"
                             " null::text as action, null::timestamptz as due_at, '{}'::jsonb as"
                             " evidence where keyrota.instant(:as_of) < '2026-11-25'"};

constexpr Statement kBroken{"broken", "select no_such_column"};

// What the step does instead of handling teams; each test sets it.
std::function<void(StepRun&)> the_work;

void handle_teams(StepRun& run) {
    for (bool left = true; left && !run.interrupted();)
        run.in_batch([&] {
            const std::int64_t handled = run.session.execute(kHandle);
            run.count({.found = handled, .applied = handled});
            left = handled > 0;
        });
}

PlannedStep step() {
    return {"handle-teams", kDue, [](StepRun& run) { the_work(run); }, {{"done", "x"}}};
}
void plan_teams(const RunContext&, Plan& plan) {
    plan.add_standing("KEY-TEST", kNothing);
    plan.add_step(step());
}
void plan_broken(const RunContext&, Plan& plan) {
    plan.add_standing("KEY-BROKEN", kBroken);
    plan.add_step(step());
}
void plan_guarded(const RunContext&, Plan& plan) {
    plan.add_step(step());
    PlannedStep guarded = step();
    guarded.name = "guarded";
    guarded.guarded = true;
    plan.add_step(guarded);
}
void plan_stubborn(const RunContext&, Plan& plan) {
    PlannedStep stubborn = step();
    stubborn.cancellable = false;
    plan.add_step(stubborn);
}
constexpr Job kTeams{"handle-teams", "handle teams", "* * * * *", plan_teams};
constexpr Job kWithBroken{"handle-teams", "handle teams", "* * * * *", plan_broken};
constexpr Job kGuarded{"handle-teams", "handle teams", "* * * * *", plan_guarded};
constexpr Job kStubborn{"handle-teams", "handle teams", "* * * * *", plan_stubborn};

class Steps : public DatabaseTest {
  protected:
    void SetUp() override {
        DatabaseTest::SetUp();
        the_work = handle_teams;
        execute("insert into keyrota.team (name) values ('a'), ('b'), ('c')");
    }
    RunReport run_teams(RunOptions options = {}, const Job& job = kTeams) {
        Interruption interruption;
        if (!options.as_of) options.as_of = kNow;
        return run_job(job, options, config(), interruption);
    }
    std::string recorded() {
        return text(
            "select (pass, found_total, applied_total, failed_total) from keyrota.run_check where"
            " check_id = 'handle-teams' order by run_id desc limit 1");
    }
};

TEST_F(Steps, WhatItCountsStandsInTheReportAndInTheRecord) {
    const RunReport report = run_teams();
    EXPECT_EQ(report.exit_code, ExitCode::done) << report.message;
    EXPECT_TRUE(report.complete);
    EXPECT_EQ(report.checks.at(1).pass, "step");
    EXPECT_EQ(report.checks.at(1).found, 3);
    EXPECT_EQ(report.checks.at(1).applied, 3);
    EXPECT_EQ(recorded(), "(step,3,3,0)");
}

TEST_F(Steps, IsDoneAfterTheFindings) {
    the_work = [](StepRun& run) {
        run.in_batch([&] {
            const auto open =
                run.session.one({"open", "select count(*) as n from keyrota.finding"}).int64("n");
            run.count({.found = open});
        });
    };
    EXPECT_EQ(run_teams().checks.at(1).found, 1);
}

TEST_F(Steps, ADryRunSaysWhatThereIsToDoAndDoesNothing) {
    const auto before = fingerprint();
    const RunReport report = run_teams({.dry_run = true});
    EXPECT_EQ(fingerprint(), before);
    EXPECT_EQ(report.checks.at(1).found, 3);
    EXPECT_EQ(report.checks.at(1).applied, 0);
}

TEST_F(Steps, ABatchThatMetALockIsRepeatedAndCountedOnce) {
    int attempts = 0;
    the_work = [&](StepRun& run) {
        run.in_batch([&] {
            run.session.execute(kHandle);
            run.count({.found = 1, .applied = 1});
            if (++attempts == 1) throw DatabaseError("55P03", "locked");
        });
    };
    const RunReport report = run_teams();
    EXPECT_EQ(attempts, 2);
    EXPECT_EQ(report.checks.at(1).applied, 1);
    EXPECT_EQ(recorded(), "(step,1,1,0)");
    EXPECT_EQ(number("select count(*) from keyrota.team where email = 'handled'"), 1);
}

TEST_F(Steps, WhatFailedMakesTheRunPartial) {
    the_work = [](StepRun& run) { run.in_batch([&] { run.count({.found = 2, .failed = 2}); }); };
    const RunReport report = run_teams();
    EXPECT_EQ(report.exit_code, ExitCode::partial);
    EXPECT_EQ(report.message, "handle-teams: 2 failed");
    EXPECT_FALSE(report.complete);
}

TEST_F(Steps, AnAlarmEndsTheRunWithItsCodeAndWords) {
    the_work = [](StepRun& run) {
        run.alarm(ExitCode::held_back, "the teams are elsewhere", "Bring them back.");
        handle_teams(run);
    };
    const RunReport report = run_teams();
    EXPECT_EQ(report.exit_code, ExitCode::held_back);
    EXPECT_EQ(report.message, "the teams are elsewhere");
    EXPECT_EQ(report.hint, "Bring them back.");
    EXPECT_FALSE(report.complete);
    EXPECT_EQ(report.checks.at(1).applied, 3) << "it went on";
    EXPECT_EQ(text("select (status, exit_code, message) from keyrota.job_run"),
              "(refused,9,\"the teams are elsewhere\")");
}

TEST_F(Steps, OfSeveralAlarmsTheGravestIsTold) {
    the_work = [](StepRun& run) {
        run.alarm(ExitCode::delivery, "2 messages are not delivered");
        run.alarm(ExitCode::audit_broken, "the trail is broken");
        run.alarm(ExitCode::partial, "some teams are left");
    };
    const RunReport report = run_teams();
    EXPECT_EQ(report.exit_code, ExitCode::audit_broken);
    EXPECT_EQ(report.message, "the trail is broken");
}

TEST_F(Steps, WithUndeliveredMessagesTheRunIsCompleteForItsChecks) {
    run_teams();
    EXPECT_EQ(text("select status from keyrota.finding"), "open");
    the_work = [](StepRun& run) {
        run.in_batch([&] { run.count({.found = 1, .failed = 1}); });
        run.alarm(ExitCode::delivery, "1 message is not delivered");
    };
    const RunReport report = run_teams({.as_of = kNow + 24h});
    EXPECT_EQ(report.exit_code, ExitCode::delivery);
    EXPECT_EQ(report.message, "1 message is not delivered");
    EXPECT_TRUE(report.complete);
    EXPECT_EQ(text("select status from keyrota.finding"), "resolved");
}

TEST_F(Steps, ACheckThatFailedIsNoAnswerWhateverTheAlarm) {
    the_work = [](StepRun& run) { run.alarm(ExitCode::delivery, "not delivered"); };
    const RunReport report = run_teams({}, kWithBroken);
    EXPECT_EQ(report.exit_code, ExitCode::delivery);
    EXPECT_FALSE(report.complete);
}

TEST_F(Steps, AnErrorInItEndsTheRunAndKeepsWhatWasCommitted) {
    the_work = [](StepRun& run) {
        handle_teams(run);
        throw Error(ExitCode::config, "no such relay");
    };
    const RunReport report = run_teams();
    EXPECT_EQ(report.exit_code, ExitCode::config);
    EXPECT_EQ(report.status, "failed");
    EXPECT_EQ(report.message, "no such relay");
    EXPECT_EQ(recorded(), "(step,3,3,0)");
}

TEST_F(Steps, ASignalCancelsItsStatement) {
    Interruption interruption;
    the_work = [&](StepRun& run) {
        std::thread signaller([&] {
            await_backend_waiting_for("PgSleep");
            ::kill(::getpid(), SIGTERM);
        });
        EXPECT_EQ(sqlstate_of([&] {
                      run.in_batch([&] { run.session.execute({"sleep", "select pg_sleep(60)"}); });
                  }),
                  "57014");
        signaller.join();
    };
    const RunReport report = run_job(kTeams, {.as_of = kNow}, config(), interruption);
    EXPECT_EQ(report.exit_code, ExitCode::interrupted_term);
    EXPECT_EQ(report.status, "interrupted");
}

TEST_F(Steps, OneThatIsNotCancellableEndsTheBatchInHand) {
    Interruption interruption;
    the_work = [](StepRun& run) {
        run.in_batch([&] {
            ::kill(::getpid(), SIGTERM);
            EXPECT_TRUE(eventually([&] { return run.interrupted(); }));
            run.session.execute({"sleep", "select pg_sleep(0.05)"});
            run.count({.applied = 1});
        });
    };
    const RunReport report = run_job(kStubborn, {.as_of = kNow}, config(), interruption);
    EXPECT_EQ(report.exit_code, ExitCode::interrupted_term);
    EXPECT_EQ(recorded(), "(step,0,1,0)");
}

TEST_F(Steps, GuardsOfTimeAndPlaceHoldOnlyWhatAsksForIt) {
    execute("update keyrota.installation set timeline_id = timeline_id + 1");
    Interruption interruption;
    const RunReport report = run_job(kGuarded, {}, config(), interruption);
    EXPECT_EQ(report.exit_code, ExitCode::held_back);
    EXPECT_EQ(report.checks.at(0).applied, 3);
    EXPECT_EQ(report.checks.at(1).applied, 0);
    EXPECT_EQ(report.checks.at(1).refused, 3);
}

TEST_F(Steps, APlanFileHoldsNone) {
    const std::string file = "/tmp/keyrota-steps-plan-" + database();
    Interruption interruption;
    const PlanReport planned = plan_job(kTeams, {.as_of = kNow}, config(), interruption, file);
    EXPECT_EQ(planned.run.checks.size(), 1U);
    apply_plan(kTeams, {.as_of = kNow}, config(), interruption, file);
    std::filesystem::remove(file);
    EXPECT_EQ(number("select count(*) from keyrota.team where email = 'handled'"), 0);
}

}  // namespace
}  // namespace keyrota::test
