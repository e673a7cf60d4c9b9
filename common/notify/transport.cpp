#include "notify/transport.h"

#include <fmt/format.h>

#include "error/error.h"
#include "notify/maildir.h"
#include "notify/sendmail.h"
#include "postgres/database.h"
#include "text/email_address.h"

namespace keyrota {
namespace {

class SmtpTransport : public Transport {
  public:
    SmtpTransport(SmtpServer server, MailIdentity identity)
        : client_(std::move(server)), identity_(std::move(identity)) {}
    Answer send(const OutgoingMessage& message,
                const std::function<void()>& before_content) override {
        return client_.send(identity_.from, message.recipient, to_mime(message, identity_),
                            before_content);
    }

  private:
    SmtpClient client_;
    MailIdentity identity_;
};

SmtpServer::Tls tls_of(const std::string& name) {
    if (name == "implicit") return SmtpServer::Tls::implicit;
    return name == "none" ? SmtpServer::Tls::none : SmtpServer::Tls::starttls;
}

std::int64_t usual_port(SmtpServer::Tls tls) {
    switch (tls) {
        case SmtpServer::Tls::starttls:
            return 587;
        case SmtpServer::Tls::implicit:
            return 465;
        case SmtpServer::Tls::none:
            break;
    }
    return 25;
}

}  // namespace

std::string mail_transport(const Config& config) {
    if (config.mail.transport != "auto") return config.mail.transport;
    return is_embedded(config) && config.mail.host.empty() ? "maildir" : "smtp";
}

SmtpServer smtp_server(const Config::Mail& mail) {
    if (mail.host.empty())
        throw Error(ExitCode::config, "no mail server is configured",
                    "Set mail.host, or mail.transport to sendmail or maildir.");
    // It becomes part of a URL.
    if (mail.host.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                    "0123456789.-_") != std::string::npos)
        throw Error(ExitCode::config, "mail.host is not a host name",
                    "Give only the name; mail.port and mail.tls are separate options.");
    const SmtpServer::Tls tls = tls_of(mail.tls);
    return {.host = mail.host,
            .port = mail.port != 0 ? mail.port : usual_port(tls),
            .tls = tls,
            .ca_file = mail.ca_file.string(),
            .user = mail.user,
            .password = mail.password,
            .timeout = mail.timeout};
}

MailIdentity mail_identity(const Config::Mail& mail, const std::string& installation) {
    if (const auto why = why_no_email_address(mail.from))
        throw Error(ExitCode::config, fmt::format("mail.from is not an email address: {}", *why),
                    "Give only the address, without a name or brackets.");
    return {.installation = installation, .from = mail.from, .unsubscribe = mail.unsubscribe};
}

std::unique_ptr<Transport> make_mail_transport(const Config& config,
                                               const std::string& installation) {
    MailIdentity identity = mail_identity(config.mail, installation);
    const std::string kind = mail_transport(config);
    if (kind == "maildir")
        return std::make_unique<MaildirTransport>(config.data_dir / "maildir", std::move(identity));
    if (kind == "sendmail")
        return std::make_unique<SendmailTransport>(config.mail, std::move(identity));
    return std::make_unique<SmtpTransport>(smtp_server(config.mail), std::move(identity));
}

}  // namespace keyrota
