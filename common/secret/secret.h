#pragma once

#include <string>
#include <string_view>

#include "secret/locked_text.h"

namespace keyrota {

/// A new secret in locked memory, wiped with this object; it has no copy.
class Secret {
  public:
    /// @throws Error{internal} when the operating system gives no random characters.
    explicit Secret(std::string_view prefix);
    Secret(Secret&& other) noexcept = default;
    Secret& operator=(Secret&&) = delete;
    Secret(const Secret&) = delete;
    Secret& operator=(const Secret&) = delete;

    std::string_view text() const { return text_; }
    std::string hint() const;
    /// SHA-256 as hexadecimal digits: what is stored of it.
    std::string hash() const;

  private:
    LockedText text_;
};

}  // namespace keyrota
