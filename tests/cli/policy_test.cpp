// `policy explain` as people and programs read it.

#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>
#include <fmt/format.h>

#include <algorithm>

#include "support/program.h"

namespace keyrota::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// Without what only aligns: other thresholds may make columns wider.
std::string squeezed(std::string text) {
    text.erase(
        std::unique(text.begin(), text.end(), [](char a, char b) { return a == ' ' && b == ' '; }),
        text.end());
    return text;
}

class PolicyExplain : public ProgramTest {
  protected:
    void SetUp() override {
        ProgramTest::SetUp();
        given_key({.name = "a live key"});
        given_key({.name = "a test key", .type = "test"});
        file_ = scratch().write("keyrota.yaml",
                                "policy:\n"
                                "  defaults: {expiry: {notice_before: [9d]}}\n"
                                "  rules:\n"
                                "  - name: admins\n"
                                "    match: {scope: admin}\n"
                                "  - name: tests\n"
                                "    match: {environment: test, type: test}\n"
                                "    expiry: {notice_before: [5d]}\n"
                                "  - name: any-test\n"
                                "    match: {type: test}\n");
    }
    std::string page(const std::string& key) {
        const Outcome outcome = keyrota({"policy", "explain", key, "--config", file_});
        EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
        return outcome.out;
    }
    void run() { EXPECT_EQ(keyrota({"run", "expire-keys", "--config", file_}).exit_code, 0); }

    std::string file_;
};

TEST_F(PolicyExplain, SaysWhyEachRuleHoldsOrNotAndWhereTheThresholdsComeFrom) {
    run();
    EXPECT_THAT(page("2"), StartsWith("key 2, sk_live_...abcd (a test key)\n"
                                      "\n"
                                      "RULES (the first match applies)\n"
                                      "  admins    it does not have the scope admin\n"
                                      "> tests     applies: type is test, environment is test\n"
                                      "  any-test  matches, but a rule above it comes first\n"
                                      "  default   matches, but a rule above it comes first\n"
                                      "\n"
                                      "THRESHOLDS\n"
                                      "  expiry.notice_before "));
    EXPECT_THAT(squeezed(page("2")),
                HasSubstr("\n expiry.notice_before [5d] rule, " + file_ + ":8\n"));
    EXPECT_THAT(page("1"), StartsWith("key 1, sk_live_...abcd (a live key)\n"
                                      "\n"
                                      "RULES (the first match applies)\n"
                                      "  admins    it does not have the scope admin\n"
                                      "  tests     type is secret, not test\n"
                                      "  any-test  type is secret, not test\n"
                                      "> default   applies: no rule matches\n"));
    EXPECT_THAT(squeezed(page("1")),
                HasSubstr("\n expiry.notice_before [9d] defaults, " + file_ + ":2\n"));
}

TEST_F(PolicyExplain, SaysWhatARuleInheritsAndWhatIsBuiltIn) {
    execute("update keyrota.api_key set scopes = '{admin}' where key_id = 1");
    EXPECT_THAT(page("1"), HasSubstr("> admins    applies: scope is admin\n"));
    EXPECT_THAT(squeezed(page("1")),
                HasSubstr("\n expiry.notice_before [9d] defaults, " + file_ + ":2\n"));
    EXPECT_THAT(squeezed(keyrota({"policy", "explain", "1"}).out),
                HasSubstr("\n expiry.notice_before [30d, 14d, 7d, 3d, 1d] built-in\n"));
    const std::string variable = "KEYROTA_POLICY_DEFAULTS_EXPIRY_NOTICE_BEFORE";
    EXPECT_THAT(squeezed(keyrota({"policy", "explain", "1"}, {{variable, "4d"}}).out),
                HasSubstr("\n expiry.notice_before [4d] defaults, environment " + variable + "\n"));
}

TEST_F(PolicyExplain, SaysWhetherTheDatabaseGoesByItYet) {
    EXPECT_THAT(page("2"), HasSubstr("\nNot in force yet: the database still has another policy; "
                                     "the next run updates it.\n"));
    run();
    EXPECT_THAT(page("2"), Not(HasSubstr("Not in force yet")));
    EXPECT_THAT(keyrota({"policy", "explain", "2"}).out,
                HasSubstr("\nNot in force yet: the database still has another policy, in which "
                          "tests applies; the next run updates it.\n"));
    execute("update keyrota.api_key set scopes = '{admin}' where key_id = 2");
    EXPECT_THAT(page("2"), HasSubstr("> admins "));
    EXPECT_THAT(page("2"),
                HasSubstr("\nNot in force yet: the database has no rule for the key yet; "
                          "the next run assigns one.\n"));
    run();
    EXPECT_THAT(page("2"), Not(HasSubstr("Not in force yet")));
}

TEST_F(PolicyExplain, SpeaksJson) {
    run();
    const Outcome outcome = keyrota({"policy", "explain", "2", "--config", file_, "--json"});
    EXPECT_EQ(outcome.exit_code, 0);
    const auto json = Poco::JSON::Parser().parse(outcome.out).extract<Poco::JSON::Object::Ptr>();
    EXPECT_EQ(json->getValue<int>("key_id"), 2);
    EXPECT_EQ(json->getValue<std::string>("policy_rule"), "tests");
    EXPECT_EQ(json->getValue<std::string>("assigned_rule"), "tests");
    EXPECT_TRUE(json->isNull("pending"));
    const auto rules = json->getArray("rules");
    ASSERT_EQ(rules->size(), 4U);
    EXPECT_FALSE(rules->getObject(0)->getValue<bool>("holds"));
    EXPECT_EQ(rules->getObject(0)->getValue<std::string>("why"),
              "it does not have the scope admin");
    EXPECT_TRUE(rules->getObject(1)->getValue<bool>("holds"));
    const auto threshold = json->getArray("thresholds")->getObject(0);
    EXPECT_EQ(threshold->getValue<std::string>("threshold"), "expiry.notice_before");
    EXPECT_EQ(threshold->getValue<std::string>("value"), "[5d]");
    EXPECT_EQ(threshold->getValue<std::string>("from"), "rule");
    EXPECT_EQ(threshold->getValue<std::string>("set_at"), file_ + ":8");
}

TEST_F(PolicyExplain, RefusesAKeyThatNobodyHas) {
    const Outcome outcome = keyrota({"policy", "explain", "999"});
    EXPECT_EQ(outcome.exit_code, 2);
    EXPECT_THAT(outcome.errors, HasSubstr("there is no key \"999\""));
}

}  // namespace
}  // namespace keyrota::test
