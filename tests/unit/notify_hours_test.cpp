#include "notify/hours.h"

#include <gtest/gtest.h>

namespace keyrota {
namespace {

using namespace std::chrono_literals;

std::string next_digest(const char* at, const std::string& zone) {
    return to_string(next_time_of_day(*parse_timestamp(at), 8h, zone));
}

TEST(Hours, TheDigestComesAtEightByTheOwnersClock) {
    EXPECT_EQ(next_digest("2026-11-24T07:59:59.999999Z", "UTC"), "2026-11-24T08:00:00Z");
    EXPECT_EQ(next_digest("2026-11-24T08:00:00Z", "UTC"), "2026-11-24T08:00:00Z");
    EXPECT_EQ(next_digest("2026-11-24T08:00:00.000001Z", "UTC"), "2026-11-25T08:00:00Z");
    EXPECT_EQ(next_digest("2026-11-24T07:00:00Z", "Europe/Berlin"), "2026-11-24T07:00:00Z");
    EXPECT_EQ(next_digest("2026-11-24T07:00:00Z", "America/Los_Angeles"), "2026-11-24T16:00:00Z");
    EXPECT_EQ(next_digest("2026-11-24T07:00:00Z", "Pacific/Kiritimati"), "2026-11-24T18:00:00Z");
    EXPECT_EQ(next_digest("2026-11-24T07:00:00Z", "Asia/Kathmandu"), "2026-11-25T02:15:00Z");
}

TEST(Hours, ItStaysAtEightWhenClocksAreSet) {
    EXPECT_EQ(next_digest("2026-03-28T12:00:00Z", "Europe/Berlin"), "2026-03-29T06:00:00Z");
    EXPECT_EQ(next_digest("2026-10-24T12:00:00Z", "Europe/Berlin"), "2026-10-25T07:00:00Z");
}

TEST(Hours, ATimeThatIsSkippedComesWhenClocksAreSetForward) {
    const auto half_past_two = [](const char* at, const char* zone) {
        return to_string(next_time_of_day(*parse_timestamp(at), 2h + 30min, zone));
    };
    EXPECT_EQ(half_past_two("2026-03-29T00:00:00Z", "Europe/Berlin"), "2026-03-29T01:00:00Z");
    EXPECT_EQ(half_past_two("2026-10-25T00:00:00Z", "Europe/Berlin"), "2026-10-25T00:30:00Z")
        << "twice that day: the first";
}

TEST(Hours, AZoneThatIsNotKnownCountsAsUtc) {
    EXPECT_EQ(next_digest("2026-11-24T07:00:00Z", "Mars/Olympus"), "2026-11-24T08:00:00Z");
}

TEST(Hours, QuietHoursEndWhenTheyEndThere) {
    const QuietHours night = *parse_quiet_hours("22:00-07:00");
    const auto after = [&](const char* at) {
        return to_string(after_quiet_hours(*parse_timestamp(at), night, "Europe/Berlin"));
    };
    EXPECT_EQ(after("2026-11-24T20:59:59.999999Z"), "2026-11-24T20:59:59.999999Z");
    EXPECT_EQ(after("2026-11-24T21:00:00Z"), "2026-11-25T06:00:00Z");
    EXPECT_EQ(after("2026-11-25T05:59:59.999999Z"), "2026-11-25T06:00:00Z");
    EXPECT_EQ(after("2026-11-25T06:00:00Z"), "2026-11-25T06:00:00Z");
    const QuietHours noon = *parse_quiet_hours("12:00-13:00");
    EXPECT_EQ(to_string(after_quiet_hours(*parse_timestamp("2026-11-24T12:30:00Z"), noon, "UTC")),
              "2026-11-24T13:00:00Z");
    EXPECT_EQ(to_string(after_quiet_hours(*parse_timestamp("2026-11-24T13:00:00Z"), noon, "UTC")),
              "2026-11-24T13:00:00Z");
}

TEST(Hours, ReadsTimesOfTheDay) {
    EXPECT_EQ(parse_time_of_day("08:05"), 485min);
    for (const char* wrong : {"", "8:00", "24:00", "08:60", "08-00", "0a:00", "08:000"})
        EXPECT_FALSE(parse_time_of_day(wrong)) << wrong;
    for (const char* wrong : {"", "22:00", "22:00-", "22:00-22:00", "22:00-7:00"})
        EXPECT_FALSE(parse_quiet_hours(wrong)) << wrong;
}

TEST(Hours, AreShownAsPeopleThereReadThem) {
    const Timestamp at = *parse_timestamp("2026-07-01T22:30:00Z");
    EXPECT_EQ(local_time(at, "Europe/Berlin"), "02 Jul 2026, 00:30 CEST");
    EXPECT_EQ(local_time(at, "UTC"), "01 Jul 2026, 22:30 UTC");
}

}  // namespace
}  // namespace keyrota
