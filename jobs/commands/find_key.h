#pragma once

#include <string>

#include "postgres/session.h"

namespace keyrota {

/// The key that KEY on a command line means: a key_id, `source:external_id`, or `prefix...hint`
/// where that is one key.
/// @throws Error{usage} where it means none or several, listing a few of those.
std::int64_t find_key(Session& session, const std::string& key);

}  // namespace keyrota
