#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "commands/breach/breach.h"
#include "postgres/session.h"

namespace keyrota {

/// Which keys are meant, and what is known of how each became known.
struct BreachedKeys {
    std::map<std::int64_t, std::string> evidence;  // key_id -> JSON, without a secret
    std::int64_t unknown = 0;                      // secrets that no key has
};

/// Reads what the source says.
/// @throws Error{usage} for what cannot be read, and for a KEY that means none or, unless
/// all_matching, several.
BreachedKeys find_breached_keys(Session& session, const BreachSource& source, bool all_matching);

}  // namespace keyrota
