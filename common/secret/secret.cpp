#include "secret/secret.h"

#include <openssl/crypto.h>

#include "secret/key_format.h"
#include "secret/sha256.h"

namespace keyrota {

Secret::Secret(std::string_view prefix) : text_(make_secret(prefix)) {}

Secret::~Secret() {
    OPENSSL_cleanse(text_.data(), text_.size());
}

// A text of this length is not stored in the string itself: what moves is a pointer.
Secret::Secret(Secret&& other) noexcept : text_(std::move(other.text_)) {
    other.text_.clear();
}

std::string Secret::hint() const {
    return std::string(secret_hint(text_));
}

std::string Secret::hash() const {
    return to_hex(secret_hash(text_));
}

}  // namespace keyrota
