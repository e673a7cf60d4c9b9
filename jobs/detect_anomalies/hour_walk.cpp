#include "detect_anomalies/hour_walk.h"

#include <algorithm>
#include <array>

#include "error/error.h"
#include "jobs_sql.h"

namespace keyrota {
namespace {

using std::chrono::hours;

struct Sensitivity {
    std::string_view name;  // as the configuration has it
    DetectorThresholds thresholds;
};

bool contains(const std::vector<std::pair<std::uint32_t, std::uint32_t>>& ranges,
              std::uint32_t hour) {
    const auto after = std::upper_bound(
        ranges.begin(), ranges.end(), hour,
        [](std::uint32_t value, const auto& range) { return value < range.first; });
    return after != ranges.begin() && hour < (after - 1)->second;
}

}  // namespace

std::uint32_t detector_hour(Timestamp at) {
    const auto since = std::chrono::floor<hours>(at - kDetectorEpoch).count();
    return static_cast<std::uint32_t>(std::max<std::int64_t>(0, since));
}

Timestamp start_of(std::uint32_t detector_hour) {
    return kDetectorEpoch + hours(detector_hour);
}

const DetectorThresholds& thresholds_for(std::string_view sensitivity) {
    static const std::array kAll{Sensitivity{"sensitive", DetectorThresholds(0.8F)},
                                 Sensitivity{"normal", DetectorThresholds(1)},
                                 Sensitivity{"quiet", DetectorThresholds(1.5F)},
                                 Sensitivity{"very quiet", DetectorThresholds(2)}};
    for (const Sensitivity& one : kAll)
        if (one.name == sensitivity) return one.thresholds;
    throw Error(ExitCode::internal,
                "a policy rule has a sensitivity that does not exist: " + std::string(sensitivity));
}

UnknownHours::UnknownHours(Session& session) {
    for (const Row& unknown : session.rows(sql::unknown_hours)) {
        Ranges& ranges = unknown.int64("is_silence") != 0 ? silences_ : gaps_;
        const std::uint32_t from = detector_hour(unknown.instant("from_at"));
        const std::uint32_t to =
            detector_hour(unknown.instant("to_at") - std::chrono::microseconds(1)) + 1;
        if (!ranges.empty() && from <= ranges.back().second) {
            ranges.back().second = std::max(ranges.back().second, to);
        } else {
            ranges.emplace_back(from, to);
        }
    }
}

bool UnknownHours::may_hide_requests(std::uint32_t hour) const {
    return contains(gaps_, hour) || contains(silences_, hour);
}

bool UnknownHours::may_lack_requests(std::uint32_t hour) const {
    return contains(gaps_, hour);
}

HourWalk::HourWalk(std::int64_t key_id, const DetectorState& state,
                   const DetectorThresholds& thresholds, const UnknownHours& unknown, See see)
    : key_id_(key_id),
      state_(state),
      thresholds_(thresholds),
      unknown_(unknown),
      see_(std::move(see)) {}

void HourWalk::apply(const ClosedHour& hour) {
    pass_until(hour.hour);
    if (unknown_.may_lack_requests(hour.hour)) return;
    see_(hour.hour, step(state_, static_cast<std::uint64_t>(key_id_), hour, thresholds_));
}

void HourWalk::pass_until(std::uint32_t hour) {
    if (state_.last_hour < 0) return;  // life begins with the first request
    for (auto silent = static_cast<std::uint32_t>(state_.last_hour) + 1; silent < hour; ++silent)
        if (!unknown_.may_hide_requests(silent))
            see_(silent,
                 step(state_, static_cast<std::uint64_t>(key_id_), {silent, 0, 0}, thresholds_));
}

std::optional<std::uint32_t> HourWalk::silence_alarms_at(std::uint32_t from,
                                                         std::uint32_t most) const {
    DetectorState ahead = state_;
    for (std::uint32_t hour = from; hour < from + most; ++hour) {
        const HourVerdict verdict =
            step(ahead, static_cast<std::uint64_t>(key_id_), {hour, 0, 0}, thresholds_);
        if (!verdict.was_judged) return {};
        if (verdict.reason != AnomalyReason::none) return hour;
    }
    return from + most;
}

}  // namespace keyrota
