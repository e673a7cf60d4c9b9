#include "config/load.h"

#include <fmt/format.h>
#include <unistd.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cassert>
#include <cctype>
#include <limits>
#include <set>
#include <tuple>

#include "config/options.h"
#include "config/references.h"
#include "config/trusted_file.h"
#include "config/yaml_text.h"
#include "error/error.h"
#include "error/suggestion.h"

namespace keyrota {
namespace {

using Durations = std::vector<std::chrono::microseconds>;
using Words = std::vector<std::string>;

// Names that begin like an option's variable and are none.
constexpr std::string_view kFileVariable = "KEYROTA_CONFIG";
constexpr std::string_view kVariablePrefix = "KEYROTA_";

/// Where a text stands, for people; file, line and column also give the errors their order.
struct Place {
    std::string name;
    int line = 0;
    int column = 0;
};

struct Problem {
    Place place;
    Complaint complaint;
};

/// An item of a list as far as it is read; the default rule carries the origins of all other
/// options.
struct Draft {
    ListItem item;
    std::map<std::string, std::string> origins;  // path -> who set it, rightly or wrongly
    std::map<std::string, Place> places;         // path -> where its value stands
    std::map<std::string, std::string> written;  // path -> a text that has references
    std::set<std::string> inherited;             // paths that are as the defaults have them
};

struct Loading {
    const std::map<std::string, std::string>& environment;
    std::filesystem::path file{};
    std::string text{};  // of the file
    std::vector<std::string> jobs{};
    Config config{};
    Draft defaults{};
    std::vector<Draft> rules{};
    std::vector<Draft> sinks{};
    std::vector<Draft> webhooks{};
    std::set<std::string> variables{};  // that values refer to
    std::vector<Problem> problems{};
};

/// What somebody meant who left out the beginning: `lock_timeout` is database.lock_timeout.
std::string did_you_mean_ending(std::string_view ending, const std::vector<std::string>& names) {
    for (const std::string& name : names)
        if (name.ends_with(ending)) return fmt::format("Did you mean \"{}\"?", name);
    return "";
}

void complain(Loading& loading, const Place& place, std::string message, std::string hint = "") {
    loading.problems.push_back({place, {std::move(message), std::move(hint)}});
}

// -------------------------------------------------------------------------------------------------
// Values, wherever they come from

struct Text {
    std::string text;
    Place place;
};

bool is_list(const Member& member) {
    return std::holds_alternative<Durations*>(member) || std::holds_alternative<Words*>(member);
}

/// What takes several values begins anew.
void clear(const Member& member) {
    if (auto* const* durations = std::get_if<Durations*>(&member)) (*durations)->clear();
    if (auto* const* words = std::get_if<Words*>(&member)) (*words)->clear();
    if (auto* const* schedules = std::get_if<Schedules*>(&member)) (*schedules)->clear();
}

const char* list_hint(const Option& option, const Member& member) {
    if (option.items != Items::words) return "Write [FIRST, SECOND], or [] for none.";
    return std::holds_alternative<Words*>(member) ? "For example [read, write], or [] for none."
                                                  : "For example [30d, 7d], or [] for none.";
}

bool is_text(const Member& member) {
    return std::holds_alternative<std::string*>(member) ||
           std::holds_alternative<std::filesystem::path*>(member);
}

/// One text, which may have references. @returns whether it has any.
bool read_text(Loading& loading, const Option& option, const Member& member, const Text& text) {
    Expansion expansion = expand(option, text.text, loading.environment);
    loading.variables.insert(expansion.variables.begin(), expansion.variables.end());
    if (expansion.complaints.empty()) {
        // What came from elsewhere is not repeated; who complains about it says from where.
        Option as_read = option;
        if (!expansion.references.empty()) as_read.secrecy = Secrecy::whole;
        if (auto complaint = read_value(as_read, member, expansion.text)) {
            if (!expansion.references.empty())
                complaint->message +=
                    fmt::format(" (from {})", fmt::join(expansion.references, ", "));
            expansion.complaints.push_back(*std::move(complaint));
        }
    }
    for (Complaint& complaint : expansion.complaints)
        loading.problems.push_back({text.place, std::move(complaint)});
    return !expansion.references.empty();
}

void set_texts(Loading& loading, const Option& option, Draft& draft,
               const std::vector<Text>& texts) {
    const Member member = option.member(loading.config, draft.item);
    bool refers = false;
    std::vector<std::string> written;
    for (const Text& text : texts) {
        refers = read_text(loading, option, member, text) || refers;
        written.push_back(text.text);
    }
    if (refers)
        draft.written[option.path] =
            is_list(member) ? fmt::format("[{}]", fmt::join(written, ", ")) : written.front();
    else
        draft.written.erase(option.path);
}

bool is_schedules(const Member& member) {
    return std::holds_alternative<Schedules*>(member);
}

void set_value(Loading& loading, const Option& option, Draft& draft,
               const std::vector<Text>& texts) {
    const Member member = option.member(loading.config, draft.item);
    clear(member);
    if (is_text(member) || option.items != Items::words)
        return set_texts(loading, option, draft, texts);
    for (const Text& text : texts)
        if (auto complaint = read_value(option, member, text.text))
            loading.problems.push_back({text.place, *std::move(complaint)});
}

/// The items of a list that is one text: `[30d, 7d]`, `30d,7d`, `[]`.
std::optional<std::vector<Text>> split(std::string_view list, const Place& place) {
    const auto trim = [](std::string_view text) {
        while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
        while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
        return text;
    };
    list = trim(list);
    const bool bracketed = list.size() >= 2 && list.front() == '[' && list.back() == ']';
    if (bracketed) list = trim(list.substr(1, list.size() - 2));
    std::vector<Text> items;
    // An empty variable is more likely a mistake than the wish for no warnings at all.
    if (list.empty()) return bracketed ? std::optional(items) : std::nullopt;
    for (std::size_t begin = 0; begin <= list.size();) {
        const std::size_t comma = std::min(list.find(',', begin), list.size());
        items.push_back({std::string(trim(list.substr(begin, comma - begin))), place});
        begin = comma + 1;
    }
    return items;
}

/// A value from the environment or a flag.
void set_from_text(Loading& loading, const Option& option, const std::string& text,
                   const Place& place, const std::string& origin) {
    Draft& draft = loading.defaults;
    draft.origins[option.path] = origin;
    draft.places[option.path] = place;
    const Member member = option.member(loading.config, draft.item);
    if (!is_list(member)) {
        set_value(loading, option, draft, {{text, place}});
    } else if (const auto items = split(text, place)) {
        set_value(loading, option, draft, *items);
    } else {
        complain(loading, place, option.path + " must be a list", list_hint(option, member));
    }
}

// -------------------------------------------------------------------------------------------------
// The file

Place place_at(const Loading& loading, const YAML::Mark& mark) {
    const int line = std::max(mark.line, 0) + 1;
    const int column = std::max(mark.column, 0) + 1;
    return {fmt::format("{}:{}:{}", loading.file.string(), line, column), line, column};
}

/// An empty value has the mark of whatever comes next: its key says better where it is missing.
Place place_of(const Loading& loading, const YAML::Node& value, const YAML::Node& key) {
    return place_at(loading, value.IsNull() ? key.Mark() : value.Mark());
}

const char* kind_of(const YAML::Node& node) {
    if (node.IsMap()) return "a mapping";
    if (node.IsSequence()) return "a list";
    return node.IsScalar() ? "a single value" : "empty";
}

bool is_quoted(const YAML::Node& node) {
    return node.Tag() == "!";
}

/// yaml-cpp takes the end of the file for the closing quote, and a file cut short for a whole one.
bool lacks_closing_quote(const Loading& loading, const YAML::Node& node) {
    const std::string& text = loading.text;
    const auto begin = static_cast<std::size_t>(node.Mark().pos);
    if (!is_quoted(node) || begin >= text.size()) return false;
    const char quote = text[begin];
    if (quote != '\'' && quote != '"') return false;  // a block
    for (std::size_t i = begin + 1; i < text.size(); ++i) {
        const bool escapes = quote == '"' ? text[i] == '\\' : text.compare(i, 2, "''") == 0;
        if (escapes)
            ++i;
        else if (text[i] == quote)
            return false;
    }
    return true;
}

/// A scalar that can be read as text; else a problem.
bool is_usable(Loading& loading, const std::string& path, const YAML::Node& node,
               const Place& place) {
    if (!node.IsScalar())
        complain(loading, place,
                 fmt::format("{} must be a single value, not {}", path, kind_of(node)),
                 node.IsNull() ? "Write '' for an empty text." : "");
    else if (node.Tag() != "?" && !is_quoted(node))
        complain(loading, place, path + " has a YAML tag, which no option takes");
    else if (lacks_closing_quote(loading, node))
        complain(loading, place, path + " lacks its closing quote");
    else
        return true;
    return false;
}

// `JOB: SCHEDULE` for each entry that names a job.
std::vector<Text> read_schedules(Loading& loading, const Option& option, const YAML::Node& key,
                                 const YAML::Node& node) {
    std::vector<Text> texts;
    if (node.IsNull()) return texts;  // all of them are commented out
    if (!node.IsMap()) {
        complain(loading, place_of(loading, node, key),
                 fmt::format("{} must be a mapping, not {}", option.path, kind_of(node)),
                 "For example {check-runs: off}.");
        return texts;
    }
    std::set<std::string> seen;
    for (const auto& entry : node) {
        const Place place = place_at(loading, entry.first.Mark());
        const std::string job = entry.first.IsScalar() ? entry.first.Scalar() : "";
        const Place at_schedule = place_of(loading, entry.second, entry.first);
        if (std::find(loading.jobs.begin(), loading.jobs.end(), job) == loading.jobs.end()) {
            std::string hint = did_you_mean(job, loading.jobs);
            if (hint.empty()) hint = fmt::format("The jobs are {}.", fmt::join(loading.jobs, ", "));
            complain(loading, place, fmt::format("no job is called {}", in_quotes(job)),
                     std::move(hint));
        } else if (!seen.insert(job).second) {
            complain(loading, place, fmt::format("{}.{} is set twice", option.path, job));
        } else if (is_usable(loading, fmt::format("{}.{}", option.path, job), entry.second,
                             at_schedule)) {
            texts.push_back({fmt::format("{}: {}", job, entry.second.Scalar()), at_schedule});
        }
    }
    return texts;
}

void visit_option(Loading& loading, const Option& option, const YAML::Node& key,
                  const YAML::Node& value, Draft& draft) {
    const Place place = place_of(loading, value, key);
    draft.origins[option.path] = fmt::format("{}:{}", loading.file.string(), key.Mark().line + 1);
    draft.places[option.path] = place;
    const Member member = option.member(loading.config, draft.item);
    std::vector<Text> texts;
    if (is_schedules(member)) {
        texts = read_schedules(loading, option, key, value);
    } else if (!is_list(member)) {
        if (!is_usable(loading, option.path, value, place)) return;
        if (std::holds_alternative<std::int64_t*>(member) && is_quoted(value))
            return complain(loading, place,
                            option.path + " must be a whole number, not a string in quotes");
        texts.push_back({value.Scalar(), place});
    } else {
        if (!value.IsSequence())
            return complain(loading, place,
                            fmt::format("{} must be a list, not {}", option.path, kind_of(value)),
                            list_hint(option, member));
        for (const YAML::Node& item : value) {
            const Place where = place_of(loading, item, value);
            if (is_usable(loading, "an item of " + option.path, item, where))
                texts.push_back({item.Scalar(), where});
        }
    }
    set_value(loading, option, draft, texts);
}

void complain_unknown(Loading& loading, const std::string& section, const std::string& name,
                      const Place& place) {
    // A URL that lost its key would be echoed with its password.
    const bool is_name =
        !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) {
            return std::isalnum(c) != 0 || c == '_' || c == '-' || c == '.';
        });
    if (!is_name) return complain(loading, place, "this is not the name of an option");

    const std::vector<std::string> here = options_in(section);
    std::vector<std::string> everywhere;
    for (const Option& option : options()) everywhere.push_back(option.path);
    std::string hint = did_you_mean(name, here);
    if (hint.empty()) hint = did_you_mean_ending("." + name, everywhere);
    if (hint.empty()) hint = fmt::format("Known here: {}.", fmt::join(here, ", "));
    complain(loading, place, "unknown option " + in_quotes(name), std::move(hint));
}

bool is_list_of_mappings(const std::string& path);
void visit_list(Loading& loading, const std::string& path, const YAML::Node& key,
                const YAML::Node& list);

/// Reads what stands below `section` ("" for the top) into the configuration and into `draft`.
void visit_section(Loading& loading, const std::string& section, const YAML::Node& key,
                   const YAML::Node& node, Draft& draft) {
    if (node.IsNull()) return;  // all of its options are commented out
    if (!node.IsMap())
        return complain(loading, place_of(loading, node, key),
                        fmt::format("{} must be a mapping, not {}",
                                    section.empty() ? "the configuration" : section, kind_of(node)),
                        fmt::format("Known here: {}.", fmt::join(options_in(section), ", ")));
    const std::vector<std::string> known = options_in(section);
    std::set<std::string> seen;
    for (const auto& entry : node) {
        const Place place = place_at(loading, entry.first.Mark());
        if (!entry.first.IsScalar()) {
            complain(loading, place, "the name of an option must be a string");
            continue;
        }
        const std::string& name = entry.first.Scalar();
        if (std::find(known.begin(), known.end(), name) == known.end()) {
            complain_unknown(loading, section, name, place);
            continue;
        }
        const std::string path = section.empty() ? name : fmt::format("{}.{}", section, name);
        if (!seen.insert(name).second)
            complain(loading, place, path + " is set twice");
        else if (const Option* option = find_option(path))
            visit_option(loading, *option, entry.first, entry.second, draft);
        else if (is_list_of_mappings(path))
            visit_list(loading, path, entry.first, entry.second);
        else
            visit_section(loading, path, entry.first, entry.second, draft);
    }
}

/// Whether the item says anything that begins so, rightly or wrongly.
bool sets(const Draft& draft, const std::string& start) {
    const auto found = draft.origins.lower_bound(start);
    return found != draft.origins.end() && found->first.starts_with(start);
}

void check_rule(Loading& loading, const Draft& draft, const Place& place) {
    if (!sets(draft, "policy.rules[].match."))
        complain(loading, place, "a policy rule must say which keys it is for",
                 "Without a match it would hide the rules below it; what holds for all keys "
                 "belongs in policy.defaults.");
    if (draft.item.rule.name == "default")
        complain(loading, draft.places.at("policy.rules[].name"),
                 "\"default\" is the name of the rule that policy.defaults makes");
}

/// The types of sinks with what each takes, the first of which it needs.
const std::map<std::string, Words> kTakenBySinks = {
    {"file", {"directory"}}, {"exec", {"command", "environment", "timeout"}}};

void check_sink(Loading& loading, const Draft& draft, const Place& place) {
    const SinkOptions& sink = draft.item.sink;
    if (sink.name == "print")
        complain(loading, draft.places.at("sinks[].name"),
                 "\"print\" is the name of the sink that shows a secret to who rotates a key by "
                 "hand");
    if (!sets(draft, "sinks[].type"))
        return complain(loading, place, "a sink needs a type", "It is file or exec.");
    if (sink.type.empty()) return;  // said already

    const Words& takes = kTakenBySinks.at(sink.type);
    if (!sets(draft, "sinks[]." + takes.front()))
        complain(loading, place,
                 fmt::format("a sink of type {} needs a {}", sink.type, takes.front()));
    for (const auto& [type, others] : kTakenBySinks)
        for (const std::string& name : others)
            if (const auto found = draft.places.find("sinks[]." + name);
                type != sink.type && found != draft.places.end())
                complain(loading, found->second,
                         fmt::format("a sink of type {} takes no {}", sink.type, name),
                         fmt::format("It takes {}.", fmt::join(takes, ", ")));
    const auto command = draft.places.find("sinks[].command");
    if (command != draft.places.end() &&
        (sink.command.empty() || !sink.command.front().starts_with('/')))
        complain(loading, command->second,
                 "the first item of sinks[].command must be an absolute path",
                 "For example [/usr/local/bin/put-secret, production].");
}

void check_webhook(Loading& loading, const Draft& draft, const Place& place) {
    if (draft.item.webhook.name == "operator")
        complain(loading, draft.places.at("webhooks[].name"),
                 "\"operator\" is the name of the operator's own webhook",
                 "That one is webhook.url.");
    if (!sets(draft, "webhooks[].url")) complain(loading, place, "a webhook needs a url");
}

/// A list of the configuration whose items are mappings with a name each.
struct MappingList {
    std::string path;
    std::string item;  // in messages
    std::vector<Draft> Loading::*drafts;
    std::string (*name_of)(const ListItem&);
    void (*check)(Loading&, const Draft&, const Place&);
};

const MappingList kLists[] = {
    {"policy.rules", "policy rule", &Loading::rules,
     [](const ListItem& item) { return item.rule.name; }, check_rule},
    {"sinks", "sink", &Loading::sinks, [](const ListItem& item) { return item.sink.name; },
     check_sink},
    {"webhooks", "webhook", &Loading::webhooks,
     [](const ListItem& item) { return item.webhook.name; }, check_webhook},
};

bool is_list_of_mappings(const std::string& path) {
    return std::any_of(std::begin(kLists), std::end(kLists),
                       [&](const MappingList& list) { return list.path == path; });
}

void check_name(Loading& loading, const MappingList& list, const Draft& draft, const Place& place) {
    const auto found = draft.places.find(list.path + "[].name");
    if (found == draft.places.end())
        return complain(loading, place, fmt::format("a {} needs a name", list.item));
    const std::string name = list.name_of(draft.item);
    if (name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") != std::string::npos)
        complain(loading, found->second,
                 fmt::format("the name of a {} must consist of a-z, 0-9 and -, not {}", list.item,
                             in_quotes(name)));
    for (const Draft& other : loading.*list.drafts)
        if (!name.empty() && list.name_of(other.item) == name)
            complain(loading, found->second,
                     fmt::format("another {} is named {}", list.item, in_quotes(name)));
}

void visit_list(Loading& loading, const std::string& path, const YAML::Node& key,
                const YAML::Node& list) {
    if (list.IsNull()) return;
    if (!list.IsSequence())
        return complain(loading, place_of(loading, list, key),
                        fmt::format("{} must be a list, not {}", path, kind_of(list)));
    const MappingList& known =
        *std::find_if(std::begin(kLists), std::end(kLists),
                      [&](const MappingList& one) { return one.path == path; });
    for (const YAML::Node& node : list) {
        if (!node.IsMap()) {
            complain(loading, place_of(loading, node, list),
                     fmt::format("a {} must be a mapping, not {}", known.item, kind_of(node)));
            continue;
        }
        Draft draft;
        const Place place = place_at(loading, node.Mark());
        visit_section(loading, path + "[]", node, node, draft);
        known.check(loading, draft, place);
        check_name(loading, known, draft, place);
        (loading.*known.drafts).push_back(std::move(draft));
    }
}

void visit_file(Loading& loading) {
    if (loading.text.starts_with("\xef\xbb\xbf"))
        loading.text.erase(0, 3);  // marks count from after it
    try {
        const YamlText read = read_yaml(loading.text);
        // Not taken for "the defaults": a file that was cut short is more likely.
        if (read.document.IsNull() && !read.another_at)
            complain(loading, place_at(loading, {}), "the configuration is empty",
                     "Write {} if all options are to have their defaults.");
        else if (read.another_at)
            complain(loading, place_at(loading, *read.another_at),
                     "a second YAML document begins here; a configuration is one document");
        else
            visit_section(loading, "", read.document, read.document, loading.defaults);
    } catch (const YAML::Exception& e) {
        // Behind a colon yaml-cpp repeats a part of the text, which may be of a secret.
        const bool is_alias =
            e.msg.find("anchor") != std::string::npos || e.msg.find("alias") != std::string::npos;
        complain(loading, place_at(loading, e.mark),
                 "not valid YAML: " + e.msg.substr(0, e.msg.find(':')),
                 is_alias ? "Put a string that begins with * in quotes: '*/5 * * * *'." : "");
    }
}

// -------------------------------------------------------------------------------------------------
// The sources in their order

void load_file(Loading& loading, const ConfigSources& sources) {
    const auto variable = sources.environment.find(std::string(kFileVariable));
    const bool named_by_variable =
        variable != sources.environment.end() && !variable->second.empty();
    const std::filesystem::path path = sources.file        ? *sources.file
                                       : named_by_variable ? std::filesystem::path(variable->second)
                                                           : sources.system_file;
    loading.config.folder = std::filesystem::absolute(path).lexically_normal().parent_path();
    TrustedFile file = read_trusted_file(path, "the configuration", Kept::from_writers);
    if (!file.text) {
        if (!file.is_missing || sources.file || named_by_variable)
            complain(loading, {path.string()}, std::move(file.why.message),
                     std::move(file.why.hint));
        return;
    }
    loading.file = path;
    loading.text = *std::move(file.text);
    visit_file(loading);
}

void load_environment(Loading& loading, const std::map<std::string, std::string>& environment) {
    std::vector<std::string> known{std::string(kFileVariable)};
    for (const Option& option : options()) {
        const std::string name = environment_variable(option);
        if (name.empty()) continue;
        known.push_back(name);
        const auto found = environment.find(name);
        if (found == environment.end()) continue;
        const std::string place = "environment " + name;
        set_from_text(loading, option, found->second, {place}, place);
    }
    for (const auto& [name, value] : environment) {
        if (!name.starts_with(kVariablePrefix)) continue;
        if (std::find(known.begin(), known.end(), name) != known.end()) continue;
        if (loading.variables.count(name) != 0) continue;
        std::string hint = did_you_mean(name, known);
        if (hint.empty())
            hint = did_you_mean_ending(name.substr(kVariablePrefix.size() - 1), known);
        complain(loading, {"environment " + name}, "no option has this variable", std::move(hint));
    }
}

void load_flags(Loading& loading, const std::map<std::string, std::string>& flags) {
    for (const auto& [path, text] : flags) {
        const Option* option = find_option(path);
        assert(option != nullptr);
        std::string flag = "--" + path;
        std::replace_if(
            flag.begin(), flag.end(), [](char c) { return c == '.' || c == '_'; }, '-');
        set_from_text(loading, *option, text, {flag}, "flag");
    }
}

/// Where keyrota may write if nobody says so; empty if that cannot be known.
std::filesystem::path default_data_dir(const std::map<std::string, std::string>& environment) {
    if (::geteuid() == 0) return "/var/lib/keyrota";
    const auto directory = [&](const char* name) {
        const auto found = environment.find(name);
        return found == environment.end() ? std::filesystem::path()
                                          : std::filesystem::path(found->second);
    };
    // The XDG specification has a relative path ignored.
    if (directory("XDG_DATA_HOME").is_absolute()) return directory("XDG_DATA_HOME") / "keyrota";
    if (directory("HOME").is_absolute()) return directory("HOME") / ".local/share/keyrota";
    return {};
}

void complete_data_dir(Loading& loading, const ConfigSources& sources) {
    std::filesystem::path& data_dir = loading.config.data_dir;
    if (loading.defaults.origins.count("data_dir") == 0) {
        data_dir = default_data_dir(sources.environment);
        if (data_dir.empty())
            complain(loading, {"data_dir"},
                     "no default, since neither XDG_DATA_HOME nor HOME is set",
                     "Set data_dir, KEYROTA_DATA_DIR or HOME.");
    }
    if (!data_dir.empty()) data_dir = std::filesystem::absolute(data_dir).lexically_normal();
}

std::string origin_of(const Draft& draft, const std::string& path) {
    const auto found = draft.origins.find(path);
    return found == draft.origins.end() ? "default" : found->second;
}

/// Gives the rules what they do not set themselves, once it is known what the defaults are.
void inherit_defaults(Loading& loading) {
    for (Draft& draft : loading.rules)
        for (const Option& option : options()) {
            if (!option.path.starts_with(kPolicyRules) || draft.origins.count(option.path) != 0)
                continue;
            const Option* parent =
                find_option(std::string(kPolicyDefaults) + option.path.substr(kPolicyRules.size()));
            if (parent == nullptr) continue;
            const Member from = parent->member(loading.config, loading.defaults.item);
            std::visit([&](auto* to) { *to = *std::get<decltype(to)>(from); },
                       option.member(loading.config, draft.item));
            draft.origins[option.path] = origin_of(loading.defaults, parent->path);
            draft.inherited.insert(option.path);
            if (const auto written = loading.defaults.written.find(parent->path);
                written != loading.defaults.written.end())
                draft.written[option.path] = written->second;
        }
}

std::string shown_value(Loading& loading, const Option& option, Draft& draft) {
    const auto written = draft.written.find(option.path);
    return written == draft.written.end() ? shown(option, option.member(loading.config, draft.item))
                                          : shown_as_written(option, written->second);
}

std::vector<Setting> list_settings(Loading& loading) {
    std::vector<Setting> settings;
    for (const Option& option : options()) {
        if (is_of_list(option)) continue;
        settings.push_back({option.path, shown_value(loading, option, loading.defaults),
                            origin_of(loading.defaults, option.path)});
    }
    for (const MappingList& list : kLists)
        for (Draft& draft : loading.*list.drafts)
            for (const Option& option : options()) {
                const auto origin = draft.origins.find(option.path);
                const std::string section = list.path + "[].";
                if (origin == draft.origins.end() || option.path == section + "name") continue;
                settings.push_back({fmt::format("{}.{}.{}", list.path, list.name_of(draft.item),
                                                option.path.substr(section.size())),
                                    shown_value(loading, option, draft), origin->second,
                                    draft.inherited.count(option.path) != 0});
            }
    return settings;
}

/// A rule's rotation as a whole, once it is known which sinks there are and what it inherits.
void check_rotation(Loading& loading, Draft& draft, std::string_view section) {
    const PolicyRule& rule = draft.item.rule;
    const std::string action = std::string(section) + "rotation.action";
    const std::string sink = std::string(section) + "rotation.sink";
    const auto at_action = draft.places.find(action);
    const auto at_sink = draft.places.find(sink);
    Words names;
    for (const Draft& one : loading.sinks) names.push_back(one.item.sink.name);

    if (at_sink != draft.places.end() && !rule.rotation_sink.empty() &&
        std::find(names.begin(), names.end(), rule.rotation_sink) == names.end()) {
        std::string hint = did_you_mean(rule.rotation_sink, names);
        if (hint.empty() && names.empty()) hint = "Describe it below `sinks`; there is none yet.";
        if (hint.empty()) hint = fmt::format("The sinks are {}.", fmt::join(names, ", "));
        complain(loading, at_sink->second,
                 fmt::format("{} is {}, and no sink has this name", sink,
                             in_quotes(shown_value(loading, *find_option(sink), draft))),
                 std::move(hint));
    }
    // What a rule inherits as a whole is complained about where it stands.
    const bool is_own = at_action != draft.places.end() || at_sink != draft.places.end();
    if (is_own && rule.rotation_action == "rotate" && rule.rotation_sink.empty())
        complain(loading, at_action != draft.places.end() ? at_action->second : at_sink->second,
                 fmt::format("{} is rotate, and {} names no sink that the new secret could go to",
                             action, sink),
                 "Name one of those below `sinks` there, or let rotation.action be flag.");
}

[[noreturn]] void refuse(std::vector<Problem> problems) {
    // In the order of the file; then what stands in none.
    const auto order = [](const Place& place) {
        return std::pair(place.line == 0 ? std::numeric_limits<int>::max() : place.line,
                         place.column);
    };
    std::stable_sort(problems.begin(), problems.end(), [&](const Problem& a, const Problem& b) {
        return order(a.place) < order(b.place);
    });
    std::string message;
    for (const auto& [place, complaint] : problems) {
        if (!message.empty()) message += '\n';
        message += place.name + ": " + complaint.message;
        if (!complaint.hint.empty()) message += "\n  HINT: " + complaint.hint;
    }
    throw Error(ExitCode::config, message);
}

}  // namespace

LoadedConfig load_config(const ConfigSources& sources) {
    Loading loading{.environment = sources.environment};
    loading.defaults.item.rule = built_in_rule();
    loading.jobs = sources.jobs;

    load_file(loading, sources);
    load_environment(loading, sources.environment);
    load_flags(loading, sources.flags);
    complete_data_dir(loading, sources);
    if (!loading.problems.empty()) refuse(std::move(loading.problems));

    inherit_defaults(loading);
    check_rotation(loading, loading.defaults, kPolicyDefaults);
    for (Draft& draft : loading.rules) check_rotation(loading, draft, kPolicyRules);
    if (!loading.problems.empty()) refuse(std::move(loading.problems));

    std::vector<Setting> settings = list_settings(loading);
    for (Draft& draft : loading.rules) loading.config.policy.push_back(std::move(draft.item.rule));
    loading.config.policy.push_back(std::move(loading.defaults.item.rule));
    for (Draft& draft : loading.sinks) loading.config.sinks.push_back(std::move(draft.item.sink));
    for (Draft& draft : loading.webhooks)
        loading.config.webhooks.push_back(std::move(draft.item.webhook));
    return {std::move(loading.config), std::move(settings), std::move(loading.file)};
}

std::map<std::string, std::string> process_environment() {
    std::map<std::string, std::string> environment;
    for (char** entry = ::environ; *entry != nullptr; ++entry) {
        const std::string_view text = *entry;
        const std::size_t equals = text.find('=');
        if (equals != std::string_view::npos)
            environment.emplace(text.substr(0, equals), text.substr(equals + 1));
    }
    return environment;
}

}  // namespace keyrota
