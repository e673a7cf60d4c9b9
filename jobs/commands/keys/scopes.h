#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"

namespace keyrota {

/// The scopes that `--scopes a,b` or a repeated option names, each once, in order; `none` alone
/// means none.
std::vector<std::string> split_scopes(const std::vector<std::string>& given);

/// @throws Error{usage} for a scope that `keys.scopes` does not have, with the nearest.
void require_known_scopes(const Config& config, const char* option,
                          const std::vector<std::string>& scopes);

/// Whether a public key, which everybody can read, may have it.
bool is_fit_for_public(std::string_view scope);

}  // namespace keyrota
