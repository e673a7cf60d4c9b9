#pragma once

#include <openssl/crypto.h>

#include <string>

namespace keyrota {

/// Wipes a text that holds a secret at the end of the scope. The text must have had the room for it
/// (`reserve`) before the secret came into it: where a string moves to, it leaves a copy behind.
class WipeAtEnd {
  public:
    explicit WipeAtEnd(std::string& text) : text_(text) {}
    ~WipeAtEnd() { OPENSSL_cleanse(text_.data(), text_.size()); }
    WipeAtEnd(const WipeAtEnd&) = delete;
    WipeAtEnd& operator=(const WipeAtEnd&) = delete;

  private:
    std::string& text_;
};

}  // namespace keyrota
