#pragma once

#include <memory>
#include <string>
#include <vector>

#include "notify/smtp.h"
#include "support/program.h"

namespace keyrota::test {

/// A message that the server took.
struct TakenMail {
    std::string from, to, user, bytes;
    bool tls = false;

    /// The value of a header, unfolded; empty: it has none.
    std::string header(const std::string& name) const;
};

/// tests/support/mail_server.py, or mail_server.mjs, on a port of its own: what its options and the
/// recipients' addresses ask for. Ends with its scope.
class MailServer {
  public:
    /// @param node_modules where npm's smtp-server is, which then serves; empty: Python's aiosmtpd.
    explicit MailServer(const Arguments& options = {}, const std::string& node_modules = "");

    /// Where it is, without TLS.
    SmtpServer address() const;
    std::int64_t port() const { return port_; }
    /// What it took, in order.
    std::vector<TakenMail> taken() const;
    const Scratch& scratch() const { return *scratch_; }

  private:
    std::unique_ptr<Scratch> scratch_ = std::make_unique<Scratch>();
    std::unique_ptr<Program> server_;
    std::int64_t port_ = 0;
};

/// A certificate that nobody has signed, for one name, in a file with its key; beside it,
/// `FILE.crt` without it. @returns FILE.
std::string given_certificate(const Scratch& scratch, const std::string& name);

/// What Python's `email` makes of a message: `{"headers": {...}, "defects": [...], "parts": [[type,
/// text], ...]}`.
std::string parsed_by_python(const std::string& bytes);

}  // namespace keyrota::test
