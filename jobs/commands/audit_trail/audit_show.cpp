#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>
#include <fmt/format.h>
#include <fmt/ostream.h>

#include <algorithm>
#include <map>

#include "commands/audit_trail/audit.h"
#include "commands/find_key.h"
#include "error/error.h"
#include "jobs_sql.h"
#include "postgres/cursor.h"
#include "postgres/database.h"
#include "report/escape.h"

namespace keyrota {
namespace {

constexpr Statement kHasEntries{
    "audit_has_entries",
    "select exists(select from keyrota.audit_entry where key_id = :key_id)::int as found"};

using Poco::Dynamic::Var;

// `expires_at_us` is an instant, `overlap_us` a span; people read their names without the unit.
constexpr std::string_view kMicros = "_us";
bool is_in_micros(const std::string& name) {
    return name.size() > kMicros.size() && name.ends_with(kMicros);
}
std::string readable_name(const std::string& name) {
    return for_terminal(is_in_micros(name) ? name.substr(0, name.size() - kMicros.size()) : name);
}
std::string readable_micros(const std::string& name, std::int64_t micros) {
    return name.ends_with("overlap_us") ? to_string(std::chrono::microseconds(micros))
                                        : to_string(from_micros(micros));
}
std::string readable(const std::string& name, const Var& value) {
    if (value.isEmpty()) return "-";
    if (is_in_micros(name) && value.isInteger())
        return readable_micros(name, value.convert<std::int64_t>());
    if (value.type() != typeid(Poco::JSON::Array::Ptr)) return for_terminal(value.toString());
    std::string list;
    for (const Var& item : *value.extract<Poco::JSON::Array::Ptr>())
        list += (list.empty() ? "" : ", ") + readable(name, item);
    return "[" + list + "]";
}

using Fields = std::map<std::string, Var>;

// The members of an object, and of objects in it, by path: `limits.batch_size`. A list of things
// that have names (a policy's rules) counts as an object of them.
void add_fields(const Var& json, const std::string& path, Fields& fields) {
    const std::string below = path.empty() ? "" : path + ".";
    if (json.type() == typeid(Poco::JSON::Object::Ptr)) {
        for (const auto& [name, value] : *json.extract<Poco::JSON::Object::Ptr>())
            add_fields(value, below + name, fields);
        return;
    }
    if (json.type() == typeid(Poco::JSON::Array::Ptr)) {
        const auto& list = json.extract<Poco::JSON::Array::Ptr>();
        const auto is_named = [](const Var& item) {
            return item.type() == typeid(Poco::JSON::Object::Ptr) &&
                   item.extract<Poco::JSON::Object::Ptr>()->has("name");
        };
        if (list->size() > 0 && std::all_of(list->begin(), list->end(), is_named)) {
            for (const Var& item : *list) {
                const auto& object = item.extract<Poco::JSON::Object::Ptr>();
                for (const auto& [name, value] : *object)
                    if (name != "name")
                        add_fields(value,
                                   fmt::format("{}{}.{}", below,
                                               object->getValue<std::string>("name"), name),
                                   fields);
            }
            return;
        }
    }
    if (!path.empty()) fields[path] = json;
}

Fields fields_of(const std::string& json) {
    Fields fields;
    if (json.front() != '{' && json.front() != '[') return fields;  // Poco parses no bare null
    add_fields(Poco::JSON::Parser().parse(json), "", fields);
    return fields;
}

// `status: active -> expired`: only what differs.
std::vector<std::string> changes(const std::string& before, const std::string& after) {
    const Fields was = fields_of(before);
    const Fields is = fields_of(after);
    Fields all = was;
    all.insert(is.begin(), is.end());
    const auto said = [](const Fields& fields, const std::string& name) {
        const auto found = fields.find(name);
        return found == fields.end() ? std::string("-") : readable(name, found->second);
    };
    std::vector<std::string> lines;
    for (const auto& [name, unused] : all) {
        const std::string from = said(was, name);
        const std::string to = said(is, name);
        if (from == to) continue;
        lines.push_back(was.empty() ? fmt::format("{}: {}", readable_name(name), to)
                                    : fmt::format("{}: {} -> {}", readable_name(name), from, to));
    }
    return lines;
}

// The check first, then what it saw, without the way to it: `evidence.requests` is `requests`.
std::string reasons(const std::string& why) {
    std::string line;
    for (const auto& [path, value] : fields_of(why)) {
        if (value.isEmpty()) continue;
        const std::string name = path.substr(path.rfind('.') + 1);
        if (path == "check")
            line.insert(0, readable(name, value) + (line.empty() ? "" : ", "));
        else
            line += fmt::format("{}{} {}", line.empty() ? "" : ", ", readable_name(name),
                                readable(name, value));
    }
    return line;
}

std::string by(const Row& row) {
    const std::string host = row.text_or("host", "");
    return row.text_or("os_user", "?") + (host.empty() ? "" : "@" + host);
}

void print_story(const Row& row, std::ostream& out) {
    fmt::print(out, "{}  {}, by {} as {}", short_instant(row.instant("at")),
               for_terminal(row.text_or("action", "?")), for_terminal(by(row)),
               for_terminal(row.text_or("session_user", "?")));
    if (!row.is_null("run_id")) fmt::print(out, ", run {}", row.int64("run_id"));
    out << "\n";
    for (const std::string& change :
         changes(row.text_or("before", "null"), row.text_or("after", "null")))
        fmt::print(out, "    {}\n", change);
    if (const std::string why = reasons(row.text_or("why", "null")); !why.empty())
        fmt::print(out, "    because {}\n", why);
}

constexpr std::int64_t kNoKey = 0;  // what concerns none

Cell json_cell(const Row& row, const char* column) {
    return Json{row.text_or(column, "null")};
}

}  // namespace

std::int64_t find_audited_key(Session& session, const std::string& key) {
    const auto key_id = as_key_id(key);
    if (key_id == kNoKey) return kNoKey;
    if (key_id && session.one(kHasEntries, {{"key_id", *key_id}}).int64("found") != 0)
        return *key_id;
    return find_key(session, key);
}

std::int64_t list_audit(Session& session, std::int64_t key_id, std::int64_t limit, Format format,
                        std::ostream& out) {
    Listing listing(out, format,
                    {{"at"},
                     {"action"},
                     {"run_id"},
                     {"by"},
                     {"session_user"},
                     {"before"},
                     {"after"},
                     {"why"},
                     {"height"},
                     {"entry_id"}});
    // One more, to know whether there are more.
    const std::optional<std::int64_t> rows_needed =
        limit == 0 ? std::nullopt : std::make_optional(format == Format::text ? limit + 1 : limit);
    std::int64_t seen = 0;
    for_each_row(
        session, sql::audit_of_key, {{"key_id", key_id}, {"limit", rows_needed}},
        [&](const Row& row) {
            if (++seen > limit && limit != 0) return;
            if (format == Format::text) return print_story(row, out);
            listing.row({instant_cell(row, "at"), text_cell(row, "action"),
                         number_cell(row, "run_id"), by(row), text_cell(row, "session_user"),
                         json_cell(row, "before"), json_cell(row, "after"), json_cell(row, "why"),
                         number_cell(row, "height"), row.int64("entry_id")});
        });
    listing.end();
    return seen;
}

ExitCode audit_show(const Config& config, const std::string& key, std::int64_t limit, Format format,
                    std::ostream& out) {
    Session session = open_session(config, Access::runner);
    const Transaction reading(session);
    const std::int64_t key_id = find_audited_key(session, key);
    const std::int64_t seen = list_audit(session, key_id, limit, format, out);
    if (format == Format::text && seen == 0) out << "nothing was ever done with this key\n";
    if (format == Format::text && limit != 0 && seen > limit)
        fmt::print(out, "\nThese are the newest {}; --limit 0 shows all.\n", limit);
    return ExitCode::done;
}

}  // namespace keyrota
