#pragma once

#include "notify/transport.h"

namespace keyrota {

/// The sendmail program that every local mail server brings. What it takes is in that server's
/// queue: it answers for the rest.
class SendmailTransport : public Transport {
  public:
    SendmailTransport(const Config::Mail& mail, MailIdentity identity)
        : program_(mail.sendmail), timeout_(mail.timeout), identity_(std::move(identity)) {}
    Answer send(const OutgoingMessage& message,
                const std::function<void()>& before_content) override;

  private:
    std::filesystem::path program_;
    std::chrono::microseconds timeout_;
    MailIdentity identity_;
};

}  // namespace keyrota
