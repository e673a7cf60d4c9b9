#pragma once

#include <string>
#include <vector>

#include "config/config.h"
#include "postgres/session.h"
#include "runner/job.h"

namespace keyrota {

/// Guards of time and place: after a long gap, on a clock that went back, or in another database
/// than the last run saw (a copy, a restored backup, a failover), what a check returns may be right
/// by the data and wrong by the world.
/// @param acts whether the run is about to change keys: a gap matters only then.
/// @returns why the job's destructive actions must wait for `keyrota resume`, in one sentence;
/// empty: they need not.
std::string reason_to_hold(Session& session, const Job& job, Timestamp as_of, const Config& config,
                           bool acts);

/// Notes which database a run saw, in the transaction that closes it.
void remember_database(Session& session);

/// A job whose actions wait for a person, and why.
struct HeldJob {
    std::string job;
    std::string reason;
    Timestamp since{};
};

/// The jobs that wait for `keyrota resume`; all, or one.
std::vector<HeldJob> held_jobs(Session& session, const std::string& job = "");

/// Lets jobs act again (all, or one): accepts the present database and clock, closes their RUN-HELD
/// findings, audits it. In the caller's transaction. @returns what was held.
std::vector<HeldJob> resume_jobs(Session& session, const std::string& job);

}  // namespace keyrota
