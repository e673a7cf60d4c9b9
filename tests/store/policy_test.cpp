#include "policy/policy.h"

#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <random>
#include <set>

#include "postgres/database.h"
#include "support/database.h"

namespace keyrota::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using namespace std::chrono_literals;

using Matcher = std::string PolicyRule::*;

class PolicyTest : public DatabaseTest {
  protected:
    /// Named and with thresholds like the configuration's, matching every key until told otherwise.
    PolicyRule rule(const std::string& name,
                    const std::vector<std::pair<Matcher, std::string>>& matchers = {}) {
        PolicyRule made = config().policy.front();
        made.name = name;
        for (const auto& [matcher, value] : matchers) made.*matcher = value;
        return made;
    }
    std::int64_t refresh(const std::vector<PolicyRule>& rules) {
        return refresh_policy(runner(), rules);
    }

    std::string rule_of(const std::string& key) {
        return text(
            "select (select r.name from keyrota.policy_rule r where r.policy_rule_id = "
            "k.policy_rule_id)"
            "  from keyrota.api_key k where k.name = '" +
            key + "'");
    }
    std::vector<std::string> rules() {
        return texts("select name from keyrota.policy_rule order by rank");
    }
    std::int64_t id_of(const std::string& name) {
        return number("select policy_rule_id from keyrota.policy_rule where name = '" + name + "'");
    }
    /// Changes with each write of any key.
    std::string versions_of_keys() {
        return text(
            "select md5(string_agg(key_id || ' ' || xmin, ',' order by key_id)) from "
            "keyrota.api_key");
    }
    std::int64_t changes_audited() {
        return number("select count(*) from keyrota.audit_entry where action = 'policy.update'");
    }
    /// Says which rule each key has, for all keys.
    std::vector<std::string> assignment() {
        return texts(
            "select coalesce(r.name, 'none') || ' ' || count(*) from keyrota.api_key k"
            "  left join keyrota.policy_rule r using (policy_rule_id) group by r.name order by 1");
    }

    void SetUp() override {
        DatabaseTest::SetUp();
        execute("insert into keyrota.team (team_id, name) values (1, 'Payments'), (2, 'Search')");
        execute(
            "insert into keyrota.owner (owner_id, name, email, team_id) values (1, 'Ann', "
            "'Ann@Example.com', 1),"
            " (2, 'Bob', 'bob@example.com', 2), (3, 'Cy', null, null)");
    }
};

// ---- which rule holds

TEST_F(PolicyTest, EachMatcherSelectsItsKeysAndTheRestGoToDefault) {
    given_key({.name = "matching"});
    given_key({.name = "other"});
    given_key({.name = "bare"});
    execute(
        "update keyrota.api_key set type = 'test', environment = 'test', owner_id = 2,"
        " service_plan_id = (select service_plan_id from keyrota.service_plan where name = 'Pro'),"
        " scopes = '{read:orders, admin}' where name = 'matching'");
    execute(
        "update keyrota.api_key set type = 'public', owner_id = 1,"
        " service_plan_id = (select service_plan_id from keyrota.service_plan where name = 'Free'),"
        " scopes = '{read:orders, admin:all}' where name = 'other'");
    const std::vector<std::pair<Matcher, std::string>> matchers = {
        {&PolicyRule::type, "test"},
        {&PolicyRule::environment, "test"},
        {&PolicyRule::service_plan, "Pro"},
        {&PolicyRule::team, "Search"},
        {&PolicyRule::owner, "BOB@example.com"},
        {&PolicyRule::scope, "admin"}};
    for (const auto& matcher : matchers) {
        refresh({rule("special", {matcher}), rule("default")});
        EXPECT_EQ(rule_of("matching"), "special") << matcher.second;
        EXPECT_EQ(rule_of("other"), "default") << matcher.second;
        EXPECT_EQ(rule_of("bare"), "default") << matcher.second;
    }
}

TEST_F(PolicyTest, AnOwnersAddressMatchesHoweverItIsCapitalised) {
    given_key({.name = "key"});
    execute("update keyrota.api_key set owner_id = 1");
    refresh({rule("ann", {{&PolicyRule::owner, "ann@example.COM"}}), rule("default")});
    EXPECT_EQ(rule_of("key"), "ann");
}

TEST_F(PolicyTest, ARuleWithSeveralMatchersNeedsAllOfThem) {
    for (const char* name : {"both", "team only", "scope only"}) given_key({.name = name});
    execute("update keyrota.api_key set owner_id = 1 where name in ('both', 'team only')");
    execute("update keyrota.api_key set scopes = '{admin}' where name in ('both', 'scope only')");
    refresh({rule("strict", {{&PolicyRule::team, "Payments"}, {&PolicyRule::scope, "admin"}}),
             rule("default")});
    EXPECT_EQ(rule_of("both"), "strict");
    EXPECT_EQ(rule_of("team only"), "default");
    EXPECT_EQ(rule_of("scope only"), "default");
}

TEST_F(PolicyTest, TheFirstRuleThatMatchesWinsAndNotTheOldestOrNarrowest) {
    given_key({.name = "key"});
    execute("update keyrota.api_key set owner_id = 1, scopes = '{admin}'");
    const PolicyRule wide = rule("wide", {{&PolicyRule::type, "secret"}});
    const PolicyRule narrow =
        rule("narrow", {{&PolicyRule::team, "Payments"}, {&PolicyRule::scope, "admin"}});
    refresh({wide, narrow, rule("default")});
    EXPECT_EQ(rule_of("key"), "wide");
    const std::int64_t wide_id = id_of("wide");
    const std::int64_t narrow_id = id_of("narrow");

    EXPECT_EQ(refresh({narrow, wide, rule("default")}), 1);
    EXPECT_EQ(rule_of("key"), "narrow");
    EXPECT_EQ(id_of("wide"), wide_id);
    EXPECT_EQ(id_of("narrow"), narrow_id);
}

// ---- what changes when the rules do

TEST_F(PolicyTest, ARuleKeepsItsIdWhenItsThresholdsChangeAndNoKeyIsWritten) {
    given_keys(5, {.name = "key"});
    PolicyRule special = rule("special", {{&PolicyRule::type, "secret"}});
    EXPECT_EQ(refresh({special, rule("default")}), 5);
    const std::int64_t id = id_of("special");
    const std::string before = versions_of_keys();

    special.expiry_notice_before = {std::chrono::hours(240), 90s + 1us};
    EXPECT_EQ(refresh({special, rule("default")}), 0);
    EXPECT_EQ(id_of("special"), id);
    EXPECT_EQ(versions_of_keys(), before);
    EXPECT_EQ(text("select expiry_notice_before from keyrota.policy_rule where name = 'special'"),
              "{240:00:00,00:01:30.000001}");
}

TEST_F(PolicyTest, HowKeysAreRotatedIsStoredWithTheRuleAndNoSinkIsNull) {
    PolicyRule special = rule("special", {{&PolicyRule::type, "secret"}});
    special.rotation_action = "rotate";
    special.rotation_sink = "vault";
    special.rotation_overlap = 36h;
    special.rotation_silence_after = 90s;
    special.rotation_still_used = "retire";
    refresh({special, rule("default")});
    const auto rotation = [&](const std::string& name) {
        return text(
            "select concat_ws(' ', rotation_action, coalesce(rotation_sink, 'NULL'),"
            " rotation_overlap, rotation_silence_after, rotation_still_used)"
            " from keyrota.policy_rule where name = '" +
            name + "'");
    };
    EXPECT_EQ(rotation("special"), "rotate vault 36:00:00 00:01:30 retire");
    EXPECT_EQ(rotation("default"), "flag NULL 168:00:00 24:00:00 hold");
}

TEST_F(PolicyTest, TheKeysOfARemovedRuleGetAnotherAndItsRowGoes) {
    given_keys(3, {.name = "test key", .type = "test"});
    given_keys(4, {.name = "key"});
    refresh({rule("tests", {{&PolicyRule::type, "test"}}), rule("default")});
    EXPECT_THAT(assignment(), ElementsAre("default 4", "tests 3"));
    EXPECT_EQ(refresh({rule("default")}), 3);
    EXPECT_THAT(assignment(), ElementsAre("default 7"));
    EXPECT_THAT(rules(), ElementsAre("default"));
}

TEST_F(PolicyTest, ARuleThatComesBackHoldsForItsKeysAgain) {
    given_keys(3, {.name = "test key", .type = "test"});
    const std::vector<PolicyRule> with = {rule("tests", {{&PolicyRule::type, "test"}}),
                                          rule("default")};
    refresh(with);
    refresh({rule("default")});
    EXPECT_EQ(refresh(with), 3);
    EXPECT_THAT(assignment(), ElementsAre("tests 3"));
}

// ---- when the rules did not change

TEST_F(PolicyTest, AnUnchangedPolicyWritesNothing) {
    given_keys(3, {.name = "key"});
    refresh({rule("default")});
    const auto before = fingerprint();
    const std::string keys = versions_of_keys();
    EXPECT_EQ(refresh({rule("default")}), 0);
    EXPECT_EQ(fingerprint(), before);
    EXPECT_EQ(versions_of_keys(), keys);
}

TEST_F(PolicyTest, OnlyKeysThatWaitForARuleAreTouchedWhileThePolicyIsTheSame) {
    given_keys(3, {.name = "old"});
    const std::vector<PolicyRule> policy = {rule("admins", {{&PolicyRule::scope, "admin"}}),
                                            rule("default")};
    refresh(policy);
    // A wrong rule of another key is not even looked at.
    execute("update keyrota.api_key set policy_rule_id = " + std::to_string(id_of("admins")) +
            " where key_id = (select min(key_id) from keyrota.api_key)");
    const std::string before = versions_of_keys();
    given_key({.name = "new"});
    execute("update keyrota.api_key set scopes = '{admin}' where name = 'new'");
    EXPECT_EQ(refresh(policy), 1);
    EXPECT_EQ(rule_of("new"), "admins");
    execute(
        "delete from keyrota.api_key_state where key_id = (select max(key_id) from "
        "keyrota.api_key)");
    execute("delete from keyrota.api_key where name = 'new'");
    EXPECT_EQ(versions_of_keys(), before);
    EXPECT_THAT(assignment(), ElementsAre("admins 1", "default 2"));
}

TEST_F(PolicyTest, AKeyWhoseOwnerMovedToAnotherTeamGetsThatTeamsRule) {
    given_key({.name = "key"});
    execute("update keyrota.api_key set owner_id = 2");
    const std::vector<PolicyRule> policy = {rule("payments", {{&PolicyRule::team, "Payments"}}),
                                            rule("default")};
    refresh(policy);
    EXPECT_EQ(rule_of("key"), "default");
    execute("update keyrota.owner set team_id = 1 where owner_id = 2");
    EXPECT_EQ(refresh(policy), 1);
    EXPECT_EQ(rule_of("key"), "payments");
}

TEST_F(PolicyTest, AKeyThatChangesWhileRulesAreAssignedIsNotGivenTheRuleOfItsFormerSelf) {
    given_key({.name = "key"});
    const std::vector<PolicyRule> policy = {rule("admins", {{&PolicyRule::scope, "admin"}}),
                                            rule("default")};
    Transaction change(owner());
    execute("update keyrota.api_key set scopes = '{admin}'");
    Connection patient = connection_for(config(), Access::runner);
    patient.lock_timeout = 60s;
    auto assigning = std::async(std::launch::async, [&] {
        Session session(patient);
        refresh_policy(session, policy);
    });
    await_backend_waiting_for("Lock");
    change.commit();
    assigning.get();
    EXPECT_NE(rule_of("key"), "default");
    refresh(policy);
    EXPECT_EQ(rule_of("key"), "admins");
}

// ---- audit

TEST_F(PolicyTest, AChangeOfTheRulesIsAuditedOnceWithBeforeAndAfter) {
    const std::int64_t before = changes_audited();
    given_keys(3, {.name = "key"});
    const std::vector<PolicyRule> policy = {rule("tests", {{&PolicyRule::type, "test"}}),
                                            rule("default")};
    refresh(policy);
    EXPECT_EQ(changes_audited(), before + 1);
    EXPECT_THAT(text("select payload::jsonb ->> 'after' from keyrota.audit_entry order by entry_id "
                     "desc limit 1"),
                HasSubstr("\"tests\""));
    EXPECT_THAT(text("select payload::jsonb ->> 'before' from keyrota.audit_entry order by "
                     "entry_id desc limit 1"),
                Not(HasSubstr("\"tests\"")));
    refresh(policy);
    given_key({.name = "another"});
    refresh(policy);
    EXPECT_EQ(changes_audited(), before + 1);
}

// ---- interruptions

TEST_F(PolicyTest, AnInterruptedRefreshIsCompletedByTheNextOne) {
    given_keys(10'500, {.name = "key"});  // two batches
    given_keys(500, {.name = "test key", .type = "test"});
    const std::vector<PolicyRule> old_policy = {rule("old", {{&PolicyRule::type, "secret"}}),
                                                rule("default")};
    const std::vector<PolicyRule> new_policy = {rule("tests", {{&PolicyRule::type, "test"}}),
                                                rule("default")};
    const std::vector<std::string> expected = {"default 10500", "tests 500"};
    int batches = 0;
    const auto interrupted_after = [&](int allowed) {
        batches = 0;
        return [this, &batches, allowed](const std::function<void()>& work) {
            Transaction transaction(runner());
            work();
            if (batches == allowed)
                throw Error(ExitCode::interrupted_term, "stopped");  // not committed
            ++batches;
            transaction.commit();
        };
    };
    bool stopped = true;
    int after = 0;
    for (; stopped; ++after) {
        refresh(old_policy);
        const std::int64_t audited = changes_audited();
        stopped = false;
        try {
            refresh_policy(runner(), new_policy, interrupted_after(after));
        } catch (const Error& error) {
            stopped = error.code() == ExitCode::interrupted_term;
        }
        refresh(new_policy);
        EXPECT_EQ(assignment(), expected) << after;
        EXPECT_THAT(rules(), ElementsAre("tests", "default")) << after;
        EXPECT_EQ(changes_audited(), audited + 1) << after;
        const std::string keys = versions_of_keys();
        EXPECT_EQ(refresh(new_policy), 0) << after;
        EXPECT_EQ(versions_of_keys(), keys) << after;
    }
    EXPECT_EQ(after, 5);  // rules, two batches of keys, the end; and one that was not stopped
}

TEST_F(PolicyTest, AnInterruptedChangeThatIsTakenBackIsUndone) {
    given_keys(11'000, {.name = "key"});  // two batches
    const std::vector<PolicyRule> old_policy = {rule("old", {{&PolicyRule::type, "secret"}}),
                                                rule("default")};
    refresh(old_policy);
    int batches = 0;
    EXPECT_THROW(
        refresh_policy(runner(), {rule("new", {{&PolicyRule::type, "secret"}}), rule("default")},
                       [&](const std::function<void()>& work) {
                           if (++batches == 3) throw Error(ExitCode::interrupted_term, "stopped");
                           Transaction transaction(runner());
                           work();
                           transaction.commit();
                       }),
        Error);
    EXPECT_THAT(assignment(), ElementsAre("new 10000", "old 1000"));
    EXPECT_EQ(refresh(old_policy), 10'000);
    EXPECT_THAT(assignment(), ElementsAre("old 11000"));
    EXPECT_THAT(rules(), ElementsAre("old", "default"));
}

// ---- what people are told

TEST_F(PolicyTest, TheVerdictsSayTheFirstReasonWhyARuleDoesNotMatch) {
    const std::int64_t key_id = given_key({.name = "key"});
    const std::int64_t bare = given_key({.name = "bare"});
    execute(fmt::format(
        "update keyrota.api_key set owner_id = 1, scopes = '{{read:orders}}', service_plan_id ="
        " (select service_plan_id from keyrota.service_plan where name = 'Pro') where key_id = {}",
        key_id));
    const std::vector<PolicyRule> rules{
        rule("type", {{&PolicyRule::type, "public"}, {&PolicyRule::environment, "test"}}),
        rule("environment", {{&PolicyRule::environment, "test"}, {&PolicyRule::team, "Search"}}),
        rule("plan", {{&PolicyRule::service_plan, "Free"}}),
        rule("team", {{&PolicyRule::team, "Search"}}),
        rule("owner", {{&PolicyRule::owner, "bob@example.com"}}),
        rule("scope", {{&PolicyRule::scope, "admin"}}),
        rule("matching", {{&PolicyRule::owner, "ann@example.com"}}),
        rule("default")};
    const auto reasons = [&](std::int64_t key) {
        std::vector<std::string> found;
        for (const RuleVerdict& verdict : judge_rules(runner(), rules, key))
            found.push_back(verdict.rule + ": " + verdict.differs);
        return found;
    };
    EXPECT_THAT(
        reasons(key_id),
        ElementsAre("type: type is secret, not public",
                    "environment: environment is production, not test",
                    "plan: service plan is Pro, not Free", "team: team is Payments, not Search",
                    "owner: owner is Ann@Example.com, not bob@example.com",
                    "scope: it does not have the scope admin", "matching: ", "default: "));
    EXPECT_THAT(
        reasons(bare),
        ElementsAre("type: type is secret, not public",
                    "environment: environment is production, not test",
                    "plan: it has no service plan; the rule asks for Free",
                    "team: it has no team; the rule asks for Search",
                    "owner: it has no owner; the rule asks for bob@example.com",
                    "scope: it does not have the scope admin",
                    "matching: it has no owner; the rule asks for ann@example.com", "default: "));
}

TEST_F(PolicyTest, TheFirstRuleWithoutAReasonIsTheOneThatIsAssigned) {
    std::mt19937 random(7);
    const auto one_of = [&](const std::vector<std::string>& texts) {
        return texts[random() % texts.size()];
    };
    for (int i = 0; i < 60; ++i)
        execute(fmt::format(
            "with made as (insert into keyrota.api_key (lineage_id, name, type, environment, "
            "prefix, hint, owner_id, service_plan_id, scopes) select 1, 'k{}', t, case t when "
            "'test' then 'test' else 'production' end, 'p', 'h', {}, {}, '{}' from (select '{}') x "
            "(t) returning key_id)"
            " insert into keyrota.api_key_state (key_id) select key_id from made",
            i, one_of({"null", "1", "2", "3"}), one_of({"null", "1", "2"}),
            one_of({"{}", "{admin}", "{read:x,admin}", "{read:x}"}),
            one_of({"public", "secret", "test"})));
    std::vector<PolicyRule> rules;
    for (int i = 0; i < 12; ++i) {
        PolicyRule made = rule(fmt::format("rule-{}", i));
        if (random() % 3 == 0) made.type = one_of({"public", "secret", "test"});
        if (random() % 3 == 0) made.environment = one_of({"production", "test"});
        if (random() % 3 == 0) made.service_plan = one_of({"Free", "Basic"});
        if (random() % 3 == 0) made.team = one_of({"Payments", "Search"});
        if (random() % 3 == 0) made.owner = one_of({"ann@example.com", "BOB@example.com"});
        if (random() % 3 == 0 || i == 0) made.scope = one_of({"admin", "read:x"});
        rules.push_back(made);
    }
    rules.push_back(rule("default"));
    refresh(rules);
    std::set<std::string> seen;
    for (int i = 0; i < 60; ++i) {
        const std::string key = fmt::format("k{}", i);
        const auto verdicts =
            judge_rules(runner(), rules,
                        number("select key_id from keyrota.api_key where name = '" + key + "'"));
        const auto first =
            std::find_if(verdicts.begin(), verdicts.end(),
                         [](const RuleVerdict& verdict) { return verdict.differs.empty(); });
        ASSERT_NE(first, verdicts.end());
        EXPECT_EQ(first->rule, rule_of(key)) << key;
        seen.insert(first->rule);
    }
    EXPECT_GT(seen.size(), 3U);
}

TEST_F(PolicyTest, AfterATeamOrAPlanIsRenamedEveryKeyIsJudgedAgain) {
    given_key({.name = "key"});
    execute(
        "update keyrota.api_key set owner_id = 2, service_plan_id = (select service_plan_id from "
        "keyrota.service_plan where name = 'Pro')");
    const std::vector<PolicyRule> rules{rule("found", {{&PolicyRule::team, "Discovery"}}),
                                        rule("large", {{&PolicyRule::service_plan, "Large"}}),
                                        rule("default")};
    refresh(rules);
    EXPECT_EQ(rule_of("key"), "default");
    EXPECT_TRUE(policy_is_current(runner(), rules));
    execute("update keyrota.service_plan set name = 'Large' where name = 'Pro'");
    EXPECT_FALSE(policy_is_current(runner(), rules));
    refresh(rules);
    EXPECT_EQ(rule_of("key"), "large");
    runner().execute(
        {"rename", "update keyrota.team set name = 'Discovery' where name = 'Search'"});
    refresh(rules);
    EXPECT_EQ(rule_of("key"), "found");
    EXPECT_TRUE(policy_is_current(runner(), rules));
    execute("update keyrota.team set email = 'x@example.com'");
    EXPECT_TRUE(policy_is_current(runner(), rules));
}

}  // namespace
}  // namespace keyrota::test
