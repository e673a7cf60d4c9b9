#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace keyrota {

/// OCSF's severities, 1 to 5.
inline constexpr std::array<std::string_view, 5> kSeverities = {"informational", "low", "medium",
                                                                "high", "critical"};

inline std::string_view severity_name(std::int64_t severity) {
    return kSeverities.at(static_cast<std::size_t>(severity - 1));
}

/// Reads `high` or `4`.
inline std::optional<std::int64_t> parse_severity(std::string_view text) {
    for (std::size_t i = 0; i < kSeverities.size(); ++i)
        if (text == kSeverities[i] || (text.size() == 1 && text[0] == static_cast<char>('1' + i)))
            return static_cast<std::int64_t>(i + 1);
    return std::nullopt;
}

}  // namespace keyrota
