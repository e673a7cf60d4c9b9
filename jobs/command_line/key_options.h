#pragma once

#include <limits>

#include "command_line/command.h"
#include "commands/keys/page.h"

namespace keyrota {

inline constexpr std::int64_t kMostCallsAMinute = std::numeric_limits<std::int32_t>::max();

/// The options that say which keys a list or an export has.
struct GivenKeyFilter {
    KeyFilter filter;
    std::string expires_before, expires_within, unused_for, created_before;

    void add_filter_to(Command& command);
    /// @throws Error{usage} where a time cannot be read.
    KeyFilter read() const;
};

/// How long an old key goes on beside its successor; 0 for an empty text.
/// @throws Error{usage} where it cannot be read, is 0 or more than 400 days.
std::chrono::microseconds overlap_of(const char* option, const std::string& text);

/// The names, and each with a - in front.
std::vector<std::string> both_ways(const std::vector<std::string>& names);

/// keys update, activate, deactivate and delete.
void declare_key_changes(Command& keys, Program& program);

}  // namespace keyrota
