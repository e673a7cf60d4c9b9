#pragma once

#include <string>
#include <string_view>

namespace keyrota {

/// A new secret in memory, wiped with this object; it has no copy.
class Secret {
  public:
    /// @throws Error{internal} when the operating system gives no random characters.
    explicit Secret(std::string_view prefix);
    ~Secret();
    Secret(Secret&& other) noexcept;
    Secret& operator=(Secret&&) = delete;
    Secret(const Secret&) = delete;
    Secret& operator=(const Secret&) = delete;

    const std::string& text() const { return text_; }
    std::string hint() const;
    /// SHA-256 as hexadecimal digits: what is stored of it.
    std::string hash() const;

  private:
    std::string text_;
};

}  // namespace keyrota
