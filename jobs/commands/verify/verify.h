#pragma once

#include <ostream>
#include <string>

#include "config/config.h"
#include "error/exit_code.h"
#include "report/listing.h"

namespace keyrota {

/// What a caller needs of a key; what is empty does not matter.
struct SecretUse {
    std::string environment;  // production | test
    std::string scope;
};

/// `keyrota verify --stdin`: whether a call with the secret on that descriptor would be accepted
/// now, as a gateway judges it, and if not, every reason. The secret is hashed at once, and neither
/// shown nor stored.
/// @returns secret_invalid where it would not.
/// @throws Error{usage} for no secret, or more than one.
ExitCode verify_secret(const Config& config, int descriptor, const SecretUse& use, Format format,
                       std::ostream& out);

}  // namespace keyrota
