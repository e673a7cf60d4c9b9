#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "audit/head.h"
#include "config/config.h"
#include "postgres/session.h"

namespace keyrota {

// What the report tells: figures of one instant, none longer than its bounds say, however many keys
// there are.

/// Whose keys it is about; neither: all. Ids of what the command line named.
struct ReportScope {
    std::optional<std::int64_t> owner_id{};
    std::optional<std::int64_t> team_id{};

    bool is_all() const { return !owner_id && !team_id; }
};

inline constexpr std::int64_t kAgeStepDays = 15;
inline constexpr std::size_t kAgeSteps = 25;  // the last one: 360 days and more
inline constexpr std::size_t kRotationAgeStep = 90 / kAgeStepDays;
inline constexpr std::size_t kLastUses = 8;  // as report_last_use.sql numbers them
constexpr bool is_unused(std::size_t use) {
    return use >= 3 && use <= 6;
}  // for 90 days, or never
inline constexpr std::size_t kFindingAges = 5;  // as report_findings.sql numbers them
inline constexpr std::size_t kExpiryDays = 91;  // today and the 90 days after it
inline constexpr std::size_t kTrendDays = 31;   // the 30 days before today, and today so far
inline constexpr std::size_t kKeyUsageDays = 35;

/// Keys of one kind in one state.
struct KeyKind {
    std::string type, environment;
    std::int64_t active = 0, inactive = 0, expired = 0;
    std::int64_t total() const { return active + inactive + expired; }
};

struct DayOfExpiry {
    Timestamp day{};
    std::int64_t keys = 0, production = 0;
};

struct CheckFigures {
    std::string check_id;
    std::int64_t severity = 0;  // of the gravest that is not waived; 0: all are waived
    std::int64_t open = 0, acknowledged = 0, waived = 0;
    Timestamp oldest_at{};
};

struct AnomalyOfKey {
    std::string check_id;
    Timestamp hour{};
    std::string says;
};

struct WorstKey {
    std::int64_t key_id = 0;
    std::string name, masked, type, environment, status, owner, team;
    std::int64_t severity = 0, findings = 0;
    std::string checks;  // with a blank between them
    Timestamp oldest_at{}, created_at{};
    std::optional<Timestamp> expires_at{}, last_used_at{};
    std::array<std::int64_t, kKeyUsageDays> requests{};  // by day (UTC), the last one today
    std::vector<AnomalyOfKey> anomalies{};               // of those days
};

struct RotationState {
    std::string state;
    std::int64_t rotations = 0, held = 0;
};

struct WaiverFigures {
    std::string name, source, checks, reason, requested_by, approved_by;
    Timestamp expires_at{};
    std::int64_t findings = 0;
};

struct DayOfTrend {
    Timestamp day{};
    std::int64_t unresolved = 0, high = 0;  // at its end; today: now
    std::int64_t opened = 0, resolved = 0;
};

struct JobFigures {
    std::string job;
    std::int64_t runs = 0, incomplete = 0, opened = 0, resolved = 0, applied = 0, refused = 0;
    Timestamp last_at{};
    std::optional<Timestamp> last_complete_at{};
};

struct TeamFigures {
    std::string team, security_email;
    std::int64_t critical = 0, high = 0, open = 0, keys = 0;
};

struct ReportFacts {
    Timestamp as_of{};
    std::string installation;  // uuid
    bool is_simulation = false;
    std::string owner, team;  // names; empty: not asked for

    std::vector<KeyKind> kinds;
    // Active keys that no successor is about to replace, by age.
    std::array<std::int64_t, kAgeSteps> production_by_age{}, test_by_age{};
    std::array<std::int64_t, kLastUses> production_by_use{}, test_by_use{};
    std::optional<Timestamp> usage_known_since{};  // none: it is not known now
    std::vector<DayOfExpiry> expiry;               // kExpiryDays

    // Findings by severity (0: informational) and age, open ones and acknowledged ones.
    std::array<std::array<std::int64_t, kFindingAges>, 5> findings{};
    std::array<std::int64_t, 5> open{}, acknowledged{}, waived{};  // by severity
    std::int64_t keys_affected = 0;  // with an open finding that is high or critical
    std::vector<CheckFigures> checks;
    bool checks_cut = false;  // there are more than are listed
    std::vector<WorstKey> worst;
    std::vector<RotationState> rotations;
    std::vector<WaiverFigures> waivers;
    std::int64_t waivers_total = 0;
    std::vector<DayOfTrend> trend;  // kTrendDays
    std::vector<JobFigures> jobs;   // all of them, whatever the scope
    std::vector<TeamFigures> teams;
    PresentHead head;

    std::int64_t keys_total() const;
    std::int64_t active_total() const;
    std::int64_t production_total() const;     // active, as production_by_age
    std::int64_t production_past_age() const;  // of these, 90 days old and older
    std::int64_t expiring_within(std::size_t days) const;
    /// Active, without a use for 90 days or, if older than 30 days, without any.
    /// Active keys that nobody used for 90 days, or made 30 days ago and never used; nothing where
    /// usage is not known: then nobody can say.
    std::optional<std::int64_t> unused_total() const;
    std::int64_t open_from(std::int64_t severity) const;  // so grave or graver
};

/// Looks all of it up in the session's open transaction, which must see one snapshot.
/// @throws Error{usage} for an as_of on a real database.
ReportFacts report_facts(Session& session, const Config& config, const ReportScope& scope,
                         std::optional<Timestamp> as_of);

}  // namespace keyrota
