#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "secret/locked_text.h"

namespace keyrota {

// The form of a secret, for keys that keyrota makes:
//
//     sk_live_ 4fZ0qJ7xK2mB9tR1uC5wE8yH3aD6gL 1SCyQ1
//     prefix   30 random characters            checksum
//
// (written here with spaces; a secret has none). The alphabet is base62, 0-9 A-Z a-z, in this
// order. The checksum is the CRC-32 of prefix and random characters (the one of zlib, PNG and
// GitHub's tokens) as six base62 digits, most significant first, padded with 0. A secret scanner
// matches `(pk|sk)_(live|test)_[0-9A-Za-z]{36}` and verifies the last six characters offline; 30
// base62 characters hold 178 bits. Stored are only SHA-256, prefix and hint.

inline constexpr std::size_t kSecretRandomLength = 30;
inline constexpr std::size_t kSecretChecksumLength = 6;
inline constexpr std::string_view kBase62 =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// `pk_live_`, `sk_live_` or `sk_test_`. Nothing for a type and an environment that do not go
/// together.
std::optional<std::string_view> secret_prefix(std::string_view type, std::string_view environment);

/// A new secret with random characters from the operating system.
/// @throws Error{internal} when the system gives none.
LockedText make_secret(std::string_view prefix);

/// The secret with these random characters, exactly 30 of base62: for data that has to come out the
/// same again.
std::string make_secret(std::string_view prefix, std::string_view random);

/// Whether the last 36 characters are base62 and the last six are the checksum of what precedes
/// them. Says nothing about whether such a key was ever issued.
bool has_valid_checksum(std::string_view secret);

/// Whether the text holds what may be a secret: `pk_` or `sk_`, `live_` or `test_` and 20 or more
/// base62 characters (other issuers' keys look so too), or a value with a valid checksum. For
/// places where none may ever stand; the cost of a wrong guess is a clear error.
bool may_hold_secret(std::string_view text);

/// The last four of the random characters: with the prefix, all of a secret that may be shown. The
/// secret must be of this format.
std::string_view secret_hint(std::string_view secret);

/// SHA-256 of the whole secret: 32 bytes, as api_key_secret stores them.
std::string secret_hash(std::string_view secret);

}  // namespace keyrota
