#include "notify/templates.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>
#include <vector>

#include "config/trusted_file.h"
#include "error/error.h"
#include "error/suggestion.h"
#include "mail_templates.h"
#include "report/escape.h"

namespace keyrota {
namespace {

namespace fs = std::filesystem;
using Data = kainjow::mustache::data;

// All that a template may name; what each is, config/templates shows.
const std::vector<std::string>& names() {
    static const std::vector<std::string> all = {
        "subject",   "greeting",   "introduction", "items",        "headline",  "severity",
        "colour",    "key",        "name",         "masked",       "key_id",    "environment",
        "type",      "scopes",     "created",      "expires",      "last_used", "usage",
        "requests",  "errors",     "spark",        "peak",         "bars",      "height",
        "why",       "steps",      "number",       "text",         "command",   "link",
        "otherwise", "reason",     "more",         "list_command", "has_ended", "ended",
        "rule",      "run",        "whom_to_ask",  "parts",        "todo",      "keys",
        "change",    "successful", "limited",      "peak_minute",  "has_due",   "due",
        "seen",      "sentence",   "week"};
    return all;
}

std::string place(std::string_view text, std::size_t at) {
    const std::string_view before = text.substr(0, at);
    const auto line = 1 + std::count(before.begin(), before.end(), '\n');
    const std::size_t line_start = before.rfind('\n') + 1;  // npos + 1 is 0
    return fmt::format("{}:{}: ", line, at - line_start + 1);
}

// One tag, without its braces. @returns the complaint.
std::string fault_of_tag(std::string_view tag, std::vector<std::string>& open) {
    const char kind = tag.empty() ? ' ' : tag.front();
    if (kind == '!') return "";
    if (std::string_view("{&>=").find(kind) != std::string_view::npos)
        return fmt::format("{{{{{} is not allowed: every value is escaped", kind);
    const bool is_section = kind == '#' || kind == '^';
    std::string name(tag.substr(is_section || kind == '/' ? 1 : 0));
    name.erase(0, name.find_first_not_of(' '));
    name.erase(name.find_last_not_of(' ') + 1);
    if (std::find(names().begin(), names().end(), name) == names().end()) {
        const std::string hint = did_you_mean(name, names());
        return fmt::format("unknown variable \"{}\"{}", for_terminal(name),
                           hint.empty() ? "" : ". " + hint);
    }
    if (is_section) open.push_back(name);
    if (kind != '/') return "";
    if (open.empty() || open.back() != name)
        return fmt::format("{{{{/{}}}}} closes nothing that is open here", name);
    open.pop_back();
    return "";
}

std::string built_in(std::string_view name) {
    for (const EmbeddedText& one : mail_templates)
        if (name == one.name) return one.text;
    throw Error(ExitCode::internal, fmt::format("no template is called {}", name));
}

std::string own_or_built_in(const fs::path& folder, const std::string& name) {
    const fs::path path = folder / (name + ".mustache");
    if (folder.empty()) return built_in(name);
    if (std::error_code unreadable; !fs::is_directory(folder, unreadable))
        throw Error(ExitCode::config,
                    fmt::format("notify.templates is not a directory: {}", folder.string()),
                    "Create it, or leave the option empty to use the built-in templates.");
    const TrustedFile file = read_trusted_file(path, "a template", Kept::from_writers);
    if (file.is_missing) return built_in(name);
    if (!file.text) throw Error(ExitCode::config, file.why.message, file.why.hint);
    const std::string fault = fault_of_template(*file.text);
    if (!fault.empty())
        throw Error(ExitCode::config, fmt::format("{}:{}", path.string(), fault),
                    "The built-in ones (config/templates) show what is allowed.");
    return *file.text;
}

constexpr char kEmptyLine = '\x01';  // that stands in a text; no value holds it

// For text, where each line is seen: of a line that is a section's tag nothing is left, whether the
// section is shown or not, and an empty line stays. kainjow leaves one for a section that is not
// shown, and none behind a tag.
std::string with_lines_as_seen(const std::string& text) {
    std::string lines;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) {
        const bool is_tag = line.starts_with("{{") && line.find("}}") == line.size() - 2 &&
                            line.find_first_of("#^/!") == 2;
        if (line.empty()) line = kEmptyLine;
        lines += is_tag ? line : line + '\n';
    }
    return lines;
}

std::string without_marks(std::string text) {
    std::erase(text, kEmptyLine);
    return text;
}

// Spaces that HTML and people would not see stay; what would break a line or turn it goes.
std::string escape_html(const std::string& value) {
    return kainjow::mustache::html_escape(for_terminal(value));
}
std::string escape_text(const std::string& value) {
    return for_terminal(value);
}

}  // namespace

std::string fault_of_template(std::string_view text) {
    std::vector<std::string> open;
    std::size_t last = 0;
    for (std::size_t at = text.find("{{"); at != std::string_view::npos;
         at = text.find("{{", last)) {
        const std::size_t end = text.find("}}", at + 2);
        if (end == std::string_view::npos) return place(text, at) + "a tag is not closed";
        const std::string fault = fault_of_tag(text.substr(at + 2, end - at - 2), open);
        if (!fault.empty()) return place(text, at) + fault;
        last = end + 2;
    }
    if (!open.empty())
        return place(text, text.size()) + fmt::format("{{{{/{}}}}} is missing", open.back());
    return "";
}

Templates::Templates(const fs::path& folder)
    : notice_{with_lines_as_seen(own_or_built_in(folder, "notice_text")),
              own_or_built_in(folder, "notice_html")},
      report_{with_lines_as_seen(own_or_built_in(folder, "report_text")),
              own_or_built_in(folder, "report_html")} {
    for (Pair* pair : {&notice_, &report_}) {
        pair->text.set_custom_escape(escape_text);
        pair->html.set_custom_escape(escape_html);
    }
}

std::string Templates::text(const Data& data) {
    return without_marks(notice_.text.render(data));
}

std::string Templates::report_text(const Data& data) {
    return without_marks(report_.text.render(data));
}

}  // namespace keyrota
