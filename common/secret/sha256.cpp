#include "secret/sha256.h"

#include <fmt/format.h>

#include "error/error.h"

namespace keyrota {
namespace {

// OpenSSL refuses only where it is set up without SHA-256, or out of memory.
void require(int succeeded) {
    if (succeeded != 1) throw Error(ExitCode::internal, "cannot compute SHA-256");
}

// Fetched once: EVP_sha256() is looked up anew for each hash, which costs more than a short one.
const EVP_MD* algorithm() {
    static const EVP_MD* const fetched = EVP_MD_fetch(nullptr, "SHA256", nullptr);
    return fetched;
}

}  // namespace

Sha256::Sha256() : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
    require(EVP_DigestInit_ex(context_.get(), algorithm(), nullptr));
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

void Sha256::restart() {
    require(EVP_DigestInit_ex(context_.get(), nullptr, nullptr));  // keeps algorithm and memory
}

std::string sha256(std::string_view bytes) {
    Sha256 digest;
    digest.add(bytes);
    return digest.finish();
}

std::string to_hex(std::string_view bytes) {
    std::string hex;
    hex.reserve(2 * bytes.size());
    for (const char c : bytes) hex += fmt::format("{:02x}", static_cast<unsigned char>(c));
    return hex;
}

}  // namespace keyrota
