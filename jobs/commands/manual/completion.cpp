#include "commands/manual/completion.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

namespace keyrota {
namespace {

// Both scripts walk the words before the cursor down to a command, and look it up in tables.
constexpr const char* kBash = R"(
_keyrota() {
    local cur=${COMP_WORDS[COMP_CWORD]} path=keyrota values='' word i
    local commands='' options='' arguments=''
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        # bash takes --option=value for three words
        if [[ $word == '=' ]]; then continue; fi
        if [[ -n $values ]]; then values=''; continue; fi
        if [[ $word == -* ]]; then
            _keyrota_values "$path" "$word"
        elif _keyrota_command "$path $word"; then
            path="$path $word"
        fi
    done
    if [[ $cur == '=' ]]; then cur=''; fi
    _keyrota_command "$path"
    if [[ -z $values ]]; then
        if [[ $cur == -* ]]; then
            values="$options $global"
        else
            values="$commands$arguments"
        fi
    fi
    case $values in
    FILE) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
    DIR) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$cur") ;;
    ANY) ;;
    *) mapfile -t COMPREPLY < <(compgen -W "$values" -- "$cur") ;;
    esac
}
complete -F _keyrota keyrota
)";

constexpr const char* kZsh = R"(
_keyrota() {
    local path_=keyrota values='' word arguments=''
    local -a commands options global
    for word in ${words[2,CURRENT-1]}; do
        if [[ -n $values ]]; then values=''; continue; fi
        if [[ $word == -* ]]; then
            [[ $word == *=* ]] || _keyrota_values "$path_" "$word"
        elif _keyrota_command "$path_ $word"; then
            path_="$path_ $word"
        fi
    done
    _keyrota_command "$path_"
    if [[ -z $values && $PREFIX == --*=* ]]; then
        _keyrota_values "$path_" "${PREFIX%%=*}"
        compset -P '*='
    fi
    if [[ -z $values ]]; then
        if [[ $PREFIX == -* ]]; then
            _describe -o option options -- global
            return
        fi
        if (( $#commands )); then
            _describe command commands
            return
        fi
        values=$arguments
    fi
    case $values in
    FILE) _files ;;
    DIR) _files -/ ;;
    ANY | '') ;;
    *) compadd -- ${=values} ;;
    esac
}
_keyrota "$@"
)";

using Jobs = std::vector<std::string>;

// FILE, DIR, the words themselves, or ANY where nobody can say.
std::string values_of(const DescribedOption& option, const Jobs& jobs) {
    if (!option.choices.empty()) return fmt::format("{}", fmt::join(option.choices, " "));
    const std::string& kind = option.is_argument() ? option.name : option.value;
    if (kind == "JOB") return fmt::format("{}", fmt::join(jobs, " "));
    return kind == "FILE" || kind == "DIR" ? kind : "ANY";
}

std::string name_of(const CommandTree& command) {
    return command.path.substr(command.path.rfind(' ') + 1);
}

std::string quoted(const std::string& text) {
    std::string out = "'";
    for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return out + "'";
}

// An entry of zsh's _describe: a name, a colon, what it is.
std::string described(const std::string& name, const std::string& help) {
    std::string entry;
    for (const char c : name) entry += c == ':' ? std::string("\\:") : std::string(1, c);
    return quoted(entry + ":" + help.substr(0, help.find('\n')));
}

using Visit = std::function<void(const CommandTree&)>;

void for_each(const CommandTree& command, const Visit& visit) {
    visit(command);
    for (const CommandTree& below : command.commands) for_each(below, visit);
}

// values= for an option that takes one; the program's own may stand behind every command.
std::string values_table(const CommandTree& program, const Jobs& jobs) {
    std::string text = "_keyrota_values() {\n    values=''\n    case \"$1 $2\" in\n";
    for_each(program, [&](const CommandTree& command) {
        for (const DescribedOption& option : command.options)
            if (!option.is_argument() && !option.is_flag)
                text += fmt::format("    {}) values={} ;;\n",
                                    &command == &program ? "*' " + option.name + "'"
                                                         : quoted(command.path + " " + option.name),
                                    quoted(values_of(option, jobs)));
    });
    return text + "    esac\n}\n";
}

std::string arguments_of(const CommandTree& command, const Jobs& jobs) {
    const auto argument = std::find_if(command.options.begin(), command.options.end(),
                                       [](const auto& option) { return option.is_argument(); });
    return argument == command.options.end() ? "" : values_of(*argument, jobs);
}

std::string bash_words(const CommandTree& command, bool of_options) {
    std::vector<std::string> words;
    if (of_options) {
        for (const DescribedOption& option : command.options)
            if (!option.is_argument()) words.push_back(option.name);
        words.emplace_back("--help");
    } else {
        for (const CommandTree& below : command.commands) words.push_back(name_of(below));
    }
    return quoted(fmt::format("{}", fmt::join(words, " ")));
}

std::string zsh_words(const CommandTree& command, bool of_options) {
    std::vector<std::string> words;
    if (of_options) {
        for (const DescribedOption& option : command.options)
            if (!option.is_argument()) words.push_back(described(option.name, option.help));
        words.push_back(described("--help", "show how it is used"));
    } else {
        for (const CommandTree& below : command.commands)
            words.push_back(described(name_of(below), below.sentence));
    }
    return fmt::format("({})", fmt::join(words, " "));
}

using Words = std::string (*)(const CommandTree&, bool of_options);

std::string commands_table(const CommandTree& program, const Jobs& jobs, Words words) {
    std::string text =
        fmt::format("_keyrota_command() {{\n    global={}\n    case $1 in\n", words(program, true));
    for_each(program, [&](const CommandTree& command) {
        text +=
            fmt::format("    {}) commands={} options={} arguments={} ;;\n", quoted(command.path),
                        words(command, false), &command == &program ? "()" : words(command, true),
                        quoted(arguments_of(command, jobs)));
    });
    return text + "    *) return 1 ;;\n    esac\n}\n";
}

}  // namespace

std::string bash_completion(const CommandTree& program, const std::vector<std::string>& jobs) {
    return "# bash completion of keyrota, made by `keyrota completion bash`\n" +
           values_table(program, jobs) + commands_table(program, jobs, bash_words) + kBash;
}

std::string zsh_completion(const CommandTree& program, const std::vector<std::string>& jobs) {
    return "#compdef keyrota\n# made by `keyrota completion zsh`\n" + values_table(program, jobs) +
           commands_table(program, jobs, zsh_words) + kZsh;
}

}  // namespace keyrota
