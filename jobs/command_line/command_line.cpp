#include "command_line/command_line.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "catalog.h"
#include "command_line/commands.h"
#include "error/print_error.h"
#include "error/suggestion.h"
#include "secret/key_format.h"

namespace keyrota {
namespace {

// A word that no command has: say which one was meant.
ExitCode wrong_usage(const CLI::App& app, const CLI::ParseError& error, std::ostream& errors) {
    const CLI::App* command = &app;
    std::string path = "keyrota";
    while (!command->get_subcommands().empty()) {
        command = command->get_subcommands().front();
        path += " " + command->get_name();
    }
    const auto subcommands = command->get_subcommands([](const CLI::App*) { return true; });
    const bool is_missing = dynamic_cast<const CLI::RequiredError*>(&error) != nullptr;
    const bool is_extra = dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr;
    std::string message = error.what();
    if (is_missing && !subcommands.empty()) message = path + ": a command is missing";
    std::string hint;
    // What a command does not know falls through to the program, and is kept there.
    const std::vector<std::string> words = app.remaining(true);
    if ((is_missing || is_extra) && !words.empty()) {
        const std::string word = words.front().substr(0, words.front().find('='));
        std::vector<std::string> names;
        names.reserve(subcommands.size());
        for (const CLI::App* sub : subcommands) names.push_back(sub->get_name());
        for (const CLI::App* level = command; level != nullptr; level = level->get_parent())
            for (const CLI::Option* option : level->get_options())
                for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
        message = fmt::format("{}: \"{}\" is not known", path, word);
        hint = did_you_mean(word, names);
    }
    if (hint.empty()) hint = fmt::format("`{} --help` shows how it is used.", path);
    print_error(errors, message, hint);
    return ExitCode::usage;
}

// Before anything reads, logs or repeats what was typed; whatever the command.
void refuse_secrets(int argc, const char* const* argv) {
    for (int i = 1; i < argc; ++i)
        if (may_hold_secret(argv[i]))
            throw Error(
                ExitCode::usage,
                "a secret must not stand on the command line: others can read it there",
                "Name a key by its key_id or as prefix...hint, and rotate this one: it was shown.");
}

}  // namespace

ExitCode run_command_line(int argc, const char* const* argv, std::ostream& out,
                          std::ostream& errors) {
    refuse_secrets(argc, argv);
    Program program{.out = out, .errors = errors};
    program.sources.jobs = job_names();
    CLI::App app(
        "keyrota audits and rotates API keys in a PostgreSQL key database: a batch job runner for "
        "cron.",
        "keyrota");
    // Wide enough for `--key KEY Excludes: --owner` and a space.
    app.get_formatter()->column_width(32);
    app.require_subcommand(1);
    app.set_version_flag("--version", std::string("keyrota ") + KEYROTA_VERSION);
    app.set_help_all_flag("--help-all", "show the help of all commands");
    app.footer(
        "Examples:\n  keyrota sample load            try it on sample data\n"
        "  keyrota run expire-keys --dry-run\n  keyrota run expire-keys\n\n"
        "`keyrota COMMAND --help` shows a command's options, examples and exit codes.");

    Command commands(app);
    std::string file, data_dir, log_format;
    commands
        .option("--config", file,
                "configuration file; without it /etc/keyrota/keyrota.yaml if there is one")
        .type("FILE");
    commands.option("--data-dir", data_dir, "where the embedded database and the signing key live")
        .type("DIR");
    commands.option("--log-format", log_format, "text or json").type("FORMAT");

    declare_run(commands, program);
    declare_plan(commands, program);
    declare_resume(commands, program);
    declare_runs(commands, program);
    declare_status(commands, program);
    declare_doctor(commands, program);
    declare_report(commands, program);
    declare_findings(commands, program);
    declare_explain(commands, program);
    declare_waivers(commands, program);
    declare_policy(commands, program);
    declare_keys(commands, program);
    declare_breach(commands, program);
    declare_leaver(commands, program);
    declare_rotate(commands, program);
    declare_rotations(commands, program);
    declare_verify_secret(commands, program);
    declare_owners(commands, program);
    declare_teams(commands, program);
    declare_usage(commands, program);
    declare_alerts(commands, program);
    declare_database(commands, program);
    declare_config(commands, program);
    declare_anomalies(commands, program);
    declare_audit(commands, program);
    declare_mail(commands, program);
    declare_cron(commands, program);
    declare_sample(commands, program);
    declare_manual(commands, program);
    declare_completion(commands, program);

    try {
        app.parse(argc, argv);
    } catch (const CLI::Success& help) {
        app.exit(help, out, errors);
        return ExitCode::done;
    } catch (const CLI::ParseError& error) {
        return wrong_usage(app, error, errors);
    }
    if (!file.empty()) program.sources.file = file;
    if (!data_dir.empty()) program.sources.flags["data_dir"] = data_dir;
    if (!log_format.empty()) program.sources.flags["log.format"] = log_format;
    return program.chosen();
}

}  // namespace keyrota
