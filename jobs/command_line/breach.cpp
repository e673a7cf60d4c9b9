#include "commands/breach/breach.h"

#include "command_line/commands.h"
#include "commands/leaver.h"

namespace keyrota {

void declare_breach(Command& app, Program& program) {
    struct Given : GivenFormat {
        BreachSource source;
        BreachOptions options;
    };
    const auto given = std::make_shared<Given>();
    Command breach =
        app.add("breach", "Expire leaked keys at once, however many; nothing brings them back",
                {{"keyrota breach 17 sk_live_...abcd", "keyrota breach --stdin < secret.txt",
                  "keyrota breach --json - < alert.json",
                  "keyrota breach --prefix-file leaked.txt --dry-run"},
                 {ExitCode::partial, ExitCode::config, ExitCode::database}});
    breach.option("KEY", given->source.keys, "key_ids, or prefix...hint that means one key");
    breach
        .option("--prefix-file", given->source.prefix_file, "instead: a file with one KEY per line")
        .type("FILE");
    breach
        .option(
            "--json", given->source.json_file,
            "instead: an alert of secret scanning, [{token,type,url,source}]; - for standard input")
        .type("FILE");
    breach.flag("--stdin", given->source.from_stdin,
                "instead: whole secrets from standard input, one per line; never shown or stored");
    breach.flag("--all-matching", given->options.all_matching,
                "let prefix...hint stand for every key that it matches");
    breach.flag("--dry-run", given->options.dry_run, "show what would end; change nothing");
    breach.flag("--yes", given->options.yes,
                "do not ask for confirmation, as is done above 100 keys");
    breach.flag("--json-output", given->json, "print what was done as JSON");
    breach.runs(program, [given, &program] {
        given->options.format = given->format();
        const Config config = program.load();
        if (given->source.from_stdin && Program::in_is_terminal())
            program.errors << "secrets, one a line, then Ctrl-D:\n" << std::flush;
        return keyrota::breach(config, given->source, given->options, program.out, program.errors);
    });
}

void declare_leaver(Command& app, Program& program) {
    struct Given {
        std::string owner;
        LeaverOptions options;
    };
    const auto given = std::make_shared<Given>();
    Command leaver = app.add(
        "leaver",
        "Hand the keys of an owner who left to the fallback owner and rotate them, or switch them "
        "off",
        {{"keyrota leaver ada@example.com", "keyrota leaver 7 --to bo@example.com --dry-run",
          "keyrota leaver ada@example.com --deactivate"},
         {ExitCode::config, ExitCode::database}});
    leaver.option("OWNER", given->owner, "who has left: an email address or owner_id").required();
    leaver.option("--to", given->options.to, "who gets their keys; default: their fallback owner")
        .type("OWNER");
    leaver.flag("--deactivate", given->options.deactivate,
                "switch all of the keys off; by default those that have a sink are rotated");
    leaver.flag("--dry-run", given->options.dry_run, "show what would be done; change nothing");
    leaver.flag("--yes", given->options.yes,
                "do not ask for confirmation, as is done above 100 keys");
    leaver.runs(program, [given, &program] {
        return keyrota::leaver(program.load(), given->owner, given->options, program.out,
                               program.errors);
    });
}

}  // namespace keyrota
