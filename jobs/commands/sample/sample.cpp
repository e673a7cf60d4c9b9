#include "commands/sample/sample.h"

#include <fmt/format.h>

#include <algorithm>
#include <ostream>
#include <string>
#include <vector>

#include "audit/audit.h"
#include "commands/sample/sample_data.h"
#include "error/error.h"
#include "jobs_sql.h"
#include "postgres/copy.h"
#include "secret/key_format.h"

namespace keyrota {
namespace {

constexpr Statement kServicePlan{
    "sample_service_plan", "select service_plan_id from keyrota.service_plan where name = :name"};
constexpr Statement kMakePartitions{"sample_partitions",
                                    "select keyrota.make_sample_partitions(0) as made"};

struct Totals {
    std::int64_t active = 0, inactive = 0, expired = 0, due = 0, soon = 0, samples = 0;

    void count(const SampleKey& key, Timestamp as_of) {
        if (key.status == "inactive") ++inactive;
        if (key.status == "expired") ++expired;
        if (key.status != "active") return;
        ++active;
        if (!key.expires_at || *key.expires_at > as_of + std::chrono::days(30)) return;
        ++(*key.expires_at <= as_of ? due : soon);
    }
};

void require_range(const char* option, std::int64_t value, std::int64_t low, std::int64_t high) {
    if (value < low || value > high)
        throw Error(ExitCode::usage, fmt::format("{} must be from {} to {}", option, low, high));
}

void require_ranges(const SampleOptions& options) {
    constexpr std::int64_t kMany = 1'000'000'000;
    require_range("--keys", options.keys, 1, kMany);
    require_range("--owners", options.owners.value_or(1), 1, kMany);
    require_range("--days", options.days, 0, 366);
    require_range("--replay", options.replay_days, 0, 30);
}

SampleFrame frame_of(const SampleOptions& options, const Row& present) {
    SampleFrame frame;
    frame.seed = options.seed;
    frame.replay_days = options.replay_days;
    frame.as_of = present.instant("as_of");
    frame.keys = options.keys;
    frame.owners = options.owners.value_or(std::max<std::int64_t>(10, options.keys / 25));
    frame.teams = std::max<std::int64_t>(1, frame.owners / 8);
    frame.first_key_id = present.int64("last_key_id") + 1;
    frame.first_owner_id = present.int64("last_owner_id") + 1;
    frame.first_team_id = present.int64("last_team_id") + 1;
    return frame;
}

struct Index {
    std::string drop_command, make_command;
};

// A row inserted into the hash index at random costs a page of it; an index built over the full
// table is sorted once.
std::vector<Index> drop_key_indexes(Session& session) {
    std::vector<Index> indexes;
    for (const Row& row : session.rows(sql::sample_key_indexes))
        indexes.push_back({row.text("drop_command"), row.text("make_command")});
    for (auto index = indexes.rbegin(); index != indexes.rend(); ++index)
        session.execute_verbatim("sample_drop_index", index->drop_command);
    return indexes;
}

void make_indexes(Session& session, const std::vector<Index>& indexes) {
    for (const Index& index : indexes)
        session.execute_verbatim("sample_make_index", index.make_command);
}

template <typename T, typename Field>
void put(CopyWriter& copy, const std::optional<T>& value, void (CopyWriter::*write)(Field)) {
    if (value)
        (copy.*write)(*value);
    else
        copy.null();
}

void copy_teams(Session& session, const SampleFrame& frame) {
    CopyWriter copy(session, "sample_teams", "keyrota.team (team_id, name, email, security_email)");
    for (std::int64_t i = 0; i < frame.teams; ++i) {
        const SampleTeam team = sample_team(frame, i);
        copy.row(4);
        copy.int64(team.team_id);
        copy.text(team.name);
        copy.text(team.email);
        copy.text(team.security_email);
    }
    copy.finish();
}

void copy_owners(Session& session, const SampleFrame& frame) {
    CopyWriter copy(session, "sample_owners",
                    "keyrota.owner (owner_id, name, email, team_id, time_zone, active, "
                    "fallback_owner_id, created_at)");
    for (std::int64_t i = 0; i < frame.owners; ++i) {
        const SampleOwner owner = sample_owner(frame, i);
        copy.row(8);
        copy.int64(owner.owner_id);
        copy.text(owner.name);
        put(copy, owner.email, &CopyWriter::text);
        copy.int64(owner.team_id);
        copy.text(owner.time_zone);
        copy.boolean(owner.active);
        put(copy, owner.fallback_owner_id, &CopyWriter::int64);
        copy.instant(owner.created_at);
    }
    copy.finish();
}

// Ids of the four plans that sample keys have, looked up by name.
class ServicePlans {
  public:
    explicit ServicePlans(Session& session) {
        for (const char* name : {"Free", "Basic", "Pro", "Enterprise"})
            if (const auto row = session.row(kServicePlan, {{"name", name}}))
                ids_.emplace_back(name, row->int64("service_plan_id"));
    }
    /// Nothing for a plan that this database no longer has.
    std::optional<std::int64_t> id(std::string_view name) const {
        for (const auto& [known, id] : ids_)
            if (known == name) return id;
        return std::nullopt;
    }

  private:
    std::vector<std::pair<std::string_view, std::int64_t>> ids_;
};

void copy_keys(Session& session, const SampleFrame& frame,
               std::optional<std::int64_t> policy_rule_id) {
    const ServicePlans plans(session);
    CopyWriter copy(
        session, "sample_keys",
        "keyrota.api_key (key_id, lineage_id, owner_id, name, type, environment, prefix, hint, "
        "scopes, service_plan_id, rate_limit_per_minute, created_at, policy_rule_id)");
    for (std::int64_t i = 0; i < frame.keys; ++i) {
        const SampleKey key = sample_key(frame, i);
        copy.row(13);
        copy.int64(key.key_id);
        copy.int64(key.key_id);
        put(copy, key.owner_id, &CopyWriter::int64);
        copy.text(sample_key_name(frame, key));
        copy.text(key.type);
        copy.text(key.environment);
        copy.text(key.prefix);
        copy.text(secret_hint(sample_secret(frame, key)));
        copy.text_array(key.scopes);
        put(copy, plans.id(key.service_plan), &CopyWriter::int64);
        put(copy, key.rate_limit_per_minute, &CopyWriter::int32);
        copy.instant(key.created_at);
        put(copy, policy_rule_id, &CopyWriter::int64);
    }
    copy.finish();
}

void copy_secrets(Session& session, const SampleFrame& frame) {
    CopyWriter copy(session, "sample_secrets", "keyrota.api_key_secret (secret_hash, key_id)");
    for (std::int64_t i = 0; i < frame.keys; ++i) {
        const SampleKey key = sample_key(frame, i);
        copy.row(2);
        copy.text(secret_hash(sample_secret(frame, key)));
        copy.int64(key.key_id);
    }
    copy.finish();
}

void copy_states(Session& session, const SampleFrame& frame, Totals& totals) {
    CopyWriter copy(session, "sample_states",
                    "keyrota.api_key_state (key_id, status, expires_at, deactivated_at)");
    for (std::int64_t i = 0; i < frame.keys; ++i) {
        const SampleKey key = sample_key(frame, i);
        copy.row(4);
        copy.int64(key.key_id);
        copy.text(key.status);
        put(copy, key.expires_at, &CopyWriter::instant);
        put(copy, key.deactivated_at, &CopyWriter::instant);
        totals.count(key, frame.as_of);
    }
    copy.finish();
}

void copy_activity(Session& session, const SampleFrame& frame) {
    CopyWriter copy(session, "sample_activity", "keyrota.api_key_activity (key_id, last_used_at)");
    for (std::int64_t i = 0; i < frame.keys; ++i) {
        const SampleKey key = sample_key(frame, i);
        copy.row(2);
        copy.int64(key.key_id);
        put(copy, key.last_used_at, &CopyWriter::instant);
    }
    copy.finish();
}

// Samples that arrived before today need days that no migration made.
void make_past_days(Session& session, const SampleFrame& frame, int days) {
    for (int ago = days + 1; ago > 0; --ago) {
        const std::string day = to_string(frame.as_of - std::chrono::days(ago)).substr(0, 10);
        const std::string next = to_string(frame.as_of - std::chrono::days(ago - 1)).substr(0, 10);
        std::string name = day;
        name.erase(std::remove(name.begin(), name.end(), '-'), name.end());
        session.execute_verbatim(
            "sample_past_day",
            fmt::format("create table if not exists keyrota.usage_sample_{} partition of "
                        "keyrota.usage_sample for values from ('{} 00:00+00') to ('{} 00:00+00')",
                        name, day, next));
    }
}

void copy_usage(Session& session, const SampleFrame& frame, int days, Totals& totals) {
    const bool in_time = frame.replay_days > 0;  // else they arrive now, whenever they were used
    CopyWriter copy(session, "sample_usage",
                    std::string("keyrota.usage_sample (key_id, at, gateway, requests, "
                                "client_errors, server_errors, rate_limited, scope, network, auth, "
                                "browser") +
                        (in_time ? ", received_at)" : ")"));
    std::vector<SampleUsage> calls;
    for (std::int64_t i = 0; i < frame.keys; ++i) {
        const SampleKey key = sample_key(frame, i);
        if (!key.in_use) continue;
        calls.clear();
        for (int day = days - 1; day >= 0; --day) sample_usage(frame, key, day, calls);
        for (const SampleUsage& call : calls) {
            copy.row(in_time ? 12 : 11);
            copy.int64(key.key_id);
            copy.instant(call.at);
            copy.text(call.gateway);
            copy.int32(call.requests);
            copy.int32(call.client_errors);
            copy.int32(call.server_errors);
            copy.int32(call.rate_limited);
            copy.text(call.scope);
            copy.cidr4(call.network, 24);
            copy.text(call.query_auth ? "query" : "header");
            copy.boolean(call.browser);
            if (in_time) copy.instant(call.at);
        }
        totals.samples += static_cast<std::int64_t>(calls.size());
    }
    copy.finish();
}

Totals copy_all(Session& session, const SampleFrame& frame, const SampleOptions& options,
                const Row& present) {
    Totals totals;
    copy_teams(session, frame);
    copy_owners(session, frame);
    std::vector<Index> indexes;
    if (present.int64("holds_keys") == 0) indexes = drop_key_indexes(session);
    copy_keys(session, frame, present.optional_int64("policy_rule_id"));
    copy_secrets(session, frame);
    copy_states(session, frame, totals);
    copy_activity(session, frame);
    make_indexes(session, indexes);
    for (const std::string_view name : kSampleGateways)
        session.execute(sql::sample_gateway, {{"name", name}, {"as_of", frame.as_of}});
    if (options.days > 0) {
        session.one(kMakePartitions);
        if (frame.replay_days > 0) make_past_days(session, frame, options.days);
        copy_usage(session, frame, options.days, totals);
    }
    session.one(sql::sample_move_identities,
                {{"last_team_id", frame.first_team_id + frame.teams - 1},
                 {"last_owner_id", frame.first_owner_id + frame.owners - 1},
                 {"last_key_id", frame.first_key_id + frame.keys - 1}});
    return totals;
}

void write_audit(Session& session, const SampleFrame& frame, const Totals& totals) {
    AuditRecord record;
    record.action = "sample.load";
    record.after = fmt::format(
        R"({{"keys": {}, "first_key_id": {}, "owners": {}, "teams": {}, "samples": {}, "seed": {}}})",
        frame.keys, frame.first_key_id, frame.owners, frame.teams, totals.samples, frame.seed);
    record_audit(session, record);
}

void print_summary(const SampleFrame& frame, const SampleOptions& options, const Totals& totals,
                   std::ostream& out) {
    out << fmt::format("loaded {} keys of {} owners in {} teams (key_id {} to {})\n", frame.keys,
                       frame.owners, frame.teams, frame.first_key_id,
                       frame.first_key_id + frame.keys - 1)
        << fmt::format("{} active, {} inactive, {} expired\n", totals.active, totals.inactive,
                       totals.expired)
        << fmt::format("{} of the active ones are due now, {} expire in the next 30 days\n",
                       totals.due, totals.soon);
    if (options.days > 0)
        out << fmt::format("{} usage samples of {} days from {} gateways\n", totals.samples,
                           options.days, kSampleGateways.size());
}

}  // namespace

ExitCode sample_load(Session& owner, const SampleOptions& options, std::ostream& out) {
    require_ranges(options);
    Transaction transaction(owner);
    // Nobody else takes an id or makes a first key between the look at what is there and the
    // commit.
    owner.execute_verbatim(
        "sample_lock",
        "lock table keyrota.team, keyrota.owner, keyrota.api_key in share row exclusive mode");
    owner.execute_verbatim("sample_no_timeout",
                           "set local statement_timeout = 0");  // a large COPY is no runaway
    owner.execute_verbatim("sample_build_memory", "set local maintenance_work_mem = '256MB'");
    const Row present = owner.one(sql::sample_present);
    const SampleFrame frame = frame_of(options, present);
    if (options.replay_days > 0 && present.int64("simulation") == 0)
        throw Error(ExitCode::usage,
                    "--replay is only for a simulation: a real database has a clock",
                    "Create one with `keyrota db init --simulation`, in another --data-dir.");
    if (present.int64("holds_keys") != 0 && !options.append)
        throw Error(
            ExitCode::usage, "the database already holds keys",
            "Load sample data into a new database, or give --append to load it beside them.");
    const Totals totals = copy_all(owner, frame, options, present);
    write_audit(owner, frame, totals);
    transaction.commit();
    owner.execute_verbatim(
        "sample_analyze",
        "analyze keyrota.team, keyrota.owner, keyrota.api_key, keyrota.api_key_secret, "
        "keyrota.api_key_state, keyrota.api_key_activity, keyrota.usage_sample");
    print_summary(frame, options, totals, out);
    return ExitCode::done;
}

}  // namespace keyrota
