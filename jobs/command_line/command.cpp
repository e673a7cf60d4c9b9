#include "command_line/command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iterator>
#include <limits>
#include <sstream>

#include "finding/severity.h"
#include "log/log.h"

namespace keyrota {
namespace {

// Examples and EXIT STATUS below a command's options.
std::string footer(const Help& help) {
    std::string text = "Examples:\n";
    for (const char* example : help.examples) text += fmt::format("  {}\n", example);
    text += "\nEXIT STATUS\n";
    std::vector<ExitCode> exits{ExitCode::done, ExitCode::internal, ExitCode::usage};
    exits.insert(exits.end(), help.exits);
    std::sort(exits.begin(), exits.end());
    for (const ExitCode code : exits)
        text += fmt::format("  {:>3}  {}\n", static_cast<int>(code), meaning_of(code));
    return text;
}

// The library would show what it checks in the middle of the help; the help says it better.
Argument& check(Argument& given, CLI::Option& option, const CLI::Validator& validator,
                const std::string& name = "") {
    CLI::Validator silent = validator;
    option.check(silent.description("").name(name));
    return given;
}

// The library's own would tell the whole range of a double.
CLI::Validator whole_number(std::int64_t least, std::int64_t most, const std::string& range) {
    return CLI::Validator(
        [=](std::string& given) {
            std::int64_t number = 0;
            const bool is_one = CLI::detail::lexical_cast(given, number);
            if (is_one && number >= least && number <= most) return std::string();
            return fmt::format("\"{}\" is no whole number {}", given, range);
        },
        "");
}

constexpr std::int64_t kEndless = std::numeric_limits<std::int64_t>::max();
constexpr const char* kNotEmpty = "not empty";

// The library keeps the choices of an option to itself; its validator's name tells completions.
const std::string kOneOf = "one of ";

std::vector<std::string> choices_of(CLI::Option& option) {
    for (int i = 0;; ++i) {
        std::string name;
        try {
            name = option.get_validator(i)->get_name();
        } catch (const CLI::OptionNotFound&) {  // there are no more
            return {};
        }
        if (!name.starts_with(kOneOf)) continue;
        std::istringstream words(name.substr(kOneOf.size()));
        return {std::istream_iterator<std::string>(words), {}};
    }
}

DescribedOption described(CLI::Option& option) {
    DescribedOption about;
    about.name = option.get_positional() ? option.get_name() : "--" + option.get_lnames().front();
    about.value = option.get_type_name();
    about.help = option.get_description();
    about.choices = choices_of(option);
    about.is_flag = option.get_items_expected_max() == 0;
    about.is_required = option.get_required();
    about.takes_many = option.get_items_expected_max() > 1;
    return about;
}

CommandTree tree_of(CLI::App& app, const std::string& above) {
    CommandTree tree{.path = above + app.get_name(),
                     .sentence = app.get_description(),
                     .footer = app.get_footer(),
                     .options = {},
                     .commands = {}};
    for (CLI::Option* option : app.get_options([&app](const CLI::Option* given) {
             return given != app.get_help_ptr() && given != app.get_help_all_ptr();
         }))
        tree.options.push_back(described(*option));
    for (CLI::App* below : app.get_subcommands([](const CLI::App*) { return true; }))
        tree.commands.push_back(tree_of(*below, tree.path + " "));
    return tree;
}

template <typename Value>
CLI::Option& add_option(CLI::App& app, const char* name, Value& value, const std::string& help) {
    return *app.add_option(name, value, help)->type_name("");
}

// `--data-dir "$UNSET"` must not mean the default.
Argument text(CLI::Option& option) {
    static const CLI::Validator not_empty(
        [](std::string& given) { return std::string(given.empty() ? "must not be empty" : ""); },
        "");
    Argument given(option);
    return check(given, option, not_empty, kNotEmpty);
}

}  // namespace

LoadedConfig Program::load_with_origins() const {
    LoadedConfig loaded = load_config(sources);
    start_logging(loaded.config.log, errors_are_terminal());
    return loaded;
}

bool Program::in_is_terminal() {
    return ::isatty(STDIN_FILENO) == 1;
}

bool Program::out_is_terminal() {
    return ::isatty(STDOUT_FILENO) == 1;
}

bool Program::errors_are_terminal() {
    return ::isatty(STDERR_FILENO) == 1;
}

Argument& Argument::required() {
    option_->required();
    return *this;
}

Argument& Argument::type(const char* name) {
    option_->type_name(name);
    return *this;
}

Argument& Argument::may_be_empty() {
    option_->get_validator(kNotEmpty)->active(false);
    return *this;
}

Argument& Argument::positive() {
    return check(*this, *option_, whole_number(1, kEndless, "of 1 or more"));
}

Argument& Argument::not_negative() {
    return check(*this, *option_, whole_number(0, kEndless, "of 0 or more"));
}

Argument& Argument::between(std::int64_t least, std::int64_t most) {
    return check(*this, *option_,
                 whole_number(least, most, fmt::format("from {} to {}", least, most)));
}

Argument& Argument::one_of(const std::vector<std::string>& choices) {
    return check(*this, *option_, CLI::IsMember(choices),
                 kOneOf + fmt::format("{}", fmt::join(choices, " ")));
}

Argument& Argument::shows_default() {
    option_->capture_default_str();
    return *this;
}

Argument& Argument::not_with(const Argument& other) {
    option_->excludes(other.option_);
    return *this;
}

Command Command::under(const char* heading) const {
    Command command(*app_);
    command.heading_ = heading;
    return command;
}

void Command::prepare(CLI::App& below) const {
    below.group(heading_);
    below.fallthrough();        // global options may stand anywhere
    below.set_help_all_flag();  // falls through to the program, whose help names it
}

Command Command::add(const char* name, const std::string& sentence, const Help& help) {
    CLI::App& command = *app_->add_subcommand(name, sentence);
    prepare(command);
    command.footer(footer(help));
    return Command(command);
}

Command Command::add_group(const char* name, const char* sentence) {
    CLI::App& group = *app_->add_subcommand(name, sentence);
    prepare(group);
    group.require_subcommand(1);
    std::string path = name;
    for (const CLI::App* above = app_; above->get_parent() != nullptr; above = above->get_parent())
        path.insert(0, above->get_name() + " ");
    group.footer(fmt::format("\n`keyrota {} COMMAND --help` shows examples and exit codes.", path));
    return Command(group);
}

Argument Command::option(const char* name, std::string& value, const std::string& help) {
    return text(add_option(*app_, name, value, help));
}

Argument Command::option(const char* name, std::vector<std::string>& values,
                         const std::string& help) {
    CLI::Option& option = add_option(*app_, name, values, help);
    // An option takes one value each time it is named; only an argument takes all that follow.
    if (name[0] == '-') option.allow_extra_args(false);
    return text(option);
}

Argument Command::option(const char* name, std::int64_t& value, const std::string& help) {
    return Argument(add_option(*app_, name, value, help));
}

Argument Command::option(const char* name, int& value, const std::string& help) {
    return Argument(add_option(*app_, name, value, help));
}

Argument Command::option(const char* name, std::uint64_t& value, const std::string& help) {
    return Argument(add_option(*app_, name, value, help));
}

Argument Command::option(const char* name, std::optional<std::int64_t>& value,
                         const std::string& help) {
    return Argument(add_option(*app_, name, value, help));
}

Argument Command::flag(const char* name, bool& value, const std::string& help) {
    return Argument(*app_->add_flag(name, value, help));
}

CommandTree Command::tree() const {
    return tree_of(*app_, "");
}

void Command::runs(Program& program, std::function<ExitCode()> work) {
    app_->callback([&program, work = std::move(work)] { program.chosen = work; });
}

void GivenFormat::add_json_to(Command& command) {
    command.flag("--json", json, "print as JSON");
}

void GivenFormat::add_to(Command& command) {
    const Argument as_json = command.flag("--json", json, "print a JSON list of objects");
    command.flag("--csv", csv, "print CSV, safe to open in a spreadsheet").not_with(as_json);
}

Error unreadable(const char* option, const std::string& text, const char* example) {
    return {ExitCode::usage, fmt::format("{}: cannot read \"{}\"", option, text),
            fmt::format("For example {}.", example)};
}

std::optional<std::int64_t> severity_of(const char* option, const std::string& text) {
    if (text.empty()) return std::nullopt;
    const auto severity = parse_severity(text);
    if (!severity) throw unreadable(option, text, "high, or 4");
    return severity;
}

}  // namespace keyrota
