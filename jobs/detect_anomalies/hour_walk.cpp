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
    for (const Row& gap : session.rows(sql::unknown_hours)) {
        const std::uint32_t from = detector_hour(gap.instant("from_at"));
        const std::uint32_t to =
            detector_hour(gap.instant("to_at") - std::chrono::microseconds(1)) + 1;
        if (!ranges_.empty() && from <= ranges_.back().second) {
            ranges_.back().second = std::max(ranges_.back().second, to);
        } else {
            ranges_.emplace_back(from, to);
        }
    }
}

bool UnknownHours::contains(std::uint32_t hour) const {
    const auto after = std::upper_bound(
        ranges_.begin(), ranges_.end(), hour,
        [](std::uint32_t value, const auto& range) { return value < range.first; });
    return after != ranges_.begin() && hour < (after - 1)->second;
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
    if (unknown_.contains(hour.hour)) return;
    see_(hour.hour, step(state_, static_cast<std::uint64_t>(key_id_), hour, thresholds_));
}

void HourWalk::pass_until(std::uint32_t hour) {
    if (state_.last_hour < 0) return;  // life begins with the first request
    for (auto silent = static_cast<std::uint32_t>(state_.last_hour) + 1; silent < hour; ++silent)
        if (!unknown_.contains(silent))
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
