#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace keyrota {

/// A text file, or standard input, line by line in a fixed amount of memory.
class Lines {
  public:
    /// No line of a key or an owner is longer.
    static constexpr std::size_t kLongest = std::size_t{1} << 20;
    /// So many bytes behind a line may be read, though they mean nothing.
    static constexpr std::size_t kPadding = 64;

    /// @param path `-` for standard input.
    /// @throws Error{usage} for what cannot be read, or is no text: a directory, a compressed or
    /// binary file, UTF-16.
    explicit Lines(const std::string& path);
    ~Lines();
    Lines(const Lines&) = delete;
    Lines& operator=(const Lines&) = delete;

    /// Moves to the next line. @returns false after the last one.
    bool next();
    /// With its line break, where it has one. Of a line that is too long only the beginning; the
    /// rest is passed over.
    std::string_view text() const { return {buffer_.data() + begin_, length_}; }
    std::int64_t number() const { return number_; }
    bool is_too_long() const { return is_too_long_; }

    /// What messages call it.
    const std::string& name() const { return name_; }

  private:
    bool fill();
    void look_at_the_beginning();
    void skip_the_rest();
    [[noreturn]] void refuse(const std::string& what, const std::string& hint = "") const;

    std::string name_;
    int descriptor_ = -1;
    std::vector<char> buffer_;
    std::size_t begin_ = 0, length_ = 0;  // the present line
    std::size_t end_ = 0;                 // of what was read
    std::int64_t number_ = 0;
    bool is_too_long_ = false;
    bool at_end_ = false;
};

}  // namespace keyrota
