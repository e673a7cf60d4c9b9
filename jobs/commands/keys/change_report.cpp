#include "commands/keys/change_report.h"

#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>
#include <fmt/format.h>
#include <fmt/ostream.h>

#include "report/escape.h"
#include "report/facts.h"

namespace keyrota {
namespace {

constexpr std::size_t kFirst = 10;
constexpr std::size_t kNameWidth = 40;

std::string value_text(const std::string& name, const Poco::Dynamic::Var& value) {
    if (name == "expires_at_us" && value.isEmpty()) return "never";
    if (value.isEmpty()) return "none";
    if (name.ends_with("_at_us")) return short_instant(from_micros(value.convert<std::int64_t>()));
    if (name != "scopes") return shortened(for_terminal(value.toString()), kNameWidth);
    std::string scopes;
    for (const auto& scope : *value.extract<Poco::JSON::Array::Ptr>())
        scopes += (scopes.empty() ? "" : " ") + for_terminal(scope.toString());
    return scopes.empty() ? "none" : scopes;
}

// `expires at: 2026-12-01T00:00:00Z -> never, status: expired -> inactive`
std::string differences(const Judgement& judgement) {
    if (judgement.after.empty()) return "gone for good";
    Poco::JSON::Parser parser;
    const auto before = parser.parse(judgement.before).extract<Poco::JSON::Object::Ptr>();
    const auto after =
        Poco::JSON::Parser().parse(judgement.after).extract<Poco::JSON::Object::Ptr>();
    std::string text;
    for (const auto& [name, value] : *after) {
        if (name == "deactivated_at_us") continue;  // the status says it
        std::string label = name.substr(0, name.ends_with("_us") ? name.size() - 3 : name.size());
        for (char& c : label)
            if (c == '_') c = ' ';
        text += fmt::format("{}{}: {} -> {}", text.empty() ? "" : ", ", label,
                            value_text(name, before->get(name)), value_text(name, value));
    }
    return text;
}

void print_keys(const std::vector<Judgement>& keys, std::int64_t total, std::ostream& out) {
    for (const Judgement& key : keys)
        fmt::print(out, "  {}  {}  {}  {}\n", key.key_id, for_terminal(key.masked),
                   shortened(for_terminal(key.name), kNameWidth),
                   key.refused.empty() ? differences(key) : for_terminal(key.refused));
    const std::int64_t more = total - static_cast<std::int64_t>(keys.size());
    if (more > 0) fmt::print(out, "  and {} more\n", more);
}

const char* keys_word(std::int64_t count) {
    return count == 1 ? "key" : "keys";
}

std::string json_list(const std::vector<Judgement>& keys) {
    std::string list;
    for (const Judgement& key : keys) {
        Facts facts;
        facts.add("key_id", key.key_id);
        facts.add("key", key.masked);
        facts.add("name", key.name);
        if (key.refused.empty()) {
            facts.add("before", Json{key.before});
            facts.add("after", Json{key.after.empty() ? "null" : key.after});
        } else {
            facts.add("why", key.refused);
        }
        list += (list.empty() ? "" : ", ") + facts.json();
    }
    return "[" + list + "]";
}

}  // namespace

Judgement::Judgement(const Row& row)
    : key_id(row.int64("key_id")),
      masked(row.text("masked")),
      name(row.text("name")),
      refused(row.text_or("refused", "")),
      before(row.text_or("before", "")),
      after(row.text_or("after", "")) {}

void ChangeReport::look_at(const Judgement& judgement) {
    ++selected;
    if (!judgement.refused.empty()) {
        ++refused;
        if (first_refused.size() < kFirst) first_refused.push_back(judgement);
    } else if (judgement.before.empty()) {
        ++unchanged;
    } else {
        ++changed;
        if (first_changes.size() < kFirst) first_changes.push_back(judgement);
    }
}

void ChangeReport::add(const ChangeReport& batch) {
    changed += batch.changed;
    unchanged += batch.unchanged;
    refused += batch.refused;
}

const char* name_of(KeyAction action) {
    switch (action) {
        case KeyAction::update:
            return "update";
        case KeyAction::activate:
            return "activate";
        case KeyAction::deactivate:
            return "deactivate";
        case KeyAction::remove:
            break;
    }
    return "delete";
}

void print(const ChangeReport& report, KeyAction action, bool dry_run, std::ostream& out) {
    if (report.selected == 0) {
        out << "no keys\n";
        return;
    }
    const std::string verb = name_of(action);
    if (dry_run)
        fmt::print(out, "would {} {} of {} {}; nothing was changed\n", verb, report.changed,
                   report.selected, keys_word(report.selected));
    else
        fmt::print(out, "{}d {} of {} {}\n", verb, report.changed, report.selected,
                   keys_word(report.selected));
    if (dry_run || report.selected == 1) print_keys(report.first_changes, report.changed, out);
    if (report.unchanged > 0) fmt::print(out, "left {} that need no change\n", report.unchanged);
    if (report.failed > 0)
        fmt::print(out, "left {} that other sessions hold locked; run it again\n", report.failed);
    if (report.refused > 0) {
        fmt::print(out, "refused {}\n", report.refused);
        print_keys(report.first_refused, report.refused, out);
    }
}

void print_json(const ChangeReport& report, KeyAction action, bool dry_run, std::ostream& out) {
    Facts facts;
    facts.add("change", std::string(name_of(action)));
    facts.add("dry_run", dry_run);
    facts.add("selected", report.selected);
    facts.add("changed", report.changed);
    facts.add("unchanged", report.unchanged);
    facts.add("refused", report.refused);
    facts.add("failed", report.failed);
    facts.add("first_changes", Json{json_list(report.first_changes)});
    facts.add("first_refused", Json{json_list(report.first_refused)});
    out << facts.json() << "\n";
}

}  // namespace keyrota
