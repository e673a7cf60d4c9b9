#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace keyrota {

// Where things stand in a chart, as pure functions: the template draws them. Across they are
// percentages of the width, so that a chart fits any screen with its letters unscaled; downwards
// they are pixels.

/// The least of 1, 2, 2.5 or 5 times a power of ten that is not below: the top of an axis. At least
/// 4, so that its quarters are whole or end in .5.
std::int64_t top_of_axis(std::int64_t greatest);

/// `950`, `1.2k`, `34k`, `5.6M`: at most four characters, rounded down.
std::string short_number(std::int64_t number);

/// One column of a chart: x and width in percent, y and height in pixels.
struct ColumnShape {
    double x = 0, width = 0, y = 0, height = 0;
    double middle() const { return x + width / 2; }
};

/// Columns side by side over the whole width, with a fifth of each place left free. What is not 0
/// is at least 2 pixels high.
/// @param top the value that reaches the whole height.
std::vector<ColumnShape> column_shapes(const std::vector<std::int64_t>& values, std::int64_t top,
                                       double height);

/// A part of a bar that is divided: x and width in percent of the whole.
struct PartShape {
    double x = 0, width = 0;
};

/// The parts of a bar that is as long as their sum, of `whole`. What is not 0 is at least half a
/// percent wide, at the expense of the widest; nothing where all are 0.
std::vector<PartShape> part_shapes(const std::vector<std::int64_t>& values, std::int64_t whole);

/// The points of a line from left to right, in a picture 100 wide: `0.00,40.00 100.00,12.50`.
std::string line_points(const std::vector<std::int64_t>& values, std::int64_t top, double height);

/// How dark a field of a calendar is: 0 for nothing, then 1 to 4 by the share of the greatest.
int heat(std::int64_t value, std::int64_t greatest);

}  // namespace keyrota
