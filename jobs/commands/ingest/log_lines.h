#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "commands/ingest/log_bytes.h"

namespace keyrota {

/// The lines of a log in a fixed amount of memory, with the offset up to which each was read.
class LogLines {
  public:
    /// No line of a log that says anything is longer.
    static constexpr std::size_t kLongest = std::size_t{1} << 20;
    /// So many bytes behind a line may be read, though they mean nothing.
    static constexpr std::size_t kPadding = 64;
    /// The bytes before an offset that say, together with a log's beginning, that it is this log.
    static constexpr std::size_t kTail = 1024;

    explicit LogLines(LogBytes& bytes);
    ~LogLines();
    LogLines(const LogLines&) = delete;
    LogLines& operator=(const LogLines&) = delete;

    /// Goes on at an offset where a line begins, if the log has these bytes before it; else it must
    /// go elsewhere next.
    enum class Reached { there, ends_before, differs };
    Reached go_to(std::int64_t offset, std::string_view expected_tail_hash);
    void go_to_start();

    /// Moves to the next line. @returns false where no further one is complete (yet).
    bool next();
    /// The present one, without its line break; of one that is too long nothing.
    std::string_view text() const;
    bool is_too_long() const { return is_too_long_; }
    /// With its line break.
    std::int64_t length() const { return length_; }
    /// Where the present line begins and ends; before the first both are where reading began.
    std::int64_t begins_at() const { return begins_at_; }
    std::int64_t ends_at() const { return begins_at_ + length_; }

    /// After next() said no: what is there of a line that lacks its line break.
    std::string_view rest() const;
    bool has_rest() const { return passed_ > 0 || next_begin() < end_; }
    /// Takes the rest for a line.
    void take_rest();
    /// SHA-256 of the last bytes before ends_at(), at most kTail, in hexadecimal digits.
    std::string tail_hash() const;

  private:
    std::size_t next_begin() const { return begin_ + in_buffer_; }
    bool fill();
    void reset(std::int64_t offset);
    void make_room();
    void finish(std::size_t in_buffer);

    LogBytes& bytes_;
    std::vector<char> buffer_;
    std::size_t begin_ = 0, in_buffer_ = 0;  // the present line, as far as it is in the buffer
    std::size_t end_ = 0;                    // of what was read
    std::size_t seen_ = 0;                   // behind next_begin(): no line break there
    std::int64_t begins_at_ = 0, length_ = 0;
    std::int64_t passed_ = 0;  // of a line that is too long, no longer in the buffer
    bool is_too_long_ = false;
};

}  // namespace keyrota
