// `keyrota status`: one screen, and an exit code that says whether somebody is needed.

#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>
#include <fmt/format.h>

#include "support/program.h"

namespace keyrota::test {
namespace {

using Poco::JSON::Array;
using Poco::JSON::Object;
using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;
using namespace std::chrono_literals;

class Status : public ProgramTest {
  protected:
    Outcome run_at(Timestamp as_of, const std::string& job = "expire-keys",
                   const Arguments& more = {}) {
        Arguments words{"run", job, "--as-of", to_string(as_of)};
        words.insert(words.end(), more.begin(), more.end());
        return keyrota(words);
    }
    Outcome status_at(Timestamp as_of) { return keyrota({"status", "--as-of", to_string(as_of)}); }
    Object::Ptr json_at(Timestamp as_of) {
        const Outcome outcome = keyrota({"status", "--json", "--as-of", to_string(as_of)});
        EXPECT_EQ(outcome.errors, "");
        return Poco::JSON::Parser().parse(outcome.out).extract<Object::Ptr>();
    }
    static Object::Ptr job(const Object::Ptr& status, const std::string& name) {
        const Array::Ptr jobs = status->getArray("jobs");
        for (const auto& one : *jobs)
            if (one.extract<Object::Ptr>()->getValue<std::string>("job") == name)
                return one.extract<Object::Ptr>();
        throw std::runtime_error("no such job: " + name);
    }
    static std::int64_t total(const Object::Ptr& parent, const std::string& name) {
        return parent->getObject(name)->getValue<std::int64_t>("total");
    }
    static std::string kind(const Object::Ptr& parent, const std::string& name) {
        return parent->getObject(name)->getValue<std::string>("is");
    }
    void given_findings(std::int64_t count, int severity, const std::string& status = "open") {
        execute(fmt::format(
            "insert into keyrota.finding (key_id, uid, check_id, status, severity, opened_at, "
            "changed_at, run_id) select n, 'kf_' || n || '{1}', 'KEY-X', '{2}', {1}, now(), "
            "now(), 1 from generate_series(1, {0}) n",
            count, severity, status));
    }
};

TEST_F(Status, IsWellOnAFreshInstallationWhereNothingEverRan) {
    const Outcome outcome = keyrota({"status"});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.out << outcome.errors;
    EXPECT_THAT(outcome.out,
                AllOf(ContainsRegex("expire-keys +never +- +- +never +in "),
                      HasSubstr("due keys           unknown until"), HasSubstr("a simulation"),
                      HasSubstr("\nall is well\n"), Not(HasSubstr("\x1b")),
                      ContainsRegex("\n[0-9]+ jobs never ran: `keyrota cron print`")));
}

TEST_F(Status, SaysOfAJobWhenItRanHowItWentAndWhenItIsDue) {
    run_at(kNow);
    const Outcome outcome = status_at(kNow + 3min);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.out;
    EXPECT_THAT(outcome.out, ContainsRegex("expire-keys +3m ago +done +[0-9.]+s +3m ago +in 2m"));
    const Object::Ptr expire = job(json_at(kNow + 3min), "expire-keys");
    EXPECT_EQ(expire->getValue<std::string>("last_run_at"), to_string(kNow));
    EXPECT_EQ(expire->getValue<std::string>("last_good_at"), to_string(kNow));
    EXPECT_EQ(expire->getValue<std::string>("next_due_at"), to_string(kNow + 5min));
    EXPECT_EQ(expire->getValue<int>("exit_code"), 0);
    EXPECT_TRUE(expire->isNull("held"));
}

TEST_F(Status, NeedsSomebodyOnceAJobIsMissedAndNotATickBefore) {
    run_at(kNow);
    EXPECT_EQ(status_at(kNow + 10min).exit_code, 0);
    const Outcome late = status_at(kNow + 10min + 1us);
    EXPECT_EQ(late.exit_code, 13);
    EXPECT_THAT(late.out, AllOf(ContainsRegex("expire-keys .*5m late"),
                                HasSubstr("attention: expire-keys has not completed since " +
                                          to_string(kNow)),
                                Not(HasSubstr("all is well"))));
}

TEST_F(Status, LooksAtNoRunOfTheFuture) {
    run_at(kNow);
    run_at(kNow + 1h);
    EXPECT_EQ(job(json_at(kNow + 5min), "expire-keys")->getValue<std::string>("last_run_at"),
              to_string(kNow));
}

TEST_F(Status, NeedsSomebodyWhereTheLastRunWasRefusedUntilOneIsDone) {
    given_keys(2, {.name = "due", .expires_at = kNow - 1h});
    EXPECT_EQ(run_at(kNow, "expire-keys", {"--max-actions", "1"}).exit_code, 8);
    const Outcome refused = status_at(kNow);
    EXPECT_EQ(refused.exit_code, 13);
    EXPECT_THAT(refused.out, AllOf(ContainsRegex("expire-keys .*refused \\(8\\)"),
                                   HasSubstr("attention: the last run of expire-keys is refused"),
                                   HasSubstr("keyrota runs show")));
    EXPECT_EQ(run_at(kNow + 1min).exit_code, 0);
    EXPECT_EQ(status_at(kNow + 1min).exit_code, 0);
}

TEST_F(Status, SaysWhatIsHeldBackAndWhatToDo) {
    given_key({.name = "due", .expires_at = kNow - 1h});
    execute("update keyrota.installation set timeline_id = timeline_id + 1");
    EXPECT_EQ(keyrota({"run", "expire-keys"}).exit_code, 9);
    const Outcome held = keyrota({"status"});
    EXPECT_EQ(held.exit_code, 13);
    EXPECT_THAT(held.out, AllOf(ContainsRegex("expire-keys .*held back \\(9\\)"),
                                HasSubstr("attention: expire-keys is held back: the server is on "
                                          "another timeline"),
                                HasSubstr("`keyrota resume expire-keys`"),
                                Not(HasSubstr("the last run of expire-keys"))));
    keyrota({"resume"});
    keyrota({"run", "expire-keys"});
    EXPECT_EQ(keyrota({"status"}).exit_code, 0);
}

TEST_F(Status, SaysWhoIsAtWorkAndWhichRunWasKilled) {
    execute(
        "insert into keyrota.job_run (job, as_of, os_user, host, process_id, program_version)"
        " select j, now(), 'u', 'h', 1, '1' from unnest(array['expire-keys', 'check-runs']) j;"
        "insert into keyrota.job_lease values ('expire-keys', '1/1', 1, pg_backend_pid(), now(),"
        " 'ada@host, process 7', now(), now() + interval '1 hour')");
    const Outcome outcome = keyrota({"status"});
    EXPECT_THAT(outcome.out,
                AllOf(HasSubstr("running            expire-keys by ada@host, process 7"),
                      ContainsRegex("expire-keys +[0-9]+s ago +running"),
                      ContainsRegex("check-runs +[0-9]+s ago +killed")));
}

TEST_F(Status, CountsNativeKeysThatAreDueSinceTheLastGoodRun) {
    given_key({.name = "expired before", .expires_at = kNow - 2h, .status = "expired"});
    run_at(kNow);
    given_key({.name = "due at once", .expires_at = kNow + 1us});
    given_key({.name = "due now", .expires_at = kNow + 5min});
    given_key({.name = "a tick later", .expires_at = kNow + 5min + 1us});
    given_key({.name = "done already", .expires_at = kNow + 2min, .status = "expired"});
    given_key({.name = "elsewhere", .expires_at = kNow + 2min, .source = "aws"});
    const Object::Ptr status = json_at(kNow + 5min);
    EXPECT_EQ(total(status, "due_keys"), 2);
    EXPECT_EQ(total(status, "keys_without_rule"), 5) << "made since the last run";
    given_keys(999, {.name = "due", .expires_at = kNow + 1min});
    EXPECT_EQ(total(json_at(kNow + 5min), "due_keys"), 1000);
    EXPECT_EQ(kind(json_at(kNow + 5min), "due_keys"), "at least");
    EXPECT_THAT(status_at(kNow + 5min).out, HasSubstr("due keys           more than 1,000\n"));
}

TEST_F(Status, CountsFindingsBySeverityAndAsksForSomebodyWhereOneIsCritical) {
    given_findings(3, 2);
    given_findings(2, 4, "acknowledged");
    execute(
        "insert into keyrota.finding (key_id, uid, check_id, status, resolution, resolved_at,"
        " severity, opened_at, changed_at, run_id) values (9, 'kf_9', 'KEY-X', 'resolved', 'acted',"
        " now(), 4, now(), now(), 1)");
    Outcome outcome = keyrota({"status"});
    EXPECT_EQ(outcome.exit_code, 0);
    EXPECT_THAT(outcome.out, HasSubstr("findings           2 high, 3 low\n"));

    given_findings(1, 5);
    outcome = keyrota({"status"});
    EXPECT_EQ(outcome.exit_code, 13);
    EXPECT_THAT(outcome.out, AllOf(HasSubstr("1 critical, 2 high, 3 low\n"),
                                   HasSubstr("attention: 1 critical finding is open\n")));
    execute("update keyrota.finding set status = 'acknowledged' where severity = 5");
    EXPECT_EQ(keyrota({"status"}).exit_code, 0) << "somebody knows";
}

TEST_F(Status, EstimatesFindingsWhereThereAreManyAndSaysSo) {
    given_findings(60'000, 2);
    given_findings(3, 5);
    execute("analyze keyrota.finding");
    const Object::Ptr findings = json_at(kNow)->getObject("findings");
    EXPECT_EQ(kind(findings, "low"), "about");
    EXPECT_NEAR(static_cast<double>(total(findings, "low")), 60'000, 6'000);
    EXPECT_EQ(kind(findings, "critical"), "exact");
    EXPECT_EQ(total(findings, "critical"), 3);
    EXPECT_THAT(status_at(kNow).out,
                ContainsRegex("findings +3 critical, about [56][0-9],000 low"));
}

TEST_F(Status, NeedsSomebodyWhereTheHeadOfTheAuditTrailDoesNotFit) {
    given_key({.name = "due", .expires_at = kNow - 1h});
    run_at(kNow);
    EXPECT_EQ(status_at(kNow).exit_code, 0);
    execute("update keyrota.audit_head set block_hash = sha256('another')");
    const Outcome outcome = status_at(kNow);
    EXPECT_EQ(outcome.exit_code, 13);
    EXPECT_THAT(outcome.out, HasSubstr("attention: the head of the audit trail"));
}

TEST_F(Status, ShowsColoursOnATerminalOnlyAndNotWhereNobodyWantsThem) {
    EXPECT_THAT(keyrota_on_terminal({"status"}).out, HasSubstr("\x1b[32mall is well\x1b[0m"));
    environment()["NO_COLOR"] = "1";
    EXPECT_THAT(keyrota_on_terminal({"status"}).out,
                AllOf(HasSubstr("all is well"), Not(HasSubstr("\x1b"))));
}

TEST_F(Status, TravelsInASimulationOnly) {
    execute("update keyrota.installation set simulation = false");
    const Outcome outcome = status_at(kNow);
    EXPECT_EQ(outcome.exit_code, 2);
    EXPECT_THAT(outcome.errors, HasSubstr("--as-of is only for a simulation"));
    EXPECT_EQ(keyrota({"status"}).exit_code, 0);
}

TEST_F(Status, ChangesNothing) {
    run_at(kNow);
    const auto before = fingerprint();
    keyrota({"status"});
    keyrota({"status", "--json"});
    EXPECT_EQ(fingerprint(), before);
}

}  // namespace
}  // namespace keyrota::test
