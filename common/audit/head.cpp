#include "audit/head.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>

#include "common_sql.h"
#include "error/error.h"
#include "secret/signing_key.h"

namespace keyrota {
namespace {

constexpr std::string_view kName = "keyrota-head ";
constexpr const char* kVersion = "v1";
constexpr const char* kUnsigned = "-";
constexpr std::string_view kBase64OrUnsigned =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=-";
constexpr std::size_t kSignatureBytes = 64;
constexpr std::size_t kHashDigits = 64;

std::string to_base64(const std::string& bytes) {
    std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');  // OpenSSL ends it with a NUL
    const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                     reinterpret_cast<const unsigned char*>(bytes.data()),
                                     static_cast<int>(bytes.size()));
    text.resize(static_cast<std::size_t>(size));
    return text;
}

// A signature's; nothing for what is none.
std::optional<std::string> from_base64(const std::string& text) {
    if (text.size() != 4 * ((kSignatureBytes + 2) / 3)) return std::nullopt;
    std::string bytes(text.size(), '\0');
    if (EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                        reinterpret_cast<const unsigned char*>(text.data()),
                        static_cast<int>(text.size())) < 0)
        return std::nullopt;
    bytes.resize(kSignatureBytes);
    return bytes;
}

bool is_hash(std::string_view text) {
    return text.size() == kHashDigits &&
           text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::optional<std::int64_t> height_of(std::string_view text) {
    std::int64_t height = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), height);
    if (error != std::errc{} || end != text.data() + text.size() || height < 0) return std::nullopt;
    return height;
}

std::vector<KeptHead> read_file(const std::string& file, const std::string& installation,
                                const std::string& public_key) {
    std::ifstream in(file);
    if (!in)
        throw Error(ExitCode::usage,
                    fmt::format("--head: \"{}\" is neither a hash nor a readable file", file),
                    "Give 64 hexadecimal digits, HEIGHT:HASH, or a file of lines printed by "
                    "`keyrota audit head`.");
    std::vector<KeptHead> kept;
    std::int64_t number = 0;
    for (std::string line; std::getline(in, line);) {
        const std::string place = fmt::format("{}:{}", file, ++number);
        std::optional<AuditHead> head;
        try {
            head = find_head(line);
        } catch (const Error& error) {
            throw Error(error.code(), fmt::format("{}: {}", place, error.what()), error.hint());
        }
        if (!head) continue;
        if (head->installation != installation)
            throw Error(ExitCode::usage,
                        fmt::format("{}: this is a head of installation {}, but the database is {}",
                                    place, head->installation, installation));
        if (!head->signature.empty() && !is_signed_by(public_key, head->message(), head->signature))
            throw Error(ExitCode::audit_broken,
                        fmt::format("{}: this head is not signed by the key {}", place,
                                    fingerprint_of(public_key)),
                        "The line was altered, or the public key in the database was replaced: "
                        "pass a copy of the key kept elsewhere as --public-key.");
        kept.push_back({head->height, head->hash, place});
    }
    if (kept.empty())
        throw Error(ExitCode::usage, fmt::format("--head: there is no head in {}", file),
                    "`keyrota audit head` prints one.");
    return kept;
}

}  // namespace

std::string AuditHead::message() const {
    return fmt::format("{}{} {} {} {} {}", kName, kVersion, installation, height, hash,
                       to_string(signed_at));
}

std::string AuditHead::line() const {
    return message() + " " + (signature.empty() ? kUnsigned : to_base64(signature));
}

std::optional<AuditHead> find_head(std::string_view line) {
    const std::size_t begin = line.find(kName);
    if (begin == std::string_view::npos) return std::nullopt;
    std::string text(line.substr(begin + kName.size()));
    text.erase(std::remove(text.begin(), text.end(), '\\'), text.end());  // JSON's, before a slash
    std::istringstream words(text);
    std::string version, height, signed_at, signature;
    AuditHead head;
    words >> version >> head.installation >> height >> head.hash >> signed_at >> signature;
    if (!version.empty() && version != kVersion)
        throw Error(ExitCode::usage,
                    fmt::format("this is a head from another version of keyrota ({})", version));
    // In JSON a quotation mark follows.
    signature = signature.substr(0, signature.find_first_not_of(kBase64OrUnsigned));
    const auto number = height_of(height);
    const auto instant = parse_timestamp(signed_at);
    const auto decoded = signature == kUnsigned ? std::string() : from_base64(signature);
    if (!number || !instant || !decoded || !is_hash(head.hash))
        throw Error(ExitCode::usage, "this head is incomplete",
                    "It is one line, from the word keyrota-head to the end of its signature.");
    head.height = *number;
    head.signed_at = *instant;
    head.signature = *decoded;
    return head;
}

PresentHead read_head(Session& session) {
    const Row row = session.one(sql::audit_head);
    PresentHead present{.head = {.installation = row.text("installation"),
                                 .height = row.int64("height"),
                                 .hash = row.text("hash"),
                                 .signed_at = row.instant("now")},
                        .public_key = row.text("public_key"),
                        .sealed_at = {}};
    if (!row.is_null("sealed_at")) present.sealed_at = row.instant("sealed_at");
    return present;
}

void sign_head(PresentHead& present, const std::filesystem::path& data_dir) {
    const auto key = SigningKey::load(data_dir);
    const std::string file = (data_dir / "signing.key").string();
    if (!key)
        present.unsigned_because =
            fmt::format("the signing key, {} on the runner's host, cannot be read here", file);
    else if (fingerprint_of(key->public_pem()) != fingerprint_of(present.public_key))
        present.unsigned_because =
            fmt::format("{} is the signing key of another installation", file);
    else
        present.head.signature = key->sign(present.head.message());
}

std::vector<KeptHead> read_kept_heads(const std::string& given, const std::string& installation,
                                      const std::string& public_key) {
    if (is_hash(given)) return {{std::nullopt, given, given}};
    if (const std::size_t colon = given.find(':'); colon != std::string::npos) {
        const auto height = height_of(std::string_view(given).substr(0, colon));
        const std::string hash = given.substr(colon + 1);
        if (height && is_hash(hash)) return {{height, hash, given}};
    }
    return read_file(given, installation, public_key);
}

void log_head_above(Session& session, std::int64_t height, const std::filesystem::path& data_dir) {
    PresentHead present = read_head(session);
    if (present.head.height <= height) return;
    sign_head(present, data_dir);
    spdlog::info("audit head: {}", present.head.line());
}

}  // namespace keyrota
