// `keyrota plan` and `keyrota apply`: what was approved is done, once, and nothing else.

#include <sys/stat.h>

#include <fstream>
#include <regex>
#include <sstream>

#include "catalog.h"
#include "postgres/database.h"
#include "postgres/lease.h"
#include "support/program.h"

namespace keyrota::test {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using namespace std::chrono_literals;

class PlanFile : public DatabaseTest {
  protected:
    fs::path file() const { return scratch_.path() / "plan.jsonl"; }

    RunReport plan(Timestamp as_of = kNow, RunOptions options = {}) {
        Interruption interruption;
        options.as_of = as_of;
        return plan_job(find_job("expire-keys"), options, config(), interruption, file()).run;
    }
    RunReport apply(Timestamp as_of = kNow + 1min, RunOptions options = {}) {
        Interruption interruption;
        options.as_of = as_of;
        return apply_plan(find_job("expire-keys"), options, config(), interruption, file());
    }
    // Why the file is not taken. Nothing is changed then.
    std::string refusal(Timestamp as_of = kNow + 1min) {
        const auto before = fingerprint();
        const Error error = error_of([&] { apply(as_of); });
        EXPECT_EQ(error.code(), ExitCode::usage);
        EXPECT_NE(error.hint(), "");
        EXPECT_EQ(fingerprint(), before);
        return error.what();
    }
    std::string content() const {
        std::ifstream in(file());
        std::stringstream text;
        text << in.rdbuf();
        return text.str();
    }
    void rewrite(const std::string& content) const {
        std::ofstream(file(), std::ios::trunc) << content;
    }
    static const CheckReport& expired(const RunReport& report) { return report.checks.at(0); }

  private:
    Scratch scratch_;
};

TEST_F(PlanFile, PlanningChangesNothingButTheRunsRecord) {
    given_keys(3, {.name = "due", .expires_at = kNow});
    given_key({.name = "soon", .expires_at = kNow + 24h});
    const RunReport report = plan();
    EXPECT_EQ(report.exit_code, ExitCode::done);
    EXPECT_EQ(report.status, "planned");
    EXPECT_FALSE(report.complete);
    EXPECT_EQ(expired(report).planned, 3);
    EXPECT_EQ(report.checks.at(1).opened, 1);
    EXPECT_THAT(keys_with_status("expired"), IsEmpty());
    EXPECT_EQ(number("select count(*) from keyrota.finding"), 0);
    EXPECT_EQ(number("select count(*) from keyrota.plan_item"), 0);
    EXPECT_EQ(text("select (status, complete, plan_digest is not null) from keyrota.job_run"),
              "(planned,f,t)");
}

TEST_F(PlanFile, TheFileIsForItsOwnerAloneAndNamesKeysAndWhatIsExpectedOfThem) {
    const std::int64_t key = given_key({.name = "due", .expires_at = kNow});
    plan();
    struct stat status {};
    ASSERT_EQ(::stat(file().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U);
    EXPECT_THAT(content(), HasSubstr("\"job\":\"expire-keys\""));
    EXPECT_THAT(content(),
                HasSubstr("{\"check\":\"KEY-EXPIRED\",\"action\":\"expire\",\"key_id\":" +
                          std::to_string(key) + ","));
    EXPECT_THAT(content(), HasSubstr("\"expected\":{\"status\":\"active\",\"expires_at\":"
                                     "\"2026-11-24T06:00:00Z\"}"));
    EXPECT_FALSE(fs::exists(file().string() + ".new"));
}

TEST_F(PlanFile, ApplyingDoesWhatTheFileSaysWithFindingsAndAuditEntries) {
    given_keys(25, {.name = "due", .expires_at = kNow});
    config().limits.batch_size = 10;
    plan();
    given_key({.name = "due since", .expires_at = kNow + 1us});
    const RunReport report = apply();
    EXPECT_EQ(report.exit_code, ExitCode::done);
    EXPECT_EQ(report.status, "done");
    EXPECT_FALSE(report.complete) << "it moves no watermark";
    EXPECT_EQ(expired(report).applied, 25);
    EXPECT_THAT(keys_with_status("active"), ElementsAre("due since")) << "it was not approved";
    EXPECT_EQ(number("select count(*) from keyrota.audit_entry where action = 'key.expire'"), 25);
    EXPECT_EQ(number("select count(*) from keyrota.finding where resolution = 'acted'"), 25);
    EXPECT_EQ(text("select options ->> 'applies_plan' from keyrota.job_run where status = 'done'"),
              text("select run_id from keyrota.job_run where status = 'planned'"));
    EXPECT_EQ(audit_fault(), "");

    EXPECT_EQ(run("expire-keys", kNow + 2min).checks.at(0).applied, 1);
}

TEST_F(PlanFile, IsAppliedOnce) {
    given_key({.name = "due", .expires_at = kNow});
    plan();
    apply();
    EXPECT_THAT(refusal(kNow + 2min), HasSubstr("was already applied by run 2"));
}

TEST_F(PlanFile, WhatChangedSinceThePlanIsLeftAloneKeyByKey) {
    given_key({.name = "as planned", .expires_at = kNow});
    given_key({.name = "renewed", .expires_at = kNow});
    given_key({.name = "switched off", .expires_at = kNow});
    given_key({.name = "other past date", .expires_at = kNow});
    given_key({.name = "deleted", .expires_at = kNow});
    plan();
    execute(
        "update keyrota.api_key_state s set"
        " expires_at = case k.name when 'renewed' then s.expires_at + interval '1 year'"
        "   when 'other past date' then s.expires_at - interval '1 day' else s.expires_at end,"
        " status = case k.name when 'switched off' then 'inactive' else s.status end"
        "  from keyrota.api_key k where k.key_id = s.key_id");
    execute(
        "delete from keyrota.api_key_state where key_id = (select key_id from keyrota.api_key "
        "where "
        "name = 'deleted')");
    const RunReport report = apply();
    EXPECT_EQ(report.exit_code, ExitCode::done);
    EXPECT_EQ(expired(report).found, 5);
    EXPECT_EQ(expired(report).drifted, 4);
    EXPECT_EQ(expired(report).applied, 1);
    EXPECT_THAT(keys_with_status("expired"), ElementsAre("as planned"));
    EXPECT_EQ(number("select drifted_total from keyrota.run_check where pass = 'approved'"), 4);
}

TEST_F(PlanFile, AnEditedFileIsRefusedWhateverWasEdited) {
    given_keys(3, {.name = "due", .expires_at = kNow});
    const std::int64_t other = given_key({.name = "precious", .expires_at = kNow + 999h});
    plan();
    const std::string original = content();
    const std::string key = "\"key_id\":" + std::to_string(other - 1);
    ASSERT_THAT(original, HasSubstr(key));
    for (const std::string& edited :
         {std::regex_replace(original, std::regex(key), "\"key_id\":" + std::to_string(other)),
          original.substr(0, original.size() - 1),                   // cut by one byte
          original.substr(0, original.rfind("{\"check\"")),          // a line less
          original + original.substr(original.rfind("{\"check\"")),  // a line twice
          original + "garbage\n",
          std::regex_replace(original, std::regex("\"severity\":4"), "\"severity\":5")}) {
        rewrite(edited);
        EXPECT_THAT(refusal(), HasSubstr("edited or truncated"));
    }
    rewrite(original);
    EXPECT_EQ(expired(apply()).applied, 3);
}

TEST_F(PlanFile, WhatIsNoPlanIsRefusedByNameAndLine) {
    for (const char* text : {"", "{}\n", "not json\n", "[1]\n", "{\"keyrota_plan\":\"x\"}\n"}) {
        rewrite(text);
        EXPECT_THAT(refusal(), HasSubstr("plan.jsonl:1: this is not a plan")) << text;
    }
    rewrite("{\"keyrota_plan\":2}\n");
    EXPECT_THAT(refusal(), HasSubstr("another version"));
    fs::remove(file());
    EXPECT_THAT(std::string(error_of([&] { apply(); }).what()), HasSubstr("No such file"));
    fs::create_directory(file());
    EXPECT_EQ(error_of([&] { apply(); }).code(), ExitCode::usage);
}

TEST_F(PlanFile, LivesADayAndNotATickLonger) {
    given_key({.name = "due", .expires_at = kNow});
    plan();
    EXPECT_THAT(refusal(kNow + 24h + 1us), HasSubstr("older than 1d"));
    EXPECT_EQ(expired(apply(kNow + 24h)).applied, 1);
}

TEST_F(PlanFile, IsForTheDatabaseThatWroteIt) {
    given_key({.name = "due", .expires_at = kNow});
    plan();
    execute("update keyrota.installation set installation_uuid = gen_random_uuid()");
    EXPECT_THAT(refusal(), HasSubstr("for another database"));
}

TEST_F(PlanFile, ARunThatTheDatabaseHasForgottenIsNoPlan) {
    given_key({.name = "due", .expires_at = kNow});
    plan();
    execute("delete from keyrota.job_run");
    EXPECT_THAT(refusal(), HasSubstr("does not know"));
}

TEST_F(PlanFile, GuardsHoldInPlanAndAgainInApply) {
    given_keys(3, {.name = "due", .expires_at = kNow});
    const RunReport planned = plan(kNow, {.max_actions = 2});
    EXPECT_EQ(planned.exit_code, ExitCode::blast_radius);
    EXPECT_EQ(planned.status, "planned") << "it is there to be looked at";

    const RunReport refused = apply(kNow + 1min, {.max_actions = 2});
    EXPECT_EQ(refused.exit_code, ExitCode::blast_radius);
    EXPECT_THAT(keys_with_status("expired"), IsEmpty());

    // What was refused was not applied: a person may allow it.
    EXPECT_EQ(apply(kNow + 2min, {.max_actions = 3}).exit_code, ExitCode::done);
    EXPECT_EQ(keys_with_status("expired").size(), 3U);
}

TEST_F(PlanFile, ImportedKeysAreNotInIt) {
    given_key({.name = "elsewhere", .expires_at = kNow, .source = "aws"});
    EXPECT_EQ(expired(plan()).planned, 0);
    EXPECT_THAT(content(), testing::Not(HasSubstr("KEY-EXPIRED")));
}

TEST_F(PlanFile, AFileThatCannotBeWrittenEndsTheRunAndLeavesNoPlan) {
    given_key({.name = "due", .expires_at = kNow});
    Interruption interruption;
    RunOptions options;
    options.as_of = kNow;
    const RunReport report = plan_job(find_job("expire-keys"), options, config(), interruption,
                                      "/no/such/folder/plan.jsonl")
                                 .run;
    EXPECT_EQ(report.exit_code, ExitCode::usage);
    EXPECT_EQ(report.status, "failed");
    EXPECT_EQ(text("select status from keyrota.job_run"), "failed");
}

TEST_F(PlanFile, WaitsForNobodyWhileAnotherRunHoldsTheJob) {
    given_key({.name = "due", .expires_at = kNow});
    const auto lease =
        Lease::try_acquire(connection_for(config(), Access::runner), "expire-keys", "1/1");
    ASSERT_TRUE(lease);
    EXPECT_EQ(error_of([&] { plan(); }).code(), ExitCode::lease_held);
}

}  // namespace
}  // namespace keyrota::test
