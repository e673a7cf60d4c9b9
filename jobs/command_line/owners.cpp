#include "commands/owners/owners.h"
#include "command_line/commands.h"
#include "commands/owners/teams.h"

namespace keyrota {
namespace {

constexpr const char* kLimitHelp =
    "at most N; 0 means all. Default: 100, or all with --json or --csv";

std::optional<std::int64_t> limit_of(std::int64_t given) {
    if (given < 0) return std::nullopt;
    return given;
}

void add_wishes(Command& command, OwnerWishes& wishes, bool required) {
    const auto add = [&](const char* option, std::string& value, const char* help,
                         const char* type) {
        return command.option(option, value, help).type(type);
    };
    Argument email = add("--email", wishes.email, "the address that notices go to", "EMAIL");
    Argument name = add("--name", wishes.name, "what people call them", "NAME");
    if (required) {
        email.required();
        name.required();
    }
    add("--team", wishes.team, "the team behind them; none for none", "TEAM");
    add("--time-zone", wishes.time_zone, "where they live: Europe/Berlin; UTC without it", "ZONE");
    add("--fallback", wishes.fallback, "who is told instead once they have left; none for none",
        "OWNER");
}

void declare_owner_changes(Command& owners, Program& program) {
    struct Given : GivenFormat {
        std::string owner;
        OwnerWishes wishes;
    };
    const auto made = std::make_shared<Given>();
    Command create = owners.add(
        "create", "Create an owner: somebody who is told about their keys",
        {{"keyrota owners create --email ada@example.com --name 'Ada Lovelace'",
          "keyrota owners create --email build@example.com --name 'Nightly build' --team Platform "
          "--time-zone Europe/Berlin"},
         {ExitCode::config, ExitCode::database}});
    add_wishes(create, made->wishes, true);
    made->add_json_to(create);
    create.runs(program, [made, &program] {
        return owners_create(program.load(), made->wishes, made->format(), program.out);
    });

    const auto given = std::make_shared<Given>();
    Command update =
        owners.add("update", "Change an owner; the keys stay as they are",
                   {{"keyrota owners update ada@example.com --team Payments",
                     "keyrota owners update 7 --active false --fallback bo@example.com"},
                    {ExitCode::config, ExitCode::database}});
    update.option("OWNER", given->owner, "an email address or owner_id").required();
    add_wishes(update, given->wishes, false);
    update.option("--active", given->wishes.active, "true, or false for one who has left")
        .one_of({"true", "false"})
        .type("BOOL");
    update.runs(program, [given, &program] {
        return owners_update(program.load(), given->owner, given->wishes, program.out);
    });
}

void declare_owner_pages(Command& owners, Program& program) {
    struct Given : GivenFormat {
        std::string owner;
        OwnerFilter filter;
        std::int64_t limit = -1;
    };
    const auto given = std::make_shared<Given>();
    Command list = owners.add("list", "List owners by address, with their keys and findings",
                              {{"keyrota owners list", "keyrota owners list --team Payments --csv",
                                "keyrota owners list --active false"},
                               {ExitCode::config, ExitCode::database}});
    list.option("--team", given->filter.team, "only of this team").type("TEAM");
    list.option("--active", given->filter.active, "true, or false: those who have left")
        .one_of({"true", "false"})
        .type("BOOL");
    list.option("--limit", given->limit, kLimitHelp).not_negative().type("N");
    given->add_to(list);
    list.runs(program, [given, &program] {
        given->filter.limit = limit_of(given->limit);
        return owners_list(program.load(), given->filter, given->format(), program.out);
    });

    const auto named = std::make_shared<Given>();
    Command show =
        owners.add("show", "Show one owner",
                   {{"keyrota owners show ada@example.com", "keyrota owners show 7 --json"},
                    {ExitCode::config, ExitCode::database}});
    show.option("OWNER", named->owner, "an email address or owner_id").required();
    named->add_json_to(show);
    show.runs(program, [named, &program] {
        return owners_show(program.load(), named->owner, named->format(), program.out);
    });
}

void add_wishes(Command& command, TeamWishes& wishes, bool required) {
    Argument name = command.option("--name", wishes.name, "what it is called").type("NAME");
    if (required) name.required();
    command.option("--email", wishes.email, "where the whole team is told; none for none")
        .type("EMAIL");
    command
        .option("--security-email", wishes.security_email,
                "who is told when nobody acts; none for none")
        .type("EMAIL");
    command
        .option("--webhook", wishes.webhook,
                "where its copies are posted too, by the name in the configuration; none for none")
        .type("NAME");
}

void declare_team_changes(Command& teams, Program& program) {
    struct Given : GivenFormat {
        std::string team;
        TeamWishes wishes;
    };
    const auto made = std::make_shared<Given>();
    Command create = teams.add("create", "Create a team of owners",
                               {{"keyrota teams create --name Payments",
                                 "keyrota teams create --name Search --email search@example.com "
                                 "--security-email security@example.com"},
                                {ExitCode::config, ExitCode::database}});
    add_wishes(create, made->wishes, true);
    made->add_json_to(create);
    create.runs(program, [made, &program] {
        return teams_create(program.load(), made->wishes, made->format(), program.out);
    });

    const auto given = std::make_shared<Given>();
    Command update = teams.add("update", "Change a team",
                               {{"keyrota teams update Payments --email payments@example.com",
                                 "keyrota teams update Payments --webhook payments-chat",
                                 "keyrota teams update 3 --name Checkout"},
                                {ExitCode::config, ExitCode::database}});
    update.option("TEAM", given->team, "its name or team_id").required();
    add_wishes(update, given->wishes, false);
    update.runs(program, [given, &program] {
        return teams_update(program.load(), given->team, given->wishes, program.out);
    });
}

void declare_team_pages(Command& teams, Program& program) {
    struct Given : GivenFormat {
        std::string team;
        std::int64_t limit = -1;
    };
    const auto given = std::make_shared<Given>();
    Command list = teams.add("list", "List teams by name, with their owners, keys and findings",
                             {{"keyrota teams list", "keyrota teams list --limit 0 --json"},
                              {ExitCode::config, ExitCode::database}});
    list.option("--limit", given->limit, kLimitHelp).not_negative().type("N");
    given->add_to(list);
    list.runs(program, [given, &program] {
        return teams_list(program.load(), limit_of(given->limit), given->format(), program.out);
    });

    const auto named = std::make_shared<Given>();
    Command show = teams.add("show", "Show one team",
                             {{"keyrota teams show Payments", "keyrota teams show 3 --json"},
                              {ExitCode::config, ExitCode::database}});
    show.option("TEAM", named->team, "its name or team_id").required();
    named->add_json_to(show);
    show.runs(program, [named, &program] {
        return teams_show(program.load(), named->team, named->format(), program.out);
    });
}

}  // namespace

void declare_owners(Command& app, Program& program) {
    Command owners = app.add_group("owners", "Create, find and change owners");
    declare_owner_pages(owners, program);
    declare_owner_changes(owners, program);
    declare_owners_import(owners, program);
}

void declare_teams(Command& app, Program& program) {
    Command teams = app.add_group("teams", "Create, find and change teams");
    declare_team_pages(teams, program);
    declare_team_changes(teams, program);
}

}  // namespace keyrota
