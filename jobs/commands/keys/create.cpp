#include "commands/keys/create.h"

#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>
#include <fmt/format.h>
#include <fmt/ostream.h>

#include <sstream>

#include "audit/audit.h"
#include "commands/find_named.h"
#include "commands/key_facts.h"
#include "commands/keys/scopes.h"
#include "config/options.h"
#include "error/error.h"
#include "jobs_sql.h"
#include "postgres/database.h"
#include "secret/key_format.h"
#include "secret/secret.h"
#include "text/name.h"

namespace keyrota {
namespace {

constexpr Statement kNow{"now", "select keyrota.micros(now()) as now"};
constexpr Statement kRecord{
    "key_record",
    "select keyrota.key_record(k, s)::text as record"
    " from keyrota.api_key k join keyrota.api_key_state s on s.key_id = k.key_id"
    " where k.key_id = :key_id"};

std::string environment_of(const NewKey& key) {
    const char* by_type = key.type == "test" ? "test" : "production";
    if (key.environment.empty() || key.environment == by_type) return by_type;
    throw Error(ExitCode::usage,
                fmt::format("--environment: a {} key cannot be in {}", key.type, key.environment),
                "Keys of type test are for the test environment, all others for production.");
}

std::string scopes_json(const Config& config, const NewKey& key) {
    const std::vector<std::string> scopes = split_scopes(key.scopes);
    require_known_scopes(config, "--scopes", scopes);
    Poco::JSON::Array array;
    for (const std::string& scope : scopes) {
        if (key.type == "public" && !is_fit_for_public(scope))
            throw Error(ExitCode::usage,
                        fmt::format("--scopes: a public key cannot have {}", in_quotes(scope)),
                        "It is exposed by design, so it may only read: scopes that begin with "
                        "\"read:\"; or create a secret key.");
        array.add(scope);
    }
    std::ostringstream text;
    array.stringify(text);
    return text.str();
}

void print_created(const Facts& facts, const Row& row, const Secret& secret, std::ostream& out) {
    fmt::print(out, "created key {}\n\n", row.int64("key_id"));
    facts.print_text(out);
    fmt::print(out, "\n  secret  {}\n\nIt is shown only once and stored nowhere: save it now.\n",
               secret.text());
}

}  // namespace

std::optional<Timestamp> end_date(Session& session, const char* option, const std::string& text) {
    if (text == "never") return std::nullopt;
    const auto at = parse_timestamp(text);
    if (!at)
        throw Error(ExitCode::usage, fmt::format("{}: cannot read {}", option, in_quotes(text)),
                    "For example 2027-06-30, 2027-06-30T12:00:00Z, or never.");
    if (*at <= session.one(kNow).instant("now"))
        throw Error(ExitCode::usage, fmt::format("{}: {} is past", option, to_string(*at)),
                    "Give a future time, or never; `keyrota keys deactivate` ends a key now.");
    return at;
}

ExitCode keys_create(const Config& config, const NewKey& key, Format format, std::ostream& out) {
    if (const auto why = why_no_name(key.name))
        throw Error(ExitCode::usage, "--name: " + *why, "Give it a name that says what it is for.");
    const std::string environment = environment_of(key);
    const std::string scopes = scopes_json(config, key);
    Session session = open_session(config, Access::runner);
    std::optional<Timestamp> expires_at;
    if (!key.expires_at.empty()) expires_at = end_date(session, "--expires-at", key.expires_at);
    std::optional<std::int64_t> service_plan_id;
    if (!key.service_plan.empty()) service_plan_id = find_service_plan(session, key.service_plan);
    const std::int64_t owner_id = find_active_owner(session, key.owner);

    const std::string prefix(*secret_prefix(key.type, environment));
    const Secret secret(prefix);
    Transaction transaction(session);
    require_active_owner(session, owner_id);
    const std::int64_t key_id = session
                                    .one(sql::key_create, {{"owner_id", owner_id},
                                                           {"name", key.name},
                                                           {"type", key.type},
                                                           {"environment", environment},
                                                           {"prefix", prefix},
                                                           {"hint", secret.hint()},
                                                           {"scopes", scopes},
                                                           {"service_plan_id", service_plan_id},
                                                           {"limit", key.limit},
                                                           {"secret_hash", secret.hash()},
                                                           {"expires_at", expires_at}})
                                    .int64("key_id");
    record_audit(session, {.action = "key.create",
                           .key_id = key_id,
                           .after = session.one(kRecord, {{"key_id", key_id}}).text("record")});
    const Row row = key_facts_row(session, key_id);
    transaction.commit();

    Facts facts = key_facts(row);
    if (format == Format::json) {
        facts.add("secret", std::string(secret.text()));
        out << facts.json() << "\n";
    } else {
        print_created(facts, row, secret, out);
    }
    if (!out.flush())
        throw Error(ExitCode::internal,
                    fmt::format("key {} was created, but its secret could not be written", key_id),
                    fmt::format("Nobody has it: run `keyrota keys delete {}`, and create another.",
                                key_id));
    return ExitCode::done;
}

}  // namespace keyrota
