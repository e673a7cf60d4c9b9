#include "commands/keys/wishes.h"

#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "commands/find_named.h"
#include "commands/keys/create.h"
#include "commands/keys/scopes.h"
#include "config/options.h"
#include "error/error.h"
#include "report/json_text.h"
#include "text/name.h"

namespace keyrota {
namespace {

constexpr Statement kScopeInUse{"scope_in_use",
                                "select count(*) as n from (select from keyrota.api_key where "
                                ":scope = any (scopes) limit 1) k"};

Poco::JSON::Array::Ptr json_array(const std::vector<std::string>& texts) {
    Poco::JSON::Array::Ptr array(new Poco::JSON::Array);
    for (const std::string& text : texts) array->add(text);
    return array;
}

// What may be taken away: also a scope that only old keys still have.
void require_known_or_used(Session& session, const Config& config,
                           const std::vector<std::string>& scopes) {
    for (const std::string& scope : scopes)
        if (session.one(kScopeInUse, {{"scope", scope}}).int64("n") == 0)
            require_known_scopes(config, "--remove-scope", {scope});
}

void add_scopes(Poco::JSON::Object& json, Session& session, const Config& config,
                const KeyWishes& wishes) {
    const std::vector<std::string> added = split_scopes(wishes.add_scopes);
    const std::vector<std::string> removed = split_scopes(wishes.remove_scopes);
    if (!wishes.scopes.empty() && !(added.empty() && removed.empty()))
        throw Error(
            ExitCode::usage,
            "--scopes sets them all and cannot be combined with --add-scope or --remove-scope",
            "Give one or the other.");
    for (const std::string& scope : added)
        if (std::find(removed.begin(), removed.end(), scope) != removed.end())
            throw Error(ExitCode::usage,
                        fmt::format("{} would be both added and removed", in_quotes(scope)),
                        "Give one or the other.");
    if (!wishes.scopes.empty()) {
        const std::vector<std::string> scopes = split_scopes(wishes.scopes);
        require_known_scopes(config, "--scopes", scopes);
        json.set("scopes", json_array(scopes));
    }
    require_known_scopes(config, "--add-scope", added);
    require_known_or_used(session, config, removed);
    if (!added.empty()) json.set("add_scopes", json_array(added));
    if (!removed.empty()) json.set("remove_scopes", json_array(removed));
}

Poco::Dynamic::Var limit_of(const std::string& text) {
    if (text == "none") return {};
    std::int32_t limit = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), limit);
    if (error != std::errc{} || end != text.data() + text.size() || limit <= 0)
        throw Error(ExitCode::usage, fmt::format("--limit: cannot read {}", in_quotes(text)),
                    "Calls a minute, for example 600; or none: what the service plan allows.");
    return limit;
}

}  // namespace

bool KeyWishes::is_empty() const {
    return expires_at.empty() && new_owner.empty() && scopes.empty() && add_scopes.empty() &&
           remove_scopes.empty() && name.empty() && service_plan.empty() && limit.empty();
}

std::string wishes_json(Session& session, const Config& config, const KeyWishes& wishes) {
    Poco::JSON::Object json;
    if (!wishes.name.empty()) {
        if (const auto why = why_no_name(wishes.name))
            throw Error(ExitCode::usage, "--name: " + *why,
                        "Give it a name that says what it is for.");
        json.set("name", wishes.name);
    }
    if (!wishes.expires_at.empty()) {
        const auto at = end_date(session, "--expires-at", wishes.expires_at);
        json.set("expires_at_us", at ? Poco::Dynamic::Var(to_micros(*at)) : Poco::Dynamic::Var());
    }
    if (!wishes.new_owner.empty())
        json.set("owner_id", find_active_owner(session, wishes.new_owner));
    if (!wishes.service_plan.empty()) {
        find_service_plan(session, wishes.service_plan);
        json.set("service_plan", wishes.service_plan);
    }
    if (!wishes.limit.empty()) json.set("rate_limit_per_minute", limit_of(wishes.limit));
    add_scopes(json, session, config, wishes);
    return json_text(json);
}

}  // namespace keyrota
