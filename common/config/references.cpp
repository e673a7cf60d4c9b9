#include "config/references.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "config/trusted_file.h"
#include "error/suggestion.h"
#include "postgres/connection.h"

namespace keyrota {
namespace {

using Environment = std::map<std::string, std::string>;

constexpr std::string_view kFile = "file:";

bool is_variable_name(std::string_view name) {
    return !name.empty() && std::isdigit(static_cast<unsigned char>(name.front())) == 0 &&
           std::all_of(name.begin(), name.end(),
                       [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; });
}

// A piece of a text: as it stands, or a reference.
struct Piece {
    std::string_view text;  // of a reference the name, which may be none
    bool is_reference = false;
};

std::vector<Piece> pieces_of(std::string_view written) {
    std::vector<Piece> pieces;
    while (!written.empty()) {
        const std::size_t open = written.find("${");
        if (open == std::string_view::npos) {
            pieces.push_back({written});
            return pieces;
        }
        if (open > 0 && written[open - 1] == '$') {
            pieces.push_back({written.substr(0, open - 1)});
            pieces.push_back({written.substr(open, 2)});
            written.remove_prefix(open + 2);
            continue;
        }
        if (open > 0) pieces.push_back({written.substr(0, open)});
        const std::size_t close = written.find('}', open);
        if (close == std::string_view::npos) {
            pieces.push_back({"", true});
            return pieces;
        }
        pieces.push_back({written.substr(open + 2, close - open - 2), true});
        written.remove_prefix(close + 1);
    }
    return pieces;
}

bool is_url(std::string_view text) {
    return text.starts_with("postgresql://") || text.starts_with("postgres://");
}

// A password with an @ in it would end up in the name of the host, and so in messages.
bool breaks_out(std::string_view written, std::string_view value) {
    return value.find_first_of(is_url(written) ? "@/?" : " \t\n'\\") != std::string_view::npos;
}

// What looks like the name of a variable may be a piece of a password in which ${ is not escaped.
bool may_be_named(const Option& option, std::string_view name) {
    return option.secrecy == Secrecy::none ||
           std::none_of(name.begin(), name.end(),
                        [](unsigned char c) { return std::islower(c) != 0; });
}

Complaint is_not_set(const Option& option, const std::string& name,
                     const Environment& environment) {
    if (!may_be_named(option, name))
        return {option.path + " refers to a variable that is not set",
                "Write $${ for a ${ that is a part of the text."};
    std::vector<std::string> set;
    for (const auto& variable : environment) set.push_back(variable.first);
    return {fmt::format("{} refers to ${{{}}}, which is not set", option.path, name),
            did_you_mean(name, set)};
}

void put_in(Expansion& expansion, const Option& option, std::string_view written,
            const Piece& reference, const Environment& environment) {
    const auto complain = [&](std::string message, std::string hint) {
        expansion.complaints.push_back({std::move(message), std::move(hint)});
    };
    if (!is_variable_name(reference.text))
        return complain(option.path + " has a ${ that does not begin a reference",
                        "A reference is ${NAME}; write $${ for a ${ that is a part of the text.");
    const std::string name(reference.text);
    expansion.variables.push_back(name);
    expansion.references.push_back(fmt::format("${{{}}}", name));
    const auto variable = environment.find(name);
    if (variable == environment.end()) {
        expansion.complaints.push_back(is_not_set(option, name, environment));
        return;
    }
    const bool is_all = expansion.references.back() == written;
    if (option.secrecy == Secrecy::url && !is_all && breaks_out(written, variable->second))
        return complain(
            fmt::format("{}: the value of ${{{}}} has a character that would end its part of the "
                        "{}",
                        option.path, name, is_url(written) ? "URL" : "connection's keywords"),
            is_url(written) ? "Write it percent-encoded there: %40 for @, %2F for /, %3F for ?."
                            : "Write a URL, where it can be percent-encoded.");
    expansion.text += variable->second;
}

Expansion put_variables_in(const Option& option, std::string_view written,
                           const Environment& environment) {
    Expansion expansion;
    for (const Piece& piece : pieces_of(written))
        if (piece.is_reference)
            put_in(expansion, option, written, piece, environment);
        else
            expansion.text += piece.text;
    return expansion;
}

Expansion read_secret(const Option& option, std::string_view written,
                      const Environment& environment) {
    Option path_option = option;  // a path is no secret, nor a part of a URL
    path_option.secrecy = Secrecy::none;
    Expansion expansion = put_variables_in(path_option, written.substr(kFile.size()), environment);
    expansion.references = {std::string(written)};
    if (!expansion.complaints.empty()) return expansion;
    const std::filesystem::path path = expansion.text;
    if (!path.is_absolute()) {
        expansion.complaints.push_back({option.path + " must name its file by an absolute path",
                                        "For example file:/etc/keyrota/database-url."});
        return expansion;
    }
    TrustedFile file = read_trusted_file(path, fmt::format("{}: {}", option.path, path.string()),
                                         Kept::from_readers);
    if (!file.text) {
        expansion.complaints.push_back(std::move(file.why));
        return expansion;
    }
    expansion.text = *std::move(file.text);
    if (expansion.text.ends_with('\n')) expansion.text.pop_back();
    return expansion;
}

}  // namespace

Expansion expand(const Option& option, std::string_view written, const Environment& environment) {
    if (option.secrecy != Secrecy::none && written.starts_with(kFile))
        return read_secret(option, written, environment);
    return put_variables_in(option, written, environment);
}

std::string shown_as_written(const Option& option, const std::string& written) {
    if (option.secrecy == Secrecy::none || written.starts_with(kFile)) return written;
    std::string beside;
    for (const Piece& piece : pieces_of(written))
        if (!piece.is_reference) beside += piece.text;
    if (option.secrecy == Secrecy::whole) return beside.empty() ? written : std::string(kRedacted);
    // Where a password is a reference alone, there is nothing left of it to take out.
    std::string redacted = redact_url(beside);
    for (std::size_t at = 0; (at = redacted.find(kRedacted)) != std::string::npos;)
        redacted.erase(at, kRedacted.size());
    return redacted == beside ? written : redact_url(written);
}

}  // namespace keyrota
