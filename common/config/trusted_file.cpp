#include "config/trusted_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "postgres/process.h"

namespace keyrota {
namespace {

namespace fs = std::filesystem;

Complaint cannot_be_read(const std::string& what, int error) {
    return {fmt::format("{} cannot be read: {}", what, std::strerror(error)), ""};
}

bool is_ours(const struct stat& status) {
    return status.st_uid == 0 || status.st_uid == ::geteuid();
}

Complaint belongs_to_others(const std::string& what, const fs::path& path) {
    return {what + " belongs to neither root nor the user who runs keyrota",
            fmt::format("Check what is in it, then `chown {} {}`.", ::geteuid(), path.string())};
}

Complaint written_by_others(const std::string& what, const fs::path& path) {
    return {what + " can be written by others than its owner",
            fmt::format("Check what is in it, then `chmod go-w {}`.", path.string())};
}

std::optional<Complaint> distrusted(const fs::path& path, const std::string& what, Kept kept,
                                    const struct stat& status) {
    if (S_ISDIR(status.st_mode)) return Complaint{what + " is a directory, not a file", ""};
    if (!S_ISREG(status.st_mode)) return Complaint{what + " is not a regular file", ""};
    if (!is_ours(status)) return belongs_to_others(what, path);
    if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) return written_by_others(what, path);
    if (kept == Kept::from_readers) {
        // As libpq has it for its keys: root may share one with the group of a service. So do
        // systemd (an ACL, which shows as the group's right) and Kubernetes (fsGroup).
        const bool shared_by_root = status.st_uid == 0;
        if ((status.st_mode & (S_IROTH | (shared_by_root ? 0U : S_IRGRP))) != 0)
            return Complaint{what + " can be read by others than its owner",
                             fmt::format("`chmod {} {}`, and make a new one if somebody may have "
                                         "read it.",
                                         shared_by_root ? "o=" : "go=", path.string())};
    }
    return distrusted_folder(path, what);
}

}  // namespace

std::optional<Complaint> distrusted_file(const fs::path& path, const std::string& what) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) return cannot_be_read(what, errno);
    return distrusted(path, what, Kept::from_writers, status);
}

std::optional<Complaint> distrusted_folder(const fs::path& path, const std::string& what) {
    std::error_code error;
    const fs::path named = fs::absolute(path, error);
    const fs::path real = fs::canonical(path, error);
    if (error) return cannot_be_read(what, error.value());
    for (const fs::path& end : {named, real})
        for (fs::path folder = end.parent_path();; folder = folder.parent_path()) {
            struct stat status {};
            if (::stat(folder.c_str(), &status) != 0) return cannot_be_read(what, errno);
            const std::string name = fmt::format("the folder {} of {}", folder.string(), what);
            if (!is_ours(status)) return belongs_to_others(name, folder);
            const bool written = (status.st_mode & (S_IWGRP | S_IWOTH)) != 0;
            if (written && (status.st_mode & S_ISVTX) == 0) return written_by_others(name, folder);
            if (folder == folder.root_path()) break;
        }
    return std::nullopt;
}

TrustedFile read_trusted_file(const fs::path& path, const std::string& what, Kept kept) {
    const auto refuse = [](Complaint why) {
        return TrustedFile{.text = {}, .is_missing = false, .why = std::move(why)};
    };
    // Without O_NONBLOCK opening a named pipe would wait for a writer.
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!file)
        return {.text = {},
                .is_missing = errno == ENOENT || errno == ENOTDIR,
                .why = cannot_be_read(what, errno)};
    // Of the open file, not of its name: what is checked is what is read.
    struct stat status {};
    if (::fstat(file.get(), &status) != 0) return refuse(cannot_be_read(what, errno));
    if (auto complaint = distrusted(path, what, kept, status)) return refuse(*std::move(complaint));

    TrustedFile read{.text = "", .is_missing = false, .why = {}};
    char buffer[65536];
    for (;;) {
        const ssize_t got = ::read(file.get(), buffer, sizeof buffer);
        if (got == 0) return read;
        if (got > 0) read.text->append(buffer, static_cast<std::size_t>(got));
        if (got < 0 && errno != EINTR) return refuse(cannot_be_read(what, errno));
    }
}

}  // namespace keyrota
