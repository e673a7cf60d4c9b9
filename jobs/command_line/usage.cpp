#include "commands/usage/usage.h"

#include "command_line/commands.h"
#include "commands/ingest/ingest.h"

namespace keyrota {
namespace {

Timestamp instant_of(const char* option, const std::string& text) {
    const auto at = parse_timestamp(text);
    if (!at) throw unreadable(option, text, "2026-11-24T06:00:00Z");
    return *at;
}

void declare_show(Command& usage, Program& program) {
    struct Given : GivenFormat {
        UsageQuestion question;
        std::string from, to;
    };
    const auto given = std::make_shared<Given>();
    Command show = usage.add(
        "show",
        "Show the use of a key, or of the keys of an owner or a team, from the hourly figures of "
        "rollup-usage",
        {{"keyrota usage show 1", "keyrota usage show 1 --from 2026-11-01 --by week --json",
          "keyrota usage show --owner ada@example.com --by week", "keyrota usage show --top 10",
          "keyrota usage show --team Payments --csv > payments.csv"},
         {ExitCode::config, ExitCode::database}});
    const Argument key =
        show.option("KEY", given->question.key, "a key_id, source:external_id, or prefix...hint");
    Argument owner = show.option("--owner", given->question.owner, "all keys of an owner");
    Argument team = show.option("--team", given->question.team, "all keys of a team's owners");
    Argument top = show.option("--top", given->question.top, "the N keys with the most requests");
    owner.type("OWNER").not_with(key);
    team.type("TEAM").not_with(key).not_with(owner);
    top.type("N").positive().not_with(key).not_with(owner).not_with(team);
    show.option("--from", given->from, "from this hour on; default: seven days before --to")
        .type("INSTANT");
    show.option("--to", given->to, "up to this hour; default: now").type("INSTANT");
    show.option("--by", given->question.by, "hour, day or week")
        .one_of({"hour", "day", "week"})
        .shows_default();
    given->add_to(show);
    show.runs(program, [given, &program] {
        UsageQuestion& question = given->question;
        if (question.key.empty() && question.owner.empty() && question.team.empty() &&
            !question.top)
            throw Error(ExitCode::usage, "whose use?",
                        "Name a KEY, or give --owner, --team or --top N.");
        if (!given->from.empty()) question.from = instant_of("--from", given->from);
        if (!given->to.empty()) question.to = instant_of("--to", given->to);
        question.sparkline = program.out_is_terminal();
        return usage_show(program.load(), question, given->format(), program.out);
    });
}

void declare_mark_incomplete(Command& usage, Program& program) {
    struct Given {
        std::string from, to, gateway, reason;
    };
    const auto given = std::make_shared<Given>();
    Command mark = usage.add(
        "mark-incomplete",
        "Record that samples of a period are lost: its usage is unknown to every check, and no key "
        "counts as unused for it",
        {{"keyrota usage mark-incomplete 2026-11-20 2026-11-21 --reason 'samples were lost'",
          "keyrota usage mark-incomplete 2026-11-20T08:00:00Z 2026-11-20T09:00:00Z --gateway "
          "edge-1 "
          "--reason 'disk full'"},
         {ExitCode::config, ExitCode::database}});
    mark.option("FROM", given->from, "an instant").required();
    mark.option("TO", given->to, "an instant").required();
    mark.option("--gateway", given->gateway, "whose samples; default: all gateways'").type("NAME");
    mark.option("--reason", given->reason, "what happened").required().type("TEXT");
    mark.runs(program, [given, &program] {
        return usage_mark_incomplete(program.load(), instant_of("FROM", given->from),
                                     instant_of("TO", given->to), given->gateway, given->reason,
                                     program.out);
    });
}

void declare_rebase(Command& usage, Program& program) {
    const auto options = std::make_shared<RebaseOptions>();
    Command rebase =
        usage.add("rebase",
                  "Let the rollup continue on another server, or after an older backup was "
                  "restored; usage since then becomes unknown",
                  {{"keyrota usage rebase --yes", "keyrota usage rebase --nothing-lost --yes"},
                   {ExitCode::config, ExitCode::database}});
    rebase.flag("--yes", options->yes, "do not ask for confirmation");
    rebase.flag("--nothing-lost", options->nothing_lost,
                "all samples came along (pg_upgrade, a planned move): no time becomes unknown");
    rebase.runs(program, [options, &program] {
        return usage_rebase(program.load(), *options, program.out, program.errors);
    });
}

void declare_ingest(Command& usage, Program& program) {
    struct Given : GivenFormat {
        IngestOptions options;
        std::string file_format;
    };
    const auto given = std::make_shared<Given>();
    IngestOptions& options = given->options;
    Command ingest = usage.add(
        "ingest",
        "Append usage samples from a gateway's access logs; each line counts once, however often "
        "it is read and whatever the log is called by then",
        {{"keyrota usage ingest --format combined --gateway edge-1 /var/log/nginx/access.log*",
          "keyrota usage ingest --format jsonl --map ./gateway.yaml --dry-run access.jsonl",
          "keyrota usage ingest --format jsonl --map nginx --gateway edge-1 --follow access.json",
          "zstdcat access.log.zst | keyrota usage ingest --format jsonl --json -"},
         {ExitCode::partial, ExitCode::config, ExitCode::database, ExitCode::lease_held,
          ExitCode::interrupted_int, ExitCode::interrupted_term}});
    ingest
        .option("FILE", options.files,
                "logs, compressed by gzip or not; - for standard input. The oldest first")
        .required();
    ingest.option("--format", given->file_format, "jsonl (a JSON object on each line) or combined")
        .required()
        .one_of({"jsonl", "combined"})
        .type("FORMAT");
    ingest
        .option("--map", options.map,
                "what the fields mean: a YAML file, or the name of a built-in map")
        .type("MAP");
    ingest
        .option("--gateway", options.gateway,
                "the gateway they belong to, always the same name; default: the map's name")
        .type("NAME");
    const Argument dry_run =
        ingest.flag("--dry-run", options.dry_run, "say what the logs hold; change nothing");
    ingest
        .flag("--follow", options.follow,
              "keep reading as the logs grow and are rotated, until SIGINT or SIGTERM")
        .not_with(dry_run);
    given->add_json_to(ingest);
    ingest.runs(program, [given, &program] {
        given->options.format =
            given->file_format == "jsonl" ? LogFormat::json_lines : LogFormat::combined;
        return usage_ingest(program.load(), given->options, given->format(),
                            Program::out_is_terminal(), program.out);
    });
}

}  // namespace

void declare_usage(Command& app, Program& program) {
    Command usage = app.add_group("usage", "Show how keys are used, and read access logs");
    declare_show(usage, program);
    declare_mark_incomplete(usage, program);
    declare_rebase(usage, program);
    declare_ingest(usage, program);
}

}  // namespace keyrota
