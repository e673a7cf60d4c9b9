#pragma once

#include <openssl/evp.h>

#include <memory>
#include <string>
#include <string_view>

namespace keyrota {

/// SHA-256 of what is added, piece by piece.
class Sha256 {
  public:
    Sha256();
    void add(std::string_view bytes);
    /// The 32 bytes; nothing can be added after, but for a restart().
    std::string finish();
    /// Begins another hash. For many short ones: making a Sha256 costs more than hashing a line.
    void restart();

  private:
    std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

/// The 32 bytes.
std::string sha256(std::string_view bytes);

/// Two lower-case digits a byte.
std::string to_hex(std::string_view bytes);

}  // namespace keyrota
