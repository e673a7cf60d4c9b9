#include "commands/ingest/log_lines.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <cstring>

#include "secret/sha256.h"

namespace keyrota {
namespace {

constexpr std::size_t kBlock = std::size_t{1} << 18;
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

}  // namespace

LogLines::LogLines(LogBytes& bytes)
    : bytes_(bytes), buffer_(2 * kTail + kLongest + 2 * kBlock + kPadding) {}

// Lines may have held secrets.
LogLines::~LogLines() {
    OPENSSL_cleanse(buffer_.data(), buffer_.size());
}

void LogLines::reset(std::int64_t offset) {
    begin_ = in_buffer_ = end_ = seen_ = 0;
    begins_at_ = offset;
    length_ = passed_ = 0;
    is_too_long_ = false;
}

void LogLines::go_to_start() {
    reset(0);
    bytes_.go_to(0);
}

LogLines::Reached LogLines::go_to(std::int64_t offset, std::string_view expected_tail_hash) {
    const auto size = static_cast<std::size_t>(std::min<std::int64_t>(offset, kTail));
    reset(offset);
    if (!bytes_.go_to(offset - static_cast<std::int64_t>(size))) return Reached::ends_before;
    while (end_ < size) {
        const std::size_t got = bytes_.read(buffer_.data() + end_, size - end_);
        if (got == 0) return Reached::ends_before;
        end_ += got;
    }
    begin_ = size;
    return tail_hash() == expected_tail_hash ? Reached::there : Reached::differs;
}

std::string_view LogLines::text() const {
    if (is_too_long_) return {};
    std::string_view line(buffer_.data() + begin_, in_buffer_);
    while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.remove_suffix(1);
    if (begins_at_ == 0 && line.starts_with(kByteOrderMark))
        line.remove_prefix(kByteOrderMark.size());
    return line;
}

std::string_view LogLines::rest() const {
    if (passed_ > 0) return {};
    return {buffer_.data() + next_begin(), end_ - next_begin()};
}

void LogLines::take_rest() {
    finish(end_ - next_begin());
}

// What was read goes, but for the tail before the next line. The present line may not be whole any
// more; nobody asks for it now.
void LogLines::make_room() {
    const std::size_t dropped = next_begin() - std::min(next_begin(), kTail);
    std::memmove(buffer_.data(), buffer_.data() + dropped, end_ - dropped);
    const std::size_t before_line = std::min(dropped, begin_);
    in_buffer_ -= dropped - before_line;
    begin_ -= before_line;
    end_ -= dropped;
}

bool LogLines::fill() {
    make_room();
    const std::size_t got = bytes_.read(buffer_.data() + end_, kBlock);
    end_ += got;
    return got > 0;
}

// The next line becomes the present one.
void LogLines::finish(std::size_t in_buffer) {
    begins_at_ += length_;
    begin_ = next_begin();
    in_buffer_ = in_buffer;
    length_ = passed_ + static_cast<std::int64_t>(in_buffer);
    is_too_long_ = length_ > static_cast<std::int64_t>(kLongest);
    passed_ = 0;
    seen_ = 0;
}

bool LogLines::next() {
    for (;;) {
        const char* from = buffer_.data() + next_begin();
        const std::size_t there = end_ - next_begin();
        const void* found = std::memchr(from + seen_, '\n', there - seen_);
        if (found) {
            finish(static_cast<std::size_t>(static_cast<const char*>(found) - from) + 1);
            return true;
        }
        seen_ = there;
        if (there > kLongest) {  // passed over: it takes no more memory, however long
            char* start = buffer_.data() + next_begin();
            std::memmove(start, start + there - kTail, kTail);
            passed_ += static_cast<std::int64_t>(there - kTail);
            end_ = next_begin() + kTail;
            seen_ = 0;
        }
        if (!fill()) return false;
    }
}

std::string LogLines::tail_hash() const {
    const std::size_t size = std::min(next_begin(), kTail);
    return to_hex(sha256({buffer_.data() + next_begin() - size, size}));
}

}  // namespace keyrota
