#include "secret/key_format.h"

#include <Poco/Checksum.h>
#include <openssl/crypto.h>
#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <cstdint>

#include "error/error.h"
#include "secret/sha256.h"

namespace keyrota {
namespace {

constexpr std::size_t kHintLength = 4;
constexpr std::size_t kTailLength = kSecretRandomLength + kSecretChecksumLength;

bool is_base62(std::string_view text) {
    return text.find_first_not_of(kBase62) == std::string_view::npos;
}

std::string checksum_of(std::string_view text) {
    Poco::Checksum crc(Poco::Checksum::TYPE_CRC32);
    crc.update(text.data(), static_cast<unsigned>(text.size()));
    std::uint32_t value = crc.checksum();
    std::string digits(kSecretChecksumLength, kBase62.front());
    for (auto digit = digits.rbegin(); value != 0; value /= 62) *digit++ = kBase62[value % 62];
    return digits;
}

void fill_from_system(std::array<unsigned char, 64>& bytes) {
    ssize_t got = -1;
    do {
        got = getrandom(bytes.data(), bytes.size(), 0);  // up to 256 bytes come whole or not at all
    } while (got < 0 && errno == EINTR);
    if (got != static_cast<ssize_t>(bytes.size()))
        throw Error(ExitCode::internal, "the operating system gives no random bytes");
}

template <class Text>
Text with_checksum(std::string_view prefix, std::string_view random) {
    Text secret(prefix);
    secret.append(random);
    return secret.append(checksum_of(secret));
}

}  // namespace

std::optional<std::string_view> secret_prefix(std::string_view type, std::string_view environment) {
    if (type == "public" && environment == "production") return "pk_live_";
    if (type == "secret" && environment == "production") return "sk_live_";
    if (type == "test" && environment == "test") return "sk_test_";
    return std::nullopt;
}

LockedText make_secret(std::string_view prefix) {
    constexpr unsigned kUnbiased =
        256 / 62 * 62;  // bytes from here on would favour the first letters
    std::array<unsigned char, 64> bytes{};
    LockedText random;
    random.reserve(kSecretRandomLength);
    while (random.size() < kSecretRandomLength) {
        fill_from_system(bytes);
        for (const unsigned byte : bytes)
            if (byte < kUnbiased && random.size() < kSecretRandomLength)
                random += kBase62[byte % 62];
    }
    OPENSSL_cleanse(bytes.data(), bytes.size());
    return with_checksum<LockedText>(prefix, random);
}

std::string make_secret(std::string_view prefix, std::string_view random) {
    assert(random.size() == kSecretRandomLength && is_base62(random));
    return with_checksum<std::string>(prefix, random);
}

bool has_valid_checksum(std::string_view secret) {
    if (secret.size() <= kTailLength) return false;
    if (!is_base62(secret.substr(secret.size() - kTailLength))) return false;
    const std::size_t checked = secret.size() - kSecretChecksumLength;
    return secret.substr(checked) == checksum_of(secret.substr(0, checked));
}

bool may_hold_secret(std::string_view text) {
    constexpr std::size_t kFewest = 20;
    for (const std::string_view prefix : {"pk_live_", "sk_live_", "pk_test_", "sk_test_"})
        for (std::size_t at = text.find(prefix); at != std::string_view::npos;
             at = text.find(prefix, at + 1)) {
            const std::string_view rest = text.substr(at + prefix.size());
            if (std::min(rest.find_first_not_of(kBase62), rest.size()) >= kFewest) return true;
        }
    return has_valid_checksum(text.substr(text.find('=') + 1));  // --option=value, or all of it
}

std::string_view secret_hint(std::string_view secret) {
    assert(secret.size() > kTailLength);
    return secret.substr(secret.size() - kSecretChecksumLength - kHintLength, kHintLength);
}

std::string secret_hash(std::string_view secret) {
    return sha256(secret);
}

}  // namespace keyrota
