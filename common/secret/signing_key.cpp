#include "secret/signing_key.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "error/error.h"

namespace keyrota {
namespace {

using Key = std::shared_ptr<EVP_PKEY>;
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

std::string SigningKey::public_pem() const {
    const Bio pem(BIO_new(BIO_s_mem()), BIO_free);
    PEM_write_bio_PUBKEY(pem.get(), key_.get());
    return contents(pem.get());
}

}  // namespace keyrota
