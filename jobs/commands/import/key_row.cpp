#include "commands/import/key_row.h"

#include <algorithm>

#include "secret/key_format.h"

namespace keyrota {
namespace {

constexpr std::size_t kLongestId = 500;
constexpr std::size_t kLongestName = 1000;
constexpr std::size_t kLongestPrefix = 20;
constexpr std::size_t kLongestHint = 4;
constexpr std::size_t kLongestScopes = 10'000;  // all of them
constexpr std::size_t kHashDigits = 64;

const std::vector<std::string> kTypes{"public", "secret", "test"};
const std::vector<std::string> kEnvironments{"production", "test"};
const std::vector<std::string> kStatuses{"active", "inactive", "expired"};

void read_type(Values& values, KeyRow& row) {
    values.required(key_field::type);
    row.type = values.one_of(key_field::type, kTypes, "");
    const std::string_view fitting = row.type == "test" ? "test" : "production";
    row.environment = values.one_of(key_field::environment, kEnvironments, fitting);
    if (values.good() && row.environment != fitting)
        values.complain(key_field::environment,
                        row.type == "test" ? "a test key belongs to the environment test"
                                           : "a key of this type belongs to production",
                        "Keys of the test environment, and only they, have the type test.");
}

void read_scopes(Values& values, KeyRow& row) {
    constexpr std::string_view kBetween = " \t\r\n,;";
    std::string_view rest = values.at_most(key_field::scopes, kLongestScopes);
    row.scopes.clear();
    while (!rest.empty()) {
        const std::size_t begin = std::min(rest.find_first_not_of(kBetween), rest.size());
        rest.remove_prefix(begin);
        const std::size_t end = std::min(rest.find_first_of(kBetween), rest.size());
        if (end > 0) row.scopes.push_back(rest.substr(0, end));
        rest.remove_prefix(end);
    }
    std::sort(row.scopes.begin(), row.scopes.end());
    row.scopes.erase(std::unique(row.scopes.begin(), row.scopes.end()), row.scopes.end());
}

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

void read_hash(Values& values, KeyRow& row) {
    const std::string_view hex = values.text(key_field::secret_hash);
    bool is_hash = hex.size() == kHashDigits;
    for (std::size_t i = 0; is_hash && i < hex.size(); i += 2) {
        const int high = hex_digit(hex[i]), low = hex_digit(hex[i + 1]);
        is_hash = high >= 0 && low >= 0;
        row.secret_hash += static_cast<char>(high * 16 + low);
    }
    if (!is_hash) values.complain(key_field::secret_hash, "must be 64 hex digits, a SHA-256");
}

// Of a secret of our own format the parts that may be shown are known; of another one nothing is
// shown.
void read_secret(Values& values, KeyRow& row) {
    row.secret_hash.clear();
    const std::string_view secret = values.text(key_field::secret);
    if (!values.text(key_field::secret_hash).empty()) {
        if (!secret.empty())
            values.complain(key_field::secret, "given together with secret_hash",
                            "Give only one of them.");
        return read_hash(values, row);
    }
    if (secret.empty()) return;
    row.secret_hash = secret_hash(secret);
    if (!has_valid_checksum(secret)) return;
    if (row.hint.empty()) row.hint = secret_hint(secret);
    if (row.prefix.empty())
        row.prefix = secret.substr(0, secret.size() - kSecretRandomLength - kSecretChecksumLength);
}

}  // namespace

bool read_key_row(Values& values, const std::vector<std::string>& plans, std::string_view owner,
                  KeyRow& row) {
    values.required(key_field::external_id);
    row.external_id = values.at_most(key_field::external_id, kLongestId);
    values.required(key_field::name);
    row.name = values.at_most(key_field::name, kLongestName);
    row.owner_email = values.email(key_field::owner_email);
    if (row.owner_email.empty()) row.owner_email = owner;
    if (row.owner_email.empty())
        values.complain(key_field::owner_email, "empty", "--owner says whose keys these are.");
    read_type(values, row);
    row.prefix = values.at_most(key_field::prefix, kLongestPrefix);
    row.hint = values.at_most(key_field::hint, kLongestHint);
    read_scopes(values, row);
    row.plan = values.one_of(key_field::plan, plans, "");
    row.created_at = values.instant(key_field::created_at);
    row.expires_at = values.instant(key_field::expires_at);
    row.status = values.one_of(key_field::status, kStatuses, "active");
    read_secret(values, row);
    return values.good();
}

}  // namespace keyrota
