// Owners and teams as people make, find and change them.

#include "support/key_console.h"

namespace keyrota::test {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class Owners : public KeyConsole {};

TEST_F(Owners, AnOwnerIsCreatedWithTeamZoneAndFallback) {
    expect_done({"teams", "create", "--name", "Payments", "--email", "pay@example.com"},
                "created team 1");
    expect_done({"owners", "create", "--email", "bo@example.com", "--name", "Bo"},
                "created owner 1");
    const auto made = object(keyrota({"owners", "create", "--email", "ada@example.com", "--name",
                                      "Ada Lovelace", "--team", "Payments", "--time-zone",
                                      "Europe/Berlin", "--fallback", "bo@example.com", "--json"}));
    EXPECT_EQ(made->getValue<int>("owner_id"), 2);
    EXPECT_EQ(made->getValue<std::string>("team"), "Payments");
    EXPECT_EQ(made->getValue<std::string>("time_zone"), "Europe/Berlin");
    EXPECT_EQ(made->getValue<std::string>("fallback"), "bo@example.com");
    EXPECT_EQ(text("select payload::jsonb -> 'after' from keyrota.audit_entry"
                   " where action = 'owner.create' order by entry_id desc limit 1"),
              text("select jsonb_build_object('owner_id', 2, 'team_id', 1, 'time_zone',"
                   " 'Europe/Berlin', 'active', true, 'fallback_owner_id', 1)"));
    expect_trail_verifies();
}

TEST_F(Owners, NoAddressAndNoNameOfAPersonStandsInTheTrail) {
    keyrota({"owners", "create", "--email", "ada@example.com", "--name", "Ada"});
    keyrota({"owners", "update", "1", "--email", "lovelace@example.com", "--name", "Countess"});
    keyrota({"teams", "create", "--name", "Payments", "--email", "pay@example.com",
             "--security-email", "sec@example.com"});
    keyrota({"teams", "update", "Payments", "--email", "new@example.com"});
    EXPECT_EQ(number("select count(*) from keyrota.audit_entry where action ~ '^(owner|team)'"), 4);
    EXPECT_EQ(number("select count(*) from keyrota.audit_entry where payload ~"
                     " 'example.com|Ada|Countess'"),
              0);
    EXPECT_EQ(text("select payload::jsonb -> 'why' from keyrota.audit_entry where action ="
                   " 'owner.update'"),
              R"({"changed": "email, name"})");
}

TEST_F(Owners, WhatCannotBeIsRefusedWithWhatWasMeant) {
    execute("insert into keyrota.team (name) values ('Payments')");
    given_owner("ada@example.com");
    const auto create = [](const std::string& email, const Arguments& more) {
        Arguments words{"owners", "create", "--email", email, "--name", "X"};
        words.insert(words.end(), more.begin(), more.end());
        return words;
    };
    expect_refused(create("ADA@example.com", {}), "owner 1 already has this address");
    expect_refused(create("ada", {}), "it has no @", "For example");
    expect_refused(create("b@example.com\nBcc: c@example.com", {}), "control characters");
    expect_refused(create("b@example.com", {"--team", "Paymnts"}), "no team", "\"Payments\"");
    expect_refused(create("b@example.com", {"--time-zone", "Europe/Brlin"}), "no time zone",
                   "\"Europe/Berlin\"");
    expect_refused(create("b@example.com", {"--fallback", "9"}), "there is no owner \"9\"");
    expect_refused({"owners", "create", "--email", "b@example.com", "--name", "a\nb"},
                   "control characters");
    expect_refused({"owners", "update", "1", "--fallback", "1"}, "cannot be their own fallback");
    expect_refused({"owners", "update", "1"}, "update what?");
    expect_refused({"owners", "show", "bo@example.com"}, "there is no owner");
    expect_refused({"teams", "create", "--name", "Payments"}, "a team \"Payments\" already exists",
                   "keyrota teams show 1");
    expect_refused({"teams", "update", "1"}, "update what?");
    expect_refused({"teams", "show", "Payment"}, "no team", "Did you mean \"Payments\"?");
}

TEST_F(Owners, OfTwoThatTakeOneNameOrAddressAtOnceTheOtherIsTold) {
    execute("insert into keyrota.team (name) values ('Sales')");
    given_owner("ada@example.com");
    const auto expect_second = [&](const char* first, const Arguments& words,
                                   const std::string& message) {
        SCOPED_TRACE(fmt::format("{}", fmt::join(words, " ")));
        Session other = session_as("postgres");
        other.execute_verbatim("begin", "begin");
        other.execute_verbatim("first", first);
        Program second = start(words);
        wait_until_blocked();
        other.execute_verbatim("commit", "commit");
        const Outcome outcome = second.wait();
        EXPECT_EQ(outcome.exit_code, 2);
        EXPECT_THAT(outcome.errors, AllOf(HasSubstr(message), HasSubstr(" list`")));
    };
    expect_second("insert into keyrota.team (name) values ('Payments')",
                  {"teams", "create", "--name", "Payments"}, "has just taken that name");
    expect_second("insert into keyrota.team (name) values ('Search')",
                  {"teams", "update", "Sales", "--name", "Search"}, "has just taken that name");
    expect_second("insert into keyrota.owner (name, email) values ('Bo', 'bo@example.com')",
                  {"owners", "update", "1", "--email", "bo@example.com"},
                  "has just taken that address");
}

TEST_F(Owners, AnUpdateTwiceIsOneAndTellsWhatBecomesOfTheKeys) {
    given_key({.name = "x"});
    given_owner_of_keys("ada@example.com", "x");
    const Arguments words{"owners", "update", "ada@example.com", "--active", "false"};
    expect_done(words, "keyrota leaver 1");
    const auto before = fingerprint();
    expect_done(words, "owner 1 needs no change");
    EXPECT_EQ(fingerprint(), before);
    EXPECT_THAT(keys_with_status("active"), ElementsAre("x"));
    EXPECT_EQ(audited("owner.update"), 1);
}

TEST_F(Owners, AreTakenFromATeamByNone) {
    given_owner("ada@example.com");
    execute("insert into keyrota.team (name) values ('Payments')");
    expect_done({"owners", "update", "1", "--team", "Payments"}, "team_id");
    expect_done({"owners", "update", "1", "--team", "none"}, "team_id");
    EXPECT_EQ(text("select team_id from keyrota.owner"), "NULL");
}

TEST_F(Owners, ATeamNamesAWebhookWhoseUrlTheConfigurationAloneKnows) {
    const Scratch scratch;
    environment()["KEYROTA_CONFIG"] =
        scratch.write("keyrota.yaml",
                      "webhooks: [{name: payments-chat, url: 'https://hooks.example.com/Zq7s'}]\n");
    execute("insert into keyrota.team (name) values ('Payments')");
    expect_refused({"teams", "update", "1", "--webhook", "payment-chat"},
                   "no webhook is named \"payment-chat\"", "\"payments-chat\"");
    expect_done({"teams", "update", "Payments", "--webhook", "payments-chat"}, "webhook");
    EXPECT_EQ(object(keyrota({"teams", "show", "1", "--json"}))->getValue<std::string>("webhook"),
              "payments-chat");
    EXPECT_EQ(number("select count(*) from keyrota.audit_entry where payload like '%Zq7s%'"), 0);
    expect_done({"teams", "update", "Payments", "--webhook", "none"}, "webhook");
    EXPECT_EQ(text("select webhook from keyrota.team"), "NULL");
}

TEST_F(Owners, AreListedWithTheirKeysAndFindings) {
    given_keys(3, {.name = "x"});
    given_owner_of_keys("bo@example.com", "x");
    given_owner("ada@example.com");
    execute("insert into keyrota.team (name) values ('Payments')");
    execute("update keyrota.owner set team_id = 1 where owner_id = 1");
    execute("update keyrota.owner set active = false where owner_id = 2");
    execute(
        "insert into keyrota.finding (key_id, uid, check_id, status, severity, opened_at,"
        " changed_at, run_id) values (1, 'kf_a', 'KEY-UNUSED', 'open', 2, now(), now(), 1)");
    const Outcome list = keyrota({"owners", "list", "--json"});
    EXPECT_THAT(field(list, "email"), ElementsAre("ada@example.com", "bo@example.com"));
    EXPECT_THAT(field(list, "keys"), ElementsAre("0", "3"));
    EXPECT_THAT(field(list, "findings"), ElementsAre("0", "1"));
    EXPECT_THAT(field(keyrota({"owners", "list", "--json", "--active", "false"}), "email"),
                ElementsAre("ada@example.com"));
    EXPECT_THAT(field(keyrota({"owners", "list", "--json", "--team", "Payments"}), "email"),
                ElementsAre("bo@example.com"));
    EXPECT_THAT(keyrota({"owners", "list", "--limit", "1"}).out, HasSubstr("--limit 0 shows all"));
    EXPECT_THAT(keyrota({"owners", "list", "--limit", "2"}).out, Not(HasSubstr("--limit")));
    const auto team = object(keyrota({"teams", "show", "Payments", "--json"}));
    EXPECT_EQ(team->getValue<int>("owners"), 1);
    EXPECT_EQ(team->getValue<int>("keys"), 3);
    EXPECT_EQ(team->getValue<int>("findings"), 1);
    EXPECT_THAT(keyrota({"teams", "list"}).out, AllOf(HasSubstr("TEAM ID"), HasSubstr("Payments")));
}

TEST_F(Owners, ANewAddressMakesTheirKeysLookForTheirPolicyRuleAgain) {
    given_key({.name = "x"});
    given_owner_of_keys("ada@example.com", "x");
    execute(
        "update keyrota.api_key set policy_rule_id = (select max(policy_rule_id) from"
        " keyrota.policy_rule)");
    expect_done({"owners", "update", "1", "--email", "lovelace@example.com"}, "updated: email");
    EXPECT_EQ(text("select policy_rule_id from keyrota.api_key"), "NULL");
}

}  // namespace
}  // namespace keyrota::test
