#include "commands/audit.h"
#include "command_line/commands.h"

namespace keyrota {

void declare_audit(Command& app, Program& program) {
    Command audit = app.add_group("audit", "Verify the audit trail");
    const auto json = std::make_shared<bool>(false);
    Command verify =
        audit.add("verify", "Recompute the whole audit trail and name the first broken place",
                  {{"keyrota audit verify", "keyrota audit verify --json"},
                   {ExitCode::config, ExitCode::database, ExitCode::audit_broken}});
    verify.flag("--json", *json, "print the verdict as JSON");
    verify.runs(program,
                [json, &program] { return audit_verify(program.load(), *json, program.out); });
}

}  // namespace keyrota
