#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "notify/answer.h"

namespace keyrota {

/// Where mail is handed in.
struct SmtpServer {
    enum class Tls { starttls, implicit, none };
    std::string host;
    std::int64_t port = 587;
    Tls tls = Tls::starttls;  // required: a server that offers none gets no mail
    std::string ca_file{};    // PEM; empty: the system's
    std::string user{};       // empty: no AUTH
    std::string password{};
    std::chrono::microseconds timeout = std::chrono::seconds(30);  // to connect; of each answer
};

/// One SMTP session, kept open from message to message. The certificate must be valid and the
/// host's. A server that wants no more on a connection (421, 452) gets a new one.
class SmtpClient {
  public:
    explicit SmtpClient(SmtpServer server);
    ~SmtpClient();
    SmtpClient(SmtpClient&&) noexcept;
    SmtpClient& operator=(SmtpClient&&) = delete;

    /// Hands over one message for one recipient. Trouble is an answer, never an exception: where
    /// the last answer did not come, the server may have the message nevertheless.
    /// @param bytes RFC 5322 with CRLF. @param before_content is called when the server is ready
    /// for it: nothing is handed over before that returned, and nothing at all where it throws.
    Answer send(
        const std::string& from, const std::string& recipient, const std::string& bytes,
        const std::function<void()>& before_content = [] {});
    /// Whether it could: connects, TLS, AUTH; sends no mail.
    Answer greet();

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace keyrota
