#include "secret/secret_input.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "error/error.h"

namespace keyrota {
namespace {

constexpr std::string_view kBlanks = " \t\r";

std::string_view without_blanks(std::string_view line) {
    line.remove_prefix(std::min(line.find_first_not_of(kBlanks), line.size()));
    return line.substr(0, line.find_last_not_of(kBlanks) + 1);
}

}  // namespace

SecretInput::SecretInput(int descriptor) : descriptor_(descriptor) {
    termios now{};
    if (::tcgetattr(descriptor_, &now) != 0) return;  // no terminal
    terminal_ = now;
    now.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    now.c_lflag |= ECHONL;  // the line break shows that it was taken
    ::tcsetattr(descriptor_, TCSANOW, &now);
}

SecretInput::~SecretInput() {
    if (terminal_) ::tcsetattr(descriptor_, TCSANOW, &*terminal_);
    OPENSSL_cleanse(buffer_.data(), buffer_.size());
}

std::optional<std::string_view> SecretInput::next() {
    while (const auto line = next_line())
        if (const std::string_view secret = without_blanks(*line); !secret.empty()) return secret;
    return std::nullopt;
}

std::optional<std::string_view> SecretInput::next_line() {
    for (;;) {
        const std::string_view held(buffer_.data() + begin_, end_ - begin_);
        if (const std::size_t length = held.find('\n'); length != std::string_view::npos) {
            begin_ += length + 1;
            return held.substr(0, length);
        }
        if (at_end_) {
            begin_ = end_;
            return held.empty() ? std::nullopt : std::optional(held);
        }
        at_end_ = !fill();
    }
}

// @returns whether there was more.
bool SecretInput::fill() {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    if (end_ == buffer_.size())
        throw Error(ExitCode::usage,
                    fmt::format("standard input: a line of more than {} bytes", buffer_.size()),
                    "Give one secret a line.");
    ssize_t count = -1;
    do {
        count = ::read(descriptor_, buffer_.data() + end_, buffer_.size() - end_);
    } while (count < 0 && errno == EINTR);
    if (count < 0)
        throw Error(ExitCode::internal,
                    fmt::format("cannot read standard input: {}", std::strerror(errno)));
    end_ += static_cast<std::size_t>(count);
    return count > 0;
}

}  // namespace keyrota
