#pragma once

#include <filesystem>
#include <memory>
#include <string>

struct evp_pkey_st;

namespace keyrota {

/// The installation's Ed25519 key pair, which signs the head of the audit trail. The private half
/// stays on the runner's host in DATA_DIR/signing.key (PEM, 0600); the public half stands in
/// keyrota.installation.
class SigningKey {
  public:
    /// Reads the key file, or makes it (data_dir too, 0700) if there is none.
    /// @throws Error{config} when the file cannot be read or written, or others may read it.
    static SigningKey load_or_make(const std::filesystem::path& data_dir);

    std::string public_pem() const;

  private:
    explicit SigningKey(std::shared_ptr<evp_pkey_st> key) : key_(std::move(key)) {}
    std::shared_ptr<evp_pkey_st> key_;
};

}  // namespace keyrota
