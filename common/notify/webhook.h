#pragma once

#include "notify/transport.h"

namespace keyrota {

/// What is posted for a message. @param format `slack`: a text in which & < > mean nothing;
/// `json`: the message's fields.
std::string webhook_body(const OutgoingMessage& message, const std::string& format);

/// `v1=` and the HMAC-SHA256 in hex of `v1:TIMESTAMP:BODY`: a receiver that knows the secret can
/// tell who sent it, and when.
std::string webhook_signature(const std::string& secret, std::int64_t timestamp,
                              const std::string& body);

/// What the recipient of a notice or message begins with that is the name of a team's webhook.
inline constexpr std::string_view kWebhookPrefix = "webhook:";

/// The webhook of a message's recipient: of `operator`, or `webhook:NAME`; null where the
/// configuration has none.
const Config::Webhook* find_webhook(const Config& config, std::string_view recipient);

/// Posts messages to one webhook. One that was not reached is not waited for again in its lifetime.
class WebhookTransport : public Transport {
  public:
    explicit WebhookTransport(const Config::Webhook& webhook) : webhook_(webhook) {}
    Answer send(const OutgoingMessage& message,
                const std::function<void()>& before_content) override;

  private:
    Config::Webhook webhook_;
    std::string trouble_;  // why it was not reached
};

}  // namespace keyrota
