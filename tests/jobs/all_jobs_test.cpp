// What holds for every job of the catalog, today's and those to come.

#include "catalog.h"
#include "support/database.h"

namespace keyrota::test {
namespace {

using ::testing::ElementsAre;
using namespace std::chrono_literals;

class AllJobs : public DatabaseTest {};

TEST_F(AllJobs, AnUnchangedSecondNightWritesNoFindingAndNoPlan) {
    given_keys(20, {.name = "soon", .expires_at = kNow + 24h * 20});
    given_keys(20, {.name = "endless"});
    config().notify.mode = "send";
    given_keys(5, {.name = "elsewhere", .expires_at = kNow - 24h, .source = "aws"});
    for (const Job* job : all_jobs()) EXPECT_TRUE(run(job->name, kNow).complete) << job->name;
    EXPECT_GE(number("select count(*) from keyrota.finding"), 25);

    execute(
        "create function keyrota.refuse_row() returns trigger language plpgsql as"
        " $$ begin raise exception '% of %', tg_op, tg_table_name; end $$");
    for (const char* table : {"finding", "plan_item"})
        execute(std::string("create trigger refuse_row before insert or update or delete on "
                            "keyrota.") +
                table + " for each row execute function keyrota.refuse_row()");
    for (const Job* job : all_jobs()) {
        const RunReport report = run(job->name, kNow + 24h);
        EXPECT_TRUE(report.complete) << job->name << ": " << report.message;
        for (const CheckReport& check : report.checks)
            EXPECT_NE(check.pass, "incremental") << check.check_id;
    }
}

TEST_F(AllJobs, ACheckThatCannotBeEvaluatedStopsNoOtherAndIsNoAnswer) {
    given_key({.name = "due", .expires_at = kNow + 24h});
    given_key({.name = "soon", .expires_at = kNow + 24h * 20});
    EXPECT_TRUE(run("expire-keys", kNow).complete);
    const std::string soon =
        "select status from keyrota.finding join keyrota.api_key using (key_id)"
        " where check_id = 'KEY-EXPIRES-SOON' and name = 'soon'";
    execute(
        "update keyrota.api_key_state set expires_at = null where key_id ="
        " (select key_id from keyrota.api_key where name = 'soon')");
    execute("alter table keyrota.policy_rule rename column expiry_notice_before to elsewhere");

    const RunReport report = run("expire-keys", kNow + 24h);
    EXPECT_EQ(report.exit_code, ExitCode::partial);
    EXPECT_FALSE(report.complete);
    EXPECT_EQ(report.checks.at(1).error,
              "database: a column is missing in statement key_expires_soon (SQLSTATE 42703)");
    EXPECT_THAT(keys_with_status("expired"), ElementsAre("due"));
    EXPECT_EQ(text(soon), "open") << "no answer is not read as absence";
    EXPECT_NE(text("select error from keyrota.run_check where error is not null"), "NULL");

    execute("alter table keyrota.policy_rule rename column elsewhere to expiry_notice_before");
    EXPECT_TRUE(run("expire-keys", kNow + 24h + 1min).complete);
    EXPECT_EQ(text(soon), "resolved");
}

}  // namespace
}  // namespace keyrota::test
