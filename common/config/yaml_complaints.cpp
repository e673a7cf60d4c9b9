#include "config/yaml_complaints.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "config/options.h"
#include "error/error.h"
#include "error/suggestion.h"

namespace keyrota {

void YamlComplaints::read(const std::string& text,
                          const std::function<void(const YAML::Node&)>& top) {
    try {
        top(YAML::Load(text));
    } catch (const YAML::Exception& error) {
        // Behind a colon yaml-cpp repeats a part of the text.
        add(error.mark, "not valid YAML: " + error.msg.substr(0, error.msg.find(':')));
    }
    if (!is_empty()) throw Error(ExitCode::config, fmt::format("{}", fmt::join(complaints_, "\n")));
}

void YamlComplaints::add(const YAML::Mark& mark, const std::string& message,
                         const std::string& hint) {
    complaints_.push_back(fmt::format("{}:{}:{}: {}{}{}", file_, std::max(mark.line, 0) + 1,
                                      std::max(mark.column, 0) + 1, message,
                                      hint.empty() ? "" : "\n  HINT: ", hint));
}

bool YamlComplaints::is_known(const YAML::Node& name, const std::vector<std::string>& known,
                              std::set<std::string>& seen) {
    if (!name.IsScalar()) {
        add(name.Mark(), "the name of an option must be a string");
        return false;
    }
    const std::string& text = name.Scalar();
    if (std::find(known.begin(), known.end(), text) == known.end()) {
        std::string hint = did_you_mean(text, known);
        if (hint.empty()) hint = fmt::format("Known here: {}.", fmt::join(known, ", "));
        add(name.Mark(), "unknown option " + in_quotes(text), hint);
        return false;
    }
    if (seen.insert(text).second) return true;
    add(name.Mark(), text + " is set twice");
    return false;
}

}  // namespace keyrota
