#include "command_line/commands.h"
#include "commands/config.h"
#include "config/reference.h"
#include "config/schema.h"

namespace keyrota {

void declare_config(Command& app, Program& program) {
    Command config = app.add_group("config", "Check, show and describe the configuration");
    config
        .add("check", "Check the configuration and report everything that is wrong at once",
             {{"keyrota config check", "keyrota config check --config ./keyrota.yaml"},
              {ExitCode::config}})
        .runs(program, [&program] { return config_check(program.sources, program.out); });
    const auto json = std::make_shared<bool>(false);
    Command show =
        config.add("show", "Show every option, its value and where it was set",
                   {{"keyrota config show", "keyrota config show --json"}, {ExitCode::config}});
    show.flag("--json", *json, "print as JSON");
    show.runs(program,
              [json, &program] { return config_show(program.sources, *json, program.out); });
    config
        .add("schema", "Print the JSON Schema of the configuration, for editors and other programs",
             {{"keyrota config schema > keyrota.schema.json"}, {}})
        .runs(program, [&program] {
            program.out << config_schema() << "\n";
            return ExitCode::done;
        });
    config
        .add("reference",
             "Print docs/configuration.md: every option, what it takes and what it is for",
             {{"keyrota config reference > configuration.md"}, {}})
        .runs(program, [&program] {
            program.out << config_reference();
            return ExitCode::done;
        });
}

}  // namespace keyrota
