#include "commands/anomalies/incident_score.h"

namespace keyrota {

std::int64_t IncidentScore::incidents() const {
    std::int64_t sum = 0;
    for (const auto& [label, score] : labels) sum += score.incidents;
    return sum;
}

std::int64_t IncidentScore::found() const {
    std::int64_t sum = 0;
    for (const auto& [label, score] : labels) sum += static_cast<std::int64_t>(score.delays.size());
    return sum;
}

std::int64_t IncidentScore::false_alarms() const {
    std::int64_t sum = 0;
    for (const auto& [reason, score] : reasons) sum += score.false_alarms;
    return sum;
}

double IncidentScore::series_years() const {
    return static_cast<double>(quiet_hours) / 8760;
}

void LabelledSeries::hour(std::uint32_t hour, std::string_view label, IncidentScore& score) {
    if (!scored_from_) scored_from_ = hour + kUnscoredHours;
    const bool is_scored = hour >= *scored_from_;
    if (label != label_) {
        label_ = label;
        if (!label.empty()) {
            incident_ = Incident{.start = hour, .last = hour, .is_scored = is_scored};
            incident_label_ = label;
            if (is_scored) ++score.labels[incident_label_].incidents;
        }
    }
    if (!label.empty()) incident_->last = hour;
    const bool is_near = incident_ && hour <= incident_->last + kIgnoredAfter;
    if (is_scored && !is_near) ++score.quiet_hours;
}

void LabelledSeries::alarm(std::uint32_t hour, AnomalyReason reason, IncidentScore& score) {
    if (!scored_from_ || hour < *scored_from_) return;
    if (!incident_ || hour > incident_->last + kIgnoredAfter) {
        ++score.reasons[reason].false_alarms;
    } else if (hour > incident_->last + kFoundAfter) {
        ++score.reasons[reason].soon_after;
    } else if (incident_->is_scored) {
        ++score.reasons[reason].in_incident;
        if (!incident_->is_found)
            score.labels[incident_label_].delays.push_back(hour - incident_->start);
        incident_->is_found = true;
    }
}

}  // namespace keyrota
