#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>

#include <sstream>

#include "commands/report/report_page.h"
#include "finding/control.h"
#include "finding/severity.h"

namespace keyrota {
namespace {

using Poco::Dynamic::Var;
using Poco::JSON::Array;
using Poco::JSON::Object;

// An object of names and values, in that order.
class Fields {
  public:
    Fields& set(const char* name, const Var& value) {
        object_->set(name, value);
        return *this;
    }
    Fields& instant(const char* name, const std::optional<Timestamp>& at) {
        return set(name, at ? Var(to_string(*at)) : Var());
    }
    Fields& text(const char* name, const std::string& text) {
        return set(name, text.empty() ? Var() : Var(text));
    }
    // So that a list of rows is written as one expression.
    operator Var() const { return object_; }  // NOLINT(google-explicit-constructor)
    const Object::Ptr& object() const { return object_; }

  private:
    Object::Ptr object_ = Object::Ptr(new Object(Poco::JSON_PRESERVE_KEY_ORDER));
};

template <typename List, typename Make>
Var list_of(const List& list, const Make& make) {
    Array::Ptr array(new Array);
    for (const auto& one : list) array->add(make(one));
    return array;
}

std::string day_of(Timestamp day) {
    return to_string(day).substr(0, 10);
}

Fields keys(const ReportFacts& facts) {
    return Fields()
        .set("total", facts.keys_total())
        .set("active", facts.active_total())
        .set("production_active", facts.production_total())
        .set("production_past_90_days", facts.production_past_age())
        .set("ending_within_30_days", facts.expiring_within(30))
        .set("unused", facts.unused_total() ? Var(*facts.unused_total()) : Var())
        .instant("usage_known_since", facts.usage_known_since)
        .set("kinds", list_of(facts.kinds, [](const KeyKind& kind) -> Var {
                 return Fields()
                     .set("type", kind.type)
                     .set("environment", kind.environment)
                     .set("active", kind.active)
                     .set("inactive", kind.inactive)
                     .set("expired", kind.expired);
             }));
}

Var ages(const ReportFacts& facts) {
    Array::Ptr array(new Array);
    for (std::size_t i = 0; i < kAgeSteps; ++i)
        array->add(Fields()
                       .set("from_days", static_cast<std::int64_t>(i) * kAgeStepDays)
                       .set("production", facts.production_by_age.at(i))
                       .set("test", facts.test_by_age.at(i)));
    return array;
}

Var last_use(const ReportFacts& facts) {
    static constexpr std::array<const char*, kLastUses> kNames = {
        "under_7_days",   "under_30_days",     "under_90_days",          "under_180_days",
        "under_365_days", "365_days_and_more", "never_over_30_days_old", "never_under_30_days_old"};
    Array::Ptr array(new Array);
    for (std::size_t i = 0; i < kLastUses; ++i)
        array->add(Fields()
                       .set("last_used", kNames.at(i))
                       .set("production", facts.production_by_use.at(i))
                       .set("test", facts.test_by_use.at(i)));
    return array;
}

Fields findings(const ReportFacts& facts) {
    Array::Ptr severities(new Array);
    for (std::size_t i = facts.open.size(); i-- > 0;)
        severities->add(
            Fields()
                .set("severity", std::string(kSeverities.at(i)))
                .set("open", facts.open.at(i))
                .set("acknowledged", facts.acknowledged.at(i))
                .set("waived", facts.waived.at(i))
                .set("by_age", list_of(facts.findings.at(i),
                                       [](std::int64_t number) -> Var { return number; })));
    return Fields()
        .set("keys_with_high_or_critical", facts.keys_affected)
        .set("severities", severities)
        .set("checks_cut", facts.checks_cut)
        .set("checks", list_of(facts.checks, [](const CheckFigures& check) -> Var {
                 return Fields()
                     .set("check_id", check.check_id)
                     .set("severity", check.severity == 0
                                          ? Var()
                                          : Var(std::string(severity_name(check.severity))))
                     .set("open", check.open)
                     .set("acknowledged", check.acknowledged)
                     .set("waived", check.waived)
                     .instant("oldest_at", check.oldest_at)
                     .set("controls",
                          list_of(controls_of(check.check_id), [](const Control* control) -> Var {
                              return std::string(control->id);
                          }));
             }));
}

Var worst_key(const WorstKey& key) {
    return Fields()
        .set("key_id", key.key_id)
        .set("name", key.name)
        .set("masked", key.masked)
        .set("type", key.type)
        .set("environment", key.environment)
        .set("status", key.status)
        .text("owner", key.owner)
        .text("team", key.team)
        .set("severity", std::string(severity_name(key.severity)))
        .set("findings", key.findings)
        .set("checks", key.checks)
        .instant("oldest_at", key.oldest_at)
        .instant("created_at", key.created_at)
        .instant("expires_at", key.expires_at)
        .instant("last_used_at", key.last_used_at)
        .set("requests_by_day",
             list_of(key.requests, [](std::int64_t requests) -> Var { return requests; }))
        .set("anomalies", list_of(key.anomalies, [](const AnomalyOfKey& anomaly) -> Var {
                 return Fields()
                     .set("check_id", anomaly.check_id)
                     .instant("hour", anomaly.hour)
                     .text("says", anomaly.says);
             }));
}

Var waiver(const WaiverFigures& waiver) {
    return Fields()
        .set("name", waiver.name)
        .set("source", waiver.source)
        .set("checks", waiver.checks)
        .set("reason", waiver.reason)
        .set("requested_by", waiver.requested_by)
        .set("approved_by", waiver.approved_by)
        .instant("expires_at", waiver.expires_at)
        .set("findings", waiver.findings);
}

Var job(const JobFigures& job) {
    return Fields()
        .set("job", job.job)
        .set("runs", job.runs)
        .set("incomplete", job.incomplete)
        .set("opened", job.opened)
        .set("resolved", job.resolved)
        .set("applied", job.applied)
        .set("refused", job.refused)
        .instant("last_at", job.last_at)
        .instant("last_complete_at", job.last_complete_at);
}

Fields audit(const PresentHead& present) {
    return Fields()
        .set("height", present.head.height)
        .instant("sealed_at", present.sealed_at)
        .set("head", present.head.line())
        .set("is_signed", present.unsigned_because.empty())
        .text("unsigned_because", present.unsigned_because)
        .set("public_key", present.public_key);
}

}  // namespace

std::string report_json(const ReportFacts& facts) {
    Fields report;
    report.set("format", 1)
        .set("version", KEYROTA_VERSION)
        .set("installation", facts.installation)
        .set("simulation", facts.is_simulation)
        .instant("as_of", facts.as_of)
        .text("team", facts.team)
        .text("owner", facts.owner)
        .set("headline", headline_of(facts))
        .set("keys", keys(facts))
        .set("age", ages(facts))
        .set("expiry", list_of(facts.expiry,
                               [](const DayOfExpiry& day) -> Var {
                                   return Fields()
                                       .set("day", day_of(day.day))
                                       .set("keys", day.keys)
                                       .set("production", day.production);
                               }))
        .set("last_use", last_use(facts))
        .set("findings", findings(facts))
        .set("worst_keys", list_of(facts.worst, worst_key))
        .set("teams", list_of(facts.teams,
                              [](const TeamFigures& team) -> Var {
                                  return Fields()
                                      .text("team", team.team)
                                      .text("security_email", team.security_email)
                                      .set("critical", team.critical)
                                      .set("high", team.high)
                                      .set("open", team.open)
                                      .set("keys", team.keys);
                              }))
        .set("rotations", list_of(facts.rotations,
                                  [](const RotationState& one) -> Var {
                                      return Fields()
                                          .set("state", one.state)
                                          .set("rotations", one.rotations)
                                          .set("held", one.held);
                                  }))
        .set("waivers_total", facts.waivers_total)
        .set("waivers", list_of(facts.waivers, waiver))
        .set("trend", list_of(facts.trend,
                              [](const DayOfTrend& day) -> Var {
                                  return Fields()
                                      .set("day", day_of(day.day))
                                      .set("unresolved", day.unresolved)
                                      .set("high", day.high)
                                      .set("opened", day.opened)
                                      .set("resolved", day.resolved);
                              }))
        .set("jobs", list_of(facts.jobs, job))
        .set("audit", audit(facts.head));
    std::ostringstream out;
    report.object()->stringify(out, 2);
    out << "\n";
    return out.str();
}

}  // namespace keyrota
