#include "commands/report/report.h"

#include "command_line/commands.h"

namespace keyrota {

void declare_report(Command& app, Program& program) {
    struct Given : ReportOptions {
        std::string as_of_text;
    };
    const auto given = std::make_shared<Given>();
    Command command = app.add(
        "report", "Write the state of the keys into one HTML file to forward",
        {{"keyrota report --out report.html", "keyrota report --team Payments --out payments.html",
          "keyrota report --json | jq -r .headline"},
         {ExitCode::config, ExitCode::database}});
    command
        .option("--out", given->out,
                "the file; an older one is replaced. `-`: standard output, as with --json alone")
        .type("FILE");
    command.option("--team", given->team, "only the keys of this team").type("TEAM");
    command.option("--owner", given->owner, "only the keys of this owner").type("OWNER");
    command.flag("--json", given->json, "the figures as JSON instead of a page");
    command
        .option("--as-of", given->as_of_text,
                "as of this instant (UTC); on a simulation database only")
        .type("TIME");
    command.runs(program, [given, &program] {
        if (!given->as_of_text.empty()) {
            given->as_of = parse_timestamp(given->as_of_text);
            if (!given->as_of)
                throw unreadable("--as-of", given->as_of_text,
                                 "2027-01-01 or 2027-01-01T08:00:00Z");
        }
        return report(program.load(), *given, program.out);
    });
}

}  // namespace keyrota
