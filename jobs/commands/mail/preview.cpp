#include <fmt/format.h>
#include <fmt/ostream.h>
#include <fmt/ranges.h>

#include <cctype>

#include "commands/find_named.h"
#include "commands/mail/mail.h"
#include "commands/named_files.h"
#include "error/error.h"
#include "jobs_sql.h"
#include "notify/mime.h"
#include "notify/recipient.h"
#include "notify/transport.h"
#include "notify_owners/notice_mail.h"
#include "notify_owners/notice_rows.h"
#include "postgres/database.h"

namespace keyrota {
namespace {

constexpr Statement kInstallationNow{
    "installation_now",
    "select installation_uuid::text as uuid, keyrota.micros(clock_timestamp()) as now"
    " from keyrota.installation"};

// What the mail is about, and what its files are called.
struct Subject {
    Params params;
    std::string name;
    std::string nothing_open;  // what is said where there is no mail
};

// Of a file's name only what is plain on every system.
std::string plain_name(std::string name) {
    for (char& c : name)
        if (std::isalnum(static_cast<unsigned char>(c)) == 0 &&
            std::string_view("._@+-").find(c) == std::string_view::npos)
            c = '_';
    return name.starts_with('.') ? "_" + name : name;
}

Subject subject_of(Session& session, const std::string& about) {
    if (about.starts_with("kf_") && about.find('@') == std::string::npos) {
        const std::string uid = find_finding(session, about).text("uid");
        return {{{"owner_id", std::optional<std::int64_t>()}, {"uid", uid}},
                uid,
                uid + " is not open, or its mail is switched off: nobody is notified of it\n"};
    }
    const std::int64_t owner_id = find_owner(session, about);
    return {{{"owner_id", owner_id}, text_or_null("uid", "")},
            plain_name(about),
            "no finding that is mailed is open about the keys of " + about + ": no mail\n"};
}

OutgoingMessage message_of(const NoticeMail& mail, const RenderedMail& rendered) {
    return {.kind = "notice",
            .channel = "email",
            .recipient = mail.recipient,
            .recipient_name = mail.recipient_name,
            .subject = rendered.subject,
            .text_body = rendered.text,
            .html_body = rendered.html,
            .created_at = mail.as_of};
}

}  // namespace

ExitCode mail_preview(const Config& config, const std::string& about,
                      const std::filesystem::path& directory, std::ostream& out) {
    Session session = open_session(config, Access::runner);
    const Transaction reading(session);
    Subject subject = subject_of(session, about);
    subject.params.emplace_back("operator", config.notify.operator_address);
    subject.params.emplace_back("unsilenced", unsilenced_checks());
    subject.params.emplace_back("announcing", announcing_checks());
    subject.params.emplace_back("count", kShownNotices);
    std::vector<Row> open = session.rows(sql::preview_findings, subject.params);
    if (open.empty()) {
        out << subject.nothing_open;
        return ExitCode::done;
    }
    std::optional<ChosenRecipient> recipient;  // the same for all keys of an owner
    for (Row& row : open) {
        recipient = choose_recipient(chain_of(row), row.text("key_name"));
        if (!recipient)
            throw Error(ExitCode::config, "nobody can be notified, not even notify.operator",
                        "Set notify.operator to an address that accepts mail.");
        row.add("reason", recipient->reason);
    }
    const Row installation = session.one(kInstallationNow);
    const Timestamp now = installation.instant("now");
    NoticeMail mail = notice_mail(config, open, keys_in_mail(session, open, now), now);
    mail.recipient = recipient->address;
    mail.recipient_name = recipient->name;
    mail.time_zone = recipient->time_zone;
    Templates templates(config.notify.templates);
    const RenderedMail rendered = render(templates, mail);
    const MailIdentity identity = mail_identity(config.mail, installation.text("uuid"));
    fmt::print(out, "to {}: {}\n", mail.recipient, rendered.subject);
    write_files({{subject.name + ".eml", to_mime(message_of(mail, rendered), identity)},
                 {subject.name + ".html", rendered.html},
                 {subject.name + ".txt", rendered.text}},
                directory, out);
    return ExitCode::done;
}

}  // namespace keyrota
