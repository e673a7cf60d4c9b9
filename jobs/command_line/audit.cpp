#include "commands/audit_trail/audit.h"
#include "command_line/commands.h"

namespace keyrota {
namespace {

void declare_verify(Command& audit, Program& program) {
    const auto given = std::make_shared<VerifyOptions>();
    Command verify =
        audit.add("verify", "Recompute the whole audit trail and name the first broken place",
                  {{"keyrota audit verify", "keyrota audit verify --head heads.txt",
                    "keyrota audit verify --head /var/log/keyrota.log --public-key keyrota.pem",
                    "keyrota audit verify --json"},
                   {ExitCode::config, ExitCode::database, ExitCode::audit_broken}});
    verify
        .option("--head", given->heads,
                "a head kept elsewhere that the trail must contain: a hash, HEIGHT:HASH, or a file "
                "with lines of `keyrota audit head` or of the log; may be repeated")
        .type("HEAD");
    verify
        .option("--public-key", given->public_key,
                "verify their signatures with this key (PEM) instead of the database's")
        .type("FILE");
    verify.flag("--json", given->json, "print the verdict as JSON");
    verify.runs(program,
                [given, &program] { return audit_verify(program.load(), *given, program.out); });
}

void declare_head(Command& audit, Program& program) {
    const auto json = std::make_shared<bool>(false);
    Command head = audit.add(
        "head", "Print the newest block, signed; keep it elsewhere to verify against",
        {{"keyrota audit head", "keyrota audit head >> heads.txt", "keyrota audit head --json"},
         {ExitCode::config, ExitCode::database}});
    head.flag("--json", *json, "print it as JSON, with the public key");
    head.runs(program, [json, &program] {
        return audit_head(program.load(), *json, program.out, program.errors);
    });
}

void declare_export(Command& audit, Program& program) {
    struct Given : ExportOptions {
        std::string since_text, until_text;
    };
    const auto given = std::make_shared<Given>();
    Command exported = audit.add(
        "export", "Write entries with their hashes, so that a third party can verify them",
        {{"keyrota audit export --out trail.jsonl", "keyrota audit export --key 1 --format csv",
          "keyrota audit export --since 2026-10-01 --until 2027-01-01 --out quarter.jsonl",
          "keyrota audit export --action policy.update"},
         {ExitCode::config, ExitCode::database}});
    exported.option("--format", given->format, "jsonl: all that proves the chain; csv: a table")
        .one_of({"jsonl", "csv"})
        .shows_default()
        .type("FORMAT");
    exported.option("--key", given->key, "only of this key; 0: only what concerns no key")
        .type("KEY");
    exported.option("--since", given->since_text, "only from this instant on (UTC)").type("TIME");
    exported.option("--until", given->until_text, "only before this instant (UTC)").type("TIME");
    exported.option("--action", given->action, "only of this action, such as key.deactivate")
        .type("ACTION");
    exported
        .option("--out", given->file,
                "write to this file, readable by you alone; default: standard output")
        .type("FILE");
    exported.runs(program, [given, &program] {
        const auto instant = [](const char* option, const std::string& text) {
            const auto read = parse_timestamp(text);
            if (!read && !text.empty())
                throw unreadable(option, text, "2027-01-01 or 2027-01-01T08:00:00Z");
            return read;
        };
        given->since = instant("--since", given->since_text);
        given->until = instant("--until", given->until_text);
        return audit_export(program.load(), *given, program.out);
    });
}

void declare_show(Command& audit, Program& program) {
    struct Given : GivenFormat {
        std::string key;
        std::int64_t limit = 20;
    };
    const auto given = std::make_shared<Given>();
    Command show =
        audit.add("show", "Show what was done to a key, when, by whom and why, newest first",
                  {{"keyrota audit show 1", "keyrota audit show sk_live_...4fZ0",
                    "keyrota audit show 0 --limit 0", "keyrota audit show 1 --json"},
                   {ExitCode::config, ExitCode::database}});
    show.option("KEY", given->key,
                "a key_id (also of a key that was deleted; 0: what concerns no key), "
                "source:external_id, or prefix...hint")
        .required();
    show.option("--limit", given->limit, "at most N; 0 means all")
        .not_negative()
        .shows_default()
        .type("N");
    given->add_to(show);
    show.runs(program, [given, &program] {
        return audit_show(program.load(), given->key, given->limit, given->format(), program.out);
    });
}

}  // namespace

void declare_audit(Command& app, Program& program) {
    Command audit = app.add_group("audit", "Verify, read and export the audit trail");
    declare_verify(audit, program);
    declare_head(audit, program);
    declare_show(audit, program);
    declare_export(audit, program);
}

}  // namespace keyrota
