#include "commands/verify/verify.h"

#include <unistd.h>

#include "command_line/commands.h"

namespace keyrota {

void declare_verify_secret(Command& app, Program& program) {
    struct Given : GivenFormat {
        SecretUse use;
        bool from_stdin = false;
    };
    const auto given = std::make_shared<Given>();
    Command verify =
        app.add("verify", "Say whether a call with a secret would be accepted and, if not, why",
                {{"keyrota verify --stdin < secret.txt",
                  "keyrota verify --stdin --environment production --scope read:experiences < "
                  "secret.txt",
                  "keyrota verify --stdin --json < secret.txt"},
                 {ExitCode::config, ExitCode::database, ExitCode::secret_invalid}});
    verify
        .flag("--stdin", given->from_stdin,
              "read it from standard input, one line; on a terminal it is not echoed")
        .required();
    verify
        .option("--environment", given->use.environment,
                "the environment it must be for: production or test")
        .one_of({"production", "test"})
        .type("NAME");
    verify.option("--scope", given->use.scope, "a scope that it must have").type("SCOPE");
    given->add_json_to(verify);
    verify.runs(program, [given, &program] {
        const Config config = program.load();
        if (Program::in_is_terminal()) program.errors << "secret: " << std::flush;
        return verify_secret(config, STDIN_FILENO, given->use, given->format(), program.out);
    });
}

}  // namespace keyrota
