#include "time/timestamp.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <limits>
#include <random>

namespace keyrota {
namespace {

using namespace std::chrono_literals;
using std::chrono::microseconds;
using std::chrono::sys_days;

constexpr Timestamp kNow = sys_days(std::chrono::year(2026) / 11 / 24) + 6h + 30min;

TEST(Timestamp, TravelsAsMicrosecondsAndComesBackTheSame) {
    EXPECT_EQ(to_micros(Timestamp{}), 0);
    EXPECT_EQ(from_micros(to_micros(kNow)), kNow);
    EXPECT_EQ(from_micros(to_micros(kNow + 1us)) - kNow, 1us);
}

TEST(Timestamp, IsWrittenInUtcWithAFractionOnlyWhereThereIsOne) {
    EXPECT_EQ(to_string(kNow), "2026-11-24T06:30:00Z");
    EXPECT_EQ(to_string(kNow + 1us), "2026-11-24T06:30:00.000001Z");
    EXPECT_EQ(to_string(kNow + 120ms), "2026-11-24T06:30:00.120000Z");
    EXPECT_EQ(to_string(kNow - 1us), "2026-11-24T06:29:59.999999Z");
    EXPECT_EQ(to_string(from_micros(-1)), "1969-12-31T23:59:59.999999Z");
}

TEST(Timestamp, IsReadInEveryFormThatTheContractNames) {
    EXPECT_EQ(parse_timestamp("2026-11-24"), kNow - 6h - 30min);
    EXPECT_EQ(parse_timestamp("2026-11-24T06:30:00Z"), kNow);
    EXPECT_EQ(parse_timestamp("2026-11-24T06:30:00z"), kNow);
    EXPECT_EQ(parse_timestamp("2026-11-24 06:30:00"), kNow);
    EXPECT_EQ(parse_timestamp("2026-11-24T08:30:00+02:00"), kNow);
    EXPECT_EQ(parse_timestamp("2026-11-24T01:00:00-05:30"), kNow);
    EXPECT_EQ(parse_timestamp("2026-11-24 06:30:00.123456Z"), kNow + 123456us);
    EXPECT_EQ(parse_timestamp("2026-11-24T06:30:00.5Z"), kNow + 500ms);
    EXPECT_EQ(parse_timestamp("2028-02-29"), Timestamp(sys_days(std::chrono::year(2028) / 2 / 29)));
}

TEST(Timestamp, IsNotReadFromAnythingElse) {
    for (const char* text : {"",
                             " ",
                             "T",
                             "Z",
                             "now",
                             "2026",
                             "2026-11",
                             "2026-13-01",
                             "2026-02-29",
                             "2026-11-31",
                             "24.11.2026",
                             "2026-11-24T",
                             "2026-11-24TZ",
                             "2026-11-24T25:00:00Z",
                             "2026-11-24T06:60:00Z",
                             "2026-11-24T06:30:00Zulu",
                             "2026-11-24T06:30:00+02:00x",
                             "2026-11-24Z",
                             "2026-11-24x",
                             "x2026-11-24",
                             "2026-11-28T1$7:07:55.056095Z",
                             "infinity",
                             "1764000000"})
        EXPECT_EQ(parse_timestamp(text), std::nullopt) << '"' << text << '"';
}

TEST(Timestamp, IsReadBackExactlyAsItWasWritten) {
    std::mt19937_64 random(20261124);  // NOLINT: the same sequence each time
    std::uniform_int_distribution<std::int64_t> micros(0, 4'102'444'800'000'000);  // to 2100
    for (int i = 0; i < 1000; ++i) {
        const Timestamp t = from_micros(micros(random));
        EXPECT_EQ(parse_timestamp(to_string(t)), t) << to_string(t);
    }
}

TEST(Duration, IsAWholeNumberWithAUnit) {
    EXPECT_EQ(parse_duration("7us"), 7us);
    EXPECT_EQ(parse_duration("250ms"), 250ms);
    EXPECT_EQ(parse_duration("0s"), 0s);
    EXPECT_EQ(parse_duration("30m"), 30min);
    EXPECT_EQ(parse_duration("36h"), 36h);
    EXPECT_EQ(parse_duration("90d"), 90 * 24h);
    EXPECT_EQ(parse_duration("2w"), 14 * 24h);
}

TEST(Duration, IsNotReadFromAnythingElse) {
    for (const char* text : {"", "90", "d", "-1d", "+1d", "1.5h", "1 d", " 1d", "1d ", "1D",
                             "1d12h", "1y", "1mo", "0x1d", "99999999999999999999d", "infinity"})
        EXPECT_EQ(parse_duration(text), std::nullopt) << '"' << text << '"';
}

TEST(Duration, IsReadUpToTheLastThatFitsAndNotBeyond) {
    EXPECT_EQ(parse_duration("9223372036854775807us"), microseconds::max());
    EXPECT_EQ(parse_duration("9223372036854775808us"), std::nullopt);
    EXPECT_EQ(parse_duration("106751991d"), 106'751'991LL * 24h);
    EXPECT_EQ(parse_duration("106751992d"), std::nullopt);
}

TEST(Duration, IsWrittenInTheLargestUnitThatKeepsItExact) {
    EXPECT_EQ(to_string(microseconds(0s)), "0s");
    EXPECT_EQ(to_string(microseconds(14 * 24h)), "14d");  // weeks are written in days
    EXPECT_EQ(to_string(microseconds(36h)), "36h");
    EXPECT_EQ(to_string(microseconds(90min)), "90m");
    EXPECT_EQ(to_string(microseconds(90s)), "90s");
    EXPECT_EQ(to_string(microseconds(1500ms)), "1500ms");
    EXPECT_EQ(to_string(microseconds(1s + 1us)), "1000001us");
}

TEST(Duration, IsReadBackExactlyAsItWasWritten) {
    std::mt19937_64 random(20261124);  // NOLINT: the same sequence each time
    std::uniform_int_distribution<std::int64_t> count(0, 100'000);
    for (const microseconds unit : {microseconds(1us), microseconds(1ms), microseconds(1s),
                                    microseconds(1min), microseconds(1h), microseconds(24h)})
        for (int i = 0; i < 200; ++i) {
            const microseconds duration = count(random) * unit;
            EXPECT_EQ(parse_duration(to_string(duration)), duration) << to_string(duration);
        }
}

}  // namespace
}  // namespace keyrota
