#include "commands/cron/cron.h"
#include "command_line/commands.h"

namespace keyrota {

void declare_cron(Command& app, Program& program) {
    struct Given {
        CronPrintOptions options;
        std::string directory;
    };
    const auto given = std::make_shared<Given>();
    Command cron = app.add_group("cron", "Print what starts the jobs on schedule");
    Command print = cron.add(
        "print", "Print the files with which cron, systemd or Kubernetes starts the jobs",
        {{"keyrota cron print --format crontab", "keyrota cron print --format systemd --out units",
          "keyrota cron print --format kubernetes --out manifests"},
         {ExitCode::config}});
    print.option("--format", given->options.format, "crontab, systemd or kubernetes")
        .required()
        .one_of({"crontab", "systemd", "kubernetes"})
        .type("FORMAT");
    print.option("--out", given->directory, "write them to this directory instead").type("DIR");
    print.option("--program", given->options.program, "where keyrota is on that machine")
        .shows_default()
        .type("PATH");
    print.option("--user", given->options.user, "the system user that runs it")
        .shows_default()
        .type("NAME");
    print.runs(program, [given, &program] {
        given->options.directory = given->directory;
        return cron_print(program.sources, given->options, program.out);
    });
}

}  // namespace keyrota
