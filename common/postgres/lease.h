#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "postgres/session.h"

namespace keyrota {

/// The right to run a (job, shard): a row of job_lease with a fencing token and a TTL on the
/// database's clock, kept alive by a heartbeat from a thread with a connection of its own. A row,
/// not an advisory lock: those break behind poolers.
class Lease {
  public:
    struct Held {
        std::string holder;  // user@host, process id
    };

    /// Takes the lease if it is free, lapsed, or its recorded backend is gone.
    /// @returns nothing when another run holds it; `held`, if given, then says who.
    static std::unique_ptr<Lease> try_acquire(const Connection& connection, const std::string& job,
                                              const std::string& shard, Held* held = nullptr);
    ~Lease();  // gives it back
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;

    std::int64_t token() const { return token_; }

    /// First statement of each batch: takes the lease's row for key share, so that a takeover waits
    /// for the batch.
    /// @throws Error{lease_held} when the lease went to somebody else.
    void hold_for_transaction(Session& session) const;

  private:
    Lease(Session session, std::int64_t token);
    void beat();

    Session session_;
    std::int64_t token_;
    std::mutex mutex_;
    std::condition_variable wake_;
    bool ending_ = false;
    std::thread heart_;
};

}  // namespace keyrota
