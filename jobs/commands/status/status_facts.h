#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "config/config.h"
#include "postgres/session.h"
#include "runner/time_guard.h"

namespace keyrota {

/// How one job stands.
struct JobStatus {
    std::string job;
    std::int64_t run_id = 0;  // of the newest run; 0: it never ran
    std::string outcome;      // running | killed | done | partial | refused | failed | interrupted
    std::optional<std::int64_t> exit_code{};
    std::string message;
    std::optional<Timestamp> last_run_at{};
    std::optional<std::int64_t> duration_ms{};
    std::optional<Timestamp> last_good_at{};
    std::optional<std::string> schedule{};   // in force; nothing: it is switched off
    std::optional<Timestamp> next_due_at{};  // after the newest run; in the past: it is late
    bool missed = false;                     // RUN-MISSED holds
    std::string holder;                      // who is at work on it; empty: nobody
    std::optional<Timestamp> held_by_lease_since{};

    bool has_failed() const {
        return outcome == "failed" || outcome == "partial" || outcome == "refused";
    }
};

/// A number that may be an estimate, or the least that it can be.
struct Count {
    enum class Kind { exact, about, at_least };
    std::int64_t total = 0;
    Kind kind = Kind::exact;
};

/// What `keyrota status` shows, as at one instant.
struct StatusFacts {
    Timestamp as_of{};
    std::vector<JobStatus> jobs;
    std::vector<HeldJob> held;
    std::optional<Count> due_keys{};  // nothing before the first complete run of expire-keys
    Count keys_without_rule;
    std::array<Count, 5> findings;              // unresolved and not waived, by severity
    std::int64_t critical_open = 0;             // of them critical, and not acknowledged
    std::int64_t waivers = 0;                   // in force
    std::optional<Timestamp> waiver_ends_at{};  // of the next to end
    std::int64_t messages_waiting = 0;          // for people, in the outbox
    std::optional<Timestamp> oldest_message_at{};
    std::int64_t messages_dead = 0;  // of two weeks
    std::int64_t audit_height = 0;
    std::optional<Timestamp> audit_sealed_at{};
    bool audit_head_fits = true;  // it is the last block's
    std::string database;         // where it is
    std::string server_version;
    std::int64_t size_bytes = 0;
    bool is_simulation = false;
};

/// Looks all of it up. @throws Error{usage} for an as_of on a real database.
StatusFacts status_facts(Session& session, const Config& config, std::optional<Timestamp> as_of);

}  // namespace keyrota
