#include "commands/findings/findings.h"
#include "command_line/commands.h"
#include "commands/explain/explain.h"

namespace keyrota {
namespace {

void declare_findings_list(Command& findings, Program& program) {
    struct Given : GivenFormat {
        FindingFilter filter;
        std::string severity, fail_on;
        std::int64_t limit = -1;
        bool ocsf = false;
    };
    const auto given = std::make_shared<Given>();
    FindingFilter& filter = given->filter;
    Command list = findings.add(
        "list",
        "List findings, the most urgent first: by severity, production before test, keys in use "
        "before idle "
        "ones, oldest first",
        {{"keyrota findings list", "keyrota findings list --severity high --environment production",
          "keyrota findings list --check KEY-EXPIRES-SOON --owner ada@example.com --csv",
          "keyrota findings list --control PCI-DSS-4.0:8.6.3 --csv",
          "keyrota findings list --status all --ocsf"},
         {ExitCode::config, ExitCode::database, ExitCode::findings}});
    const auto add = [&](const char* option, std::string& value, const std::string& help,
                         const char* type) { list.option(option, value, help).type(type); };
    list.option("--status", filter.status,
                "unresolved (the default), open, acknowledged, waived, resolved or all")
        .one_of({"unresolved", "open", "acknowledged", "waived", "resolved", "all"})
        .type("STATUS");
    add("--check", filter.check_id, "only of this check", "CHECK");
    add("--control", filter.control,
        "only of the checks that speak to this clause of a standard, by our reading (`keyrota "
        "findings controls`)",
        "CONTROL");
    add("--severity", given->severity, std::string("at least: ") + kSeverityHelp, "SEVERITY");
    add("--key", filter.key, "only of this key", "KEY");
    add("--owner", filter.owner, "only of this owner's keys", "OWNER");
    add("--team", filter.team, "only of this team's keys", "TEAM");
    list.option("--environment", filter.environment, "production or test")
        .one_of({"production", "test"})
        .type("NAME");
    list.option("--limit", given->limit,
                "at most N; 0 means all. Default: 100, or all with --json, --csv or --ocsf")
        .not_negative()
        .type("N");
    add("--fail-on", given->fail_on,
        "exit 10 if one of these findings is open at or over this severity", "SEVERITY");
    given->add_to(list);
    list.flag("--ocsf", given->ocsf,
              "print OCSF 1.8 events, one JSON object per line: Compliance, Detection and IAM "
              "Analysis Findings");
    list.runs(program, [given, &program] {
        if (given->ocsf && (given->json || given->csv))
            throw Error(ExitCode::usage, "--ocsf is a format of its own",
                        "Leave --json and --csv out.");
        given->filter.severity = severity_of("--severity", given->severity);
        given->filter.fail_on = severity_of("--fail-on", given->fail_on);
        if (given->limit >= 0) given->filter.limit = given->limit;
        if (given->ocsf) return findings_list_ocsf(program.load(), given->filter, program.out);
        return findings_list(program.load(), given->filter, given->format(), program.out);
    });
}

void declare_findings_controls(Command& findings, Program& program) {
    struct Given : GivenFormat {
        std::string check_id;
    };
    const auto given = std::make_shared<Given>();
    Command controls = findings.add(
        "controls", "List clauses of standards and the checks that relate to them, by our reading",
        {{"keyrota findings controls", "keyrota findings controls --check KEY-ROTATION-DUE",
          "keyrota findings controls --csv"},
         {}});
    controls.option("--check", given->check_id, "only those of this check").type("CHECK");
    given->add_to(controls);
    controls.runs(program, [given, &program] {
        return findings_controls(given->check_id, given->format(), program.out);
    });
}

}  // namespace

void declare_findings(Command& app, Program& program) {
    Command findings =
        app.add_group("findings", "List what checks found; acknowledge or resolve it");
    declare_findings_list(findings, program);
    declare_findings_controls(findings, program);

    struct Named : GivenFormat {
        std::string finding;
    };
    const auto add_one =
        [&](const char* name, const char* sentence, const Help& help,
            ExitCode (*command)(const Config&, const std::string&, Format, std::ostream&)) {
            const auto given = std::make_shared<Named>();
            Command one = findings.add(name, sentence, help);
            one.option("FINDING", given->finding, "its id, or the beginning of it").required();
            given->add_json_to(one);
            one.runs(program, [given, command, &program] {
                return command(program.load(), given->finding, given->format(), program.out);
            });
        };
    add_one("show", "Show one finding with its evidence",
            {{"keyrota findings show kf_0123456789", "keyrota findings show kf_0123456789 --json"},
             {ExitCode::config, ExitCode::database}},
            findings_show);
    add_one("history", "Show a finding's episodes, what people said and what was done",
            {{"keyrota findings history kf_0123456789"}, {ExitCode::config, ExitCode::database}},
            findings_history);

    struct Decided {
        std::vector<std::string> findings;
        std::string why;
    };
    const auto add_decision = [&](const char* name, const char* sentence, const Help& help,
                                  Decision decision) {
        const auto given = std::make_shared<Decided>();
        Command decide = findings.add(name, sentence, help);
        decide.option("FINDING", given->findings, "their ids, or the beginnings of them")
            .required();
        decide.option("--why", given->why, "the reason, for the audit trail and for colleagues")
            .required()
            .type("TEXT");
        decide.runs(program, [given, decision, &program] {
            return findings_decide(program.load(), given->findings, decision, given->why,
                                   program.out);
        });
    };
    add_decision("ack", "Acknowledge findings: they are known and being worked on",
                 {{"keyrota findings ack kf_0123456789 --why 'renewed with the release on Friday'"},
                  {ExitCode::config, ExitCode::database}},
                 Decision::acknowledge);
    add_decision("resolve", "Close findings by hand; a check that still holds opens them again",
                 {{"keyrota findings resolve kf_0123456789 --why 'the job was removed from cron'"},
                  {ExitCode::config, ExitCode::database}},
                 Decision::resolve);
}

void declare_explain(Command& app, Program& program) {
    struct Given : GivenFormat {
        std::string key;
    };
    const auto given = std::make_shared<Given>();
    Command command = app.add("explain",
                              "Explain one key on one page: facts, policy rule, findings, audit "
                              "trail, and whether a call would be accepted",
                              {{"keyrota explain 1", "keyrota explain sk_live_...abcd",
                                "keyrota explain aws:AKIA123 --json"},
                               {ExitCode::config, ExitCode::database}});
    command.option("KEY", given->key, "a key_id, source:external_id, or prefix...hint").required();
    given->add_json_to(command);
    command.runs(program, [given, &program] {
        return explain(program.load_with_origins(), given->key, given->format(), program.out);
    });
}

}  // namespace keyrota
