#include <iostream>

#include "command_line/commands.h"
#include "commands/import/keys_import.h"
#include "commands/import/owners_import.h"

namespace keyrota {
namespace {

// What both imports are given.
template <typename Options>
struct Given : GivenFormat {
    Options options;
    std::string file_format;

    void add_to(Command& command, const char* file_help) {
        command.option("FILE", options.file, file_help).required();
        command.option("--format", file_format, "csv or jsonl (a JSON object on each line)")
            .required()
            .one_of({"csv", "jsonl"})
            .type("FORMAT");
        command
            .option("--map", options.map,
                    "what the columns mean: a YAML file, or the name of a built-in map")
            .type("MAP");
        command.flag("--dry-run", options.dry_run, "say what would be done; change nothing");
        add_json_to(command);
    }
    const Options& complete() {
        options.format = file_format == "csv" ? FileFormat::csv : FileFormat::json_lines;
        return options;
    }
};

}  // namespace

void declare_keys_import(Command& keys, Program& program) {
    const auto given = std::make_shared<Given<KeysImportOptions>>();
    KeysImportOptions& options = given->options;
    Command command =
        keys.add("import", "Make the keys of one source match a file, all of it or nothing",
                 {{"keyrota keys import --source legacy --format csv --dry-run keys.csv",
                   "keyrota keys import --source aws --format csv --map aws-credential-report "
                   "--owner ada@example.com report.csv",
                   "keyrota keys import --source billing --format jsonl --prune --yes -"},
                  {ExitCode::config, ExitCode::database, ExitCode::blast_radius}});
    given->add_to(command, "what to import; - for standard input");
    command.option("--source", options.source, "where the keys come from; ids are unique within it")
        .required()
        .type("NAME");
    command.option("--owner", options.owner, "whose keys they are where the file names no owner")
        .type("EMAIL");
    command.flag("--create-owners", options.create_owners,
                 "create owners for addresses that nobody has; otherwise such a line is an error");
    command.flag("--prune", options.prune, "expire keys of the source that the file no longer has");
    command.flag("--yes", options.yes, "do not ask for confirmation of --prune");
    command
        .option("--max-actions", options.max_actions,
                "expire at most N; without it 20, or 5 % of the active keys up to 1,000")
        .not_negative()
        .type("N");
    command.runs(program, [given, &program] {
        const Terminal terminal{Program::in_is_terminal(), Program::out_is_terminal(),
                                Program::errors_are_terminal()};
        return keys_import(program.load(), given->complete(), given->format(), terminal, std::cin,
                           program.out);
    });
}

void declare_owners_import(Command& owners, Program& program) {
    const auto given = std::make_shared<Given<OwnersImportOptions>>();
    Command command =
        owners.add("import", "Make owners match a file, by email address, all of it or nothing",
                   {{"keyrota owners import --format csv owners.csv",
                     "keyrota owners import --format jsonl --create-teams -"},
                    {ExitCode::config, ExitCode::database}});
    given->add_to(command, "what to import; - for standard input");
    command.flag("--create-teams", given->options.create_teams,
                 "create teams for names that none has; otherwise such a line is an error");
    command.runs(program, [given, &program] {
        return owners_import(program.load(), given->complete(), given->format(),
                             Program::out_is_terminal(), program.out);
    });
}

}  // namespace keyrota
