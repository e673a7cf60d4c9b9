#pragma once

#include "rotation/deliver.h"

namespace keyrota {

inline constexpr Statement kNowOfCommand{"now", "select keyrota.micros(clock_timestamp()) as now"};

/// Work on rotations without a run of a job: transactions of its own, and the server's clock.
Delivering by_command(Session& session, const Config& config);

/// One transaction, repeated when it met a lock, as limits.max_tries says.
void in_transaction(Session& session, const Config& config, const std::function<void()>& work);

}  // namespace keyrota
