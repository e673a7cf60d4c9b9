#include "commands/sample/sample.h"
#include "command_line/commands.h"
#include "policy/policy.h"
#include "postgres/database.h"

namespace keyrota {

void declare_sample(Command& app, Program& program) {
    Command sample = app.add_group("sample", "Load sample data to try keyrota with");
    const auto options = std::make_shared<SampleOptions>();
    Command load =
        sample.add("load", "Load teams, owners, keys and usage; the same seed gives the same data",
                   {{"keyrota sample load", "keyrota sample load --keys 5000 --days 35 --seed 7"},
                    {ExitCode::config, ExitCode::database}});
    constexpr std::int64_t kMost = 1'000'000'000;
    load.option("--keys", options->keys, "how many keys")
        .between(1, kMost)
        .type("N")
        .shows_default();
    load.option("--owners", options->owners, "how many owners; default: one for 25 keys")
        .between(1, kMost)
        .type("N");
    load.option("--days", options->days, "days of usage samples")
        .between(0, 366)
        .type("N")
        .shows_default();
    load.option("--seed", options->seed, "a different seed makes different data")
        .type("N")
        .shows_default();
    load.option("--replay", options->replay_days,
                "leave the last N days to runs with --as-of: what ended in them is not yet "
                "expired, and some keys behave unlike themselves; on a simulation database only")
        .between(0, 30)
        .type("N");
    load.flag("--append", options->append, "load into a database that already holds keys");
    load.runs(program, [options, &program] {
        const Config config = program.load();
        Session owner = open_session(config, Access::owner);
        refresh_policy(owner,
                       config.policy);  // one rule: the keys get it while they are loaded
        return sample_load(owner, *options, program.out);
    });
}

}  // namespace keyrota
