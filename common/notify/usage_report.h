#pragma once

#include <optional>
#include <string>
#include <vector>

#include "notify/render.h"

namespace keyrota {

/// A week of one key.
struct KeyUsage {
    std::int64_t key_id = 0;
    std::string name{};
    std::string prefix{};
    std::string hint{};
    std::vector<std::int64_t> requests_by_day{};  // of the 7 days, oldest first
    std::int64_t requests = 0;
    std::int64_t errors = 0;        // without those over the limit
    std::int64_t rate_limited = 0;  // refused over the limit
    std::int64_t before = 0;        // requests of the week before
    std::int64_t peak_minute = 0;   // requests; 0: not known
    std::optional<std::int64_t> limit_per_minute{};
    std::optional<Timestamp> last_used_at{};
};

/// A date of a key in the days to come.
struct DueSoon {
    std::string what;  // `expires`
    std::string key_name;
    std::int64_t key_id = 0;
    Timestamp at{};
};

struct UsageReport {
    std::string recipient{};
    std::string recipient_name{};
    std::string time_zone = "UTC";
    Timestamp as_of{};
    Timestamp week{};  // when it began; a Monday, 00:00 UTC
    std::int64_t run_id = 0;
    std::string operator_address{};
    std::vector<KeyUsage> keys{};  // the busiest first
    std::int64_t keys_total = 0;   // those that are not shown too
    std::int64_t requests_total = 0;
    std::int64_t before_total = 0;
    std::vector<DueSoon> due{};  // the next first
    std::int64_t due_total = 0;
    bool knows_week_before = true;  // else nothing is compared with it
};

/// Makes the weekly mail about the use of somebody's keys. Holds no secret.
RenderedMail render(Templates& templates, const UsageReport& report);

}  // namespace keyrota
