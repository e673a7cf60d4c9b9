#include "support/database.h"

namespace keyrota::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using namespace std::chrono_literals;

constexpr auto kDay = std::chrono::hours(24);

class ReviewPermissions : public DatabaseTest {
  protected:
    void SetUp() override {
        DatabaseTest::SetUp();
        execute(
            "insert into keyrota.owner (owner_id, name, email, active) values"
            " (1, 'Ada', 'ada@example.com', true), (2, 'Bob', 'bob@example.com', false),"
            " (3, 'Eve', null, true), (4, 'Nil', '', true)");
    }
    /// A key whose identity has these columns besides.
    void given(GivenKey key, const std::string& columns) {
        const std::int64_t key_id = given_key(key);
        execute("update keyrota.api_key set " + columns +
                " where key_id = " + std::to_string(key_id));
    }
    std::vector<std::string> found(const std::string& check, Timestamp as_of = kNow) {
        EXPECT_TRUE(run("review-permissions", as_of).complete);
        return texts(
            "select k.name || ' ' || f.severity from keyrota.finding f"
            "  join keyrota.api_key k using (key_id)"
            " where f.status = 'open' and f.check_id = '" +
            check + "' order by k.key_id");
    }
};

TEST_F(ReviewPermissions, AnActiveKeyThatHoldsAdminIsReported) {
    given({.name = "admin"}, "scopes = '{read:analytics,admin}'");
    given({.name = "admin of tests", .type = "test"}, "scopes = '{admin}'");
    given({.name = "reader"}, "scopes = '{read:analytics}'");
    given({.name = "nothing"}, "scopes = '{}'");
    given({.name = "almost"}, "scopes = '{administrator}'");
    given({.name = "inactive", .status = "inactive"}, "scopes = '{admin}'");
    given({.name = "predecessor", .retire_at = kNow + kDay}, "scopes = '{admin}'");
    given({.name = "over", .expires_at = kNow}, "scopes = '{admin}'");
    EXPECT_THAT(found("KEY-SCOPE-ADMIN"), ElementsAre("admin 3", "admin of tests 3"));
}

TEST_F(ReviewPermissions, APublicKeyMayOnlyRead) {
    given({.name = "reader", .type = "public"}, "scopes = '{read:experiences,read:consumers}'");
    given({.name = "nothing", .type = "public"}, "scopes = '{}'");
    given({.name = "writer", .type = "public"}, "scopes = '{read:experiences,write:consumers}'");
    given({.name = "in disguise", .type = "public"}, "scopes = '{reader}'");
    given({.name = "secret"}, "scopes = '{write:consumers}'");
    EXPECT_THAT(found("KEY-SCOPE-TYPE"), ElementsAre("writer 4", "in disguise 4"));
}

TEST_F(ReviewPermissions, AnEndlessSecretKeyIsReportedWhenOlderThanNinetyDaysAndNotAt) {
    given_key({.name = "a tick older", .created_at = kNow - 90 * kDay - 1us});
    given_key({.name = "ninety days", .created_at = kNow - 90 * kDay});
    given_key({.name = "ends", .expires_at = kNow + kDay, .created_at = kNow - 400 * kDay});
    given_key({.name = "public", .type = "public", .created_at = kNow - 400 * kDay});
    given_key({.name = "test", .type = "test", .created_at = kNow - 400 * kDay});
    given_key({.name = "inactive", .status = "inactive", .created_at = kNow - 400 * kDay});
    EXPECT_THAT(found("KEY-NO-EXPIRY"), ElementsAre("a tick older 2"));
}

TEST_F(ReviewPermissions, OfAKeyThatHasLostItsRuleNothingIsResolved) {
    given_key({.name = "endless", .created_at = kNow - 400 * kDay});
    EXPECT_THAT(found("KEY-NO-EXPIRY"), ElementsAre("endless 2"));
    config().database.lock_timeout = 50ms;
    config().limits.max_tries = 1;
    execute("update keyrota.api_key set policy_rule_id = null");
    Session other = session_as("postgres");
    {
        const Transaction changing(other);
        other.execute({"lock", "select from keyrota.api_key for update"});
        EXPECT_THAT(found("KEY-NO-EXPIRY", kNow + kDay), ElementsAre("endless 2"));
        EXPECT_EQ(number("select count(*) from keyrota.api_key where policy_rule_id is null"), 1);
    }
    EXPECT_THAT(found("KEY-NO-EXPIRY", kNow + 2 * kDay), ElementsAre("endless 2"));
    EXPECT_EQ(number("select episode from keyrota.finding where check_id = 'KEY-NO-EXPIRY'"), 1);
}

TEST_F(ReviewPermissions, AKeyWithoutAnybodyToTellIsReported) {
    given({.name = "nobody's"}, "owner_id = null");
    given({.name = "Ada's"}, "owner_id = 1");
    given({.name = "Bob's"}, "owner_id = 2");
    given({.name = "Eve's"}, "owner_id = 3");
    given({.name = "Nil's"}, "owner_id = 4");
    given({.name = "inactive", .status = "inactive"}, "owner_id = null");
    EXPECT_THAT(found("KEY-OWNER-MISSING"), ElementsAre("nobody's 3", "Eve's 3", "Nil's 3"));
    EXPECT_THAT(found("KEY-OWNER-GONE"), ElementsAre("Bob's 4"));
}

TEST_F(ReviewPermissions, ANewOwnerResolvesBoth) {
    given({.name = "nobody's"}, "owner_id = null");
    given({.name = "Bob's"}, "owner_id = 2");
    EXPECT_THAT(found("KEY-OWNER-MISSING"), ElementsAre("nobody's 3"));
    execute("update keyrota.api_key set owner_id = 1");
    EXPECT_THAT(found("KEY-OWNER-MISSING", kNow + kDay), IsEmpty());
    EXPECT_THAT(found("KEY-OWNER-GONE", kNow + 2 * kDay), IsEmpty());
}

TEST_F(ReviewPermissions, ADeletedKeyResolvesItsFindings) {
    given({.name = "nobody's"}, "owner_id = null");
    EXPECT_THAT(found("KEY-OWNER-MISSING"), ElementsAre("nobody's 3"));
    execute("delete from keyrota.api_key_state");
    execute("delete from keyrota.api_key");
    EXPECT_THAT(found("KEY-OWNER-MISSING", kNow + kDay), IsEmpty());
    EXPECT_EQ(text("select status from keyrota.finding"), "resolved");
}

}  // namespace
}  // namespace keyrota::test
