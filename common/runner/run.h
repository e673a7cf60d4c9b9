#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <set>
#include <string>

#include "audit/audit.h"
#include "postgres/lease.h"
#include "postgres/session.h"
#include "runner/runner.h"

namespace keyrota {

constexpr const char* kOnlyShard = "1/1";

/// What a run is for: all of it, to look (rolled back), to write a plan file, to do what one says.
enum class Purpose { run, dry_run, plan, apply };

/// One run in progress: what the runner's steps (evaluate, guards, apply) share, no more.
struct Run {
    const Job& job;
    const RunOptions& options;
    const Config& config;
    Interruption& interruption;
    Session session;
    std::shared_ptr<Lease> lease;  // none: a dry run; workers of a step share it
    std::int64_t run_id = 0;
    Timestamp as_of{};
    Plan plan{};  // what the job decided on
    Purpose purpose = Purpose::run;
    std::int64_t applies_plan = 0;  // the run that planned what this one applies
    std::string actor = audit_actor();
    std::set<std::string> waived_checks{};  // that waivers in force name
    std::string waivers_refused{};          // why the file of waivers was not taken over

    /// Whether it records findings and changes keys.
    bool writes() const { return purpose == Purpose::run || purpose == Purpose::apply; }

    /// One batch: a transaction that holds the lease, repeated when it met a lock. A batch within
    /// another is part of that one, as all of a dry run's are of its own.
    void in_batch(const std::function<void()>& work);
    /// Whether a batch would be part of a transaction that goes on after it.
    bool is_in_transaction() const { return !lease || in_transaction; }

    bool in_transaction = false;
};

/// The settings of a session that does a run's batches.
void set_up_for_batches(Session& session);

/// What one transaction adds to the totals of its check.
struct Counts {
    std::int64_t found = 0, opened = 0, changed = 0, resolved = 0, applied = 0, drifted = 0,
                 refused = 0, failed = 0;
};

/// Adds them to the check's row of run_check, in the transaction that they count.
void count(Run& run, const CheckReport& report, const Counts& counts);
/// Adds them to the report, once that transaction is committed.
void add(CheckReport& report, const Counts& counts);

class Stopwatch {
  public:
    std::chrono::milliseconds elapsed() const {
        return std::chrono::duration_cast<std::chrono::milliseconds>(
            std::chrono::steady_clock::now() - started_);
    }

  private:
    std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
};

}  // namespace keyrota
