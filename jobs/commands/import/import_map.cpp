#include "commands/import/import_map.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <set>

#include "commands/map_file.h"
#include "config/options.h"
#include "config/yaml_complaints.h"
#include "error/error.h"
#include "error/suggestion.h"
#include "import_maps.h"

namespace keyrota {
namespace {

const std::vector<std::string> kTop{"other_columns", "empty", "keys", "owners"};
const std::vector<std::string> kSource{"column", "text", "values", "time_format", "optional"};

// Reads one map; complains of everything that is wrong with it.
class Reader {
  public:
    Reader(const ImportKind& kind, std::string file) : kind_(kind), complaints_(file) {
        map_.name = std::move(file);
    }

    ImportMap read(const std::string& text) {
        complaints_.read(text, [this](const YAML::Node& node) { top(node); });
        return std::move(map_);
    }

  private:
    void complain(const YAML::Mark& mark, const std::string& message,
                  const std::string& hint = "") {
        complaints_.add(mark, message, hint);
    }

    std::optional<std::string> text_of(const YAML::Node& node, const YAML::Node& name) {
        if (node.IsScalar()) return node.Scalar();
        complain(node.IsNull() ? name.Mark() : node.Mark(),
                 name.Scalar() + " must be a single value");
        return std::nullopt;
    }

    void top(const YAML::Node& node) {
        if (!node.IsMap()) return complain(node.Mark(), "a map must be a mapping");
        std::set<std::string> seen;
        for (const auto& entry : node) {
            if (!complaints_.is_known(entry.first, kTop, seen)) continue;
            const std::string& name = entry.first.Scalar();
            if (name == "other_columns")
                other_columns(entry.first, entry.second);
            else if (name == "empty")
                empty(entry.first, entry.second);
            else if (name == kind_.name)
                entries(entry.first, entry.second);
            else
                complain(entry.first.Mark(),
                         fmt::format("this is a map for {}, not for {}", name, kind_.name));
        }
        if (complaints_.is_empty() && map_.entries.empty())
            complain(node.Mark(),
                     fmt::format("{} is missing: which columns make what", kind_.name));
    }

    void other_columns(const YAML::Node& name, const YAML::Node& node) {
        const auto text = text_of(node, name);
        if (!text) return;
        map_.refuses_other_columns = *text == "refuse";
        if (*text != "refuse" && *text != "ignore")
            complain(node.Mark(), "other_columns must be refuse or ignore");
    }

    void empty(const YAML::Node& name, const YAML::Node& node) {
        if (!node.IsSequence())
            return complain(name.Mark(), "empty must be a list of strings",
                            "For example [N/A, none].");
        for (const YAML::Node& item : node)
            if (item.IsScalar())
                map_.empty.push_back(item.Scalar());
            else
                complain(item.Mark(), "an item of empty must be a string");
    }

    void entries(const YAML::Node& name, const YAML::Node& node) {
        if (!node.IsSequence() || node.size() == 0)
            return complain(
                name.Mark(),
                name.Scalar() + " must be a list, with an item for each record that a line makes");
        for (const YAML::Node& item : node) {
            if (item.IsMap())
                entry(item);
            else
                complain(item.Mark(), fmt::format("an item of {} must be a mapping", kind_.name));
        }
    }

    void entry(const YAML::Node& node) {
        std::vector<std::string> known = kind_.fields;
        known.emplace_back("needs");
        MapEntry made;
        made.fields.resize(kind_.fields.size());
        std::set<std::string> seen;
        for (const auto& line : node) {
            if (!complaints_.is_known(line.first, known, seen)) continue;
            const std::string& name = line.first.Scalar();
            if (name == "needs") {
                if (const auto column = text_of(line.second, line.first))
                    made.needs = column_index(*column, false);
                continue;
            }
            const auto index = static_cast<std::size_t>(
                std::find(kind_.fields.begin(), kind_.fields.end(), name) - kind_.fields.begin());
            made.fields[index] = field(line.first, line.second);
        }
        map_.entries.push_back(std::move(made));
    }

    MapField field(const YAML::Node& name, const YAML::Node& node) {
        MapField made;
        made.line = name.Mark().line + 1;
        if (node.IsScalar()) {
            made.pieces.push_back({"", column_index(node.Scalar(), false)});
            return made;
        }
        if (!node.IsMap()) {
            complain(node.IsNull() ? name.Mark() : node.Mark(),
                     name.Scalar() + " must be the name of a column, or a mapping",
                     fmt::format("Known here: {}.", fmt::join(kSource, ", ")));
            return made;
        }
        std::string column, text;
        bool optional = false;
        std::set<std::string> seen;
        for (const auto& line : node) {
            if (!complaints_.is_known(line.first, kSource, seen)) continue;
            const std::string& option = line.first.Scalar();
            if (option == "values") {
                values(line.first, line.second, made);
                continue;
            }
            const auto given = text_of(line.second, line.first);
            if (!given) continue;
            if (option == "column") column = *given;
            if (option == "text") text = *given;
            if (option == "time_format") made.time_format = *given;
            if (option != "optional") continue;
            optional = *given == "true";
            if (*given != "true" && *given != "false")
                complain(line.second.Mark(), "optional must be true or false");
        }
        if (column.empty() == text.empty())
            complain(node.Mark(), name.Scalar() + " must have either a column or a text");
        else if (!column.empty())
            made.pieces.push_back({"", column_index(column, optional)});
        else
            made.pieces = pieces_of(node, text, optional);
        return made;
    }

    void values(const YAML::Node& name, const YAML::Node& node, MapField& made) {
        if (!node.IsMap())
            return complain(name.Mark(), "values must be a mapping from the file's text to ours");
        for (const auto& line : node) {
            if (!line.first.IsScalar() || !line.second.IsScalar())
                complain(line.first.Mark(), "values must be a mapping from text to text");
            else if (!made.values.emplace(line.first.Scalar(), line.second.Scalar()).second)
                complain(line.first.Mark(), in_quotes(line.first.Scalar()) + " is set twice");
        }
    }

    // `{user} access key 1`
    std::vector<MapPiece> pieces_of(const YAML::Node& node, std::string_view text, bool optional) {
        std::vector<MapPiece> pieces;
        while (!text.empty()) {
            const std::size_t open = std::min(text.find('{'), text.size());
            if (open > 0) pieces.push_back({std::string(text.substr(0, open))});
            text.remove_prefix(open);
            if (text.empty()) break;
            const std::size_t close = text.find('}');
            if (close == std::string_view::npos || close == 1) {
                complain(node.Mark(), "a { in a text must begin the name of a column in braces");
                break;
            }
            pieces.push_back({"", column_index(std::string(text.substr(1, close - 1)), optional)});
            text.remove_prefix(close + 1);
        }
        return pieces;
    }

    // A column that is optional in one place and not in another must be there.
    std::size_t column_index(const std::string& column, bool optional) {
        const auto found = std::find(map_.columns.begin(), map_.columns.end(), column);
        const auto index = static_cast<std::size_t>(found - map_.columns.begin());
        if (found == map_.columns.end()) {
            map_.columns.push_back(column);
            map_.optional.push_back(optional);
        } else if (!optional) {
            map_.optional[index] = false;
        }
        return index;
    }

    const ImportKind& kind_;
    ImportMap map_;
    YamlComplaints complaints_;
};

}  // namespace

bool ImportMap::names(std::size_t field) const {
    return std::any_of(entries.begin(), entries.end(),
                       [&](const MapEntry& entry) { return entry.fields[field].has_value(); });
}

const ImportKind& keys_kind() {
    static const ImportKind kind{
        "keys",
        {"external_id", "name", "owner_email", "type", "environment", "prefix", "hint", "scopes",
         "plan", "created_at", "expires_at", "status", "secret_hash", "secret"}};
    return kind;
}

const ImportKind& owners_kind() {
    static const ImportKind kind{
        "owners", {"email", "name", "team", "time_zone", "active", "fallback_email"}};
    return kind;
}

ImportMap load_import_map(const std::string& given, const ImportKind& kind) {
    if (is_map_file(given)) return Reader(kind, given).read(read_map_file(given));
    const bool of_keys = kind.name == std::string_view("keys");
    const std::string plain = of_keys ? "plain" : "plain-owners";
    const std::string name = given.empty() ? plain : given;
    std::vector<std::string> names;
    for (const EmbeddedText& ready : import_maps) {
        if (name == ready.name) return Reader(kind, name).read(ready.text);
        names.emplace_back(ready.name);
    }
    std::string hint = did_you_mean(name, names);
    if (hint.empty())
        hint = fmt::format("Built-in maps: {}; the name of a file contains a / or ends in .yaml.",
                           fmt::join(names, ", "));
    throw Error(ExitCode::usage, fmt::format("--map: there is no map {}", in_quotes(name)), hint);
}

}  // namespace keyrota
