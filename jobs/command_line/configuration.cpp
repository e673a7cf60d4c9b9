#include "command_line/commands.h"
#include "commands/config.h"

namespace keyrota {

void declare_config(Command& app, Program& program) {
    Command config = app.add_group("config", "Check and show the configuration");
    config
        .add("check", "Say whether the configuration is valid, with all that is wrong at once",
             {{"keyrota config check", "keyrota config check --config ./keyrota.yaml"},
              {ExitCode::config}})
        .runs(program, [&program] { return config_check(program.sources, program.out); });
    const auto json = std::make_shared<bool>(false);
    Command show =
        config.add("show", "Show every option, its value and where it was said",
                   {{"keyrota config show", "keyrota config show --json"}, {ExitCode::config}});
    show.flag("--json", *json, "print as JSON");
    show.runs(program,
              [json, &program] { return config_show(program.sources, *json, program.out); });
}

}  // namespace keyrota
