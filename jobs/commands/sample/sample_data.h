#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "time/timestamp.h"

namespace keyrota {

// Sample data as pure functions: what stands in a row follows from the seed, the row's id and the
// frame below alone. Each table of a load is so a pass of its own that remembers nothing, and the
// same frame gives the same rows anywhere.

/// What is the same for every row of one load.
struct SampleFrame {
    std::uint64_t seed = 1;
    Timestamp as_of;  // "now" of all that is told
    std::int64_t keys = 0;
    std::int64_t owners = 0;
    std::int64_t teams = 0;
    // The first id of each; the others follow without a gap.
    std::int64_t first_key_id = 1;
    std::int64_t first_owner_id = 1;
    std::int64_t first_team_id = 1;
    // The last so many days are still to be lived through: what ended in them has not been expired
    // yet, and some keys behave unlike themselves. 0: only the last one is, and none do.
    int replay_days = 0;
};

struct SampleTeam {
    std::int64_t team_id = 0;
    std::string name;
    std::string email;
    std::string security_email;
};

struct SampleOwner {
    std::int64_t owner_id = 0;
    std::string name;
    std::optional<std::string> email;
    std::int64_t team_id = 0;
    std::string_view time_zone;
    int utc_offset_minutes = 0;
    bool active = true;
    std::optional<std::int64_t> fallback_owner_id;
    Timestamp created_at;
};

/// Everything but name, secret and hint, which have functions of their own: they cost more, and one
/// pass needs each.
struct SampleKey {
    std::int64_t key_id = 0;
    std::optional<std::int64_t> owner_id;
    std::string_view type;
    std::string_view environment;
    std::string_view prefix;
    std::vector<std::string_view> scopes;
    std::string_view service_plan;
    std::optional<std::int32_t> rate_limit_per_minute;  // Enterprise: agreed for the key
    std::int32_t limit_per_minute = 0;                  // in force: the key's own, or the plan's
    Timestamp created_at;
    std::string_view status;
    std::optional<Timestamp> expires_at;
    std::optional<Timestamp> deactivated_at;
    std::optional<Timestamp> last_used_at;
    bool in_use = false;  // has traffic in these days
};

/// Calls of one key in one minute.
struct SampleUsage {
    Timestamp at;
    std::string_view gateway;
    std::int32_t requests = 0;
    std::int32_t client_errors = 0;
    std::int32_t server_errors = 0;
    std::int32_t rate_limited = 0;
    std::string_view scope;
    std::uint32_t network = 0;  // a /24
    bool query_auth = false;
    bool browser = false;
};

inline constexpr std::array<std::string_view, 3> kSampleGateways{"edge-ap", "edge-eu", "edge-us"};

/// @param index from 0 to below frame.teams, owners, keys.
SampleTeam sample_team(const SampleFrame& frame, std::int64_t index);
SampleOwner sample_owner(const SampleFrame& frame, std::int64_t index);

/// created_at rises with the index and most keys live for a fixed time, so rows in this order lie
/// roughly in order of expires_at too. Shares of all keys: about half long expired, .4 % due
/// (active with an end in the last day), 3 % ending in the next 30 days, 10 % active and older than
/// two years without an end, 1 % without an owner; 55 % of the active ones are in use.
SampleKey sample_key(const SampleFrame& frame, std::int64_t index);
std::string sample_key_name(const SampleFrame& frame, const SampleKey& key);

/// The key's secret. Anybody who knows the seed can compute it: sample keys are as good as
/// published.
std::string sample_secret(const SampleFrame& frame, const SampleKey& key);

/// Appends the calls of a key in use on one day: day 0 is the 24 h up to as_of, day 1 those before,
/// ... They follow the hours in which people at the owner's place are awake; a day can be without
/// any. In days to be replayed one key in 80 has an incident: for five hours it calls from
/// elsewhere far more than ever, or for ten hours all its calls are refused.
void sample_usage(const SampleFrame& frame, const SampleKey& key, int day,
                  std::vector<SampleUsage>& calls);

}  // namespace keyrota
