#include "support/database.h"

namespace keyrota::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using namespace std::chrono_literals;

constexpr auto kDay = std::chrono::hours(24);

class FlagRotation : public DatabaseTest {
  protected:
    /// `name severity` of every unresolved finding of the check.
    std::vector<std::string> found(const std::string& check) {
        return texts(
            "select k.name || ' ' || f.severity from keyrota.finding f"
            "  join keyrota.api_key k using (key_id)"
            " where f.status = 'open' and f.check_id = '" +
            check + "' order by k.key_id");
    }
};

TEST_F(FlagRotation, AProductionKeyIsDueAtNinetyDaysAndNotATickBefore) {
    given_key({.name = "due", .created_at = kNow - 90 * kDay});
    given_key({.name = "a tick younger", .created_at = kNow - 90 * kDay + 1us});
    EXPECT_TRUE(run("flag-rotation", kNow).complete);
    EXPECT_THAT(found("KEY-ROTATION-DUE"), ElementsAre("due 4"));
    EXPECT_THAT(found("KEY-ROTATION-SOON"), ElementsAre("a tick younger 2"));
}

TEST_F(FlagRotation, IsAnnouncedFourteenDaysBeforeAndNotATickEarlier) {
    given_key({.name = "soon", .created_at = kNow - 76 * kDay});
    given_key({.name = "a tick younger", .created_at = kNow - 76 * kDay + 1us});
    run("flag-rotation", kNow);
    EXPECT_THAT(found("KEY-ROTATION-SOON"), ElementsAre("soon 2"));
    EXPECT_EQ(number("select keyrota.micros(due_at) from keyrota.finding"),
              to_micros(kNow + 14 * kDay));
}

TEST_F(FlagRotation, SoonIsResolvedByDue) {
    given_key({.name = "key", .created_at = kNow - 89 * kDay});
    run("flag-rotation", kNow);
    EXPECT_THAT(found("KEY-ROTATION-SOON"), ElementsAre("key 2"));
    run("flag-rotation", kNow + kDay);
    EXPECT_THAT(found("KEY-ROTATION-SOON"), IsEmpty());
    EXPECT_THAT(found("KEY-ROTATION-DUE"), ElementsAre("key 4"));
}

TEST_F(FlagRotation, TestKeysAndKeysThatCannotBeUsedAreLeftOut) {
    const Timestamp old = kNow - 400 * kDay;
    given_key({.name = "test", .type = "test", .created_at = old});
    given_key({.name = "inactive", .status = "inactive", .created_at = old});
    given_key({.name = "expired", .status = "expired", .created_at = old});
    given_key({.name = "past its end", .expires_at = kNow, .created_at = old});
    given_key({.name = "predecessor", .retire_at = kNow + kDay, .created_at = old});
    given_key({.name = "still valid", .expires_at = kNow + 1us, .created_at = old});
    given_key({.name = "public", .type = "public", .created_at = old});
    given_key({.name = "elsewhere", .source = "aws", .created_at = old});
    run("flag-rotation", kNow);
    EXPECT_THAT(found("KEY-ROTATION-DUE"), ElementsAre("still valid 4", "public 4", "elsewhere 4"));
}

TEST_F(FlagRotation, ARotatedAwayKeyResolvesItsFinding) {
    given_key({.name = "key", .created_at = kNow - 90 * kDay});
    run("flag-rotation", kNow);
    execute("update keyrota.api_key_state set status = 'expired'");
    run("flag-rotation", kNow + kDay);
    EXPECT_THAT(found("KEY-ROTATION-DUE"), IsEmpty());
}

TEST_F(FlagRotation, EachRuleHasItsOwnAge) {
    PolicyRule strict = config().policy.back();
    strict.name = "strict";
    strict.type = "secret";
    strict.rotation_max_age = 30 * kDay;
    strict.rotation_notice_before = 0s;
    config().policy.insert(config().policy.begin(), strict);
    given_key({.name = "secret", .created_at = kNow - 30 * kDay});
    given_key({.name = "younger secret", .created_at = kNow - 30 * kDay + 1us});
    given_key({.name = "public", .type = "public", .created_at = kNow - 30 * kDay});
    run("flag-rotation", kNow);
    EXPECT_THAT(found("KEY-ROTATION-DUE"), ElementsAre("secret 4"));
    EXPECT_THAT(found("KEY-ROTATION-SOON"), IsEmpty());
}

}  // namespace
}  // namespace keyrota::test
