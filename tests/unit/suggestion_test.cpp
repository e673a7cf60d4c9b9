#include "error/suggestion.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace keyrota {
namespace {

const std::vector<std::string> kOptions{"lock_timeout", "max_age", "url", "duty"};

TEST(Suggestion, FindsWhatWasMistyped) {
    EXPECT_EQ(nearest("max_agee", kOptions), "max_age");          // one too many
    EXPECT_EQ(nearest("lock_timout", kOptions), "lock_timeout");  // one missing
    EXPECT_EQ(nearest("lock-timeout", kOptions), "lock_timeout");
    EXPECT_EQ(nearest("lokc_timeout", kOptions), "lock_timeout");  // two swapped
    EXPECT_EQ(nearest("ur", kOptions), "url");
    EXPECT_EQ(nearest("rul", kOptions), "url");  // in a short word too
}

TEST(Suggestion, IsSilentWhereNothingIsNear) {
    EXPECT_EQ(nearest("expiry", kOptions), "");
    EXPECT_EQ(nearest("", kOptions), "");
    EXPECT_EQ(nearest("url", {}), "");
    EXPECT_EQ(did_you_mean("expiry", kOptions), "");
}

TEST(Suggestion, AllowsAThirdOfTheWordAndAtMostThreeEdits) {
    EXPECT_EQ(nearest("abc", {"abx"}), "abx");
    EXPECT_EQ(nearest("abc", {"axx"}), "");
    EXPECT_EQ(nearest("abcdef", {"abcdxx"}), "abcdxx");
    EXPECT_EQ(nearest("abcdef", {"abcxxx"}), "");
    EXPECT_EQ(nearest("abcdefghijklmno", {"abcdefghijklxxx"}), "abcdefghijklxxx");
    EXPECT_EQ(nearest("abcdefghijklmno", {"abcdefghijkxxxx"}), "");
}

TEST(Suggestion, PrefersTheNearestAndThenTheFirst) {
    EXPECT_EQ(nearest("statuss", {"statues", "status"}), "statues");
    EXPECT_EQ(nearest("stat-us", {"stat_uses", "status"}), "status");
    EXPECT_EQ(nearest("resum", {"resume", "result"}), "resume");
}

TEST(Suggestion, IsOneSentence) {
    EXPECT_EQ(did_you_mean("max_agee", kOptions), "Did you mean \"max_age\"?");
}

}  // namespace
}  // namespace keyrota
