#include "commands/import/lines.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "error/error.h"

namespace keyrota {
namespace {

// What files begin with that are no UTF-8 text.
struct Magic {
    std::string_view beginning;
    const char* what;
    const char* hint;
};
constexpr Magic kNoTexts[] = {
    {"\x1f\x8b", "it is compressed", "Unpack it in a pipe: `zcat FILE | keyrota ... -`."},
    {"\x28\xb5\x2f\xfd", "it is compressed",
     "Unpack it in a pipe: `zstdcat FILE | keyrota ... -`."},
    {"PK\x03\x04", "it is an archive or a spreadsheet", "Save it as CSV."},
    {"\xff\xfe", "it is UTF-16", "Convert it: `iconv -f UTF-16 -t UTF-8`."},
    {"\xfe\xff", "it is UTF-16", "Convert it: `iconv -f UTF-16 -t UTF-8`."},
};
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

}  // namespace

Lines::Lines(const std::string& path)
    : name_(path == "-" ? "stdin" : path), buffer_(2 * kLongest + kPadding) {
    descriptor_ = path == "-" ? ::dup(STDIN_FILENO) : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor_ < 0) refuse(fmt::format("it cannot be read: {}", std::strerror(errno)));
    struct stat status {};
    if (::fstat(descriptor_, &status) == 0 && S_ISDIR(status.st_mode)) {
        ::close(descriptor_);
        refuse("it is a directory");
    }
    try {
        while (end_ < 4096 && fill()) {
        }
        look_at_the_beginning();
    } catch (...) {
        ::close(descriptor_);
        throw;
    }
}

Lines::~Lines() {
    ::close(descriptor_);
}

void Lines::refuse(const std::string& what, const std::string& hint) const {
    throw Error(ExitCode::usage, fmt::format("{}: {}", name_, what), hint);
}

// @returns whether there was more.
bool Lines::fill() {
    while (!at_end_) {
        const ssize_t got =
            ::read(descriptor_, buffer_.data() + end_, buffer_.size() - kPadding - end_);
        if (got > 0) {
            end_ += static_cast<std::size_t>(got);
            return true;
        }
        if (got == 0) at_end_ = true;
        if (got < 0 && errno != EINTR)
            refuse(fmt::format("it cannot be read: {}", std::strerror(errno)));
    }
    return false;
}

void Lines::look_at_the_beginning() {
    const std::string_view beginning(buffer_.data(), end_);
    for (const Magic& magic : kNoTexts)
        if (beginning.starts_with(magic.beginning)) refuse(magic.what, magic.hint);
    if (beginning.find('\0') != std::string_view::npos) refuse("it is a binary file");
    if (beginning.starts_with(kByteOrderMark)) begin_ = kByteOrderMark.size();
}

bool Lines::next() {
    begin_ += length_;
    length_ = 0;
    is_too_long_ = false;
    std::size_t seen = 0;
    for (;;) {
        const char* from = buffer_.data() + begin_;
        const void* found = std::memchr(from + seen, '\n', end_ - begin_ - seen);
        if (found) {
            length_ = static_cast<std::size_t>(static_cast<const char*>(found) - from) + 1;
            break;
        }
        seen = end_ - begin_;
        if (seen > kLongest) {
            length_ = seen;
            break;
        }
        if (begin_ > 0 && end_ > kLongest) {  // there is always room for a line
            std::memmove(buffer_.data(), buffer_.data() + begin_, seen);
            begin_ = 0;
            end_ = seen;
        }
        if (fill()) continue;
        length_ = seen;  // the last line may lack its line break
        break;
    }
    if (length_ == 0) return false;
    ++number_;
    is_too_long_ = length_ > kLongest;
    if (is_too_long_ && text().back() != '\n') skip_the_rest();
    return true;
}

void Lines::skip_the_rest() {
    constexpr std::size_t kShown = 1024;  // more than anybody needs to know which one it is
    begin_ = 0;
    length_ = kShown;
    for (;;) {
        end_ = kShown;
        if (!fill()) return;
        const char* from = buffer_.data() + kShown;
        const void* found = std::memchr(from, '\n', end_ - kShown);
        if (!found) continue;
        // What follows moves up behind what is shown.
        const char* after = static_cast<const char*>(found) + 1;
        const std::size_t rest = end_ - static_cast<std::size_t>(after - buffer_.data());
        std::memmove(buffer_.data() + kShown, after, rest);
        end_ = kShown + rest;
        return;
    }
}

}  // namespace keyrota
