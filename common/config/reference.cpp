#include "config/reference.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "config/options.h"
#include "time/timestamp.h"

namespace keyrota {
namespace {

using std::chrono::microseconds;

constexpr const char* kBeginning =
    R"(# Configuration

Every option: what it takes, its default, and what it is for. `keyrota config reference` prints this page;
[config/keyrota.yaml](../config/keyrota.yaml) is a file with all of them at their defaults, and the reasons for them.

keyrota reads the file named by `--config`, otherwise by `KEYROTA_CONFIG`, otherwise `/etc/keyrota/keyrota.yaml`; without a file the
defaults apply. Precedence, highest first: flag, environment, file, default. There are flags for `data_dir` (`--data-dir`) and
`log.format` (`--log-format`). In the environment a list is written `30d,7d`; options without a variable can only be set in a file.

A duration is a whole number with a unit: us, ms, s, m, h, d (24 hours), w. Lengths of strings are in bytes. In a string `${NAME}` stands
for an environment variable. An option marked *secret* can be `file:/PATH` as a whole, and is never shown. An option without a
default is empty, except `data_dir`: `/var/lib/keyrota` for root, `$XDG_DATA_HOME/keyrota` or `~/.local/share/keyrota` for others.

```sh
keyrota config check      # every mistake, with line and column
keyrota config show       # the values in force, and where each comes from
keyrota config schema > keyrota.schema.json
```
)";

std::string duration(std::int64_t us) {
    return to_string(microseconds(us));
}

// What an option takes, by the type of the member that takes it.
struct Taker {
    const Option& option;

    template <typename Text>  // std::string or std::filesystem::path
    std::string operator()(const Text*) const {
        return text("a string");
    }
    std::string operator()(const std::int64_t*) const {
        return fmt::format("a number, {} to {}", option.range.min, option.range.max);
    }
    std::string operator()(const microseconds*) const { return "a duration, " + durations(); }
    std::string operator()(const std::vector<microseconds>*) const {
        return "a list of durations, each " + durations();
    }
    std::string operator()(const std::vector<std::string>*) const {
        switch (option.items) {
            case Items::words:
                return text("a list of words, each");
            case Items::texts:
                return text("a list of strings, each");
            case Items::variables:
                return text("a list of NAME=VALUE, each");
        }
        return "";
    }
    std::string operator()(const Schedules*) const { return "a map of jobs to schedules"; }

  private:
    std::string text(const char* what) const {
        if (!option.choices.empty()) return fmt::format("`{}`", fmt::join(option.choices, "`, `"));
        if (option.range.min == option.range.max)
            return fmt::format("{} of {}", what, option.range.max);
        std::string all =
            option.range.min > 0
                ? fmt::format("{} of {} to {}", what, option.range.min, option.range.max)
                : fmt::format("{} of up to {}", what, option.range.max);
        if (!option.beginnings.empty())
            all += fmt::format(", beginning with `{}`", fmt::join(option.beginnings, "` or `"));
        return all;
    }
    std::string durations() const {
        return fmt::format("{} to {}{}", duration(option.range.min), duration(option.range.max),
                           whole(option.range.step));
    }
    static std::string whole(std::int64_t step) {
        if (step == 1'000) return ", whole milliseconds";
        if (step == 1'000'000) return ", whole seconds";
        return step == 1 ? "" : ", a multiple of " + duration(step);
    }
};

std::string default_of(const Option& option) {
    // An item of a list has no default but for what it may leave out.
    if (is_of_list(option) && !option.path.ends_with(".timeout")) return "";
    Config config;
    ListItem item{.rule = built_in_rule()};
    const std::string value = shown(option, option.member(config, item));
    return value.empty() || value == kRedacted ? "" : fmt::format("`{}`", value);
}

// `database` of `database.url`; an option without a section is one of its own.
std::string section_of(const std::string& path) {
    const std::size_t dot = path.rfind('.');
    return dot == std::string::npos ? path : path.substr(0, dot);
}

bool may_stand_in_defaults(const Option& option) {
    return option.path.starts_with(kPolicyRules) &&
           find_option(std::string(kPolicyDefaults) + option.path.substr(kPolicyRules.size())) !=
               nullptr;
}

// A pipe would end the cell.
std::string cell(std::string text) {
    for (std::size_t at = text.find('|'); at != std::string::npos; at = text.find('|', at + 2))
        text.replace(at, 1, "\\|");
    return text;
}

std::string row(const Option& option) {
    Config config;
    ListItem item;
    const std::string variable = environment_variable(option);
    return fmt::format("| `{}` | {}{} | {} | {} | {} |\n", option.path,
                       cell(std::visit(Taker{option}, option.member(config, item))),
                       option.secrecy == Secrecy::none ? "" : "; *secret*", default_of(option),
                       cell(option.help), variable.empty() ? "" : "`" + variable + "`");
}

}  // namespace

std::string config_reference() {
    std::string page = kBeginning;
    std::string section;
    for (const Option& option : options()) {
        if (may_stand_in_defaults(option)) continue;
        if (section_of(option.path) != section) {
            section = section_of(option.path);
            page += fmt::format(
                "\n## {}\n\n| option | takes | default | description | environment |\n"
                "|---|---|---|---|---|\n",
                section);
        }
        page += row(option);
    }
    return page +
           "\nA rule of `policy.rules` may also set any option of `policy.defaults` for the keys "
           "that it matches; `keyrota policy explain KEY`\nsays which rule applies.\n";
}

}  // namespace keyrota
