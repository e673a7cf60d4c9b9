#include "secret/sha256.h"

#include <fmt/format.h>

#include "error/error.h"

namespace keyrota {
namespace {

// OpenSSL refuses only where it is set up without SHA-256, or out of memory.
void require(int succeeded) {
    if (succeeded != 1) throw Error(ExitCode::internal, "cannot compute SHA-256");
}

}  // namespace

Sha256::Sha256() : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
    require(EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr));
}

void Sha256::add(std::string_view bytes) {
    require(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()));
}

std::string Sha256::finish() {
    std::string digest(32, '\0');
    require(EVP_DigestFinal_ex(context_.get(), reinterpret_cast<unsigned char*>(digest.data()),
                               nullptr));
    return digest;
}

std::string sha256(std::string_view bytes) {
    std::string digest(32, '\0');
    require(EVP_Digest(bytes.data(), bytes.size(), reinterpret_cast<unsigned char*>(digest.data()),
                       nullptr, EVP_sha256(), nullptr));
    return digest;
}

std::string to_hex(std::string_view bytes) {
    std::string hex;
    hex.reserve(2 * bytes.size());
    for (const char c : bytes) hex += fmt::format("{:02x}", static_cast<unsigned char>(c));
    return hex;
}

}  // namespace keyrota
