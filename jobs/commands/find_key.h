#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "postgres/session.h"

namespace keyrota {

/// The key that KEY on a command line means: a key_id, `source:external_id`, or `prefix...hint`
/// where that is one key.
/// @throws Error{usage} where it means none or several, listing a few of those.
std::int64_t find_key(Session& session, const std::string& key);

/// The number that KEY is, whether there is such a key or not.
std::optional<std::int64_t> as_key_id(const std::string& key);

}  // namespace keyrota
