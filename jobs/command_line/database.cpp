#include "commands/database.h"
#include "command_line/commands.h"

namespace keyrota {

void declare_database(Command& app, Program& program) {
    Command db = app.add_group("db", "Create, migrate, start, stop and query the database");
    {
        const auto options = std::make_shared<InitOptions>();
        Command init =
            db.add("init", "Create what is missing: embedded server, roles, schema, signing key",
                   {{"keyrota db init", "keyrota db init --simulation --data-dir /tmp/try-it",
                     "KEYROTA_DATABASE_ADMIN_URL=postgresql://admin@db/keys keyrota db init"},
                    {ExitCode::config, ExitCode::database}});
        init.flag("--simulation", options->simulation,
                  "a database for time travel (--as-of); never a real one");
        init.runs(program,
                  [options, &program] { return db_init(program.load(), *options, program.out); });
    }
    const auto add_plain = [&](const char* name, const char* sentence, const Help& help,
                               ExitCode (*command)(const Config&, std::ostream&)) {
        db.add(name, sentence, help).runs(program, [command, &program] {
            return command(program.load(), program.out);
        });
    };
    add_plain("migrate", "Bring the schema up to this program's version",
              {{"keyrota db migrate"}, {ExitCode::config, ExitCode::database}}, db_migrate);
    add_plain("check", "Check that the schema matches this program",
              {{"keyrota db check"}, {ExitCode::config, ExitCode::database}}, db_check);
    add_plain("start", "Start the embedded server",
              {{"keyrota db start"}, {ExitCode::config, ExitCode::database}}, db_start);
    add_plain("stop", "Stop the embedded server",
              {{"keyrota db stop"}, {ExitCode::config, ExitCode::database}}, db_stop);
    add_plain("status", "Show whether the embedded server is running",
              {{"keyrota db status"}, {ExitCode::config, ExitCode::attention}}, db_status);

    const auto arguments = std::make_shared<std::vector<std::string>>();
    Command psql =
        db.add("psql", "Open psql on the database as keyrota_owner",
               {{"keyrota db psql", "keyrota db psql -- -c 'select * from keyrota.key limit 5'"},
                {ExitCode::config, ExitCode::database}});
    psql.option("ARG", *arguments, "arguments for psql, after --").may_be_empty();
    psql.runs(program, [arguments, &program] { return db_psql(program.load(), *arguments); });
}

}  // namespace keyrota
