#include "commands/waivers/waivers.h"

#include "command_line/commands.h"

namespace keyrota {
namespace {

struct GivenWaiver : GivenFormat {
    WaiverWishes wishes;
};

void add_match(Command& command, KeyMatchWishes& wishes, const std::string& prefix,
               const std::string& which) {
    const auto add = [&](const char* option, std::vector<std::string>& values, const char* help,
                         const char* type) {
        const std::string name = prefix + option;
        command.option(name.c_str(), values, which + help).type(type);
    };
    add("team", wishes.teams, " of this team's owners", "TEAM");
    add("owner", wishes.owners, " of this owner", "OWNER");
    add("environment", wishes.environments, " of this environment: production or test", "NAME");
    add("key-name", wishes.names, " named so; * and ? as in a glob", "GLOB");
    add("key", wishes.keys, " this one", "KEY");
}

void declare_waivers_add(Command& waivers, Program& program) {
    const auto given = std::make_shared<GivenWaiver>();
    WaiverWishes& wishes = given->wishes;
    Command add = waivers.add(
        "add",
        "Exempt keys from checks until a date; a key must match every kind of option given, and "
        "each may be repeated",
        {{"keyrota waivers add legacy-batch --check KEY-NO-EXPIRY --key-name 'batch-*' --for 30d "
          "--why 'replaced in March' --requested-by 'Ada Lovelace' --approved-by 'Grace Hopper'",
          "keyrota waivers add payments-move --check KEY-UNUSED --check KEY-ROTATION-DUE --team "
          "Payments --except-key-name 'checkout*' --expires-at 2026-12-31 --why 'moves to another "
          "region' --requested-by Ada --approved-by Grace --dry-run"},
         {ExitCode::config, ExitCode::database}});
    add.option("NAME", wishes.name, "what it is called: a-z, 0-9 and -").required();
    add.option("--check", wishes.checks, "the check's id").required().type("CHECK");
    add_match(add, wishes.match, "--", "keys");
    add_match(add, wishes.except, "--except-", "but not keys");
    add.option("--why", wishes.why, "the reason, for colleagues and auditors")
        .required()
        .type("TEXT");
    add.option("--requested-by", wishes.requested_by, "who asked for it").required().type("NAME");
    add.option("--approved-by", wishes.approved_by, "who allowed it: somebody else")
        .required()
        .type("NAME");
    add.option("--for", wishes.lasts, "how long it holds, from now: 30d").type("DURATION");
    add.option("--expires-at", wishes.expires_at, "or until when").type("INSTANT");
    add.flag("--dry-run", wishes.dry_run, "only say how many keys and findings it would cover");
    given->add_json_to(add);
    add.runs(program, [given, &program] {
        return waivers_add(program.load(), given->wishes, given->format(), program.out);
    });
}

}  // namespace

void declare_waivers(Command& app, Program& program) {
    Command waivers = app.add_group("waivers", "Exempt keys from checks until a given date");
    declare_waivers_add(waivers, program);

    struct Listed : GivenFormat {
        bool all = false;
    };
    const auto listed = std::make_shared<Listed>();
    Command list = waivers.add(
        "list", "List waivers with what they cover; those in force first, then by their end",
        {{"keyrota waivers list", "keyrota waivers list --all --json"},
         {ExitCode::config, ExitCode::database}});
    list.flag("--all", listed->all, "those that were ended, too");
    listed->add_to(list);
    list.runs(program, [listed, &program] {
        return waivers_list(program.load(), listed->all, listed->format(), program.out);
    });

    struct Ended {
        std::string name, why;
    };
    const auto ended = std::make_shared<Ended>();
    Command end =
        waivers.add("end", "End a waiver that was made by command; its findings open again",
                    {{"keyrota waivers end legacy-batch --why 'replaced early'"},
                     {ExitCode::config, ExitCode::database}});
    end.option("NAME", ended->name, "the waiver").required();
    end.option("--why", ended->why, "the reason, for the audit trail and for colleagues")
        .required()
        .type("TEXT");
    end.runs(program, [ended, &program] {
        return waivers_end(program.load(), ended->name, ended->why, program.out);
    });
}

}  // namespace keyrota
