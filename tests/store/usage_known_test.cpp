// Coverage: since when usage is known. What is not known is never read as unused.

#include <fmt/format.h>

#include "support/database.h"

namespace keyrota::test {
namespace {

using namespace std::chrono_literals;

constexpr auto kDay = 24h;

class UsageKnown : public DatabaseTest {
  protected:
    // "NULL" where it is not known.
    std::string since(Timestamp until = kNow, const char* silence = "6 hours") {
        const std::string known = text(fmt::format(
            "select keyrota.micros(keyrota.usage_known_since(keyrota.instant({}), '{}'))",
            to_micros(until), silence));
        return known == "NULL" ? known : to_string(from_micros(std::stoll(known)));
    }
    void given_gap(Timestamp from, Timestamp to, const char* gateway = "null") {
        execute(
            fmt::format("insert into keyrota.usage_gap (from_at, to_at, gateway, reason) values"
                        " (keyrota.instant({}), keyrota.instant({}), {}, 'test')",
                        to_micros(from), to_micros(to), gateway));
    }
    void set(const char* assignment, Timestamp value) {
        execute(
            fmt::format("update keyrota.{} = keyrota.instant({})", assignment, to_micros(value)));
    }
};

TEST_F(UsageKnown, IsNotKnownWhereNobodyEverReported) {
    EXPECT_EQ(since(), "NULL");
    set("usage_watermark set complete_until", kNow);
    EXPECT_EQ(since(), "NULL") << "no gateway";
    given_gap(kNow - 2 * kDay, kNow - kDay);
    EXPECT_EQ(since(), "NULL") << "a gap is no beginning";
    execute("insert into keyrota.usage_gateway (name, expected) values ('edge', false)");
    EXPECT_EQ(since(), "NULL") << "one that has not reported yet";
}

TEST_F(UsageKnown, BeginsWithTheFirstSampleOfAnyGateway) {
    given_usage_known(kNow - 100 * kDay);
    execute(
        fmt::format("insert into keyrota.usage_gateway values ('new', true, keyrota.instant({}),"
                    " keyrota.instant({}))",
                    to_micros(kNow), to_micros(kNow - kDay)));
    EXPECT_EQ(since(), to_string(kNow - 100 * kDay));
}

TEST_F(UsageKnown, AGatewayMayBeSilentForSoLongAndNotATickLonger) {
    given_usage_known(kNow - 100 * kDay);
    set("usage_gateway set last_seen_at", kNow - 6h);
    EXPECT_EQ(since(), to_string(kNow - 100 * kDay));
    set("usage_gateway set last_seen_at", kNow - 6h - 1us);
    EXPECT_EQ(since(), "NULL");
    EXPECT_EQ(since(kNow, "7 hours"), to_string(kNow - 100 * kDay));
    EXPECT_EQ(since(kNow - kDay), to_string(kNow - 100 * kDay)) << "a day ago it had reported";
    execute("update keyrota.usage_gateway set expected = false");
    EXPECT_EQ(since(), to_string(kNow - 100 * kDay)) << "nobody waits for it";
}

TEST_F(UsageKnown, AnExpectedGatewayThatNeverReportedMakesItUnknown) {
    given_usage_known(kNow - 100 * kDay);
    execute("insert into keyrota.usage_gateway (name) values ('announced')");
    EXPECT_EQ(since(), "NULL");
}

TEST_F(UsageKnown, TheRollupMayLagForSoLongAndNotATickLonger) {
    given_usage_known(kNow - 100 * kDay);
    set("usage_watermark set complete_until", kNow - 6h);
    EXPECT_EQ(since(), to_string(kNow - 100 * kDay));
    set("usage_watermark set complete_until", kNow - 6h - 1us);
    EXPECT_EQ(since(), "NULL");
    execute("update keyrota.usage_watermark set complete_until = null");
    EXPECT_EQ(since(), "NULL");
}

TEST_F(UsageKnown, BeginsAnewWhereAGapEnds) {
    given_usage_known(kNow - 100 * kDay);
    given_gap(kNow - 50 * kDay, kNow - 40 * kDay);
    given_gap(kNow - 90 * kDay, kNow - 80 * kDay, "'edge'");
    EXPECT_EQ(since(), to_string(kNow - 40 * kDay));
    EXPECT_EQ(since(kNow - 45 * kDay), "NULL") << "within the gap";
    EXPECT_EQ(since(kNow - 50 * kDay), to_string(kNow - 80 * kDay)) << "before it";
    given_gap(kNow, kNow + kDay);
    EXPECT_EQ(since(), to_string(kNow - 40 * kDay)) << "one to come";
    EXPECT_EQ(since(kNow + 1us), "NULL");
}

TEST_F(UsageKnown, AWindowIsKnownFromTheInstantOnAndNotATickBefore) {
    given_usage_known(kNow - 90 * kDay);
    const auto known = [&](Timestamp from) {
        return text(
            fmt::format("select keyrota.usage_known(keyrota.instant({}), keyrota.instant({}))",
                        to_micros(from), to_micros(kNow)));
    };
    EXPECT_EQ(known(kNow - 90 * kDay), "true");
    EXPECT_EQ(known(kNow - 90 * kDay - 1us), "false");
    execute("delete from keyrota.usage_gateway");
    EXPECT_EQ(known(kNow - 1us), "false") << "and never null";
}

}  // namespace
}  // namespace keyrota::test
