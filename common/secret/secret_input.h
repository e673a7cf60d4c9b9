#pragma once

#include <termios.h>

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

namespace keyrota {

/// Whole secrets from a descriptor, one a line. They are in this object's memory alone, which is
/// wiped with it; a terminal does not echo them while it lives (a shell sets that right again after
/// a signal).
class SecretInput {
  public:
    explicit SecretInput(int descriptor);
    ~SecretInput();
    SecretInput(const SecretInput&) = delete;
    SecretInput& operator=(const SecretInput&) = delete;

    bool is_terminal() const { return terminal_.has_value(); }
    /// The next line with anything on it, without the blanks around it; good until the next call.
    /// @throws Error{usage} for a line of more than 8 KiB, Error{internal} where reading fails.
    std::optional<std::string_view> next();

  private:
    std::optional<std::string_view> next_line();
    bool fill();

    int descriptor_;
    std::optional<termios> terminal_{};  // as it was
    std::array<char, 8192> buffer_{};
    std::size_t begin_ = 0;  // what is read and not yet handed over: [begin_, end_)
    std::size_t end_ = 0;
    bool at_end_ = false;
};

}  // namespace keyrota
