#include "commands/confirm.h"

#include <fmt/format.h>
#include <fmt/ostream.h>
#include <unistd.h>

#include <iostream>

#include "error/error.h"

namespace keyrota {

void confirm(const std::string& question, const std::string& word, std::ostream& terminal) {
    if (::isatty(STDIN_FILENO) != 1 || ::isatty(STDERR_FILENO) != 1)
        throw Error(
            ExitCode::usage,
            fmt::format("{} This asks for confirmation, and there is no terminal", question),
            "Preview it with --dry-run, then give --yes.");
    fmt::print(terminal, "{} Type {} to continue: ", question, word);
    terminal.flush();
    std::string typed;
    std::getline(std::cin, typed);
    if (typed != word) throw Error(ExitCode::usage, "not confirmed: nothing was changed");
}

}  // namespace keyrota
