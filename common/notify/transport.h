#pragma once

#include <functional>
#include <memory>
#include <string>

#include "config/config.h"
#include "notify/answer.h"
#include "notify/mime.h"
#include "notify/outgoing.h"
#include "notify/smtp.h"

namespace keyrota {

/// A way out for messages.
class Transport {
  public:
    Transport() = default;
    virtual ~Transport() = default;
    Transport(const Transport&) = delete;
    Transport& operator=(const Transport&) = delete;

    /// Hands over one message. Trouble is an answer, not an exception.
    /// @param before_content is called before the far end can have all of it; what it throws ends
    /// the attempt.
    virtual Answer send(const OutgoingMessage& message,
                        const std::function<void()>& before_content) = 0;
};

/// Whether mail goes by `smtp`, `sendmail` or `maildir`: mail.transport, with `auto` resolved.
std::string mail_transport(const Config& config);

/// The server that mail.* describes. @throws Error{config} where that is not whole.
SmtpServer smtp_server(const Config::Mail& mail);

/// What mail.* says of all mail. @throws Error{config} for an address that is none.
MailIdentity mail_identity(const Config::Mail& mail, const std::string& installation);

/// What takes email, as the configuration has it. @throws Error{config} where that is not whole.
std::unique_ptr<Transport> make_mail_transport(const Config& config,
                                               const std::string& installation);

}  // namespace keyrota
