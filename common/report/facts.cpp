#include "report/facts.h"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include <algorithm>

#include "report/escape.h"

namespace keyrota {
namespace {

struct ToText {
    std::string operator()(std::monostate) const { return "-"; }
    std::string operator()(bool flag) const { return flag ? "yes" : "no"; }
    std::string operator()(std::int64_t number) const { return std::to_string(number); }
    std::string operator()(const std::string& text) const { return for_terminal(text); }
    std::string operator()(Timestamp t) const { return to_string(t); }
    std::string operator()(const Json& json) const { return for_terminal(json.text); }
};

}  // namespace

void Facts::add(const std::string& name, Cell value) {
    facts_.emplace_back(name, std::move(value));
}

void Facts::print_text(std::ostream& out) const {
    std::size_t width = 0;
    for (const auto& [name, value] : facts_) width = std::max(width, name.size());
    for (const auto& [name, value] : facts_) {
        if (std::holds_alternative<std::monostate>(value)) continue;
        std::string label = name;
        std::replace(label.begin(), label.end(), '_', ' ');
        fmt::print(out, "  {:<{}}  {}\n", label, width, std::visit(ToText{}, value));
    }
}

std::string Facts::json() const {
    std::string object = "{";
    for (const auto& [name, value] : facts_)
        object += (object.size() > 1 ? ", " : "") + cell_json(name) + ": " + cell_json(value);
    return object + "}";
}

}  // namespace keyrota
