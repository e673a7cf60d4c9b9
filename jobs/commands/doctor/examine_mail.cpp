// What `keyrota doctor` looks at on the way of messages to people.

#include <fmt/format.h>
#include <unistd.h>

#include "commands/doctor/examinations.h"
#include "notify/transport.h"

namespace keyrota {
namespace {

Diagnosis examine_smtp(const Config::Mail& mail) {
    const SmtpServer server = smtp_server(mail);
    const std::string where = fmt::format("{}:{}", server.host, server.port);
    const Answer answer = SmtpClient(server).greet();
    switch (answer.kind) {
        case Answer::Kind::sent:
            return {Health::ok,
                    fmt::format("{} accepts mail{}", where,
                                server.tls == SmtpServer::Tls::none ? ", without TLS" : "")};
        case Answer::Kind::denied:
            return {Health::fail, fmt::format("{}: {}", where, answer.words),
                    "Check mail.user and mail.password."};
        case Answer::Kind::unreachable:
        case Answer::Kind::later:
        case Answer::Kind::never:
            break;
    }
    return {Health::fail, fmt::format("{}: {}", where, answer.words),
            "Check mail.host, mail.port, mail.tls and mail.ca_file."};
}

}  // namespace

Diagnosis examine_mail(const Patient& patient) {
    const Config::Mail& mail = patient.config().mail;
    const std::string transport = mail_transport(patient.config());
    mail_identity(mail, "");
    if (transport == "maildir")
        return {Health::info,
                fmt::format("goes into files below {}, not to anybody",
                            (patient.config().data_dir / "maildir").string()),
                "Set mail.host, or mail.transport to sendmail, before people rely on it."};
    if (transport == "sendmail") {
        if (::access(mail.sendmail.c_str(), X_OK) == 0)
            return {Health::ok, fmt::format("goes to {}", mail.sendmail.string())};
        return {Health::fail,
                fmt::format("{} is not a program that keyrota may run", mail.sendmail.string()),
                "Install a mail server, or set mail.transport to smtp."};
    }
    if (mail.host.empty())
        return {Health::warn, "no mail server is configured: nobody is notified",
                "Set mail.host, or mail.transport to sendmail or maildir."};
    return examine_smtp(mail);
}

}  // namespace keyrota
