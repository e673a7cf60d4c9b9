#pragma once

#include "rotation/deliver.h"

namespace keyrota {

/// The instant that counts in what a command does.
Timestamp now_of(Session& session);

/// What a command writes, in the present transaction: its audit block is open, to be sealed last.
ActOfRotation act_by_command(Session& session, const std::string& reason);

/// Work on rotations without a run of a job: transactions of its own, and the server's clock.
Delivering by_command(Session& session, const Config& config);

/// One transaction, repeated when it met a lock, as limits.max_tries says.
void in_transaction(Session& session, const Config& config, const std::function<void()>& work);

}  // namespace keyrota
