#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "anomaly/detector.h"

namespace keyrota {

/// What became of the incidents with one label.
struct LabelScore {
    std::int64_t incidents = 0;
    std::vector<std::uint32_t> delays;  // in hours, of those that were found
};

/// What the alarms with one reason met.
struct ReasonScore {
    std::int64_t in_incident = 0;
    std::int64_t soon_after = 0;  // neither right nor wrong
    std::int64_t false_alarms = 0;
};

/// Alarms against labelled incidents.
struct IncidentScore {
    std::map<std::string, LabelScore> labels;
    std::map<AnomalyReason, ReasonScore> reasons;
    std::int64_t quiet_hours = 0;  // in which an alarm would have been false

    std::int64_t incidents() const;
    std::int64_t found() const;
    std::int64_t false_alarms() const;
    double series_years() const;  // of quiet hours
};

/// One labelled series, hour by hour. An incident is a run of hours with the same label. An alarm
/// up to 6 h after its end finds it, one up to 48 h after is ignored, any other is false. The first
/// four weeks, in which a detector learns, are not scored.
class LabelledSeries {
  public:
    static constexpr std::uint32_t kUnscoredHours = 672;
    static constexpr std::uint32_t kFoundAfter = 6;
    static constexpr std::uint32_t kIgnoredAfter = 48;

    /// Each hour in order, before its alarm. An empty label: nothing is known to be wrong.
    void hour(std::uint32_t hour, std::string_view label, IncidentScore& score);
    void alarm(std::uint32_t hour, AnomalyReason reason, IncidentScore& score);

    /// The label of the newest hour.
    const std::string& label() const { return label_; }

  private:
    struct Incident {
        std::uint32_t start, last;
        bool is_scored;
        bool is_found = false;
    };

    std::optional<std::uint32_t> scored_from_;
    std::string label_;
    std::string incident_label_;
    std::optional<Incident> incident_;  // the newest
};

}  // namespace keyrota
