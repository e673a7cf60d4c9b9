#include "detect_anomalies/anomaly_finding.h"

#include <Poco/JSON/Object.h>

#include <cmath>

#include "detect_anomalies/hour_walk.h"
#include "report/json_text.h"

namespace keyrota {
namespace {

std::int64_t whole(float number) {
    return std::llround(number);
}

double percent(float share) {
    return std::round(static_cast<double>(share) * 1000) / 10;
}

std::uint32_t hours_of(const HourVerdict& verdict) {
    switch (verdict.reason) {
        case AnomalyReason::drop:
            return verdict.silent_hours;
        case AnomalyReason::level:
        case AnomalyReason::ramp:
            return verdict.shift_days * kHoursOfDay;
        default:
            return std::max(verdict.burst_hours, 1U);
    }
}

void add_details(Poco::JSON::Object& evidence, const HourVerdict& verdict) {
    switch (verdict.reason) {
        case AnomalyReason::drop:
            evidence.set("longest_silence_hours", whole(verdict.longest_silence));
            return;
        case AnomalyReason::wake:
            evidence.set("silent_days", verdict.silent_hours / kHoursOfDay);
            return;
        case AnomalyReason::errors:
            evidence.set("usual_error_percent", percent(verdict.usual_error_share));
            return;
        case AnomalyReason::level:
        case AnomalyReason::ramp:
            evidence.set("requests_since", whole(verdict.shift_requests));
            evidence.set("expected_since", whole(verdict.shift_expected));
            return;
        default:
            if (verdict.burst_hours == 0) return;
            evidence.set("requests_since", whole(verdict.burst_requests));
            evidence.set("expected_since", whole(verdict.burst_expected));
    }
}

const char* name_of(Held held) {
    switch (held) {
        case Held::gate:
            return "gate";
        case Held::budget:
            return "budget";
        case Held::old:
            return "old";
    }
    return "";
}

}  // namespace

std::size_t check_of(AnomalyReason reason) {
    const auto place = static_cast<std::size_t>(reason) - 1;
    return std::min(place, std::size(kAnomalyChecks) - 1);
}

std::string anomaly_evidence(const HourVerdict& verdict, std::uint32_t hour, Held held) {
    const ExpectedRange range = expected_range(verdict);
    Poco::JSON::Object evidence(Poco::JSON_PRESERVE_KEY_ORDER);
    evidence.set("says", sentence_of(verdict, hour));
    evidence.set("reason", std::string(code_of(verdict.reason)));
    evidence.set("hour_us", to_micros(start_of(hour)));
    evidence.set("since_us", to_micros(start_of(hour + 1 - hours_of(verdict))));
    evidence.set("requests", whole(verdict.requests));
    evidence.set("errors", whole(verdict.errors));
    evidence.set("expected_least", whole(range.least));
    evidence.set("expected_most", whole(range.most));
    add_details(evidence, verdict);
    evidence.set("held", name_of(held));
    return json_text(evidence);
}

}  // namespace keyrota
