#pragma once

#include <string>

#include "commands/keys/change.h"

namespace keyrota {

/// The wishes as keys_judge.sql reads them: a JSON object by the names of key_record.
/// @throws Error{usage} where one cannot be read, or names what is not there.
std::string wishes_json(Session& session, const Config& config, const KeyWishes& wishes);

}  // namespace keyrota
