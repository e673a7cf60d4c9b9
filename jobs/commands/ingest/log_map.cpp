#include "commands/ingest/log_map.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <set>

#include "commands/map_file.h"
#include "config/options.h"
#include "config/yaml_complaints.h"
#include "error/error.h"
#include "error/suggestion.h"
#include "gateways.h"

namespace keyrota {
namespace {

const std::vector<std::string> kFieldNames{"at",  "status",  "key",   "external_id", "secret",
                                           "url", "network", "scope", "browser"};
const std::vector<std::string> kOtherNames{"source", "query_parameters", "empty"};
const std::vector<std::string> kPlaceNames{"field", "name", "time_format", "values"};
const std::vector<std::string> kTimeNames{"iso", "unix", "unix_ms", "unix_us", "clf"};

// Reads one map; complains of everything that is wrong with it.
class LogMapReader {
  public:
    explicit LogMapReader(std::string name) : complaints_(name) { map_.name = std::move(name); }

    LogMap read(const std::string& text) {
        complaints_.read(text, [this](const YAML::Node& node) { top(node); });
        return std::move(map_);
    }

  private:
    void complain(const YAML::Mark& mark, const std::string& message,
                  const std::string& hint = "") {
        complaints_.add(mark, message, hint);
    }

    void top(const YAML::Node& node) {
        if (!node.IsMap()) return complain(node.Mark(), "a map must be a mapping");
        std::vector<std::string> known = kFieldNames;
        known.insert(known.end(), kOtherNames.begin(), kOtherNames.end());
        std::set<std::string> seen;
        for (const auto& entry : node) {
            if (!complaints_.is_known(entry.first, known, seen)) continue;
            const std::string& name = entry.first.Scalar();
            const auto found = std::find(kFieldNames.begin(), kFieldNames.end(), name);
            if (found != kFieldNames.end())
                field(static_cast<LogField>(found - kFieldNames.begin()), name, entry.second);
            else
                other(name, entry.second);
        }
        if (complaints_.is_empty()) require(node);
    }

    void require(const YAML::Node& node) {
        for (const LogField needed : {LogField::at, LogField::status})
            if (!map_.has(needed))
                complain(node.Mark(), fmt::format("{} is missing: which field it is",
                                                  kFieldNames[static_cast<std::size_t>(needed)]));
        if (!map_.has(LogField::key) && !map_.has(LogField::external_id) &&
            !map_.has(LogField::secret) && !map_.has(LogField::url))
            complain(node.Mark(), "no field says which key it was",
                     "Name the field of key, external_id, secret or url.");
        if (map_.has(LogField::external_id) == map_.key_source.empty())
            complain(node.Mark(), "external_id and source belong together",
                     "The source is what `keyrota keys import --source` was given.");
    }

    void other(const std::string& name, const YAML::Node& node) {
        if (name == "source") {
            if (!node.IsScalar()) return complain(node.Mark(), "source must be a name");
            map_.key_source = node.Scalar();
            return;
        }
        std::vector<std::string>& list = name == "empty" ? map_.empty : map_.query_parameters;
        list.clear();
        if (!node.IsSequence()) return complain(node.Mark(), name + " must be a list of strings");
        for (const YAML::Node& item : node)
            if (item.IsScalar())
                list.push_back(item.Scalar());
            else
                complain(item.Mark(), fmt::format("an item of {} must be a string", name));
    }

    void field(LogField field, const std::string& name, const YAML::Node& node) {
        if (node.IsScalar()) return add(field, node, dotted(node.Scalar()));
        if (field == LogField::browser && node.IsSequence()) {
            for (const YAML::Node& item : node)
                if (item.IsScalar() || item.IsMap())
                    this->field(field, name, item);
                else
                    complain(item.Mark(), "an item of browser must be the name of a field");
            return;
        }
        if (!node.IsMap())
            return complain(node.Mark(), name + " must be the name of a field, or a mapping");
        place(field, name, node);
    }

    void place(LogField field, const std::string& name, const YAML::Node& node) {
        std::set<std::string> seen;
        std::vector<std::string> path;
        for (const auto& line : node) {
            if (!complaints_.is_known(line.first, kPlaceNames, seen)) continue;
            const std::string& option = line.first.Scalar();
            if (option == "values")
                values(field, line.second);
            else if (!line.second.IsScalar())
                complain(line.second.Mark(), option + " must be a single value");
            else if (option == "time_format")
                time(field, line.second);
            else
                path = option == "field" ? dotted(line.second.Scalar())
                                         : std::vector{line.second.Scalar()};
        }
        if (seen.count("field") == seen.count("name"))
            return complain(node.Mark(), name + " must have either a field or a name",
                            "field: a.b is b within a; name: a.b has a dot in its name.");
        add(field, node, path);
    }

    void values(LogField field, const YAML::Node& node) {
        if (field != LogField::scope || !node.IsMap())
            return complain(node.Mark(), "values must be a mapping, and only scope takes them");
        for (const auto& value : node)
            if (value.first.IsScalar() && value.second.IsScalar())
                map_.scopes[value.first.Scalar()] = value.second.Scalar();
            else
                complain(value.first.Mark(), "a value must be a string");
    }

    void time(LogField field, const YAML::Node& node) {
        const auto found = std::find(kTimeNames.begin(), kTimeNames.end(), node.Scalar());
        if (field != LogField::at || found == kTimeNames.end())
            return complain(node.Mark(), "only `at` takes time_format, which is one of " +
                                             fmt::format("{}", fmt::join(kTimeNames, ", ")));
        map_.time = static_cast<LogTime>(found - kTimeNames.begin());
    }

    void add(LogField field, const YAML::Node& node, const std::vector<std::string>& path) {
        constexpr std::size_t kDeepest = 8;
        if (path.size() > kDeepest || std::find(path.begin(), path.end(), "") != path.end())
            return complain(node.Mark(), "not the name of a field",
                            "Names of objects within objects are joined by dots: request.url.");
        map_.sources.push_back({field, path});
    }

    static std::vector<std::string> dotted(std::string_view text) {
        std::vector<std::string> path(1);
        for (const char c : text)
            if (c == '.')
                path.emplace_back();
            else
                path.back() += c;
        return path;
    }

    LogMap map_;
    YamlComplaints complaints_;
};

}  // namespace

bool LogMap::has(LogField field) const {
    return std::any_of(sources.begin(), sources.end(),
                       [&](const LogSource& source) { return source.field == field; });
}

bool LogMap::means_nothing(std::string_view text) const {
    return text.empty() || std::find(empty.begin(), empty.end(), text) != empty.end();
}

LogMap load_log_map(const std::string& given, LogFormat format) {
    if (is_map_file(given)) return LogMapReader(given).read(read_map_file(given));
    const std::string plain = format == LogFormat::combined ? "combined" : "plain";
    const std::string name = given.empty() ? plain : given;
    std::vector<std::string> names;
    for (const EmbeddedText& ready : gateways) {
        if (name == ready.name) return LogMapReader(name).read(ready.text);
        names.emplace_back(ready.name);
    }
    std::string hint = did_you_mean(name, names);
    if (hint.empty())
        hint = fmt::format("Built-in maps: {}; the name of a file contains a / or ends in .yaml.",
                           fmt::join(names, ", "));
    throw Error(ExitCode::usage, fmt::format("--map: there is no map {}", in_quotes(name)), hint);
}

}  // namespace keyrota
