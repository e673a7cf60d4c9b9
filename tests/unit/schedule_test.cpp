#include "time/schedule.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/program.h"

namespace keyrota {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Timestamp at(std::string_view text) {
    return parse_timestamp(text).value();
}

Schedule schedule(std::string_view text) {
    std::string problem;
    const auto parsed = parse_schedule(text, problem);
    EXPECT_TRUE(parsed) << text << ": " << problem;
    return parsed.value_or(Schedule{});
}

std::string problem_of(std::string_view text) {
    std::string problem;
    EXPECT_FALSE(parse_schedule(text, problem)) << text;
    return problem;
}

// The first starts after an instant, without the seconds, which are always 0.
std::vector<std::string> starts(std::string_view text, std::string_view after, int count) {
    std::vector<std::string> found;
    Timestamp now = at(after);
    for (int i = 0; i < count; ++i) {
        now = next_run(text, now);
        found.push_back(to_string(now).substr(0, 16));
    }
    return found;
}

TEST(Schedule, TheNextStartIsAfterTheInstantNotAtIt) {
    EXPECT_EQ(next_run("*/5 * * * *", at("2026-11-24T06:30:00Z")), at("2026-11-24T06:35:00Z"));
    EXPECT_EQ(next_run("*/5 * * * *", at("2026-11-24T06:30:00Z") - 1us),
              at("2026-11-24T06:30:00Z"));
    EXPECT_EQ(next_run("*/5 * * * *", at("2026-11-24T06:34:59.999999Z")),
              at("2026-11-24T06:35:00Z"));
    EXPECT_EQ(next_run("* * * * *", at("2026-12-31T23:59:00Z")), at("2027-01-01T00:00:00Z"));
}

TEST(Schedule, RangesListsAndStepsGiveTheirValues) {
    EXPECT_THAT(starts("2-59/5 * * * *", "2026-11-24T06:51:00Z", 3),
                ElementsAre("2026-11-24T06:52", "2026-11-24T06:57", "2026-11-24T07:02"));
    EXPECT_THAT(starts("0,15-17,50-58/4 6 * * *", "2026-11-24T00:00:00Z", 8),
                ElementsAre("2026-11-24T06:00", "2026-11-24T06:15", "2026-11-24T06:16",
                            "2026-11-24T06:17", "2026-11-24T06:50", "2026-11-24T06:54",
                            "2026-11-24T06:58", "2026-11-25T06:00"));
    EXPECT_THAT(starts("30 */12 * * *", "2026-11-24T00:30:00Z", 2),
                ElementsAre("2026-11-24T12:30", "2026-11-25T00:30"));
    EXPECT_THAT(starts("0 0 1 1,7 *", "2026-11-24T00:00:00Z", 3),
                ElementsAre("2027-01-01T00:00", "2027-07-01T00:00", "2028-01-01T00:00"));
}

TEST(Schedule, AWeekdayIsANumberOrANameAndSevenIsSunday) {
    // 2026-11-24 is a Tuesday.
    EXPECT_THAT(starts("0 7 * * 1", "2026-11-24T00:00:00Z", 2),
                ElementsAre("2026-11-30T07:00", "2026-12-07T07:00"));
    for (const char* sunday : {"0 7 * * 0", "0 7 * * 7", "0 7 * * sun", "0 7 * * SUN"})
        EXPECT_THAT(starts(sunday, "2026-11-24T00:00:00Z", 1), ElementsAre("2026-11-29T07:00"));
    EXPECT_THAT(starts("0 7 * * fri-7", "2026-11-24T00:00:00Z", 4),
                ElementsAre("2026-11-27T07:00", "2026-11-28T07:00", "2026-11-29T07:00",
                            "2026-12-04T07:00"));
    EXPECT_THAT(starts("0 7 1 feb *", "2026-11-24T00:00:00Z", 1), ElementsAre("2027-02-01T07:00"));
}

TEST(Schedule, WhereBothDaysAreRestrictedOneOfThemIsEnough) {
    EXPECT_THAT(starts("0 7 13 * 5", "2026-11-01T00:00:00Z", 6),
                ElementsAre("2026-11-06T07:00", "2026-11-13T07:00", "2026-11-20T07:00",
                            "2026-11-27T07:00", "2026-12-04T07:00", "2026-12-11T07:00"));
    EXPECT_THAT(starts("0 7 13 * 5", "2026-12-11T07:00:00Z", 2),
                ElementsAre("2026-12-13T07:00", "2026-12-18T07:00"));
    // The month is always asked for.
    EXPECT_THAT(starts("0 7 13 2 5", "2026-11-01T00:00:00Z", 1), ElementsAre("2027-02-05T07:00"));
}

TEST(Schedule, RareDaysAreWaitedFor) {
    EXPECT_THAT(starts("0 0 29 2 *", "2026-11-24T00:00:00Z", 2),
                ElementsAre("2028-02-29T00:00", "2032-02-29T00:00"));
    EXPECT_THAT(starts("0 0 29 2 *", "2096-02-29T00:00:00Z", 1), ElementsAre("2104-02-29T00:00"));
    EXPECT_THAT(starts("0 0 31 * *", "2026-11-24T00:00:00Z", 3),
                ElementsAre("2026-12-31T00:00", "2027-01-31T00:00", "2027-03-31T00:00"));
}

TEST(Schedule, ItsPeriodIsTheLongestDistanceOfTwoStarts) {
    EXPECT_EQ(schedule_period("*/5 * * * *"), 5min);
    EXPECT_EQ(schedule_period("2-59/5 * * * *"), 5min);
    EXPECT_EQ(schedule_period("* * * * *"), 1min);
    EXPECT_EQ(schedule_period("0,30 * * * *"), 30min);
    EXPECT_EQ(schedule_period("0,10 * * * *"), 50min);
    EXPECT_EQ(schedule_period("20 * * * *"), 1h);
    EXPECT_EQ(schedule_period("20 */6 * * *"), 6h);
    EXPECT_EQ(schedule_period("0 8-18 * * *"), 14h);
    EXPECT_EQ(schedule_period("10 6 * * *"), 24h);
    EXPECT_EQ(schedule_period("0 7 * * 1-5"), 24h * 3);
    EXPECT_EQ(schedule_period("0 7 * * 1"), 24h * 7);
    EXPECT_EQ(schedule_period("0 7 1 * *"), 24h * 31);
    EXPECT_EQ(schedule_period("0 7 1 1 *"), 24h * 366);
    EXPECT_EQ(schedule_period("0 7 29 2 *"), 24h * (4 * 365 + 1));
}

TEST(Schedule, WhatIsNoneIsRefusedWithTheReason) {
    EXPECT_THAT(problem_of(""), HasSubstr("has 0 fields, not five"));
    EXPECT_THAT(problem_of("*/5 * * *"), HasSubstr("has 4 fields"));
    EXPECT_THAT(problem_of("0 */5 * * * *"), HasSubstr("has 6 fields"));
    EXPECT_THAT(problem_of("@daily"), HasSubstr("has 1 fields"));
    EXPECT_THAT(problem_of("60 * * * *"), HasSubstr("\"60\" is no minute (0 to 59)"));
    EXPECT_THAT(problem_of("-1 * * * *"), HasSubstr("\"-1\" is no minute"));
    EXPECT_THAT(problem_of("0 24 * * *"), HasSubstr("\"24\" is no hour (0 to 23)"));
    EXPECT_THAT(problem_of("0 0 0 * *"), HasSubstr("\"0\" is no day of the month (1 to 31)"));
    EXPECT_THAT(problem_of("0 0 * 13 *"), HasSubstr("\"13\" is no month (1 to 12)"));
    EXPECT_THAT(problem_of("0 0 * * 8"), HasSubstr("\"8\" is no day of the week (0 to 7)"));
    for (const char* text :
         {"5-1 * * * *", "1,,2 * * * *", "1, * * * *", "a * * * *", "*5 * * * *", "*/0 * * * *",
          "*/ * * * *", "*/-5 * * * *", "1-2-3 * * * *", "0 0 * * mo", "mon * * * *",
          "*/5/2 * * * *", "- * * * *", "99999999999 * * * *", "+5 * * * *"})
        EXPECT_THAT(problem_of(text), HasSubstr("is no ")) << text;
    EXPECT_THAT(problem_of("5/15 * * * *"), HasSubstr("write 5-59/15"));
    EXPECT_THAT(problem_of("0 0 30 2 *"), HasSubstr("never comes"));
    EXPECT_THAT(problem_of("0 0 31 4,6,9,11 *"), HasSubstr("never comes"));
    // Debian's cron would ask for both, that of Kubernetes for one of them.
    EXPECT_THAT(problem_of("0 0 */2 * 1"), HasSubstr("write a range, as in 1-31/2"));
    EXPECT_THAT(problem_of("0 0 1 * */2"), HasSubstr("write a range"));
}

TEST(Schedule, EveryCronReadsItsText) {
    for (const char* text : {"*/5 * * * *", "2-59/5 * * * *", "*/15 * * * *", "20 * * * *",
                             "10 6 * * *", "0 7 * * 1", "* * * * *", "0,30 * * * *", "0 */12 * * *",
                             "0 6,18 * * *", "5,10 8-18 * * 1-5", "0 7 13 * 5", "0 0 1,15 1-3 *"})
        if (std::string(text) == "0,30 * * * *")
            EXPECT_EQ(to_cron(schedule(text)), "*/30 * * * *");
        else
            EXPECT_EQ(to_cron(schedule(text)), text);
    EXPECT_EQ(to_cron(schedule("0  7 1\t JAN Mon-Fri")), "0 7 1 1 1-5");
    EXPECT_EQ(to_cron(schedule("0 7 * * 5-7")), "0 7 * * 0,5,6");
    EXPECT_EQ(to_cron(schedule("0 0 */10 * *")), "0 0 1,11,21,31 * *");
    EXPECT_EQ(to_cron(schedule("7,19,31,43 * * * *")), "7,19,31,43 * * * *");
    EXPECT_EQ(to_cron(schedule("0-59/7 * * * *")), "*/7 * * * *");
}

// Schedules of every kind, for what must hold of all.
constexpr const char* kMany[] = {
    "* * * * *",   "*/5 * * * *",     "2-59/5 * * * *",  "*/7 * * * *",         "0,1,2,30 * * * *",
    "20 * * * *",  "0 */5 * * *",     "15 3-23/4 * * *", "0 6,18 * * *",        "10 6 * * *",
    "0 7 * * 1",   "0 7 * * 1-5",     "0 7 * * 6-7",     "0 7 * * mon,wed,fri", "0 7 1,15 * *",
    "0 7 13 * 5",  "0 7 1-7 * 0",     "0 0 */10 * *",    "0 0 29 2 *",          "59 23 31 12 *",
    "0 0 1 */3 *", "5 4 * jan-mar *", "0 12 1 6 1",
};

TEST(Schedule, ReadAgainItsTextIsTheSameSchedule) {
    for (const char* text : kMany) {
        const std::string written = to_cron(schedule(text));
        EXPECT_EQ(to_cron(schedule(written)), written);
        Timestamp one = at("2026-11-24T06:30:00Z"), other = one;
        for (int i = 0; i < 50; ++i) {
            one = next_run(text, one);
            other = next_run(written, other);
            ASSERT_EQ(one, other) << text;
        }
    }
}

TEST(Schedule, OnCalendarIsWrittenAsPeopleWouldWriteIt) {
    EXPECT_THAT(to_on_calendar(schedule("*/5 * * * *")), ElementsAre("*-*-* *:00/5:00 UTC"));
    EXPECT_THAT(to_on_calendar(schedule("2-59/5 * * * *")), ElementsAre("*-*-* *:02/5:00 UTC"));
    EXPECT_THAT(to_on_calendar(schedule("10 6 * * *")), ElementsAre("*-*-* 06:10:00 UTC"));
    EXPECT_THAT(to_on_calendar(schedule("0 7 * * 1-5")),
                ElementsAre("Mon..Fri *-*-* 07:00:00 UTC"));
    EXPECT_THAT(to_on_calendar(schedule("0 7 13 * 5")),
                ElementsAre("*-*-13 07:00:00 UTC", "Fri *-*-* 07:00:00 UTC"));
}

TEST(Schedule, SystemdStartsAtTheSameInstants) {
    for (const char* text : kMany) {
        // The next start after each of these, by systemd: the earliest of the lines.
        for (const char* after : {"2026-11-24 06:30:00", "2027-12-31 23:58:30"}) {
            std::string earliest;
            for (const std::string& line : to_on_calendar(schedule(text))) {
                const test::Outcome outcome = test::run(
                    {"/bin/sh", "-c",
                     fmt::format("systemd-analyze calendar --base-time='{} UTC' '{}' |"
                                 " sed -n 's/.*\\(Next elapse\\|(in UTC)\\): //p' | tail -n 1 |"
                                 " sed 's/^... //; s/ UTC$//'",
                                 after, line)});
                ASSERT_EQ(outcome.errors, "") << line;
                ASSERT_NE(outcome.out, "") << line;
                if (earliest.empty() || outcome.out < earliest) earliest = outcome.out;
            }
            EXPECT_EQ(earliest.substr(0, 16),
                      starts(text, std::string(after) + "Z", 1)[0].replace(10, 1, " "))
                << text << " after " << after;
        }
    }
}

}  // namespace
}  // namespace keyrota
