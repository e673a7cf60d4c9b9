#pragma once

#include <string>
#include <vector>

namespace keyrota {

/// An option or argument, as the help of its command has it.
struct DescribedOption {
    std::string name;   // --owner; JOB for an argument
    std::string value;  // what the help calls its value: OWNER; empty for a flag and an argument
    std::string help;
    std::vector<std::string> choices;  // what it may be, if that is a list
    bool is_flag = false;
    bool is_required = false;
    bool takes_many = false;

    bool is_argument() const { return !name.starts_with('-'); }
};

/// A command and those below it. Manual pages and completions are made of it, and so never differ
/// from what the program takes.
struct CommandTree {
    std::string path;  // as it is typed: keyrota keys create
    std::string sentence;
    std::string footer;                    // examples and EXIT STATUS, as the help prints them
    std::vector<DescribedOption> options;  // without --help and its like, which are everywhere
    std::vector<CommandTree> commands;
};

}  // namespace keyrota
