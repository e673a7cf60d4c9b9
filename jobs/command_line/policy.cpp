#include "commands/policy.h"

#include "command_line/commands.h"

namespace keyrota {

void declare_policy(Command& app, Program& program) {
    Command policy = app.add_group("policy", "Show which thresholds apply to which keys");
    struct Given : GivenFormat {
        std::string key;
    };
    const auto given = std::make_shared<Given>();
    Command explain =
        policy.add("explain",
                   "Explain which policy rule applies to a key, the first reason why each other "
                   "rule does not, and where each threshold was set",
                   {{"keyrota policy explain 1", "keyrota policy explain sk_live_...abcd --json"},
                    {ExitCode::config, ExitCode::database}});
    explain.option("KEY", given->key, "a key_id, source:external_id, or prefix...hint").required();
    given->add_json_to(explain);
    explain.runs(program, [given, &program] {
        return policy_explain(program.load_with_origins(), given->key, given->format(),
                              program.out);
    });
}

}  // namespace keyrota
