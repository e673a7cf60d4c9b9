#include "report/new_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "error/error.h"

namespace keyrota {

NewFile::NewFile(std::filesystem::path target)
    : target_(std::move(target)), path_(target_.string() + ".new") {
    fd_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd_ < 0) fail();
    if (::fchmod(fd_, 0600) != 0) fail();
}

NewFile::~NewFile() {
    if (fd_ < 0) return;
    ::close(fd_);
    ::unlink(path_.c_str());
}

void NewFile::write(std::string_view text) {
    buffer_ += text;
    if (buffer_.size() > 1 << 16) flush();
}

void NewFile::finish() {
    flush();
    if (::fsync(fd_) != 0) fail();
    ::close(fd_);
    fd_ = -1;
    if (::rename(path_.c_str(), target_.c_str()) != 0) fail();
}

void NewFile::flush() {
    for (std::string_view left = buffer_; !left.empty();) {
        const ssize_t wrote = ::write(fd_, left.data(), left.size());
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote < 0) fail();
        left.remove_prefix(static_cast<std::size_t>(wrote));
    }
    buffer_.clear();
}

void NewFile::fail() const {
    throw Error(ExitCode::usage,
                fmt::format("cannot write {}: {}", target_.string(), std::strerror(errno)));
}

}  // namespace keyrota
