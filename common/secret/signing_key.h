#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

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
    /// The same without making one. Nothing where there is no file, or where this user may not read
    /// it: not everybody who looks at the trail may sign.
    static std::optional<SigningKey> load(const std::filesystem::path& data_dir);

    std::string public_pem() const;
    /// The 64 bytes of the signature.
    std::string sign(std::string_view message) const;

  private:
    explicit SigningKey(std::shared_ptr<evp_pkey_st> key) : key_(std::move(key)) {}
    std::shared_ptr<evp_pkey_st> key_;
};

/// Whether it is this key's signature of the message. False also for what is no Ed25519 key at all.
bool is_signed_by(const std::string& public_pem, std::string_view message,
                  std::string_view signature);

/// A public key in short: the SHA-256 of its DER form, as
/// `openssl pkey -pubin -in FILE -outform DER | sha256sum` prints it. Empty for what is no key.
std::string fingerprint_of(const std::string& public_pem);

}  // namespace keyrota
