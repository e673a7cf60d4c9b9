#include "support/database.h"

namespace keyrota::test {
namespace {

using ::testing::IsEmpty;
using ::testing::StartsWith;
using namespace std::chrono_literals;

class VerifyAudit : public DatabaseTest {
  protected:
    void SetUp() override {
        DatabaseTest::SetUp();
        given_key({.name = "due", .expires_at = kNow - 1h});
        run("expire-keys", kNow);  // the policy's entries, then the key's
    }
    /// As somebody who may do everything, past the triggers.
    void tamper(const std::string& sql) {
        Session superuser = session_as("postgres");
        superuser.execute_verbatim("tamper", "set session_replication_role = replica");
        superuser.execute_verbatim("tamper", sql);
    }
    std::string finding() {
        return text(
            "select coalesce(max(concat_ws(' ', key_id, severity, status, resolution)), '')"
            " from keyrota.finding where check_id = 'AUDIT-BROKEN'");
    }
};

TEST_F(VerifyAudit, AnIntactTrailIsNoFinding) {
    const RunReport report = run("verify-audit", kNow);
    EXPECT_TRUE(report.complete);
    EXPECT_EQ(report.exit_code, ExitCode::done);
    EXPECT_THAT(report.message, IsEmpty());
    EXPECT_EQ(finding(), "");
}

TEST_F(VerifyAudit, ABrokenTrailIsACriticalFindingAndEndsTheRunWithItsPlace) {
    tamper(
        "update keyrota.audit_entry set payload = payload || ' '"
        " where entry_id = (select max(entry_id) from keyrota.audit_entry)");
    for (const auto night : {0h, 24h}) {  // no less on the second night
        const RunReport report = run("verify-audit", kNow + night);
        EXPECT_EQ(report.exit_code, ExitCode::audit_broken);
        EXPECT_THAT(report.message,
                    StartsWith("the audit trail is broken: block 2 or one of its 1 entries"));
        EXPECT_NE(report.hint, "");
        EXPECT_EQ(report.status, "done") << "the run did its work";
        EXPECT_TRUE(report.complete);
        EXPECT_EQ(finding(), "0 5 open");
    }
    EXPECT_EQ(number("select count(*) from keyrota.finding where check_id = 'AUDIT-BROKEN'"), 1);
    EXPECT_EQ(number("select (evidence ->> 'height')::bigint from keyrota.finding"
                     " where check_id = 'AUDIT-BROKEN'"),
              2);
    EXPECT_EQ(text("select concat_ws(' ', exit_code, status) from keyrota.job_run"
                   " order by run_id desc limit 1"),
              "11 done");
}

TEST_F(VerifyAudit, IsResolvedWhereTheTrailIsWhatItWas) {
    tamper("update keyrota.audit_entry set payload = payload || ' ' where entry_id = 1");
    run("verify-audit", kNow);
    tamper("update keyrota.audit_entry set payload = rtrim(payload) where entry_id = 1");
    EXPECT_EQ(run("verify-audit", kNow + 24h).exit_code, ExitCode::done);
    EXPECT_EQ(finding(), "0 5 resolved absence");
}

TEST_F(VerifyAudit, ADryRunSaysTheSameAndWritesNothing) {
    tamper("update keyrota.audit_entry set payload = payload || ' ' where entry_id = 1");
    const auto before = fingerprint();
    const RunReport report = run("verify-audit", kNow, {.dry_run = true});
    EXPECT_EQ(report.exit_code, ExitCode::audit_broken);
    EXPECT_EQ(report.checks.at(0).opened, 1);
    EXPECT_EQ(fingerprint(), before);
}

TEST_F(VerifyAudit, ATrailThatCannotBeReadIsNoVerdict) {
    tamper("update keyrota.audit_entry set payload = payload || ' ' where entry_id = 1");
    run("verify-audit", kNow);
    execute("revoke select on keyrota.audit_entry from keyrota_runner");
    const RunReport report = run("verify-audit", kNow + 24h);
    EXPECT_EQ(report.exit_code, ExitCode::partial);
    EXPECT_FALSE(report.complete);
    EXPECT_NE(report.checks.at(0).error, "");
    EXPECT_EQ(finding(), "0 5 open");
    EXPECT_TRUE(run("expire-keys", kNow + 24h).complete) << "the run's record is whole";
}

}  // namespace
}  // namespace keyrota::test
