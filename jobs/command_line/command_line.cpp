#include "command_line/command_line.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

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

// The commands by what they are about: so the help, the manual and completions list them.
struct Section {
    const char* heading;
    std::vector<void (*)(Command&, Program&)> declarations;
};

const std::vector<Section>& sections() {
    static const std::vector<Section> all = {
        {"Jobs", {declare_run, declare_plan, declare_resume, declare_runs, declare_cron}},
        {"Findings and evidence",
         {declare_findings, declare_explain, declare_report, declare_waivers, declare_policy,
          declare_alerts, declare_mail, declare_audit}},
        {"Keys and their owners",
         {declare_keys, declare_rotate, declare_rotations, declare_breach, declare_leaver,
          declare_verify_secret, declare_owners, declare_teams}},
        {"Usage", {declare_usage, declare_anomalies}},
        {"This installation",
         {declare_status, declare_doctor, declare_config, declare_database, declare_sample,
          declare_manual, declare_completion}},
    };
    return all;
}

// Beside its name an option shows what it takes. What else is to be known stands behind its
// meaning: which options exclude each other is said when both are given.
class HelpFormatter : public CLI::Formatter {
  public:
    HelpFormatter() {
        label("Positionals", "Arguments");
        label("SUBCOMMAND", "COMMAND");
    }

    std::string make_option_opts(const CLI::Option* option) const override {
        const std::string type = option->get_type_size() == 0 ? "" : option->get_type_name();
        return (type.empty() ? "" : " " + type) + (option->get_expected_max() > 1 ? "..." : "");
    }

    std::string make_option_desc(const CLI::Option* option) const override {
        std::string meaning = option->get_description();
        if (!option->get_default_str().empty())
            meaning += "; default: " + option->get_default_str();
        // An argument shows it by lacking brackets in the usage.
        if (option->get_required() && option->nonpositional()) meaning += " (required)";
        return meaning;
    }
};

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
    app.formatter(std::make_shared<HelpFormatter>());
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
                "configuration file; default: /etc/keyrota/keyrota.yaml if there is one")
        .type("FILE");
    commands.option("--data-dir", data_dir, "where the embedded database and the signing key live")
        .type("DIR");
    commands.option("--log-format", log_format, "text or json").type("FORMAT");

    for (const Section& section : sections()) {
        Command under = commands.under(section.heading);
        for (const auto declare : section.declarations) declare(under, program);
    }

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
