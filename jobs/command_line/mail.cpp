#include "commands/mail/mail.h"
#include "command_line/commands.h"

namespace keyrota {
namespace {

struct GivenMessages : GivenFormat {
    std::vector<std::string> messages;
    std::string why;
    bool dead = false;

    std::vector<std::int64_t> ids() const {
        std::vector<std::int64_t> found;
        for (const std::string& message : messages) {
            const bool is_number =
                message.size() < 19 && message.find_first_not_of("0123456789") == std::string::npos;
            if (!is_number) throw unreadable("MESSAGE", message, "42");
            found.push_back(std::stoll(message));
        }
        return found;
    }
};

void declare_queue(Command& mail, Program& program) {
    struct Given : GivenFormat {
        std::string state;
        std::int64_t limit = -1;
    };
    const auto given = std::make_shared<Given>();
    Command queue = mail.add(
        "queue", "List messages that are not sent: waiting ones, the next first, and dead ones",
        {{"keyrota mail queue", "keyrota mail queue --state dead --json",
          "keyrota mail queue --state sent --limit 20"},
         {ExitCode::config, ExitCode::database}});
    queue
        .option("--state", given->state,
                "unsent (the default), pending, sending, sent, dead, cancelled or all")
        .one_of({"unsent", "pending", "sending", "sent", "dead", "cancelled", "all"})
        .type("STATE");
    queue
        .option("--limit", given->limit,
                "at most N; 0 means all. Default: 100, or all with --json or --csv")
        .not_negative()
        .type("N");
    given->add_to(queue);
    queue.runs(program, [given, &program] {
        return mail_queue(program.load(), given->state, given->limit, given->format(), program.out);
    });
}

void declare_show(Command& mail, Program& program) {
    struct Given : GivenFormat {
        std::int64_t message = 0;
    };
    const auto given = std::make_shared<Given>();
    Command show = mail.add("show", "Show a message and the outcome of each try to deliver it",
                            {{"keyrota mail show 42", "keyrota mail show 42 --json"},
                             {ExitCode::config, ExitCode::database}});
    show.option("MESSAGE", given->message, "its number, as `queue` lists it").required();
    given->add_json_to(show);
    show.runs(program, [given, &program] {
        return mail_show(program.load(), given->message, given->format(), program.out);
    });
}

void declare_retry(Command& mail, Program& program) {
    const auto given = std::make_shared<GivenMessages>();
    Command retry = mail.add("retry", "Try dead or waiting messages again with the next delivery",
                             {{"keyrota mail retry 42 43", "keyrota mail retry --dead"},
                              {ExitCode::config, ExitCode::database}});
    const Argument messages = retry.option("MESSAGE", given->messages, "their numbers");
    retry.flag("--dead", given->dead, "all that are dead").not_with(messages);
    given->add_json_to(retry);
    retry.runs(program, [given, &program] {
        if (given->messages.empty() && !given->dead)
            throw Error(ExitCode::usage, "which messages?", "Name them, or say --dead.");
        return mail_retry(program.load(), given->ids(), given->format(), program.out);
    });
}

void declare_cancel(Command& mail, Program& program) {
    const auto given = std::make_shared<GivenMessages>();
    Command cancel = mail.add("cancel", "Cancel messages: they are never sent",
                              {{"keyrota mail cancel 42 --why 'the keys were deleted'"},
                               {ExitCode::config, ExitCode::database}});
    cancel.option("MESSAGE", given->messages, "their numbers").required();
    cancel.option("--why", given->why, "the reason, for the audit trail").required().type("TEXT");
    given->add_json_to(cancel);
    cancel.runs(program, [given, &program] {
        return mail_cancel(program.load(), given->ids(), given->why, given->format(), program.out);
    });
}

void declare_sending(Command& mail, Program& program) {
    const auto flushed = std::make_shared<GivenFormat>();
    Command flush = mail.add("flush", "Deliver now what waits for its next try",
                             {{"keyrota mail flush", "keyrota mail flush --json"},
                              {ExitCode::config, ExitCode::database, ExitCode::delivery}});
    flushed->add_json_to(flush);
    flush.runs(program, [flushed, &program] {
        return mail_flush(program.load(), flushed->format(), program.out);
    });

    struct Given : GivenFormat {
        std::string address;
    };
    const auto given = std::make_shared<Given>();
    Command test = mail.add("test", "Send a test message now, the way all messages go",
                            {{"keyrota mail test ada@example.com", "keyrota mail test webhook",
                              "keyrota mail test webhook:payments-chat"},
                             {ExitCode::config, ExitCode::database, ExitCode::delivery}});
    test.option("ADDRESS", given->address, "where to, webhook, or webhook:NAME").required();
    given->add_json_to(test);
    test.runs(program, [given, &program] {
        return mail_test(program.load(), given->address, given->format(), program.out);
    });
}

void declare_release(Command& mail, Program& program) {
    const auto yes = std::make_shared<bool>(false);
    Command release =
        mail.add("release", "Release mail to owners, which a new installation holds back",
                 {{"keyrota mail release", "keyrota mail release --yes"},
                  {ExitCode::config, ExitCode::database}});
    release.flag("--yes", *yes, "do not ask for confirmation");
    release.runs(program, [yes, &program] {
        return mail_release(program.load(), *yes, program.out, program.errors);
    });
}

void declare_preview(Command& mail, Program& program) {
    struct Given {
        std::string about, directory;
    };
    const auto given = std::make_shared<Given>();
    Command preview =
        mail.add("preview", "Write the mail that an owner would get now to files; send nothing",
                 {{"keyrota mail preview ada@example.com --out mail",
                   "keyrota mail preview kf_0123456789 --out mail"},
                  {ExitCode::config, ExitCode::database}});
    preview
        .option("OWNER|FINDING", given->about,
                "whose keys (an email or owner_id), or what the mail is about (kf_...)")
        .required();
    preview.option("--out", given->directory, "the directory for NAME.eml, NAME.html and NAME.txt")
        .required()
        .type("DIR");
    preview.runs(program, [given, &program] {
        return mail_preview(program.load(), given->about, given->directory, program.out);
    });
}

void declare_suppressions(Command& mail, Program& program) {
    Command suppressions =
        mail.add_group("suppressions", "Manage addresses that get no mail because they refused it");
    const auto format = std::make_shared<GivenFormat>();
    Command list = suppressions.add(
        "list", "List them, with the words of the server that refused",
        {{"keyrota mail suppressions list", "keyrota mail suppressions list --csv"},
         {ExitCode::config, ExitCode::database}});
    format->add_to(list);
    list.runs(program, [format, &program] {
        return suppressions_list(program.load(), format->format(), program.out);
    });

    struct Given {
        std::string address, why;
    };
    const auto given = std::make_shared<Given>();
    Command add = suppressions.add(
        "add", "Send an address no more mail; the next in line is told instead",
        {{"keyrota mail suppressions add old@example.com --why 'left the company'"},
         {ExitCode::config, ExitCode::database}});
    add.option("ADDRESS", given->address, "the address").required();
    add.option("--why", given->why, "the reason").required().type("TEXT");
    add.runs(program, [given, &program] {
        return suppressions_add(program.load(), given->address, given->why, program.out);
    });
    Command remove = suppressions.add("remove", "Send an address mail again",
                                      {{"keyrota mail suppressions remove old@example.com"},
                                       {ExitCode::config, ExitCode::database}});
    remove.option("ADDRESS", given->address, "the address").required();
    remove.runs(program, [given, &program] {
        return suppressions_remove(program.load(), given->address, program.out);
    });
}

}  // namespace

void declare_mail(Command& app, Program& program) {
    Command mail = app.add_group("mail", "Show what was sent and what waits; preview, test, retry");
    declare_release(mail, program);
    declare_preview(mail, program);
    declare_queue(mail, program);
    declare_show(mail, program);
    declare_retry(mail, program);
    declare_cancel(mail, program);
    declare_sending(mail, program);
    declare_suppressions(mail, program);
}

}  // namespace keyrota
