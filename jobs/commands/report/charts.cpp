#include "commands/report/charts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace keyrota {
namespace {

double share_of(std::int64_t value, std::int64_t whole) {
    return whole <= 0 ? 0 : static_cast<double>(value) / static_cast<double>(whole);
}

}  // namespace

std::int64_t top_of_axis(std::int64_t greatest) {
    constexpr std::int64_t kLeast = 4;
    if (greatest <= kLeast) return kLeast;
    // In steps of a tenth of the power: whole numbers all the way.
    for (std::int64_t tenth = 1;; tenth *= 10)
        for (const std::int64_t step : {10, 20, 25, 50})
            if (tenth > 1 || step != 25) {
                const std::int64_t top = step * tenth / 10;
                if (top > kLeast && top >= greatest) return top;
            }
}

std::string short_number(std::int64_t number) {
    std::string unit;
    std::int64_t scale = 1;
    for (const char* next : {"k", "M", "G", "T"}) {
        if (number / scale < 1000) break;
        unit = next;
        scale *= 1000;
    }
    if (scale == 1) return std::to_string(number);
    const std::int64_t tenths = number / (scale / 10);
    if (tenths >= 100 || tenths % 10 == 0) return fmt::format("{}{}", tenths / 10, unit);
    return fmt::format("{}.{}{}", tenths / 10, tenths % 10, unit);
}

std::vector<ColumnShape> column_shapes(const std::vector<std::int64_t>& values, std::int64_t top,
                                       double height) {
    constexpr double kFilled = .8, kLeast = 2;
    const double place = 100.0 / static_cast<double>(std::max<std::size_t>(values.size(), 1));
    std::vector<ColumnShape> columns;
    for (std::size_t i = 0; i < values.size(); ++i) {
        double high = std::min(share_of(values[i], top), 1.0) * height;
        if (values[i] > 0) high = std::max(high, kLeast);
        columns.push_back({place * (static_cast<double>(i) + (1 - kFilled) / 2), place * kFilled,
                           height - high, high});
    }
    return columns;
}

std::vector<PartShape> part_shapes(const std::vector<std::int64_t>& values, std::int64_t whole) {
    constexpr double kLeast = .5;
    std::vector<PartShape> parts;
    double added = 0;
    for (const std::int64_t value : values) {
        const double width = 100 * share_of(value, whole);
        const double shown = value > 0 ? std::max(width, kLeast) : 0;
        added += shown - width;
        parts.push_back({0, shown});
    }
    if (parts.empty() || std::all_of(values.begin(), values.end(), [](auto v) { return v <= 0; }))
        return {};
    std::max_element(parts.begin(), parts.end(), [](const PartShape& a, const PartShape& b) {
        return a.width < b.width;
    })->width -= added;
    double x = 0;
    for (PartShape& part : parts) {
        part.x = x;
        x += part.width;
    }
    return parts;
}

std::string line_points(const std::vector<std::int64_t>& values, std::int64_t top, double height) {
    std::string points;
    const double step = values.size() < 2 ? 0 : 100.0 / static_cast<double>(values.size() - 1);
    for (std::size_t i = 0; i < values.size(); ++i)
        points += fmt::format("{}{:.2f},{:.2f}", i == 0 ? "" : " ", static_cast<double>(i) * step,
                              height * (1 - std::min(share_of(values[i], top), 1.0)));
    return points;
}

int heat(std::int64_t value, std::int64_t greatest) {
    if (value <= 0) return 0;
    return std::clamp(static_cast<int>(std::ceil(share_of(value, greatest) * 4)), 1, 4);
}

}  // namespace keyrota
