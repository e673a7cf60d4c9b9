#include "commands/ingest/log_bytes.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "error/error.h"

namespace keyrota {
namespace {

constexpr std::size_t kRaw = std::size_t{1} << 16;
constexpr std::string_view kGzip = "\x1f\x8b";
// As Apache, nginx and logrotate may have compressed it, if not with gzip.
constexpr std::string_view kOtherwiseCompressed[] = {"\x28\xb5\x2f\xfd", "BZh", "\xfd\x37zXZ",
                                                     "PK\x03\x04"};

}  // namespace

LogBytes::LogBytes(const std::string& path) : name_(path == "-" ? "stdin" : path), raw_(kRaw) {
    open(path);
    try {
        look_at_the_beginning();
    } catch (...) {
        if (inflating_) inflateEnd(&inflating_->stream);
        ::close(descriptor_);
        throw;
    }
}

LogBytes::~LogBytes() {
    if (inflating_) inflateEnd(&inflating_->stream);
    ::close(descriptor_);
}

void LogBytes::refuse(const std::string& what, const std::string& hint) const {
    throw Error(ExitCode::usage, fmt::format("{}: {}", name_, what), hint);
}

// Not blocking: a pipe by name that nobody writes to must not stop the others' logs.
void LogBytes::open(const std::string& path) {
    descriptor_ = path == "-" ? ::dup(STDIN_FILENO)
                              : ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (descriptor_ < 0) refuse(fmt::format("it cannot be read: {}", std::strerror(errno)));
    struct stat status {};
    ::fstat(descriptor_, &status);
    is_regular_ = S_ISREG(status.st_mode) && ::lseek(descriptor_, 0, SEEK_CUR) == 0;
    if (S_ISREG(status.st_mode) || (path == "-" && !S_ISDIR(status.st_mode))) return;
    ::close(descriptor_);
    if (S_ISDIR(status.st_mode)) refuse("it is a directory", "Name its files: DIRECTORY/*.log.");
    refuse("it is not a file", "Read a pipe as standard input: `keyrota ... - < PIPE`.");
}

void LogBytes::look_at_the_beginning() {
    while (raw_end_ < kGzip.size()) {
        const ssize_t got = ::read(descriptor_, raw_.data() + raw_end_, raw_.size() - raw_end_);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) refuse(fmt::format("it cannot be read: {}", std::strerror(errno)));
        if (got == 0) break;
        raw_end_ += static_cast<std::size_t>(got);
    }
    const std::string_view first(raw_.data(), raw_end_);
    for (const std::string_view magic : kOtherwiseCompressed)
        if (first.starts_with(magic))
            refuse("it is compressed, and not with gzip",
                   "Unpack it in a pipe: `zstdcat FILE | keyrota ... -`.");
    if (first.starts_with(kGzip)) {
        inflating_ = std::make_unique<Inflating>();
        constexpr int kGzipAlone = 15 + 16;
        if (inflateInit2(&inflating_->stream, kGzipAlone) != Z_OK)
            throw Error(ExitCode::internal, "zlib cannot be set up");
    }
    std::array<char, kBeginning> block{};
    while (beginning_.size() < kBeginning) {
        const std::size_t got = source(block.data(), kBeginning - beginning_.size());
        if (got == 0) break;
        beginning_.append(block.data(), got);
    }
    decoded_ = static_cast<std::int64_t>(beginning_.size());
    if (beginning_.find('\0') != std::string::npos)
        refuse("it is a binary file",
               "A log that was truncated below a writer that does not append begins with NULs.");
}

std::size_t LogBytes::raw(char* to, std::size_t most) {
    if (raw_begin_ < raw_end_) {
        const std::size_t taken = std::min(most, raw_end_ - raw_begin_);
        std::memcpy(to, raw_.data() + raw_begin_, taken);
        raw_begin_ += taken;
        return taken;
    }
    for (;;) {
        const ssize_t got = ::read(descriptor_, to, most);
        if (got >= 0) return static_cast<std::size_t>(got);
        if (errno != EINTR) refuse(fmt::format("it cannot be read: {}", std::strerror(errno)));
    }
}

std::size_t LogBytes::inflated(char* to, std::size_t most) {
    z_stream& stream = inflating_->stream;
    stream.next_out = reinterpret_cast<Bytef*>(to);
    stream.avail_out = static_cast<uInt>(most);
    while (stream.avail_out == most && !is_cut_short_) {
        if (raw_begin_ == raw_end_) {
            raw_begin_ = raw_end_ = 0;
            raw_end_ = raw(raw_.data(), raw_.size());
            if (raw_end_ == 0) {
                is_cut_short_ = !inflating_->is_at_start_of_member;
                break;
            }
        }
        stream.next_in = reinterpret_cast<Bytef*>(raw_.data() + raw_begin_);
        stream.avail_in = static_cast<uInt>(raw_end_ - raw_begin_);
        inflating_->is_at_start_of_member = false;
        const int outcome = inflate(&stream, Z_NO_FLUSH);
        raw_begin_ = raw_end_ - stream.avail_in;
        if (outcome == Z_STREAM_END) {  // another may follow: logs that were joined
            inflating_->is_at_start_of_member = true;
            inflateReset(&stream);
        } else if (outcome != Z_OK && outcome != Z_BUF_ERROR) {
            is_cut_short_ = true;
        }
    }
    return most - stream.avail_out;
}

void LogBytes::restart() {
    if (!is_regular_)
        refuse("it begins like a log that was read before, but continues differently",
               "Give it as a file.");
    ::lseek(descriptor_, 0, SEEK_SET);
    raw_begin_ = raw_end_ = 0;
    is_cut_short_ = false;
    decoded_ = 0;
    if (!inflating_) return;
    inflating_->is_at_start_of_member = true;
    inflateReset(&inflating_->stream);
}

std::size_t LogBytes::read(char* to, std::size_t most) {
    const auto kept = static_cast<std::int64_t>(beginning_.size());
    if (offset_ < kept) {
        const std::size_t taken = beginning_.copy(to, most, static_cast<std::size_t>(offset_));
        offset_ += static_cast<std::int64_t>(taken);
        return taken;
    }
    const std::size_t got = source(to, most);
    if (beginning_.size() < kBeginning && offset_ == kept)
        beginning_.append(to, std::min(got, kBeginning - beginning_.size()));
    offset_ += static_cast<std::int64_t>(got);
    decoded_ = offset_;
    return got;
}

bool LogBytes::go_to(std::int64_t offset) {
    const auto kept = static_cast<std::int64_t>(beginning_.size());
    if (may_grow() && offset >= kept) {
        struct stat status {};
        if (::fstat(descriptor_, &status) != 0 || status.st_size < offset) return false;
        ::lseek(descriptor_, offset, SEEK_SET);
        raw_begin_ = raw_end_ = 0;
        offset_ = decoded_ = offset;
        return true;
    }
    std::vector<char> passed(kRaw);
    const auto pass_to = [&](std::int64_t& at, std::int64_t end, const auto& from) {
        while (at < end) {
            const std::size_t got =
                from(passed.data(), std::min(passed.size(), static_cast<std::size_t>(end - at)));
            if (got == 0) return false;
            at += static_cast<std::int64_t>(got);
        }
        return true;
    };
    const auto of_source = [&](char* to, std::size_t most) { return source(to, most); };
    const std::int64_t source_at = std::max(offset, kept);
    if (source_at < decoded_) restart();
    if (!pass_to(decoded_, source_at, of_source)) return false;
    offset_ = offset;
    return true;
}

bool LogBytes::was_rewritten() const {
    if (!may_grow()) return false;
    struct stat status {};
    if (::fstat(descriptor_, &status) != 0) return true;
    if (status.st_size < offset_) return true;
    std::array<char, kBeginning> now{};
    const ssize_t got = ::pread(descriptor_, now.data(), beginning_.size(), 0);
    return got != static_cast<ssize_t>(beginning_.size()) ||
           std::memcmp(now.data(), beginning_.data(), beginning_.size()) != 0;
}

bool LogBytes::is_at(const std::string& path) const {
    struct stat mine {
    }, there{};
    return ::fstat(descriptor_, &mine) == 0 && ::stat(path.c_str(), &there) == 0 &&
           mine.st_dev == there.st_dev && mine.st_ino == there.st_ino;
}

}  // namespace keyrota
