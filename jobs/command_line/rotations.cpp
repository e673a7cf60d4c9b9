#include "commands/rotations/rotations.h"
#include "command_line/commands.h"
#include "command_line/key_options.h"
#include "commands/rotations/rotate.h"

namespace keyrota {
namespace {

struct GivenRotation : GivenFormat {
    RotationFilter filter;
    std::vector<std::string> keys;
    std::string key;
    bool yes = false;
};

void declare_list(Command& rotations, Program& program) {
    const auto given = std::make_shared<GivenRotation>();
    Command list = rotations.add(
        "list", "List rotations, newest first; only unfinished ones unless --state asks for others",
        {{"keyrota rotations list", "keyrota rotations list --state failed --json",
          "keyrota rotations list --key 17 --state all"},
         {ExitCode::config, ExitCode::database}});
    list.option("--state", given->filter.state, "one state, unfinished, or all")
        .one_of({"requested", "created", "delivered", "verified", "retiring", "retired", "failed",
                 "cancelled", "unfinished", "all"})
        .shows_default()
        .type("STATE");
    list.option("--key", given->filter.key, "only of this key, as predecessor or as successor")
        .type("KEY");
    list.option("--limit", given->filter.limit, "at most N").positive().type("N");
    given->add_to(list);
    list.runs(program, [given, &program] {
        return rotations_list(program.load(), given->filter, given->format(), program.out);
    });
}

void declare_show(Command& rotations, Program& program) {
    const auto given = std::make_shared<GivenRotation>();
    Command show = rotations.add(
        "show", "Show the rotations of a key, as predecessor and as successor",
        {{"keyrota rotations show 17", "keyrota rotations show sk_live_...abcd --json"},
         {ExitCode::config, ExitCode::database}});
    show.option("KEY", given->key, "a key_id, or prefix...hint").required();
    given->add_json_to(show);
    show.runs(program, [given, &program] {
        return rotations_show(program.load(), given->key, given->format(), program.out);
    });
}

void declare_decision(Command& rotations, Program& program, RotationDecision decision,
                      const char* name, const char* sentence,
                      std::initializer_list<const char*> examples) {
    const auto given = std::make_shared<GivenRotation>();
    Command command =
        rotations.add(name, sentence, {examples, {ExitCode::config, ExitCode::database}});
    command.option("KEY", given->keys, "the key whose rotation it is: key_id, or prefix...hint")
        .required();
    if (decision == RotationDecision::cancel)
        command.flag("--yes", given->yes, "do not ask where the successor is in use");
    command.runs(program, [given, decision, &program] {
        return rotations_decide(program.load(), given->keys, decision, given->yes, program.out,
                                program.errors);
    });
}

}  // namespace

void declare_rotate(Command& app, Program& program) {
    struct Given {
        KeySelection selection;
        RotateOptions options;
        std::string overlap;
    };
    const auto given = std::make_shared<Given>();
    Command rotate = app.add(
        "rotate",
        "Rotate keys: create successors, deliver their secrets, keep the old keys for an overlap",
        {{"keyrota rotate 17 --sink files", "keyrota rotate --team Payments --dry-run",
          "keyrota rotate --match 'checkout-*' --overlap 14d --yes",
          "keyrota rotate 17 --sink print"},
         {ExitCode::partial, ExitCode::config, ExitCode::database, ExitCode::blast_radius}});
    rotate.option("KEY", given->selection.keys, "key_ids, or prefix...hint");
    rotate
        .option("--match", given->selection.filter.name,
                "instead: all with such a name; * any characters, ? one")
        .type("GLOB");
    rotate.option("--owner", given->selection.filter.owner, "instead: all of this owner")
        .type("OWNER");
    rotate.option("--team", given->selection.filter.team, "instead: all of this team's owners")
        .type("TEAM");
    rotate.option("--reason", given->options.reason, "why, for the trail; see also breach, leaver")
        .one_of({"manual", "scheduled", "leaver"})
        .shows_default()
        .type("REASON");
    rotate
        .option("--sink", given->options.sink,
                "where the secrets go, or print to show them here; default: as the policy says")
        .type("NAME");
    rotate
        .option("--overlap", given->overlap,
                "how long the old keys keep working, at least; default: as the policy says")
        .type("DURATION");
    rotate.flag("--dry-run", given->options.dry_run, "show what would be rotated; change nothing");
    rotate.flag("--yes", given->options.yes,
                "do not ask for confirmation where --match, --owner or --team selects several");
    rotate.option("--max-keys", given->options.max_keys, "refuse to rotate more keys than this")
        .between(1, kMostKeysOfAChange)
        .shows_default()
        .type("N");
    rotate.flag("--json", given->options.json, "print what was done as JSON");
    rotate.runs(program, [given, &program] {
        if (!given->overlap.empty())
            given->options.overlap = overlap_of("--overlap", given->overlap);
        given->options.out_is_terminal = Program::out_is_terminal();
        return keyrota::rotate(program.load(), given->selection, given->options, program.out,
                               program.errors);
    });
}

void declare_rotations(Command& app, Program& program) {
    Command rotations =
        app.add_group("rotations", "Show rotations; retry, hold, release or cancel them");
    declare_list(rotations, program);
    declare_show(rotations, program);
    declare_decision(rotations, program, RotationDecision::retry, "retry",
                     "Try failed rotations again", {"keyrota rotations retry 17"});
    declare_decision(rotations, program, RotationDecision::cancel, "cancel",
                     "Cancel rotations: the old key stays as it was, its successor ends at once",
                     {"keyrota rotations cancel 17", "keyrota rotations cancel 17 --yes"});
    declare_decision(rotations, program, RotationDecision::hold, "hold",
                     "Hold rotations: they do not continue, and no key is retired by them",
                     {"keyrota rotations hold 17 18"});
    declare_decision(rotations, program, RotationDecision::release, "release",
                     "Release held rotations: they continue", {"keyrota rotations release 17"});
}

}  // namespace keyrota
