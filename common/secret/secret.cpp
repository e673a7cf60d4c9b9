#include "secret/secret.h"

#include "secret/key_format.h"
#include "secret/sha256.h"

namespace keyrota {

Secret::Secret(std::string_view prefix) : text_(make_secret(prefix)) {}

std::string Secret::hint() const {
    return std::string(secret_hint(text_));
}

std::string Secret::hash() const {
    return to_hex(secret_hash(text_));
}

}  // namespace keyrota
