#include "command_line/commands.h"
#include "commands/doctor/doctor.h"
#include "commands/status/status.h"
#include "report/colour.h"

namespace keyrota {

void declare_status(Command& app, Program& program) {
    struct Given : GivenFormat {
        std::string as_of;
    };
    const auto given = std::make_shared<Given>();
    Command command =
        app.add("status", "Show the state of jobs, findings and database on one screen",
                {{"keyrota status", "keyrota status --json",
                  "keyrota status >/dev/null || echo 'keyrota needs somebody'"},
                 {ExitCode::config, ExitCode::database, ExitCode::attention}});
    command
        .option("--as-of", given->as_of, "as of this instant (UTC); on a simulation database only")
        .type("TIME");
    given->add_json_to(command);
    command.runs(program, [given, &program] {
        StatusOptions options{
            .as_of = {}, .json = given->json, .colours = wants_colours(Program::out_is_terminal())};
        if (!given->as_of.empty()) {
            options.as_of = parse_timestamp(given->as_of);
            if (!options.as_of)
                throw unreadable("--as-of", given->as_of, "2027-01-01 or 2027-01-01T08:00:00Z");
        }
        return status(program.load(), options, program.out);
    });
}

void declare_doctor(Command& app, Program& program) {
    const auto given = std::make_shared<GivenFormat>();
    Command command = app.add(
        "doctor", "Examine machine and database for problems: rights, clocks, disk, schedule, mail",
        {{"keyrota doctor", "keyrota doctor --json"}, {ExitCode::attention}});
    given->add_json_to(command);
    command.runs(program, [given, &program] {
        return doctor([&program] { return program.load_with_origins(); },
                      {.json = given->json, .colours = wants_colours(Program::out_is_terminal())},
                      program.out);
    });
}

}  // namespace keyrota
