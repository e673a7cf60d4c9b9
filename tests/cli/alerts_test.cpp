// Thresholds and mail of an owner's or a key's own, as people set them.

#include "support/key_console.h"

namespace keyrota::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

class Alerts : public KeyConsole {
  protected:
    void SetUp() override {
        KeyConsole::SetUp();
        key_id_ = given_key({.name = "x"});
        given_owner_of_keys("ada@example.com", "x");
    }
    std::string key() const { return std::to_string(key_id_); }
    std::string settings() {
        return text(
            "select string_agg(concat_ws(' ', key_id, owner_id, check_id, settings), '; ' order by "
            "key_id, check_id) from keyrota.alert_setting");
    }

  private:
    std::int64_t key_id_ = 0;
};

TEST_F(Alerts, WhatIsSetAddsToWhatWasSet) {
    expect_done({"alerts", "set", "--owner", "ada@example.com", "KEY-ERROR-RATE", "--threshold",
                 "error_rate=10", "--threshold", "min_requests=1000"},
                "KEY-ERROR-RATE of owner 1 set");
    expect_done({"alerts", "set", "--owner", "1", "KEY-ERROR-RATE", "--mail", "digest",
                 "--threshold", "error_rate=11"},
                "KEY-ERROR-RATE of owner 1 set");
    EXPECT_EQ(settings(),
              R"(0 1 KEY-ERROR-RATE {"mail": "digest", "error_rate": 11, "min_requests": 1000})");
    expect_trail_verifies();
}

TEST_F(Alerts, EachChangeIsInTheTrailWithoutAnAddress) {
    keyrota({"alerts", "set", "--owner", "ada@example.com", "KEY-RATE-LIMITED", "--mail", "off"});
    keyrota({"alerts", "set", "--key", key(), "KEY-RATE-LIMITED", "--mail", "at-once"});
    keyrota({"alerts", "unset", "--owner", "ada@example.com", "KEY-RATE-LIMITED"});
    EXPECT_THAT(
        texts("select action || ' ' || key_id || ' ' || coalesce((payload::jsonb ->> 'before'),"
              " 'none') || ' ' || coalesce((payload::jsonb ->> 'after'), 'none')"
              "  from keyrota.audit_entry where action like 'alert.%' order by entry_id"),
        ElementsAre(
            R"(alert.set 0 none {"check": "KEY-RATE-LIMITED", "owner_id": 1, "settings": {"mail": "off"}})",
            "alert.set " + key() +
                R"( none {"check": "KEY-RATE-LIMITED", "owner_id": null, "settings": {"mail": "at-once"}})",
            R"(alert.unset 0 {"check": "KEY-RATE-LIMITED", "owner_id": 1, "settings": {"mail": "off"}} none)"));
    EXPECT_EQ(number("select count(*) from keyrota.audit_entry where payload ~ 'example.com'"), 0);
    expect_trail_verifies();
}

TEST_F(Alerts, SettingOrTakingBackTwiceIsOnce) {
    const Arguments set{"alerts", "set", "--key", key(), "KEY-ERROR-RATE", "--mail", "off"};
    const Arguments unset{"alerts", "unset", "--key", key(), "KEY-ERROR-RATE"};
    expect_done(set, "set");
    auto before = fingerprint();
    expect_done(set, "needs no change");
    EXPECT_EQ(fingerprint(), before);
    expect_done(unset, "unset");
    before = fingerprint();
    expect_done(unset, "has no settings");
    EXPECT_EQ(fingerprint(), before);
}

TEST_F(Alerts, ListsAnOwnersWithThoseOfTheKeysAndAKeysWithItsOwners) {
    given_owner("bo@example.com");
    given_key({.name = "y"});
    const auto set = [&](const char* whose, const std::string& name, const char* check) {
        expect_done({"alerts", "set", whose, name, check, "--mail", "digest"}, "set");
    };
    set("--owner", "ada@example.com", "KEY-ERROR-RATE");
    set("--owner", "bo@example.com", "KEY-RATE-LIMITED");
    set("--key", key(), "KEY-EXPIRES-SOON");
    set("--key", std::to_string(number("select max(key_id) from keyrota.api_key")),
        "KEY-NO-EXPIRY");
    EXPECT_THAT(
        field(keyrota({"alerts", "list", "--json"}), "check"),
        ElementsAre("KEY-NO-EXPIRY", "KEY-ERROR-RATE", "KEY-EXPIRES-SOON", "KEY-RATE-LIMITED"));
    for (const Arguments& words : {Arguments{"alerts", "list", "--owner", "1", "--json"},
                                   Arguments{"alerts", "list", "--key", key(), "--json"}})
        EXPECT_THAT(field(keyrota(words), "check"),
                    ElementsAre("KEY-ERROR-RATE", "KEY-EXPIRES-SOON"));
    EXPECT_THAT(keyrota({"alerts", "list", "--owner", "bo@example.com"}).out,
                HasSubstr("KEY-RATE-LIMITED"));
    keyrota({"alerts", "unset", "--owner", "2", "KEY-RATE-LIMITED"});
    expect_done({"alerts", "list", "--owner", "2"}, "no settings");
}

TEST_F(Alerts, ThresholdsAreWithinTheBoundsOfThePolicy) {
    const auto set = [](const char* check, const char* threshold) {
        return Arguments{"alerts", "set", "--owner", "1", check, "--threshold", threshold};
    };
    expect_done(set("KEY-ERROR-RATE", "error_rate=1"), "set");
    expect_done(set("KEY-ERROR-RATE", "error_rate=100"), "set");
    expect_refused(set("KEY-ERROR-RATE", "error_rate=0"),
                   "--threshold error_rate must be from 1 to 100, not \"0\"");
    expect_refused(set("KEY-ERROR-RATE", "error_rate=101"), "must be from 1 to 100");
    expect_refused(set("KEY-ERROR-RATE", "error_rate=5%"), "must be a whole number");
    expect_refused(set("KEY-ERROR-RATE", "error_rate="), "must be a whole number");
    expect_refused(set("KEY-ERROR-RATE", "error_rate=05"), "without leading zeros");
    expect_refused(set("KEY-ERROR-RATE", "error_rate"), "cannot read", "error_rate=10");
    expect_refused(set("KEY-ERROR-RATE", "eror_rate=5"), "has no threshold \"eror_rate\"",
                   "Did you mean \"error_rate\"?");
    expect_refused(set("KEY-RATE-LIMITED", "error_rate_high=5"),
                   "KEY-RATE-LIMITED has no threshold", "It has min_requests, rate_limited.");
    expect_refused(set("KEY-NO-EXPIRY", "required_after=5"), "has no thresholds per owner",
                   "--mail");
    expect_refused({"alerts", "set", "--owner", "1", "KEY-ERROR-RATE", "--threshold",
                    "error_rate=5", "--threshold", "error_rate=6"},
                   "given twice");
}

TEST_F(Alerts, WhatEndsIsRotatedOrWasBreachedIsNeverSwitchedOff) {
    for (const char* check :
         {"KEY-EXPIRED", "KEY-EXPIRES-SOON", "KEY-ROTATION-DUE", "KEY-ROTATION-SOON", "KEY-ROTATED",
          "KEY-ROTATION-FAILED", "KEY-BREACHED"}) {
        expect_refused({"alerts", "set", "--owner", "1", check, "--mail", "off"},
                       "cannot be switched off", "--mail digest");
        expect_done({"alerts", "set", "--owner", "1", check, "--mail", "digest"}, "set");
    }
    expect_done({"alerts", "set", "--owner", "1", "KEY-NO-EXPIRY", "--mail", "off"}, "set");
}

TEST_F(Alerts, WhatCannotBeIsRefusedWithWhatWasMeant) {
    expect_refused({"alerts", "set", "--owner", "1", "KEY-EROR-RATE", "--mail", "off"},
                   "there is no check about keys \"KEY-EROR-RATE\"",
                   "Did you mean \"KEY-ERROR-RATE\"?");
    expect_refused({"alerts", "unset", "--owner", "1", "key-error-rate"}, "no check about keys",
                   "Did you mean \"KEY-ERROR-RATE\"?");
    expect_refused({"alerts", "set", "--owner", "1", "RUN-MISSED", "--mail", "off"},
                   "there is no check about keys \"RUN-MISSED\"");
    expect_refused({"alerts", "set", "KEY-ERROR-RATE", "--mail", "off"}, "whose settings?",
                   "--owner");
    expect_refused({"alerts", "unset", "KEY-ERROR-RATE"}, "whose settings?");
    expect_refused({"alerts", "set", "--owner", "1", "--key", key(), "KEY-ERROR-RATE"}, "--owner");
    expect_refused({"alerts", "set", "--owner", "1", "KEY-ERROR-RATE"}, "set what?", "--help");
    expect_refused({"alerts", "set", "--owner", "1", "KEY-ERROR-RATE", "--mail", "never"},
                   "--mail");
    expect_refused(
        {"alerts", "set", "--owner", "bo@example.com", "KEY-ERROR-RATE", "--mail", "off"},
        "there is no owner");
    expect_refused({"alerts", "set", "--key", "99", "KEY-ERROR-RATE", "--mail", "off"},
                   "there is no key \"99\"");
}

TEST_F(Alerts, TheNextRunGoesByThem) {
    given_usage_known(kNow - 24h * 100, kNow + 10min);
    execute(
        fmt::format("insert into keyrota.usage_hour (key_id, hour, requests, client_errors)"
                    " values ({}, keyrota.instant({}), 100, 10)",
                    key(), to_micros(kNow - 1h)));
    const auto open = [&](Timestamp as_of) {
        run("watch-usage", as_of);
        return texts("select check_id from keyrota.finding where status = 'open'");
    };
    EXPECT_THAT(open(kNow + 10min), ElementsAre("KEY-ERROR-RATE"));
    expect_done({"alerts", "set", "--owner", "1", "KEY-ERROR-RATE", "--threshold", "error_rate=11"},
                "set");
    EXPECT_THAT(open(kNow + 11min), ElementsAre());
    expect_done({"alerts", "set", "--key", key(), "KEY-ERROR-RATE", "--threshold", "error_rate=10"},
                "set");
    EXPECT_THAT(open(kNow + 12min), ElementsAre("KEY-ERROR-RATE"));
}

}  // namespace
}  // namespace keyrota::test
