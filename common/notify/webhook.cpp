#include "notify/webhook.h"

#include <Poco/JSON/Object.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>

#include "http/post.h"
#include "report/escape.h"
#include "report/json_text.h"

namespace keyrota {
namespace {

using Kind = Answer::Kind;

constexpr std::size_t kLongestText = 30'000;  // characters; Slack cuts at 40,000

// The three characters with which Slack begins links, mentions and entities.
std::string for_slack(std::string_view text) {
    std::string escaped;
    escaped.reserve(text.size());
    for (const char c : text) {
        if (c == '&')
            escaped += "&amp;";
        else if (c == '<')
            escaped += "&lt;";
        else if (c == '>')
            escaped += "&gt;";
        else
            escaped += c;
    }
    return escaped;
}

// Not now, as HTTP says it; all else that is not good is a refusal.
bool may_go_well_later(int status) {
    return status == 0 || status == 408 || status == 425 || status == 429 || status >= 500;
}

}  // namespace

std::string webhook_body(const OutgoingMessage& message, const std::string& format) {
    Poco::JSON::Object body(Poco::JSON_PRESERVE_KEY_ORDER);
    if (format == "slack") {
        body.set("text",
                 for_slack(shortened(message.subject + "\n" + message.text_body, kLongestText)));
        return json_text(body);
    }
    body.set("id", message.message_id);
    body.set("kind", message.kind);
    body.set("severity", message.severity);
    body.set("subject", message.subject);
    body.set("text", message.text_body);
    body.set("created_at", to_string(message.created_at));
    body.set("run_id", message.run_id);
    return json_text(body);
}

std::string webhook_signature(const std::string& secret, std::int64_t timestamp,
                              const std::string& body) {
    const std::string signed_text = fmt::format("v1:{}:{}", timestamp, body);
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int size = 0;
    HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
         reinterpret_cast<const unsigned char*>(signed_text.data()), signed_text.size(),
         digest.data(), &size);
    std::string signature = "v1=";
    for (unsigned int i = 0; i < size; ++i) signature += fmt::format("{:02x}", digest.at(i));
    return signature;
}

const Config::Webhook* find_webhook(const Config& config, std::string_view recipient) {
    if (!recipient.starts_with(kWebhookPrefix))
        return config.webhook.url.empty() ? nullptr : &config.webhook;
    recipient.remove_prefix(kWebhookPrefix.size());
    for (const Config::NamedWebhook& webhook : config.webhooks)
        if (webhook.name == recipient) return &webhook;
    return nullptr;
}

Answer WebhookTransport::send(const OutgoingMessage& message,
                              const std::function<void()>& before_content) {
    before_content();
    if (!trouble_.empty()) return {Kind::later, "", trouble_};
    HttpPost post{.url = webhook_.url,
                  .body = webhook_body(message, webhook_.format),
                  .content_type = "application/json",
                  .timeout = webhook_.timeout};
    if (!webhook_.secret.empty()) {
        // The receiver's clock is the real one, so this one is too.
        const std::int64_t timestamp = std::chrono::duration_cast<std::chrono::seconds>(
                                           std::chrono::system_clock::now().time_since_epoch())
                                           .count();
        post.headers = {
            {"X-Keyrota-Timestamp", fmt::to_string(timestamp)},
            {"X-Keyrota-Signature", webhook_signature(webhook_.secret, timestamp, post.body)}};
    }
    const HttpAnswer answer = post_http(post);
    const std::string code = answer.status == 0 ? "" : fmt::to_string(answer.status);
    if (answer.is_good()) return {Kind::sent, code, answer.words};
    const std::string words = fmt::format("{}{}{}", code, code.empty() ? "" : " ", answer.words);
    if (!may_go_well_later(answer.status)) return {Kind::never, code, words};
    if (answer.status == 0) trouble_ = words;
    return {Kind::later, code, words};
}

}  // namespace keyrota
