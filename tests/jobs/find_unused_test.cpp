#include "support/database.h"

namespace keyrota::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using namespace std::chrono_literals;

constexpr auto kDay = std::chrono::hours(24);

class FindUnused : public DatabaseTest {
  protected:
    /// @param used_at its last use; nothing: none is known.
    std::int64_t given(GivenKey key, std::optional<Timestamp> used_at) {
        const std::int64_t key_id = given_key(key);
        execute("insert into keyrota.api_key_activity values (" + std::to_string(key_id) + ", " +
                at(used_at) + ")");
        return key_id;
    }
    void given_scope_used(std::int64_t key_id, const std::string& scope, Timestamp used_at) {
        execute("insert into keyrota.usage_scope values (" + std::to_string(key_id) + ", '" +
                scope + "', " + at(used_at) + ")");
    }
    static std::string at(std::optional<Timestamp> instant) {
        return instant ? "keyrota.instant(" + std::to_string(to_micros(*instant)) + ")" : "null";
    }
    /// The names of open findings, and their severity.
    std::vector<std::string> found(const char* job, const std::string& check,
                                   Timestamp as_of = kNow) {
        const RunReport report = run(job, as_of);
        EXPECT_TRUE(report.complete) << report.message;
        return texts(
            "select k.name || ' ' || f.severity from keyrota.finding f"
            "  join keyrota.api_key k using (key_id) where f.status = 'open' and f.check_id = '" +
            check + "' order by k.key_id");
    }
    std::vector<std::string> unused(Timestamp as_of = kNow) {
        return found("find-unused", "KEY-UNUSED", as_of);
    }
    std::vector<std::string> never_used(Timestamp as_of = kNow) {
        return found("find-unused", "KEY-NEVER-USED", as_of);
    }
};

TEST_F(FindUnused, AKeyIsUnusedAtNinetyDaysAndNotATickBefore) {
    given_usage_known(kNow - 200 * kDay);
    const Timestamp made = kNow - 150 * kDay;
    given({.name = "at", .created_at = made}, kNow - 90 * kDay);
    given({.name = "a tick before", .created_at = made}, kNow - 90 * kDay + 1us);
    given({.name = "inactive", .status = "inactive", .created_at = made}, kNow - 90 * kDay);
    given({.name = "over", .expires_at = kNow, .created_at = made}, kNow - 90 * kDay);
    given({.name = "ends", .expires_at = kNow + 1us, .created_at = made}, kNow - 90 * kDay);
    given({.name = "leaving", .retire_at = kNow + kDay, .created_at = made}, kNow - 90 * kDay);
    EXPECT_THAT(unused(), ElementsAre("at 3", "ends 3"));
    execute("update keyrota.api_key_activity set last_used_at = " + at(kNow));
    EXPECT_THAT(unused(kNow + 1h), IsEmpty());
}

TEST_F(FindUnused, AKeyIsNeverUsedAtThirtyDaysAndNotATickBefore) {
    given_usage_known(kNow - 200 * kDay);
    given({.name = "at", .created_at = kNow - 30 * kDay}, std::nullopt);
    given_key({.name = "without a row", .created_at = kNow - 30 * kDay});
    given({.name = "a tick younger", .created_at = kNow - 30 * kDay + 1us}, std::nullopt);
    given({.name = "used", .created_at = kNow - 30 * kDay}, kNow - 29 * kDay);
    given({.name = "older than that", .created_at = kNow - 150 * kDay}, std::nullopt);
    EXPECT_THAT(never_used(), ElementsAre("at 3", "without a row 3", "older than that 3"));
    EXPECT_THAT(unused(kNow + 1h), IsEmpty()) << "one finding a key is enough";
}

TEST_F(FindUnused, AKeyFromBeforeAnythingWasKnownIsUnusedAndNotNeverUsed) {
    given_usage_known(kNow - 90 * kDay);
    given({.name = "old", .created_at = kNow - 90 * kDay - 1us}, std::nullopt);
    given({.name = "as old as that", .created_at = kNow - 90 * kDay}, std::nullopt);
    EXPECT_THAT(unused(), ElementsAre("old 3"));
    EXPECT_THAT(never_used(kNow + 1us), ElementsAre("as old as that 3"));
}

TEST_F(FindUnused, UnknownIsNotUnused) {
    given({.name = "silent", .created_at = kNow - 150 * kDay}, kNow - 100 * kDay);
    given({.name = "new", .created_at = kNow - 40 * kDay}, std::nullopt);
    EXPECT_THAT(unused(), IsEmpty()) << "nobody reports";
    given_usage_known(kNow - 40 * kDay + 1us);
    EXPECT_THAT(never_used(), IsEmpty()) << "a tick less than since it was made";
    given_usage_known(kNow - 90 * kDay + 1us);
    EXPECT_THAT(unused(), IsEmpty()) << "a tick less than the window";
    given_usage_known(kNow - 90 * kDay);
    EXPECT_THAT(unused(), ElementsAre("silent 3"));
    EXPECT_THAT(never_used(), ElementsAre("new 3"));
}

TEST_F(FindUnused, WhatWasFoundStaysWhereUsageIsUnknownUntilThereIsUse) {
    given_usage_known(kNow - 200 * kDay);
    given({.name = "silent", .created_at = kNow - 150 * kDay}, kNow - 100 * kDay);
    given({.name = "new", .created_at = kNow - 40 * kDay}, std::nullopt);
    EXPECT_THAT(unused(), ElementsAre("silent 3"));
    execute("update keyrota.usage_gateway set last_seen_at = null");
    EXPECT_THAT(unused(kNow + kDay), ElementsAre("silent 3"));
    EXPECT_THAT(never_used(kNow + 2 * kDay), ElementsAre("new 3"));
    execute("update keyrota.api_key_activity set last_used_at = " + at(kNow));
    EXPECT_THAT(unused(kNow + 3 * kDay), IsEmpty());
    EXPECT_THAT(never_used(kNow + 4 * kDay), IsEmpty());
}

TEST_F(FindUnused, ARuleOfThePolicyHasItsOwnTimes) {
    config().policy.front().usage_unused_after = 45 * kDay;
    config().policy.front().usage_never_used_after = 14 * kDay;
    given_usage_known(kNow - 200 * kDay);
    given({.name = "at", .created_at = kNow - 150 * kDay}, kNow - 45 * kDay);
    given({.name = "before", .created_at = kNow - 150 * kDay}, kNow - 45 * kDay + 1us);
    given({.name = "never", .created_at = kNow - 14 * kDay}, std::nullopt);
    EXPECT_THAT(unused(), ElementsAre("at 3"));
    EXPECT_THAT(never_used(kNow), ElementsAre("never 3"));
}

TEST_F(FindUnused, ScopesThatAKeyInUseDoesNotUseAreOneFinding) {
    given_usage_known(kNow - 200 * kDay);
    const Timestamp made = kNow - 150 * kDay;
    const auto key = [&](const char* name, Timestamp used_at, Timestamp created_at) {
        const std::int64_t key_id = given({.name = name, .created_at = created_at}, used_at);
        execute("update keyrota.api_key set scopes = '{a,b,c}' where key_id = " +
                std::to_string(key_id));
        return key_id;
    };
    const std::int64_t at_bound = key("at", kNow, made);
    given_scope_used(at_bound, "a", kNow);
    given_scope_used(at_bound, "b", kNow - 90 * kDay);  // and c never
    const std::int64_t before = key("before", kNow, made);
    for (const char* scope : {"a", "b", "c"})
        given_scope_used(before, scope, kNow - 90 * kDay + 1us);
    given_scope_used(key("not in use", kNow - 90 * kDay, made), "a", kNow - 90 * kDay);
    given_scope_used(key("young", kNow, kNow - 90 * kDay + 1us), "a", kNow);
    key("says no scope", kNow, made);
    EXPECT_THAT(found("review-permissions", "KEY-SCOPE-UNUSED"), ElementsAre("at 2"));
    EXPECT_EQ(text("select evidence ->> 'scopes' from keyrota.finding"
                   " where check_id = 'KEY-SCOPE-UNUSED'"),
              "[\"b\", \"c\"]");
    execute("update keyrota.usage_gateway set last_seen_at = null");
    EXPECT_THAT(found("review-permissions", "KEY-SCOPE-UNUSED", kNow + kDay), ElementsAre("at 2"))
        << "unknown changes nothing";
}

TEST_F(FindUnused, AdminIsGraveWhereNobodyUsesIt) {
    const Timestamp made = kNow - 100 * kDay;
    const auto key = [&](GivenKey wished, std::optional<Timestamp> used_at) {
        wished.created_at = made;
        const std::int64_t key_id = given(wished, used_at);
        execute("update keyrota.api_key set scopes = '{admin}' where key_id = " +
                std::to_string(key_id));
        return key_id;
    };
    given_scope_used(key({.name = "at"}, kNow), "admin", kNow - 30 * kDay);
    given_scope_used(key({.name = "before"}, kNow), "admin", kNow - 30 * kDay + 1us);
    given_scope_used(key({.name = "other scopes"}, kNow), "read", kNow);
    key({.name = "says no scope"}, kNow);
    key({.name = "never"}, std::nullopt);
    key({.name = "test", .type = "test"}, std::nullopt);
    const char* check = "KEY-SCOPE-ADMIN";
    EXPECT_THAT(
        found("review-permissions", check),
        ElementsAre("at 3", "before 3", "other scopes 3", "says no scope 3", "never 3", "test 3"));
    given_usage_known(kNow - 30 * kDay);
    const auto grave =
        ElementsAre("at 4", "before 3", "other scopes 4", "says no scope 3", "never 4", "test 3");
    EXPECT_THAT(found("review-permissions", check), grave);
    execute("update keyrota.usage_gateway set last_seen_at = null");
    EXPECT_THAT(found("review-permissions", check, kNow + kDay), grave) << "as grave as it was";
}

}  // namespace
}  // namespace keyrota::test
