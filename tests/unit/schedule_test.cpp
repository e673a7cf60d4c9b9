#include "time/schedule.h"

#include <gtest/gtest.h>

namespace keyrota {
namespace {

using namespace std::chrono_literals;

TEST(Schedule, ItsPeriodIsTheUsualDistanceOfTwoStarts) {
    EXPECT_EQ(schedule_period("*/5 * * * *"), 5min);
    EXPECT_EQ(schedule_period("2-59/5 * * * *"), 5min);
    EXPECT_EQ(schedule_period("* * * * *"), 1min);
    EXPECT_EQ(schedule_period("20 * * * *"), 1h);
    EXPECT_EQ(schedule_period("20 */6 * * *"), 6h);
    EXPECT_EQ(schedule_period("10 6 * * *"), 24h);
    EXPECT_EQ(schedule_period("0 7 * * 1"), 24h * 7);
    EXPECT_EQ(schedule_period("0 7 1 * *"), 24h * 31);
}

}  // namespace
}  // namespace keyrota
