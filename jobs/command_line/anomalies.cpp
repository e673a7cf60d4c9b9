#include <charconv>

#include "command_line/commands.h"
#include "commands/anomalies/eval.h"

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

}  // namespace

void declare_anomalies(Command& app, Program& program) {
    Command anomalies =
        app.add_group("anomalies", "See how keys that behave unlike themselves are found");
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
    eval.option("--sensitivity", given->sensitivity,
                "what the thresholds are multiplied with: more is quieter")
        .shows_default()
        .type("M");
    given->add_json_to(eval);
    eval.runs(program, [given, &program] {
        given->options.sensitivity = sensitivity_of(given->sensitivity);
        return anomalies_eval(given->options, given->format(), program.out);
    });
}

}  // namespace keyrota
