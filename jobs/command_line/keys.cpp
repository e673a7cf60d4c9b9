#include "command_line/commands.h"
#include "command_line/key_options.h"
#include "commands/keys/create.h"
#include "commands/keys/list.h"
#include "commands/keys/regenerate.h"
#include "commands/keys/show.h"

namespace keyrota {
namespace {

void declare_create(Command& keys, Program& program) {
    struct Given : GivenFormat {
        NewKey key;
    };
    const auto given = std::make_shared<Given>();
    NewKey& key = given->key;
    Command create = keys.add(
        "create", "Create a key and show its secret once",
        {{"keyrota keys create --owner ada@example.com --name checkout --type secret",
          "keyrota keys create --owner 7 --name ios-app --type public --scopes read:experiences "
          "--plan Pro --expires-at 2027-06-30",
          "keyrota keys create --owner ada@example.com --name nightly --type test --json"},
         {ExitCode::config, ExitCode::database}});
    create.option("--owner", key.owner, "whose it is: an email address or owner_id")
        .required()
        .type("OWNER");
    create.option("--name", key.name, "what it is for").required().type("NAME");
    create.option("--type", key.type, "public, secret or test")
        .required()
        .one_of({"public", "secret", "test"})
        .type("TYPE");
    create.option("--environment", key.environment, "production, or test for keys of type test")
        .one_of({"production", "test"})
        .type("NAME");
    create.option("--scopes", key.scopes, "what it may do, a,b or repeated; default: none")
        .type("SCOPES");
    create.option("--plan", key.service_plan, "its service plan").type("PLAN");
    create.option("--limit", key.limit, "calls a minute, instead of the plan's")
        .between(1, kMostCallsAMinute)
        .type("N");
    create.option("--expires-at", key.expires_at, "its end date, or never (the default)")
        .type("TIME");
    given->add_json_to(create);
    create.runs(program, [given, &program] {
        return keys_create(program.load(), given->key, given->format(), program.out);
    });
}

void declare_list(Command& keys, Program& program) {
    struct Given : GivenFormat, GivenKeyFilter {
        std::string sort = "-key_id";
        std::optional<std::int64_t> after;
        std::int64_t limit = -1;
        bool credential_report = false;
    };
    const auto given = std::make_shared<Given>();
    Command list =
        keys.add("list", "List keys, the latest key_id first",
                 {{"keyrota keys list", "keyrota keys list --owner ada@example.com --status active",
                   "keyrota keys list --expires-within 30d --sort expires",
                   "keyrota keys list --name 'checkout-*' --unused-for 90d --csv",
                   "keyrota keys list --credential-report"},
                  {ExitCode::config, ExitCode::database}});
    given->add_filter_to(list);
    list.option("--sort", given->sort,
                "key_id, name, created, expires, last-used or owner; with a - in front in reverse")
        .one_of(both_ways({"key_id", "name", "created", "expires", "last-used", "owner"}))
        .shows_default()
        .type("ORDER");
    list.option(
            "--after", given->after,
            "continue after this key of the same list; only in the order of key_id without sorting")
        .type("KEY_ID");
    list.option("--limit", given->limit,
                "at most N; 0 means all. Default: 100, or all with --json, --csv or "
                "--credential-report")
        .not_negative()
        .type("N");
    given->add_to(list);
    list.flag(
        "--credential-report", given->credential_report,
        "print CSV for auditors, one line per key: created, last used, age, status, owner, and the "
        "checks that hold for it");
    list.runs(program, [given, &program] {
        KeyOrder order;
        order.descending = given->sort.front() == '-';
        order.sort = given->sort.substr(order.descending ? 1 : 0);
        order.after = given->after;
        if (given->limit >= 0) order.limit = given->limit;
        if (given->credential_report) {
            if (given->json || given->csv)
                throw Error(ExitCode::usage, "--credential-report is a format of its own",
                            "Leave --json and --csv out.");
            return keys_credential_report(program.load(), given->read(), order, program.out);
        }
        return keys_list(program.load(), given->read(), order, given->format(), program.out);
    });
}

void declare_show(Command& keys, Program& program) {
    struct Given : GivenFormat {
        std::string key;
    };
    const auto given = std::make_shared<Given>();
    Command show = keys.add("show", "Show what is known of one key",
                            {{"keyrota keys show 1", "keyrota keys show sk_live_...abcd --json"},
                             {ExitCode::config, ExitCode::database}});
    show.option("KEY", given->key, "a key_id, source:external_id, or prefix...hint").required();
    given->add_json_to(show);
    show.runs(program, [given, &program] {
        return keys_show(program.load(), given->key, given->format(), program.out);
    });
}

void declare_regenerate(Command& keys, Program& program) {
    struct Given : GivenFormat {
        std::string key, overlap;
        RegenerateOptions options;
    };
    const auto given = std::make_shared<Given>();
    Command regenerate = keys.add(
        "regenerate", "Replace a key by one with a new secret, shown once; the old key ends",
        {{"keyrota keys regenerate 1 --yes", "keyrota keys regenerate 1 --overlap 2d",
          "keyrota keys regenerate sk_live_...abcd --dry-run"},
         {ExitCode::config, ExitCode::database}});
    regenerate.option("KEY", given->key, "a key_id or prefix...hint").required();
    regenerate
        .option(
            "--overlap", given->overlap,
            "keep the old key working beside the new one for this long; by default it ends at once")
        .type("DURATION");
    regenerate.flag("--dry-run", given->options.dry_run, "show what would be done; change nothing");
    regenerate.flag("--yes", given->options.yes, "do not ask before the old key ends at once");
    given->add_json_to(regenerate);
    regenerate.runs(program, [given, &program] {
        given->options.overlap = overlap_of("--overlap", given->overlap);
        given->options.format = given->format();
        return keys_regenerate(program.load(), given->key, given->options, program.out,
                               program.errors);
    });
}

void declare_export(Command& keys, Program& program) {
    struct Given : GivenKeyFilter {
        std::string format, file;
    };
    const auto given = std::make_shared<Given>();
    Command command =
        keys.add("export", "Write keys to a file that an import reads, without secrets or hashes",
                 {{"keyrota keys export --format csv --out keys.csv",
                   "keyrota keys export --format jsonl --team Payments"},
                  {ExitCode::config, ExitCode::database}});
    command
        .option("--format", given->format,
                "jsonl: exact; csv: a text that a spreadsheet would take for a formula gets an "
                "apostrophe in front")
        .required()
        .one_of({"csv", "jsonl"})
        .type("FORMAT");
    command.option("--out", given->file, "write to this file; default: standard output")
        .type("FILE");
    given->add_filter_to(command);
    command.runs(program, [given, &program] {
        return keys_export(program.load(), given->read(),
                           given->format == "csv" ? ExportFormat::csv : ExportFormat::jsonl,
                           given->file, program.out);
    });
}

}  // namespace

void declare_keys(Command& app, Program& program) {
    Command keys = app.add_group("keys", "Create, find and change keys");
    declare_create(keys, program);
    declare_list(keys, program);
    declare_show(keys, program);
    declare_key_changes(keys, program);
    declare_regenerate(keys, program);
    declare_keys_import(keys, program);
    declare_export(keys, program);
}

}  // namespace keyrota
