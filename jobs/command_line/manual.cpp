#include <fmt/format.h>
#include <fmt/ostream.h>

#include "catalog.h"
#include "command_line/commands.h"
#include "commands/manual/completion.h"
#include "commands/manual/manual_pages.h"
#include "error/suggestion.h"

namespace keyrota {
namespace {

// One page on standard output.
ExitCode print_page(const std::vector<NamedFile>& pages, const std::string& command,
                    std::ostream& out) {
    const std::string wanted = command.empty() ? "keyrota.1" : "keyrota-" + command + ".1";
    std::vector<std::string> names;
    for (const NamedFile& page : pages) {
        if (page.name == wanted) {
            out << page.text;
            return ExitCode::done;
        }
        if (page.name != "keyrota.1")
            names.push_back(page.name.substr(8, page.name.size() - 10));  // keyrota-NAME.1
    }
    throw Error(ExitCode::usage, fmt::format("there is no command \"{}\"", command),
                did_you_mean(command, names));
}

}  // namespace

void declare_manual(Command& app, Program& program) {
    struct Given {
        std::string command, directory;
    };
    const auto given = std::make_shared<Given>();
    Command manual =
        app.add("manual", "Print a manual page, or write all of them to a directory",
                {{"keyrota manual keys > keyrota-keys.1", "keyrota manual --out man1"}, {}});
    manual.option("COMMAND", given->command, "the page of this command; default: keyrota's own");
    manual.option("--out", given->directory, "write every page to this directory instead")
        .type("DIR");
    manual.runs(program, [given, app, &program] {
        const std::vector<NamedFile> pages = manual_pages(app.tree());
        if (given->directory.empty()) return print_page(pages, given->command, program.out);
        write_files(pages, given->directory, program.out);
        return ExitCode::done;
    });
}

void declare_completion(Command& app, Program& program) {
    const auto shell = std::make_shared<std::string>();
    Command completion = app.add(
        "completion", "Print a completion script for a shell",
        {{"keyrota completion bash > keyrota.bash", "keyrota completion zsh > _keyrota"}, {}});
    completion.option("SHELL", *shell, "bash or zsh").required().one_of({"bash", "zsh"});
    completion.runs(program, [shell, app, &program] {
        program.out << (*shell == "bash" ? bash_completion(app.tree(), job_names())
                                         : zsh_completion(app.tree(), job_names()));
        return ExitCode::done;
    });
}

}  // namespace keyrota
