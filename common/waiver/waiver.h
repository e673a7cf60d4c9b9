#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/complaint.h"
#include "time/timestamp.h"

namespace keyrota {

/// Which keys. A kind that is empty was not given; all kinds that are given must hold.
struct KeyMatch {
    std::vector<std::string> teams;   // by name
    std::vector<std::string> owners;  // email addresses, in lower case
    std::vector<std::string> environments;
    std::vector<std::string> names;  // of keys: exact, or globs with * and ?
    std::vector<std::int64_t> key_ids;

    bool is_empty() const {
        return teams.empty() && owners.empty() && environments.empty() && names.empty() &&
               key_ids.empty();
    }
};

/// A time-limited exception as people ask for it: findings of these checks on these keys are
/// waived.
struct Waiver {
    std::string name;
    std::vector<std::string> checks;
    KeyMatch match;
    KeyMatch except;  // empty: none
    std::string reason;
    std::string requested_by;
    std::string approved_by;
    std::optional<Timestamp> expires_at;
    std::string place;  // `FILE:LINE:COLUMN` of one from a file
};

inline constexpr std::size_t kMostWaivers = 1000;      // in a file
inline constexpr std::size_t kMostWaiverItems = 1000;  // in one list

/// Sets a field (`reason`), or adds an item to one that is a list (`checks`, `match.teams`).
/// Nothing if it was taken, else why not.
/// @pre `field` is one.
std::optional<Complaint> set_waiver_field(Waiver& waiver, std::string_view field,
                                          std::string_view text);

/// The fields that may stand below `section` ("" for the top, `match`, `except`).
const std::vector<std::string>& waiver_fields(std::string_view section);

/// What is wrong with a waiver whose fields were all taken: what it lacks, a match that would cover
/// everything, one person in two roles.
std::vector<Complaint> complaints_about(const Waiver& waiver);

/// Why it may not be granted at this instant; nothing where it may: it ends `most` ahead at the
/// latest.
std::optional<Complaint> why_too_long(const Waiver& waiver, Timestamp now,
                                      std::chrono::microseconds most);

/// The waiver as JSON by the columns of keyrota.waiver.
std::string waiver_json(const Waiver& waiver);

}  // namespace keyrota
