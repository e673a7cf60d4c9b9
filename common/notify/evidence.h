#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace keyrota {

/// What a check saw, for the mail about its finding: one sentence made of the evidence's numbers.
/// Empty where the check says nothing of it, or the evidence lacks what the sentence needs.
/// @param evidence a JSON object; instants in it (`*_us`) are told in time_zone.
std::string evidence_sentence(std::string_view check_id, const std::string& evidence,
                              const std::string& time_zone);

/// The requests of the last 7 days by 6 hours that came with an anomaly; none elsewhere.
std::vector<std::int64_t> evidence_week(const std::string& evidence);

}  // namespace keyrota
