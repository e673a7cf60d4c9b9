// keyrota verify: the check behind "Invalid API key".

#include <algorithm>

#include "secret/key_format.h"
#include "support/key_console.h"

namespace keyrota::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class Verify : public KeyConsole {
  protected:
    static std::string secret() {
        return make_secret("sk_live_", "4fZ0qJ7xK2mB9tR1uC5wE8yH3aD6gL");
    }
    /// A production key with that secret.
    void SetUp() override {
        KeyConsole::SetUp();
        given_key({.name = "checkout"});
        execute("update keyrota.api_key set scopes = '{read:experiences}', hint = 'D6gL'");
        execute("insert into keyrota.api_key_secret select sha256('" + secret() + "'::bytea), 1");
    }
    Outcome verify(const std::string& input, const Arguments& more = {}) {
        Arguments words{"verify", "--stdin"};
        words.insert(words.end(), more.begin(), more.end());
        Outcome outcome =
            test::run(keyrota_argv(words), {.environment = environment(), .input = input});
        for (const std::string& said : {outcome.out, outcome.errors})
            EXPECT_THAT(said, Not(HasSubstr("4fZ0qJ7xK2mB9tR1uC5wE8y"))) << "never shown";
        return outcome;
    }
    void expect_not_valid(const std::string& why, const Arguments& more = {}) {
        const Outcome outcome = verify(secret() + "\n", more);
        EXPECT_EQ(outcome.exit_code, 12) << outcome.errors;
        EXPECT_THAT(outcome.out, HasSubstr("not valid: " + why + "\n"));
    }
    void expect_valid(const Arguments& more = {}) {
        const Outcome outcome = verify(secret(), more);
        EXPECT_EQ(outcome.exit_code, 0) << outcome.errors << outcome.out;
        EXPECT_THAT(outcome.out, StartsWith("valid\n"));
    }
};

TEST_F(Verify, AGoodSecretIsValidAndItsKeyIsNamed) {
    const auto before = fingerprint();
    expect_valid({"--environment", "production", "--scope", "read:experiences"});
    EXPECT_THAT(verify(secret()).out,
                AllOf(HasSubstr("sk_live_...D6gL"), HasSubstr("checkout"),
                      HasSubstr("read:experiences"), Not(HasSubstr("near its limit"))));
    EXPECT_EQ(fingerprint(), before) << "it is a question";
}

TEST_F(Verify, BlanksAndLineBreaksAroundItAreNotPartOfIt) {
    for (const std::string& input :
         {secret() + "\r\n", "\n  " + secret() + "\t\n\n", secret() + " "})
        EXPECT_EQ(verify(input).exit_code, 0) << input.size();
}

TEST_F(Verify, AnUnknownSecretIsToldApartFromAMistypedOne) {
    execute("delete from keyrota.api_key_secret");
    expect_not_valid("no key has it: the key was deleted, or it is from another installation");
    std::string mistyped = secret();
    mistyped.back() = mistyped.back() == 'a' ? 'b' : 'a';
    for (const std::string& wrong : {mistyped, secret().substr(0, 20), std::string("x")}) {
        const Outcome outcome = verify(wrong);
        EXPECT_EQ(outcome.exit_code, 12);
        EXPECT_THAT(outcome.out, HasSubstr("its checksum is wrong, and no key has it"));
    }
}

TEST_F(Verify, EveryReasonIsSaid) {
    expect_not_valid("it is a secret key of the production environment", {"--environment", "test"});
    expect_not_valid("it does not hold the scope \"admin\"", {"--scope", "admin"});
    execute("update keyrota.api_key_state set status = 'inactive'");
    expect_not_valid("it is inactive");
    const Outcome all = verify(secret(), {"--environment", "test", "--scope", "admin"});
    EXPECT_EQ(std::count(all.out.begin(), all.out.end(), '\n') > 3, true);
    EXPECT_THAT(all.out, AllOf(HasSubstr("it is inactive"), HasSubstr("environment\n"),
                               HasSubstr("the scope")));
    execute("update keyrota.api_key_state set status = 'expired'");
    expect_not_valid("it is expired");
}

TEST_F(Verify, AKeyWhoseEndDateHasComeIsNotValidBeforeAJobSaysSo) {
    execute("update keyrota.api_key_state set expires_at = now()");
    expect_not_valid("its end date has come");
    execute("update keyrota.api_key_state set expires_at = now() + interval '1 hour'");
    expect_valid();
}

TEST_F(Verify, AnImportedSecretNeedsNoChecksum) {
    execute("update keyrota.api_key set source = 'legacy'");
    execute("delete from keyrota.api_key_secret");
    execute("insert into keyrota.api_key_secret select sha256('of an old issuer'::bytea), 1");
    EXPECT_EQ(verify("of an old issuer\n").exit_code, 0);
}

TEST_F(Verify, AKeyNearItsLimitIsValidAndToldSo) {
    execute("update keyrota.api_key set rate_limit_per_minute = 1000");
    execute(
        "insert into keyrota.usage_hour (key_id, hour, requests, peak_minute)"
        " values (1, date_trunc('hour', now()), 5000, 799)");
    EXPECT_THAT(verify(secret()).out, Not(HasSubstr("near its limit")));
    execute("update keyrota.usage_hour set peak_minute = 800");
    const Outcome near = verify(secret());
    EXPECT_EQ(near.exit_code, 0);
    EXPECT_THAT(near.out, HasSubstr("near its limit: 800 of 1000 calls"));
    execute("update keyrota.usage_hour set hour = hour - interval '2 days'");
    EXPECT_THAT(verify(secret()).out, Not(HasSubstr("near its limit")));
}

TEST_F(Verify, TheJsonHasTheVerdictTheReasonsAndTheKey) {
    const auto json = object(verify(secret(), {"--json"}));
    EXPECT_TRUE(json->getValue<bool>("valid"));
    EXPECT_TRUE(json->getValue<bool>("checksum"));
    EXPECT_FALSE(json->getValue<bool>("near_limit"));
    EXPECT_EQ(json->getArray("reasons")->size(), 0U);
    EXPECT_EQ(json->getObject("key")->getValue<int>("key_id"), 1);
    EXPECT_EQ(json->getObject("key")->getArray("scopes")->getElement<std::string>(0),
              "read:experiences");
    const Outcome unknown = verify("x", {"--json"});
    EXPECT_EQ(unknown.exit_code, 12);
    EXPECT_THAT(unknown.out, AllOf(HasSubstr("\"valid\": false"), HasSubstr("\"key\": null")));
}

TEST_F(Verify, WhatIsNotOneSecretIsRefused) {
    EXPECT_EQ(verify("").exit_code, 2);
    EXPECT_THAT(verify(" \n").errors, HasSubstr("no secret on standard input"));
    EXPECT_THAT(verify(secret() + "\nx\n").errors, HasSubstr("more than one line"));
    EXPECT_THAT(verify(std::string(9000, 'x')).errors, HasSubstr("more than 8192 bytes"));
    EXPECT_EQ(keyrota({"verify"}).exit_code, 2) << "an argument could be read by others";
    const Outcome typed = keyrota({"verify", "--stdin", secret()});
    EXPECT_EQ(typed.exit_code, 2);
    EXPECT_THAT(typed.errors, HasSubstr("must not stand on the command line"));
}

TEST_F(Verify, ATerminalIsAskedAndEchoesAgainAfterwards) {
    const Outcome outcome = keyrota_on_terminal({"verify", "--stdin"}, secret() + "\n");
    EXPECT_EQ(outcome.exit_code, 0) << outcome.out;
    EXPECT_THAT(outcome.out, HasSubstr("secret: "));
}

}  // namespace
}  // namespace keyrota::test
