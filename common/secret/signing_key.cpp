#include "secret/signing_key.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "error/error.h"
#include "secret/sha256.h"

namespace keyrota {
namespace {

using Key = std::shared_ptr<EVP_PKEY>;
using Digest = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;
using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;

Error unusable(const std::filesystem::path& file, const char* why) {
    return {ExitCode::config, fmt::format("signing key {}: {}", file.string(), why),
            "The file must be readable and writable by its owner alone (chmod 600)."};
}

Key read_key(const std::filesystem::path& file) {
    struct stat status {};
    if (::stat(file.c_str(), &status) != 0) {
        if (errno == ENOENT) return nullptr;
        throw unusable(file, std::strerror(errno));
    }
    if ((status.st_mode & 077) != 0) throw unusable(file, "others may read it");
    const Bio bio(BIO_new_file(file.c_str(), "r"), BIO_free);
    if (!bio) throw unusable(file, std::strerror(errno));
    Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr), EVP_PKEY_free);
    if (!key) throw unusable(file, "not a PEM private key");
    return key;
}

std::string contents(BIO* bio) {
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio, &data);
    return {data, static_cast<std::size_t>(size)};
}

Key public_key(const std::string& pem) {
    const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free);
    return {PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr), EVP_PKEY_free};
}

const unsigned char* bytes_of(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

// Written aside, then linked: whoever comes second finds the first one's file whole and uses that.
void write_key(const std::filesystem::path& file, EVP_PKEY* key) {
    const Bio pem(BIO_new(BIO_s_mem()), BIO_free);
    PEM_write_bio_PrivateKey(pem.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
    const std::string text = contents(pem.get());
    const std::string aside = file.string() + ".new";  // one name: a kill leaves no trail of keys
    const int descriptor = ::open(aside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (descriptor < 0) throw unusable(file, std::strerror(errno));
    const bool written =
        ::write(descriptor, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
        ::fsync(descriptor) == 0;
    ::close(descriptor);
    const bool linked = written && (::link(aside.c_str(), file.c_str()) == 0 || errno == EEXIST);
    const int why = errno;
    ::unlink(aside.c_str());
    if (!linked) throw unusable(file, std::strerror(why));
}

}  // namespace

SigningKey SigningKey::load_or_make(const std::filesystem::path& data_dir) {
    const std::filesystem::path file = data_dir / "signing.key";
    if (Key key = read_key(file)) return SigningKey(std::move(key));
    if (!std::filesystem::exists(data_dir)) {
        std::filesystem::create_directories(data_dir);
        std::filesystem::permissions(data_dir, std::filesystem::perms::owner_all);
    }
    const Key made(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"), EVP_PKEY_free);
    if (!made) throw Error(ExitCode::internal, "OpenSSL made no Ed25519 key");
    write_key(file, made.get());
    return SigningKey(read_key(file));
}

std::optional<SigningKey> SigningKey::load(const std::filesystem::path& data_dir) {
    const std::filesystem::path file = data_dir / "signing.key";
    if (::access(file.c_str(), R_OK) != 0) return std::nullopt;
    Key key = read_key(file);
    if (!key) return std::nullopt;
    return SigningKey(std::move(key));
}

std::string SigningKey::sign(std::string_view message) const {
    const Digest context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    std::string signature(64, '\0');
    std::size_t size = signature.size();
    if (EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) != 1 ||
        EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                       bytes_of(message), message.size()) != 1)
        throw Error(ExitCode::internal, "OpenSSL did not sign");
    return signature;
}

std::string SigningKey::public_pem() const {
    const Bio pem(BIO_new(BIO_s_mem()), BIO_free);
    PEM_write_bio_PUBKEY(pem.get(), key_.get());
    return contents(pem.get());
}

bool is_signed_by(const std::string& public_pem, std::string_view message,
                  std::string_view signature) {
    const Key key = public_key(public_pem);
    const Digest context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    return key && EVP_PKEY_is_a(key.get(), "ED25519") == 1 &&
           EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
           EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(), bytes_of(message),
                            message.size()) == 1;
}

std::string fingerprint_of(const std::string& public_pem) {
    const Key key = public_key(public_pem);
    if (!key) return "";
    unsigned char* der = nullptr;
    const int size = i2d_PUBKEY(key.get(), &der);
    std::string fingerprint =
        size < 0
            ? ""
            : to_hex(sha256({reinterpret_cast<const char*>(der), static_cast<std::size_t>(size)}));
    OPENSSL_free(der);
    return fingerprint;
}

}  // namespace keyrota
