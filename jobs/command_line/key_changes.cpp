#include "command_line/key_options.h"
#include "commands/keys/change.h"

namespace keyrota {
namespace {

struct Given {
    KeySelection selection;
    KeyWishes wishes;
    ChangeOptions options;

    void add_to(Command& command);
};

void Given::add_to(Command& command) {
    command.option("KEY", selection.keys, "key_ids, or prefix...hint");
    command
        .option("--match", selection.filter.name,
                "instead: all with such a name; * any characters, ? one")
        .type("GLOB");
    command.option("--owner", selection.filter.owner, "instead: all of this owner").type("OWNER");
    command.option("--team", selection.filter.team, "instead: all of this team's owners")
        .type("TEAM");
    command.flag("--dry-run", options.dry_run, "show what would be changed; change nothing");
    command.flag("--yes", options.yes,
                 "do not ask about the keys that --match, --owner or --team select");
    command.option("--max-keys", options.max_keys, "refuse to change more keys than this")
        .between(1, kMostKeysOfAChange)
        .shows_default()
        .type("N");
    command.flag("--json", options.json, "print what was done as JSON");
}

void add_change(Command& keys, Program& program, KeyAction action, const char* name,
                const char* sentence, std::initializer_list<const char*> examples,
                void (*add_wishes)(Command&, KeyWishes&) = nullptr) {
    const auto given = std::make_shared<Given>();
    Command change =
        keys.add(name, sentence,
                 {examples,
                  {ExitCode::partial, ExitCode::config, ExitCode::database, ExitCode::blast_radius,
                   ExitCode::interrupted_int, ExitCode::interrupted_term}});
    given->add_to(change);
    if (add_wishes != nullptr) add_wishes(change, given->wishes);
    change.runs(program, [given, action, &program] {
        given->options.show_progress = Program::errors_are_terminal();
        return keys_change(program.load(), action, given->selection, given->wishes, given->options,
                           program.out, program.errors);
    });
}

void add_wishes(Command& update, KeyWishes& wishes) {
    update
        .option("--expires-at", wishes.expires_at,
                "the end date, or never; this makes an expired key inactive, and it can then be "
                "activated")
        .type("TIME");
    update.option("--new-owner", wishes.new_owner, "whose it is from now on").type("OWNER");
    update.option("--scopes", wishes.scopes, "all that it may do, a,b or repeated; or none")
        .type("SCOPES");
    update.option("--add-scope", wishes.add_scopes, "what else it may do").type("SCOPE");
    update.option("--remove-scope", wishes.remove_scopes, "what it may no longer do").type("SCOPE");
    update.option("--name", wishes.name, "what one key is called").type("NAME");
    update.option("--plan", wishes.service_plan, "the service plan").type("PLAN");
    update.option("--limit", wishes.limit, "calls a minute; none: as the plan says").type("N");
}

}  // namespace

void declare_key_changes(Command& keys, Program& program) {
    add_change(keys, program, KeyAction::update, "update",
               "Change keys: end date, owner, scopes, name, plan, limit",
               {"keyrota keys update 1 --expires-at 2027-06-30",
                "keyrota keys update 1 2 --remove-scope admin",
                "keyrota keys update --owner ada@example.com --new-owner bo@example.com --dry-run",
                "keyrota keys update --match 'checkout-*' --plan Pro --limit none --yes"},
               add_wishes);
    add_change(keys, program, KeyAction::activate, "activate",
               "Switch keys back on; an expired key needs a new end date first",
               {"keyrota keys activate 1", "keyrota keys activate --team Payments --dry-run"});
    add_change(keys, program, KeyAction::deactivate, "deactivate",
               "Switch keys off; `activate` switches them back on",
               {"keyrota keys deactivate 1 2 3",
                "keyrota keys deactivate --owner ada@example.com --dry-run",
                "keyrota keys deactivate --match 'load-test-*' --yes"});
    add_change(keys, program, KeyAction::remove, "delete",
               "Delete keys for good, with their usage; the audit trail keeps what they were",
               {"keyrota keys delete 1", "keyrota keys delete --match 'load-test-*' --dry-run"});
}

}  // namespace keyrota
