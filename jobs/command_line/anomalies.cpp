#include <charconv>

#include "command_line/commands.h"
#include "commands/anomalies/eval.h"
#include "commands/anomalies/rebuild.h"
#include "commands/anomalies/replay.h"

namespace keyrota {
namespace {

double sensitivity_of(const std::string& text) {
    double sensitivity = 0;
    const char* end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, sensitivity);
    if (error != std::errc{} || rest != end || !(sensitivity >= 0.1 && sensitivity <= 10))
        throw unreadable("--sensitivity", text, "1.5; it is a number from 0.1 to 10");
    return sensitivity;
}

Timestamp instant_of(const char* option, const std::string& text) {
    const auto at = parse_timestamp(text);
    if (!at) throw unreadable(option, text, "2026-11-24T06:00:00Z");
    return *at;
}

void declare_replay(Command& anomalies, Program& program) {
    struct Given : GivenFormat {
        ReplayQuestion question;
        std::string from, to;
    };
    const auto given = std::make_shared<Given>();
    Command replay = anomalies.add(
        "replay",
        "Show hour by hour what the detector saw of a key, what it expected, and why it alarmed",
        {{"keyrota anomalies replay 1", "keyrota anomalies replay 1 --alarms",
          "keyrota anomalies replay 1 --from 2026-11-20 --to 2026-11-24T06:00:00Z --csv"},
         {ExitCode::config, ExitCode::database}});
    replay.option("KEY", given->question.key, "a key_id, source:external_id, or prefix...hint")
        .required();
    replay.option("--from", given->from, "from this hour on; default: seven days before --to")
        .type("INSTANT");
    replay.option("--to", given->to, "up to this hour; default: as far as detect-anomalies came")
        .type("INSTANT");
    replay.flag("--alarms", given->question.only_alarms, "only show hours with an alarm");
    given->add_to(replay);
    replay.runs(program, [given, &program] {
        ReplayQuestion& question = given->question;
        if (!given->from.empty()) question.from = instant_of("--from", given->from);
        if (!given->to.empty()) question.to = instant_of("--to", given->to);
        return anomalies_replay(program.load(), question, given->format(), program.out,
                                program.errors);
    });
}

void declare_rebuild(Command& anomalies, Program& program) {
    const auto from = std::make_shared<std::string>();
    Command rebuild = anomalies.add(
        "rebuild",
        "Recompute the detector's states from the hourly figures, as after a restore or where a "
        "period should not count; late samples are left out, so they may differ",
        {{"keyrota anomalies rebuild --from 2026-06-01"},
         {ExitCode::config, ExitCode::database, ExitCode::lease_held}});
    rebuild.option("--from", *from, "from this hour on; earlier ones are forgotten")
        .required()
        .type("INSTANT");
    rebuild.runs(program, [from, &program] {
        return anomalies_rebuild(program.load(), instant_of("--from", *from),
                                 Program::out_is_terminal(), program.out, program.errors);
    });
}

}  // namespace

void declare_anomalies(Command& app, Program& program) {
    Command anomalies = app.add_group(
        "anomalies", "Replay, rebuild and evaluate the detector of unusual behaviour");
    declare_replay(anomalies, program);
    declare_rebuild(anomalies, program);
    struct Given : GivenFormat {
        EvalOptions options;
        std::string sensitivity = "1";
    };
    const auto given = std::make_shared<Given>();
    Command eval = anomalies.add(
        "eval", "Try the detector on labelled series of your own: false alarms, recall, delay",
        {{"keyrota anomalies eval --input series.csv",
          "keyrota anomalies eval --input series.csv --alarms alarms.csv --sensitivity 1.5",
          "keyrota anomalies eval --input - --json < series.csv"},
         {}});
    eval.option(
            "--input", given->options.input,
            "CSV with the columns series, hour (counted from a Monday 00:00 UTC), requests, errors "
            "and label (empty, or the incident's name); a missing row is an hour without "
            "requests, one with empty requests an hour of which nothing is known; - for standard "
            "input")
        .required()
        .type("FILE");
    eval.option("--alarms", given->options.alarms,
                "write every alarm that opens an incident there, as CSV: series, hour, reason, and "
                "mailed (0: held by the mail budget)")
        .type("FILE");
    eval.option("--sensitivity", given->sensitivity, "multiplies the thresholds: more is quieter")
        .shows_default()
        .type("M");
    given->add_json_to(eval);
    eval.runs(program, [given, &program] {
        given->options.sensitivity = sensitivity_of(given->sensitivity);
        return anomalies_eval(given->options, given->format(), program.out);
    });
}

}  // namespace keyrota
