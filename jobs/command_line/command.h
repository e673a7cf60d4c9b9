#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "commands/manual/command_tree.h"
#include "config/load.h"
#include "error/error.h"
#include "report/listing.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace keyrota {

/// What every command has at hand, and the one that the command line chose.
struct Program {
    std::ostream& out;
    std::ostream& errors;
    ConfigSources sources{.file = {}, .environment = process_environment(), .flags = {}};
    std::function<ExitCode()> chosen = {};

    /// The configuration in force; from here on there is a log.
    Config load() const { return load_with_origins().config; }
    /// The same with who set what.
    LoadedConfig load_with_origins() const;
    static bool in_is_terminal();
    static bool out_is_terminal();
    static bool errors_are_terminal();
};

/// What stands below a command's options.
struct Help {
    std::initializer_list<const char*> examples;
    std::initializer_list<ExitCode> exits;  // besides done and usage
};

/// An option or argument of a command. What it takes is checked before any command runs.
class Argument {
  public:
    explicit Argument(CLI::Option& option) : option_(&option) {}

    Argument& required();
    Argument& type(const char* name);  // what the help calls its value: FILE, N
    Argument& may_be_empty();  // else an empty text is refused: `--data-dir "$UNSET"` is no default
    Argument& positive();
    Argument& not_negative();
    Argument& between(std::int64_t least, std::int64_t most);
    Argument& one_of(const std::vector<std::string>& choices);
    Argument& shows_default();
    Argument& not_with(const Argument& other);

  private:
    CLI::Option* option_;
};

/// A command, as its part of the command line declares it. The library that parses (CLI11) stays
/// behind this header: each file that includes it costs as much to compile as ten others.
///
/// Variables are filled when the line is parsed and must live until the command has run: keep them
/// in a shared_ptr that its callback holds.
class Command {
  public:
    /// The program itself.
    explicit Command(CLI::App& app) : app_(&app) {}

    /// The same command; the help lists under this heading what is added to it.
    Command under(const char* heading) const;
    /// A command below this one.
    Command add(const char* name, const std::string& sentence, const Help& help);
    /// A command that only holds others.
    Command add_group(const char* name, const char* sentence);

    /// `--name`, or an argument without dashes.
    Argument option(const char* name, std::string& value, const std::string& help);
    Argument option(const char* name, std::vector<std::string>& values, const std::string& help);
    Argument option(const char* name, std::int64_t& value, const std::string& help);
    Argument option(const char* name, int& value, const std::string& help);
    Argument option(const char* name, std::uint64_t& value, const std::string& help);
    Argument option(const char* name, std::optional<std::int64_t>& value, const std::string& help);
    Argument flag(const char* name, bool& value, const std::string& help);

    /// This command and those below it, as they are declared by then.
    CommandTree tree() const;

    /// What the command does.
    void runs(Program& program, std::function<ExitCode()> work);

  private:
    void prepare(CLI::App& below) const;

    CLI::App* app_;
    const char* heading_ = "Commands";
};

/// `--json` and, where a list can be one, `--csv`.
struct GivenFormat {
    bool json = false;
    bool csv = false;

    Format format() const { return json ? Format::json : csv ? Format::csv : Format::text; }
    void add_json_to(Command& command);
    void add_to(Command& command);
};

/// What stands on the command line but cannot be read.
Error unreadable(const char* option, const std::string& text, const char* example);

inline constexpr const char* kSeverityHelp =
    "informational, low, medium, high or critical (1 to 5)";
/// Nothing for an empty text. @throws Error{usage}
std::optional<std::int64_t> severity_of(const char* option, const std::string& text);

}  // namespace keyrota
