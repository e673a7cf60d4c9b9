#include "commands/find_key.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "config/options.h"
#include "error/error.h"
#include "jobs_sql.h"
#include "report/escape.h"

namespace keyrota {
namespace {

constexpr Statement kById{"key_by_id", "select key_id from keyrota.api_key where key_id = :key_id"};
constexpr Statement kByExternalId{"key_by_external_id",
                                  "select key_id from keyrota.api_key_external"
                                  " where source = :source and external_id = :external_id"};

Error no_such_key(const std::string& key) {
    return {ExitCode::usage, fmt::format("there is no key {}", in_quotes(key)),
            "Give a key_id, source:external_id, or prefix...hint as lists show it."};
}

std::int64_t find_by_hint(Session& session, const std::string& key, std::size_t dots) {
    const auto keys = session.rows(
        sql::keys_by_hint, {{"prefix", key.substr(0, dots)}, {"hint", key.substr(dots + 3)}});
    if (keys.empty()) throw no_such_key(key);
    if (keys.size() == 1) return keys.front().int64("key_id");
    std::string matches;
    for (std::size_t i = 0; i < std::min<std::size_t>(keys.size(), 5); ++i)
        matches += fmt::format("{}{} ({})", i == 0 ? "" : ", ", keys[i].int64("key_id"),
                               shortened(for_terminal(keys[i].text("name")), 40));
    throw Error(ExitCode::usage,
                fmt::format("{} matches more than one key: {}{}", in_quotes(key), matches,
                            keys.size() > 5 ? ", ..." : ""),
                "Give its key_id.");
}

}  // namespace

std::int64_t find_key(Session& session, const std::string& key) {
    if (const std::size_t dots = key.find("..."); dots != std::string::npos)
        return find_by_hint(session, key, dots);
    std::optional<Row> found;
    if (const std::size_t colon = key.find(':'); colon != std::string::npos) {
        found = session.row(kByExternalId, {{"source", key.substr(0, colon)},
                                            {"external_id", key.substr(colon + 1)}});
    } else if (const auto key_id = as_key_id(key)) {
        found = session.row(kById, {{"key_id", *key_id}});
    }
    if (!found) throw no_such_key(key);
    return found->int64("key_id");
}

std::optional<std::int64_t> as_key_id(const std::string& key) {
    std::int64_t key_id = 0;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), key_id);
    if (error != std::errc{} || end != key.data() + key.size()) return std::nullopt;
    return key_id;
}

}  // namespace keyrota
