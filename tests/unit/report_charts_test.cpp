// Where things stand in the charts of a report.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <numeric>

#include "commands/report/charts.h"

namespace keyrota::test {
namespace {

using ::testing::DoubleEq;
using ::testing::IsEmpty;

constexpr std::int64_t kMost = 1'000'000'000'000;

TEST(Charts, TheTopOfAnAxisIsARoundNumberThatIsNotBelow) {
    EXPECT_EQ(top_of_axis(0), 4);
    EXPECT_EQ(top_of_axis(4), 4);
    EXPECT_EQ(top_of_axis(5), 5);
    EXPECT_EQ(top_of_axis(6), 10);
    EXPECT_EQ(top_of_axis(11), 20);
    EXPECT_EQ(top_of_axis(21), 25);
    EXPECT_EQ(top_of_axis(26), 50);
    EXPECT_EQ(top_of_axis(100), 100);
    EXPECT_EQ(top_of_axis(101), 200);
    for (std::int64_t value = 5; value < kMost; value = value * 7 / 5 + 1) {
        EXPECT_GE(top_of_axis(value), value);
        EXPECT_LT(top_of_axis(value), value * 5 / 2) << value;
    }
}

TEST(Charts, AShortNumberHasAtMostFourCharactersAndNeverPromisesMore) {
    EXPECT_EQ(short_number(0), "0");
    EXPECT_EQ(short_number(999), "999");
    EXPECT_EQ(short_number(1000), "1k");
    EXPECT_EQ(short_number(1299), "1.2k");
    EXPECT_EQ(short_number(9999), "9.9k");
    EXPECT_EQ(short_number(10'000), "10k");
    EXPECT_EQ(short_number(999'999), "999k");
    EXPECT_EQ(short_number(1'000'000), "1M");
    EXPECT_EQ(short_number(10'000'000), "10M");
    for (std::int64_t value = 1; value < kMost; value = value * 7 / 5 + 1)
        EXPECT_LE(short_number(value).size(), 4U) << value;
}

TEST(Charts, ColumnsStandSideBySideAndReachTheTopWhereTheirValueDoes) {
    const auto columns = column_shapes({0, 50, 100, 200}, 100, 180);
    ASSERT_EQ(columns.size(), 4U);
    EXPECT_THAT(columns[0].height, DoubleEq(0));
    EXPECT_THAT(columns[1].height, DoubleEq(90));
    EXPECT_THAT(columns[1].y, DoubleEq(90));
    EXPECT_THAT(columns[2].height, DoubleEq(180));
    EXPECT_THAT(columns[3].height, DoubleEq(180)) << "what is over the top is cut";
    EXPECT_THAT(columns[0].x, DoubleEq(2.5));
    EXPECT_THAT(columns[3].x + columns[3].width, DoubleEq(97.5));
    for (std::size_t i = 1; i < columns.size(); ++i)
        EXPECT_GT(columns[i].x, columns[i - 1].x + columns[i - 1].width);
}

TEST(Charts, WhatIsThereIsSeenHoweverSmall) {
    EXPECT_THAT(column_shapes({1}, kMost, 180).front().height, DoubleEq(2));
    EXPECT_THAT(part_shapes({1, kMost}, kMost + 1).front().width, DoubleEq(.5));
    EXPECT_EQ(heat(1, kMost), 1);
}

TEST(Charts, WithoutValuesNothingIsDrawn) {
    EXPECT_THAT(column_shapes({}, 100, 180), IsEmpty());
    EXPECT_THAT(part_shapes({}, 10), IsEmpty());
    EXPECT_THAT(part_shapes({0, 0}, 10), IsEmpty());
    EXPECT_EQ(line_points({}, 10, 100), "");
    EXPECT_THAT(column_shapes({0}, 0, 180).front().height, DoubleEq(0));
}

TEST(Charts, ThePartsOfABarFollowOneAnotherAndFillIt) {
    const auto parts = part_shapes({60, 0, 20, 20}, 100);
    ASSERT_EQ(parts.size(), 4U);
    EXPECT_THAT(parts[0].width, DoubleEq(60));
    EXPECT_THAT(parts[1].width, DoubleEq(0));
    EXPECT_THAT(parts[2].x, DoubleEq(60));
    EXPECT_THAT(parts[3].x + parts[3].width, DoubleEq(100));
    EXPECT_THAT(part_shapes({25}, 100).front().width, DoubleEq(25)) << "of a longer one";
    double width = 0;
    for (const PartShape& part : part_shapes({1, 1, 1, 100'000}, 100'003)) width += part.width;
    EXPECT_NEAR(width, 100, 1e-9);
}

TEST(Charts, ALineGoesFromTheLeftToTheRightAndUpWithItsValues) {
    EXPECT_EQ(line_points({0, 5, 10}, 10, 140), "0.00,140.00 50.00,70.00 100.00,0.00");
    EXPECT_EQ(line_points({10}, 10, 140), "0.00,0.00");
}

TEST(Charts, ADayIsTheDarkerTheMoreThereIs) {
    EXPECT_EQ(heat(0, 10), 0);
    EXPECT_EQ(heat(0, 0), 0);
    EXPECT_EQ(heat(1, 8), 1);
    EXPECT_EQ(heat(2, 8), 1);
    EXPECT_EQ(heat(3, 8), 2);
    EXPECT_EQ(heat(8, 8), 4);
}

}  // namespace
}  // namespace keyrota::test
