#pragma once

#include <Poco/JSON/Object.h>

#include <string>
#include <vector>

#include "config/config.h"

namespace keyrota {

/// The checks that people may have their own settings for: those about keys, by the catalog, and
/// the events that actions tell of.
std::vector<std::string> alertable_checks(const Config& config);

/// @throws Error{usage} for what is no such check, with the nearest.
void require_alertable(const Config& config, const std::string& check_id);

/// `{"error_rate": 10}` from `error_rate=10`; each within the bounds that the policy has for it.
/// @throws Error{usage} for what the check has no threshold for, is out of bounds or given twice.
Poco::JSON::Object thresholds_of(const std::string& check_id,
                                 const std::vector<std::string>& given);

/// Mail of a key's end, rotation or breach may wait for a digest, but not be switched off.
/// @throws Error{usage}
void require_mail_possible(const std::string& check_id, const std::string& mail);

}  // namespace keyrota
