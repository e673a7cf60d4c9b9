#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace keyrota {

/// What is wrong with a file that is imported, line by line: all of it at once, as far as people
/// read. Values that may be a secret never come here.
class Problems {
  public:
    /// @param file as messages name it.
    explicit Problems(std::string file) : file_(std::move(file)) {}

    /// @param message `owner_email: nobody has this address`
    void add(std::int64_t line, const std::string& message, const std::string& hint = "");
    /// At a byte of the line, counted from 1.
    void add_at(std::int64_t line, std::int64_t column, const std::string& message,
                const std::string& hint = "");
    /// More than were added one by one.
    void count_more(std::int64_t more) { total_ += more; }

    bool none() const { return total_ == 0; }
    /// @param hint the end of the message: what to do.
    /// @throws Error{usage} with all of them, by line, if there are any: `FILE:LINE: ...`.
    void refuse_if_any(
        const std::string& hint = "Nothing was changed: correct the file, or the map.") const;

    static constexpr std::size_t kMostShown = 100;

  private:
    void keep(std::int64_t line, std::string text, const std::string& hint);

    struct Problem {
        std::int64_t line;
        std::string text;
    };
    std::string file_;
    std::vector<Problem> kept_;
    std::int64_t total_ = 0;
};

}  // namespace keyrota
