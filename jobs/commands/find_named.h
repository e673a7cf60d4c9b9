#pragma once

#include <string>

#include "postgres/session.h"

namespace keyrota {

/// The owner that OWNER on a command line means: an email address, in any case, or an owner_id.
/// @throws Error{usage} where there is none, with the nearest.
std::int64_t find_owner(Session& session, const std::string& owner);

/// The same, where the owner is to be given something.
/// @throws Error{usage} where the owner has left, too.
std::int64_t find_active_owner(Session& session, const std::string& owner);

/// The same, once more in the transaction that gives it: takes the owner's row for as long, so that
/// nobody has them leave before it is there to be handed on.
/// @throws Error{usage} where the owner has left.
void require_active_owner(Session& session, std::int64_t owner_id);

/// The team of this name, or with this team_id.
/// @throws Error{usage} where there is none, with the nearest.
std::int64_t find_team(Session& session, const std::string& team);

/// The service plan of this name.
/// @throws Error{usage} where there is none, with the nearest.
std::int64_t find_service_plan(Session& session, const std::string& name);

/// The finding that FINDING on a command line means, with what `findings show` tells of it: a uid,
/// or the beginning of one.
/// @throws Error{usage} where there is none, or more than one.
Row find_finding(Session& session, const std::string& finding);

}  // namespace keyrota
