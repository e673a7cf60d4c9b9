#include "commands/manual/manual_pages.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <sstream>

namespace keyrota {
namespace {

// The only home of what no help says, since no command owns it.
constexpr const char* kFilesAndEnvironment = R"(.SH FILES
.TP
.I /etc/keyrota/keyrota.yaml
The configuration, if there is one; it documents each option. Without it the defaults apply.
.TP
.I /var/lib/keyrota
The embedded database and the key that signs heads of the audit trail, for root and for the system
user keyrota.
.SH ENVIRONMENT
.TP
.B KEYROTA_CONFIG
The configuration file, unless \fB\-\-config\fR names one.
.TP
.BI KEYROTA_ OPTION
An option of the configuration: database.url is KEYROTA_DATABASE_URL. A flag beats the environment,
which beats the file.
.TP
.BR PGPASSFILE ", " PGPASSWORD " and the like"
Read by libpq, as by
.BR psql (1).
)";

// Text of ours as roff: no character of it is an instruction.
std::string roff(const std::string& text) {
    std::string out;
    bool begins_line = true;
    for (const char c : text) {
        if (begins_line && (c == '.' || c == '\'')) out += "\\&";
        if (c == '\\')
            out += "\\e";
        else if (c == '-')
            out += "\\-";
        else if (c == '\'')
            out += "\\(aq";
        else if (c == '`')
            out += "\\(ga";
        else
            out += c;
        begins_line = c == '\n';
    }
    return out;
}

std::string upper(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    return text;
}

std::string page_name(const CommandTree& command) {
    std::string name = command.path;
    std::replace(name.begin(), name.end(), ' ', '-');
    return name;
}

std::string synopsis(const CommandTree& command) {
    std::string text = fmt::format(".SY \"{}\"\n", roff(command.path));
    if (!command.commands.empty()) return text + ".I COMMAND\n.YS\n";
    for (const DescribedOption& option : command.options) {
        if (option.is_argument() || !option.is_required) continue;
        text += fmt::format(".B {}\n", roff(option.name));
        if (!option.is_flag) text += fmt::format(".I {}\n", roff(option.value));
    }
    text += ".RI [ OPTIONS ]\n";
    for (const DescribedOption& option : command.options) {
        if (!option.is_argument()) continue;
        const std::string many = option.takes_many ? "..." : "";
        text += option.is_required ? fmt::format(".IR {} {}\n", roff(option.name), many)
                                   : fmt::format(".RI [ {} ]{}\n", roff(option.name), many);
    }
    return text + ".YS\n";
}

// A line break of the help stays one.
std::string paragraph(const std::string& help) {
    std::istringstream lines(help);
    std::string text;
    for (std::string line; std::getline(lines, line);) {
        if (!text.empty()) text += ".br\n";
        line.erase(0, line.find_first_not_of(' '));
        text += roff(line) + "\n";
    }
    return text;
}

std::string option_list(const CommandTree& command) {
    std::string text;
    for (const DescribedOption& option : command.options) {
        if (option.is_argument())
            text += fmt::format(".TP\n.I {}\n", roff(option.name));
        else if (option.is_flag)
            text += fmt::format(".TP\n.B {}\n", roff(option.name));
        else
            text += fmt::format(".TP\n.BI {} \" {}\"\n", roff(option.name), roff(option.value));
        text += paragraph(option.help);
    }
    return text;
}

// Examples and EXIT STATUS stand as they do in the help.
std::string verbatim(const std::string& footer) {
    if (footer.empty()) return "";
    return fmt::format(".PP\n.EX\n{}{}.EE\n", roff(footer), footer.ends_with('\n') ? "" : "\n");
}

std::string section(const CommandTree& command) {
    std::string text = fmt::format(".SS {}\n{}.PP\n{}", roff(command.path), synopsis(command),
                                   paragraph(command.sentence + "."));
    text += option_list(command);
    return text + verbatim(command.footer);
}

void add_sections(const CommandTree& command, std::string& text) {
    for (const CommandTree& below : command.commands) {
        if (below.commands.empty()) text += section(below);
        add_sections(below, text);
    }
}

std::string beginning(const CommandTree& command) {
    std::string title = command.sentence;
    // man-db's whatis wants a phrase, not a sentence.
    if (title.size() > 1 && std::islower(static_cast<unsigned char>(title[1])) != 0)
        title[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(title[0])));
    while (title.ends_with('.')) title.pop_back();
    return fmt::format(
        ".TH {} 1 \"\" \"keyrota {}\" \"User commands\"\n.SH NAME\n{} \\- {}\n.SH SYNOPSIS\n{}",
        roff(upper(page_name(command))), KEYROTA_VERSION, roff(page_name(command)), roff(title),
        synopsis(command));
}

std::string command_page(const CommandTree& command) {
    std::string text = beginning(command);
    text += ".SH DESCRIPTION\n" + paragraph(command.sentence + ".");
    if (command.commands.empty()) {
        const std::string options = option_list(command);
        if (!options.empty()) text += ".SH OPTIONS\n" + options;
        text += verbatim(command.footer);
    } else {
        text += ".SH COMMANDS\n";
        add_sections(command, text);
    }
    return text + ".SH SEE ALSO\n.BR keyrota (1)\nfor options of every command, and files.\n";
}

std::string program_page(const CommandTree& program) {
    std::string text = beginning(program);
    text += ".SH DESCRIPTION\n" + paragraph(program.sentence);
    text += ".SH OPTIONS\nThey may appear anywhere.\n" + option_list(program);
    text += ".SH COMMANDS\n";
    for (const CommandTree& command : program.commands)
        text += fmt::format(".TP\n.BR {} (1)\n{}", roff(page_name(command)),
                            paragraph(command.sentence + "."));
    return text + kFilesAndEnvironment + verbatim(program.footer);
}

}  // namespace

std::vector<NamedFile> manual_pages(const CommandTree& program) {
    std::vector<NamedFile> pages{{page_name(program) + ".1", program_page(program)}};
    for (const CommandTree& command : program.commands)
        pages.push_back({page_name(command) + ".1", command_page(command)});
    return pages;
}

}  // namespace keyrota
