#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "anomaly/detector.h"
#include "postgres/session.h"

namespace keyrota {

/// As the detector counts hours. An instant before its epoch is hour 0.
std::uint32_t detector_hour(Timestamp at);
Timestamp start_of(std::uint32_t detector_hour);

/// What `anomaly.sensitivity` multiplies the thresholds with.
const DetectorThresholds& thresholds_for(std::string_view sensitivity);

/// Hours that the detector skips, whole ones: those of a usage_gap, and where no request was
/// counted those of a usage_silence.
class UnknownHours {
  public:
    explicit UnknownHours(Session& session);

    /// @param hour without any request of the key.
    bool may_hide_requests(std::uint32_t hour) const;
    /// @param hour with requests.
    bool may_lack_requests(std::uint32_t hour) const;

  private:
    using Ranges = std::vector<std::pair<std::uint32_t, std::uint32_t>>;  // [from, to), in order
    Ranges gaps_;                                                         // apart
    Ranges silences_;                                                     // apart
};

/// Takes one key's state through its hours. Hours are sparse: one that is not handed over had no
/// request.
class HourWalk {
  public:
    using See = std::function<void(std::uint32_t hour, const HourVerdict& verdict)>;

    /// @param see is told of every hour that is stepped.
    HourWalk(std::int64_t key_id, const DetectorState& state, const DetectorThresholds& thresholds,
             const UnknownHours& unknown, See see);

    /// An hour with a row, after the silent ones before it.
    void apply(const ClosedHour& hour);
    /// All hours before this one.
    void pass_until(std::uint32_t hour);

    const DetectorState& state() const { return state_; }

    /// The hour from `from` on in which silence alone would alarm; the last of `most` where none
    /// of them does, nothing where the state freezes before that.
    std::optional<std::uint32_t> silence_alarms_at(std::uint32_t from, std::uint32_t most) const;

  private:
    std::int64_t key_id_;
    DetectorState state_;
    const DetectorThresholds& thresholds_;
    const UnknownHours& unknown_;
    See see_;
};

}  // namespace keyrota
