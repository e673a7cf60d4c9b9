// What checks found and what runs did, as people and programs read it.

#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include "support/program.h"

namespace keyrota::test {
namespace {

using std::chrono::hours;
using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

class Findings : public ProgramTest {
  protected:
    void given_finding(const std::string& name, const std::string& columns,
                       const std::string& check = "KEY-EXPIRES-SOON",
                       const std::string& type = "secret") {
        const std::int64_t key_id = given_key({.name = name, .type = type});
        execute(fmt::format(
            "insert into keyrota.finding (key_id, uid, check_id, status, severity, opened_at, "
            "changed_at, run_id) values ({0}, keyrota.finding_uid('{1}', {0}, ''), '{1}', 'open', "
            "2, "
            "'2026-11-20', '2026-11-20', 1)",
            key_id, check));
        if (!columns.empty())
            execute(
                fmt::format("update keyrota.finding set {} where key_id = {}", columns, key_id));
    }
    std::string uid_of(const std::string& name) {
        return text(fmt::format(
            "select uid from keyrota.finding join keyrota.api_key using (key_id) where name = '{}'",
            name));
    }
    static Poco::JSON::Array::Ptr list(const Outcome& outcome) {
        EXPECT_EQ(outcome.errors, "");
        return Poco::JSON::Parser().parse(outcome.out).extract<Poco::JSON::Array::Ptr>();
    }
    std::vector<std::string> names(Arguments filter) {
        Arguments words{"findings", "list", "--json"};
        words.insert(words.end(), filter.begin(), filter.end());
        std::vector<std::string> found;
        const Poco::JSON::Array::Ptr findings = list(keyrota(words));
        for (const auto& finding : *findings)
            found.push_back(
                finding.extract<Poco::JSON::Object::Ptr>()->getValue<std::string>("name"));
        return found;
    }
    static Poco::JSON::Object::Ptr object(const Outcome& outcome) {
        EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
        return Poco::JSON::Parser().parse(outcome.out).extract<Poco::JSON::Object::Ptr>();
    }
    void expect_refused(const Arguments& words, const std::string& message) {
        const auto before = fingerprint();
        const Outcome outcome = keyrota(words);
        EXPECT_EQ(outcome.exit_code, 2) << outcome.out;
        EXPECT_THAT(outcome.errors, AllOf(HasSubstr(message), HasSubstr("HINT: ")));
        EXPECT_EQ(fingerprint(), before);
    }
};

TEST_F(Findings, AreListedWhatFirst) {
    given_finding("low", "severity = 2");
    given_finding("newer", "opened_at = '2026-11-21', severity = 4");
    given_finding("older", "opened_at = '2026-11-19', severity = 4");
    given_finding("used", "severity = 4");
    given_finding("used lately", "severity = 4");
    given_finding("test", "severity = 4", "KEY-EXPIRES-SOON", "test");
    given_finding("critical", "severity = 5");
    execute(
        "insert into keyrota.api_key_activity select key_id, case name when 'used' then "
        "timestamptz '2026-11-01' else '2026-11-02' end from keyrota.api_key where name like "
        "'used%'");
    EXPECT_THAT(names({}),
                ElementsAre("critical", "used lately", "used", "older", "newer", "test", "low"));
}

TEST_F(Findings, AreFilteredByEverythingThatMatters) {
    execute("insert into keyrota.team (team_id, name) values (1, 'Payments')");
    execute(
        "insert into keyrota.owner (owner_id, name, email, team_id) values (1, 'Ada', "
        "'Ada@example.com', 1)");
    given_finding("hers", "severity = 3");
    execute("update keyrota.api_key set owner_id = 1 where name = 'hers'");
    given_finding("a test key's", "", "KEY-EXPIRES-SOON", "test");
    given_finding("acknowledged", "status = 'acknowledged'");
    given_finding("over", "status = 'resolved', resolution = 'absence', resolved_at = opened_at");
    given_finding("other check", "", "KEY-UNUSED");

    EXPECT_THAT(names({}), ::testing::UnorderedElementsAre("hers", "a test key's", "acknowledged",
                                                           "other check"));
    EXPECT_THAT(names({"--owner", "ada@EXAMPLE.com"}), ElementsAre("hers"));
    EXPECT_THAT(names({"--owner", "1"}), ElementsAre("hers"));
    EXPECT_THAT(names({"--team", "Payments"}), ElementsAre("hers"));
    EXPECT_THAT(names({"--team", "1"}), ElementsAre("hers"));
    EXPECT_THAT(names({"--severity", "medium"}), ElementsAre("hers"));
    EXPECT_THAT(names({"--severity", "3", "--environment", "test"}), IsEmpty());
    EXPECT_THAT(names({"--environment", "test"}), ElementsAre("a test key's"));
    EXPECT_THAT(names({"--status", "acknowledged"}), ElementsAre("acknowledged"));
    EXPECT_THAT(names({"--status", "resolved"}), ElementsAre("over"));
    EXPECT_EQ(names({"--status", "all"}).size(), 5U);
    EXPECT_THAT(names({"--check", "KEY-UNUSED"}), ElementsAre("other check"));
    EXPECT_THAT(names({"--key", text("select key_id from keyrota.api_key where name = 'over'"),
                       "--status", "all"}),
                ElementsAre("over"));
    EXPECT_EQ(names({"--limit", "2"}).size(), 2U);

    for (const Arguments& wrong :
         {Arguments{"--status", "gone"}, Arguments{"--severity", "awful"},
          Arguments{"--json", "--csv"}, Arguments{"--limit", "-1"}, Arguments{"--key", "999"}}) {
        Arguments words{"findings", "list"};
        words.insert(words.end(), wrong.begin(), wrong.end());
        EXPECT_EQ(keyrota(words).exit_code, 2) << wrong.front();
    }
}

TEST_F(Findings, AFilterThatIsMistypedIsNoEmptyList) {
    execute("insert into keyrota.team (name) values ('Payments')");
    execute("insert into keyrota.owner (name, email) values ('Ada', 'ada@example.com')");
    given_finding("of a check that is gone", "", "CUSTOM-GONE");
    given_finding("breached", "", "KEY-BREACHED");
    struct Slip {
        const char* option;
        const char* typed;
        const char* message;
        const char* hint;
    };
    for (const auto& [option, typed, message, hint] :
         {Slip{"--owner", "adda@example.com", "there is no owner", "\"ada@example.com\""},
          Slip{"--owner", "7", "there is no owner \"7\"", "owners list"},
          Slip{"--team", "Paymnts", "there is no team", "\"Payments\""},
          Slip{"--check", "KEY-UNUSD", "no job checks", "\"KEY-UNUSED\""},
          Slip{"--check", "CUSTOM-GON", "no job checks", "\"CUSTOM-GONE\""}}) {
        expect_refused({"findings", "list", option, typed, "--fail-on", "high"}, message);
        expect_refused({"findings", "list", option, typed, "--ocsf"}, hint);
    }
    EXPECT_THAT(names({"--check", "CUSTOM-GONE"}), ElementsAre("of a check that is gone"));
    EXPECT_THAT(names({"--check", "KEY-BREACHED"}), ElementsAre("breached"));
    EXPECT_THAT(names({"--check", "RUN-HELD"}), IsEmpty());
}

TEST_F(Findings, AreATableThatSaysWhenThereAreMore) {
    for (const char* name : {"a", "b", "c"}) given_finding(name, "");
    const Outcome two = keyrota({"findings", "list", "--limit", "2"});
    EXPECT_THAT(two.out, StartsWith("SEVERITY  CHECK"));
    EXPECT_THAT(two.out, HasSubstr("--limit 0 shows all"));
    EXPECT_THAT(keyrota({"findings", "list", "--limit", "3"}).out, Not(HasSubstr("--limit")));
    EXPECT_EQ(keyrota({"findings", "list", "--check", "KEY-UNUSED"}).out, "no findings\n");
}

TEST_F(Findings, OfAHostileKeyAreHarmlessInATableAndInASpreadsheet) {
    given_finding("=cmd()\x1b[31m\xe2\x80\xaegnp.exe", "");
    const std::string table = keyrota({"findings", "list"}).out;
    EXPECT_THAT(table, HasSubstr("=cmd()?[31m?gnp.exe"));
    EXPECT_EQ(table.find('\x1b'), std::string::npos);
    EXPECT_THAT(keyrota({"findings", "list", "--csv"}).out, HasSubstr(",'=cmd()"));
    EXPECT_EQ(keyrota({"explain", "1"}).out.find('\x1b'), std::string::npos);
}

TEST_F(Findings, FailAPipelineOnlyWhileNobodyAnsweredThem) {
    given_finding("severe", "severity = 4");
    EXPECT_EQ(keyrota({"findings", "list", "--fail-on", "high"}).exit_code, 10);
    EXPECT_EQ(keyrota({"findings", "list", "--fail-on", "critical"}).exit_code, 0);
    keyrota({"findings", "ack", uid_of("severe"), "--why", "known"});
    EXPECT_EQ(keyrota({"findings", "list", "--fail-on", "high"}).exit_code, 0);
}

TEST_F(Findings, ARunFailsOnThoseOfItsOwnChecks) {
    given_key({.name = "soon", .expires_at = kNow + hours(1)});
    const Arguments run{"run", "expire-keys", "--as-of", to_string(kNow), "--fail-on"};
    const auto with = [&](const char* severity, const char* more = nullptr) {
        Arguments words = run;
        words.emplace_back(severity);
        if (more != nullptr) words.emplace_back(more);
        return keyrota(words);
    };
    EXPECT_EQ(with("high", "--dry-run").exit_code, 10) << "it would open one";
    EXPECT_EQ(with("critical", "--dry-run").exit_code, 0);
    const Outcome outcome = with("4");
    EXPECT_EQ(outcome.exit_code, 10);
    EXPECT_THAT(outcome.errors, HasSubstr("findings list --severity high"));
    EXPECT_EQ(text("select (status, complete, exit_code) from keyrota.job_run"), "(done,t,10)")
        << "the run itself is a good one";
    EXPECT_EQ(with("high", "--dry-run").exit_code, 10) << "it is open";
    execute("update keyrota.finding set status = 'acknowledged'");
    EXPECT_EQ(with("high").exit_code, 0);
    EXPECT_EQ(keyrota({"run", "expire-keys", "--fail-on", "worst"}).exit_code, 2);
}

TEST_F(Findings, AnAcknowledgementIsAuditedAndOutlivesTheNextRun) {
    given_key({.name = "soon", .expires_at = kNow + hours(24 * 5)});
    const Arguments run{"run", "expire-keys", "--as-of", to_string(kNow)};
    keyrota(run);
    const std::string uid = uid_of("soon");
    const Outcome outcome =
        keyrota({"findings", "ack", uid.substr(0, 11), "--why", "renewed on Friday"});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
    EXPECT_EQ(outcome.out, "1 finding acknowledged\n");
    EXPECT_EQ(
        text("select payload::jsonb - 'actor' - 'at_us' from keyrota.audit_entry where action "
             "= 'finding.acknowledge'"),
        text(fmt::format(
            "select jsonb_build_object('action', 'finding.acknowledge', 'key_id', 1, 'run_id', "
            "null, 'before', jsonb_build_object('status', 'open'), 'after', "
            "jsonb_build_object('status', 'acknowledged'), 'why', jsonb_build_object('finding', "
            "'{}', 'check', 'KEY-EXPIRES-SOON', 'reason', 'renewed on Friday'))",
            uid)));
    keyrota({"run", "expire-keys", "--as-of", to_string(kNow + hours(24))});
    EXPECT_EQ(text("select status from keyrota.finding"), "acknowledged");
    const auto shown = object(keyrota({"findings", "show", uid, "--json"}));
    EXPECT_EQ(shown->getValue<std::string>("decided_why"), "renewed on Friday");
    EXPECT_EQ(keyrota({"audit", "verify"}).exit_code, 0);
}

TEST_F(Findings, OneResolvedByHandComesBackAsTheNextEpisodeAndItsHistoryTellsAll) {
    given_key({.name = "soon", .expires_at = kNow + hours(24 * 5)});
    keyrota({"run", "expire-keys", "--as-of", to_string(kNow)});
    const std::string uid = uid_of("soon");
    EXPECT_EQ(keyrota({"findings", "resolve", uid, "--why", "not ours"}).exit_code, 0);
    EXPECT_EQ(text("select (status, resolution) from keyrota.finding"), "(resolved,\"by hand\")");
    expect_refused({"findings", "ack", uid, "--why", "late"}, "is already resolved");

    keyrota({"run", "expire-keys", "--as-of", to_string(kNow + hours(24))});
    EXPECT_EQ(text("select (status, episode, decided_by is null) from keyrota.finding"),
              "(open,2,t)");
    EXPECT_EQ(text("select (episode, resolution, decided_why) from keyrota.finding_episode"),
              "(1,\"by hand\",\"not ours\")");
    const std::string history = keyrota({"findings", "history", uid}).out;
    for (const char* part : {"episode 1 opened", "episode 1 resolved: by hand", "not ours",
                             "finding.resolve", "episode 2 opened"})
        EXPECT_THAT(history, HasSubstr(part));
}

TEST_F(Findings, SeveralAreDecidedTogetherOrNotAtAll) {
    given_finding("one", "");
    given_finding("two", "status = 'resolved', resolution = 'absence', resolved_at = opened_at");
    expect_refused({"findings", "ack", uid_of("one"), uid_of("two"), "--why", "x"},
                   "is already resolved");
    execute("update keyrota.finding set status = 'open', resolution = null, resolved_at = null");
    EXPECT_EQ(
        keyrota({"findings", "ack", uid_of("one"), uid_of("two"), uid_of("one"), "--why", "x"}).out,
        "2 findings acknowledged\n");
    EXPECT_EQ(
        number("select count(*) from keyrota.audit_entry where action = 'finding.acknowledge'"), 2);
}

TEST_F(Findings, AreNamedByABeginningThatFitsOne) {
    given_finding("one", "uid = 'kf_aaaa1'");
    given_finding("two", "uid = 'kf_aaaa2'");
    expect_refused({"findings", "show", "kf_aaaa"}, "more than one finding");
    expect_refused({"findings", "show", "kf_bbbb"}, "there is no finding");
    expect_refused({"findings", "show", "kf_"}, "there is no finding");
    expect_refused({"findings", "show", "%"}, "there is no finding");
    EXPECT_THAT(keyrota({"findings", "show", "kf_aaaa2"}).out, HasSubstr("two"));
}

TEST_F(Findings, ShowTheirEvidenceInWordsForPeople) {
    given_key({.name = "soon", .expires_at = kNow + hours(1)});
    keyrota({"run", "expire-keys", "--as-of", to_string(kNow)});
    EXPECT_THAT(keyrota({"findings", "show", uid_of("soon")}).out,
                ContainsRegex("evidence: expires at +2026-11-24T07:00:00Z"));
}

// --- explain

TEST_F(Findings, ExplainTellsOfAKeyWhatItIsAndWhyACallWouldBeRefused) {
    given_key({.name = "due", .expires_at = kNow});
    given_key({.name = "endless"});
    given_key({.name = "off", .status = "inactive"});
    keyrota({"run", "expire-keys", "--as-of", to_string(kNow)});

    const std::string page = keyrota({"explain", "1"}).out;
    for (const char* part :
         {"due", "sk_live_...abcd", "refused now: its end date has come", "so the defaults apply",
          "expiry.notice_before: [30d, 14d, 7d, 3d, 1d]", "KEY-EXPIRED", "acted", "AUDIT TRAIL",
          "status: active -> expired", "because KEY-EXPIRED"})
        EXPECT_THAT(page, HasSubstr(part));
    EXPECT_THAT(keyrota({"explain", "2"}).out, HasSubstr("would be accepted now"));
    EXPECT_THAT(keyrota({"explain", "3"}).out, HasSubstr("refused now: it is inactive"));

    const auto json = object(keyrota({"explain", "1", "--json"}));
    EXPECT_EQ(json->getValue<std::string>("status"), "expired");
    EXPECT_EQ(json->getArray("findings")->size(), 1U);
    EXPECT_EQ(json->getArray("audit_entries")->size(), 1U);
    EXPECT_EQ(json->getValue<std::string>("policy_rule"), "default");
}

TEST_F(Findings, ExplainTellsWhichPolicyRuleHoldsAndByWhat) {
    given_key({.name = "a test key", .expires_at = kNow + hours(24 * 60), .type = "test"});
    const std::string file = scratch().write(
        "keyrota.yaml",
        "policy:\n  rules:\n  - name: tests\n    match: {type: test}\n    expiry: {notice_before: "
        "[5d]}\n");
    ::chmod(file.c_str(), 0644);
    keyrota({"run", "expire-keys", "--config", file});
    const std::string page = keyrota({"explain", "1", "--config", file}).out;
    EXPECT_THAT(
        page, HasSubstr("The policy rule tests applies, the first that matches it (type is test):\n"
                        "  expiry.notice_before: [5d]\n"));
    EXPECT_THAT(keyrota({"explain", "1"}).out,
                AllOf(HasSubstr("No policy rule matches it, so the defaults apply:\n"
                                "  expiry.notice_before: [30d, 14d, 7d, 3d, 1d]\n"),
                      HasSubstr("\nNot in force yet: the database still has another policy, in "
                                "which tests applies; the next run updates it.\n")));
}

TEST_F(Findings, AKeyIsNamedByIdByItsSourceOrByPrefixAndHint) {
    given_key({.name = "one"});
    EXPECT_THAT(keyrota({"explain", "sk_live_...abcd"}).out, HasSubstr("one"));
    given_key({.name = "two"});
    expect_refused({"explain", "sk_live_...abcd"}, "matches more than one key: 1 (one), 2 (two)");
    given_key({.name = "imported", .source = "aws"});
    execute("insert into keyrota.api_key_external values ('aws', 'AKIA123', 3)");
    EXPECT_THAT(keyrota({"explain", "aws:AKIA123"}).out, HasSubstr("imported"));
    for (const char* none : {"999", "aws:none", "x...y", "1x", "word"})
        expect_refused({"explain", none}, "there is no key");
}

// --- runs, plan and apply

TEST_F(Findings, OfACheckOfOnesOwnShowWhatItsAuthorSaysOfIt) {
    const auto folder = scratch().path() / "checks.d";
    std::filesystem::create_directory(folder);
    scratch().write("checks.d/one.sql",
                    "-- id: CUSTOM-ONE\n-- kind: standing\n-- severity: 4\n-- title: One too many\n"
                    "-- remediation: Take it away.\nselect key_id, '' as detail, '{}'::jsonb as "
                    "evidence from keyrota.checks_key where name = 'one'");
    const Environment named{{"KEYROTA_CUSTOM_CHECKS_DIR", folder}};
    given_key({.name = "one"});
    EXPECT_EQ(keyrota({"run", "custom-checks"}, named).exit_code, 0);
    const std::string shown = keyrota({"findings", "show", uid_of("one")}, named).out;
    EXPECT_THAT(shown, HasSubstr("One too many"));
    EXPECT_THAT(shown, HasSubstr("Take it away."));
    std::filesystem::remove_all(folder);
    EXPECT_THAT(keyrota({"findings", "show", uid_of("one")}, named).out, HasSubstr("CUSTOM-ONE"));
}

TEST_F(Findings, RunsAreListedAndShownWithWhatTheyDid) {
    given_keys(3, {.name = "due", .expires_at = kNow});
    EXPECT_EQ(keyrota({"runs", "list"}).out, "no runs\n");
    keyrota({"run", "expire-keys", "--as-of", to_string(kNow), "--limit", "2"});
    keyrota({"run", "check-runs", "--as-of", to_string(kNow)});
    const auto runs = list(keyrota({"runs", "list", "--json"}));
    ASSERT_EQ(runs->size(), 2U);
    EXPECT_EQ(runs->getObject(0)->getValue<std::string>("job"), "check-runs");
    EXPECT_EQ(runs->getObject(1)->getValue<int>("applied"), 2);
    EXPECT_EQ(list(keyrota({"runs", "list", "--job", "check-runs", "--json"}))->size(), 1U);
    EXPECT_EQ(list(keyrota({"runs", "list", "--limit", "1", "--json"}))->size(), 1U);
    EXPECT_THAT(keyrota({"runs", "list", "--job", "expire-key"}).errors,
                HasSubstr("Did you mean \"expire-keys\"?"));

    const auto shown = object(keyrota({"runs", "show", "1", "--json"}));
    EXPECT_FALSE(shown->getValue<bool>("complete"));
    EXPECT_EQ(shown->getObject("options")->getValue<int>("limit"), 2);
    EXPECT_EQ(shown->getArray("checks")->getObject(0)->getValue<int>("planned"), 2);
    EXPECT_THAT(keyrota({"runs", "show", "1"}).out,
                AllOf(HasSubstr("process "), ContainsRegex("KEY-EXPIRED +standing +2")));
    expect_refused({"runs", "show", "99"}, "there is no run 99");
}

TEST_F(Findings, PlanShowsWhatItWouldDoAndApplyDoesItQuietly) {
    given_keys(12, {.name = "due", .expires_at = kNow});
    const std::string file = scratch().path() / "plan.jsonl";
    const Outcome planned = keyrota({"plan", "expire-keys", "--out", file});
    EXPECT_EQ(planned.exit_code, 0) << planned.errors;
    EXPECT_THAT(planned.out,
                AllOf(HasSubstr("nothing was changed"), HasSubstr("expire 12 keys"),
                      HasSubstr("sk_live_...abcd  due  no owner"),
                      HasSubstr("and 2 more, in the file"), HasSubstr("keyrota apply " + file)));
    EXPECT_EQ(keys_with_status("expired").size(), 0U);

    const Outcome applied = keyrota({"apply", file});
    EXPECT_EQ(applied.exit_code, 0) << applied.errors;
    EXPECT_EQ(applied.out + applied.errors, "");
    EXPECT_EQ(keys_with_status("expired").size(), 12U);
    const Outcome again = keyrota({"apply", file});
    EXPECT_EQ(again.exit_code, 2);
    EXPECT_THAT(again.errors, HasSubstr("was already applied by run"));
    EXPECT_THAT(keyrota({"plan", "expire-keys", "--out", file}).out,
                HasSubstr("Nothing to apply."));
}

TEST_F(Findings, OfTwoThatApplyOnePlanAtOnceOneDoesItAndTheOtherIsRefused) {
    given_keys(300, {.name = "due", .expires_at = kNow});
    environment()["KEYROTA_LIMITS_BATCH_SIZE"] = "5";
    const std::string file = scratch().path() / "plan.jsonl";
    ASSERT_EQ(keyrota({"plan", "expire-keys", "--out", file}).exit_code, 0);
    Program first = start({"apply", file});
    Program second = start({"apply", file});
    const std::vector<int> codes{first.wait().exit_code, second.wait().exit_code};
    // Refused: the other holds the lease, or was done already.
    EXPECT_THAT(codes, ::testing::UnorderedElementsAre(0, ::testing::AnyOf(2, 6)));
    EXPECT_EQ(number("select count(*) from keyrota.audit_entry where action = 'key.expire'"), 300);
}

}  // namespace
}  // namespace keyrota::test
