#include "commands/leaver.h"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include <optional>

#include "audit/audit.h"
#include "commands/confirm.h"
#include "commands/find_named.h"
#include "error/error.h"
#include "jobs_sql.h"
#include "policy/policy.h"
#include "postgres/database.h"
#include "rotation/by_command.h"

namespace keyrota {
namespace {

constexpr std::int64_t kAsksAbove = 100;
// A fallback owner counts as long as they have not left.
constexpr Statement kLeaver{
    "leaver",
    "select o.active::int::bigint as active, f.owner_id as fallback_owner_id,"
    " (select count(*) from keyrota.api_key k join keyrota.api_key_state s on s.key_id = k.key_id"
    "   where k.owner_id = o.owner_id and k.source = 'native') as keys,"
    " (select count(*) from keyrota.api_key k join keyrota.api_key_state s on s.key_id = k.key_id"
    "   where k.owner_id = o.owner_id and k.source = 'native' and s.status = 'active') as "
    "active_keys,"
    " (select count(*) from keyrota.api_key k"
    "   where k.owner_id = o.owner_id and k.source <> 'native') as imported_keys"
    " from keyrota.owner o left join keyrota.owner f on f.owner_id = o.fallback_owner_id and "
    "f.active"
    " where o.owner_id = :owner_id"};

struct Leaving {
    std::int64_t owner_id = 0;
    std::optional<std::int64_t> to_owner_id;
    std::int64_t keys = 0;
    std::int64_t switched_off = 0;
    std::int64_t imported = 0;
    KeyIds rotating{};            // those that live on with another secret
    KeyIds staying{};             // with them, successors that are not delivered as yet
    std::int64_t successors = 0;  // delivered
};

Leaving look_at(Session& session, const std::string& owner, const std::string& to) {
    Leaving leaving{.owner_id = find_owner(session, owner), .to_owner_id = {}};
    const Row row = session.one(kLeaver, {{"owner_id", leaving.owner_id}});
    leaving.to_owner_id = to.empty() ? row.optional_int64("fallback_owner_id")
                                     : std::optional(find_active_owner(session, to));
    if (leaving.to_owner_id == leaving.owner_id)
        throw Error(ExitCode::usage, "--to: the keys cannot go to the owner who leaves",
                    "Name somebody else.");
    leaving.keys = row.int64("keys");
    leaving.switched_off = row.int64("active_keys");
    leaving.imported = row.int64("imported_keys");
    return leaving;
}

// Takes the locks of all of the owner's keys. A successor that somebody made while they were waited
// for is seen by the next statement only.
void lock_keys(Session& session, const Config& config, const Leaving& leaving, Timestamp as_of) {
    session.rows(sql::leaver_rotating,
                 {{"owner_id", leaving.owner_id},
                  text_or_null("default_sink", config.policy.back().rotation_sink),
                  {"as_of", as_of}});
}

// Finds which keys are rotated, in the present transaction; asks for it unless only looking.
void rotate(Session& session, const Config& config, const ActOfRotation& act, Leaving& leaving) {
    leaving.rotating.clear();
    leaving.staying.clear();
    if (!leaving.to_owner_id) return;
    KeyIds asked_for;
    const std::string& sink = config.policy.back().rotation_sink;
    for (const Row& row : session.rows(sql::leaver_rotating, {{"owner_id", leaving.owner_id},
                                                              text_or_null("default_sink", sink),
                                                              {"as_of", act.as_of}})) {
        leaving.staying.push_back(row.int64("key_id"));
        if (row.int64("takes_over") != 0) continue;
        leaving.rotating.push_back(row.int64("key_id"));
        if (row.int64("is_under_way") == 0) asked_for.push_back(row.int64("key_id"));
    }
    if (act.block_id != 0) request_rotations(session, act, asked_for);
}

// One transaction, the owner's row first: of two at once one comes after the other.
void leave(Session& session, const Config& config, const LeaverOptions& options, Leaving& leaving) {
    Transaction transaction(session);
    const std::int64_t block_id = open_audit_block(session);
    const auto done = session.row(
        sql::owner_update, {{"owner_id", leaving.owner_id}, {"wishes", R"({"active": false})"}});
    if (done)
        record_audit(session, block_id,
                     {.action = "owner.update",
                      .before = done->text("before"),
                      .after = done->text("after"),
                      .why = R"({"changed": "active", "reason": "leaver"})"});
    if (leaving.to_owner_id) require_active_owner(session, *leaving.to_owner_id);
    const ActOfRotation act{
        .block_id = block_id, .as_of = now_of(session), .actor = audit_actor(), .reason = "leaver"};
    if (!options.deactivate) {
        lock_keys(session, config, leaving, act.as_of);
        rotate(session, config, act, leaving);
    }
    const Row keys = session.one(sql::leaver_keys, {{"owner_id", leaving.owner_id},
                                                    {"to_owner_id", leaving.to_owner_id},
                                                    {"staying", id_array(leaving.staying)},
                                                    {"as_of", act.as_of},
                                                    {"block_id", block_id},
                                                    {"actor", audit_actor()}});
    leaving.keys = keys.int64("handed_or_off");
    leaving.switched_off = keys.int64("switched_off");
    seal_audit_block(session, block_id);
    transaction.commit();
}

// As it is before anything is done: for the question, and for a dry run.
void look_at_rotating(Session& session, const Config& config, Leaving& leaving) {
    const Transaction rolled_back(session);
    rotate(session, config, {.as_of = now_of(session)}, leaving);
}

void deliver_successors(Session& session, const Config& config, Leaving& leaving) {
    if (leaving.rotating.empty()) return;
    Delivering delivering = by_command(session, config);
    delivering.only = leaving.rotating;
    deliver_rotations(delivering, [&](const RotationOutcome& outcome) {
        leaving.successors += outcome.kind == RotationOutcome::Kind::delivered ? 1 : 0;
    });
}

void print_leaving(const Leaving& leaving, bool dry_run, std::ostream& out) {
    fmt::print(out, "owner {} {} inactive{}\n", leaving.owner_id, dry_run ? "would be" : "is",
               dry_run ? "; nothing was changed" : "");
    if (leaving.to_owner_id)
        fmt::print(out, "{} handed to owner {}: {} {}, {} switched off\n", leaving.keys,
                   *leaving.to_owner_id, leaving.rotating.size(),
                   dry_run ? "would be rotated" : "rotated", leaving.switched_off);
    else
        fmt::print(out, "{} switched off; there is no fallback owner to take them\n",
                   leaving.switched_off);
    if (leaving.imported > 0)
        fmt::print(out, "{} imported: end {} where {} from\n", leaving.imported,
                   leaving.imported == 1 ? "it" : "them",
                   leaving.imported == 1 ? "it comes" : "they come");
    if (dry_run) return;
    const auto waiting = static_cast<std::int64_t>(leaving.rotating.size()) - leaving.successors;
    if (waiting > 0)
        fmt::print(out, "{} not delivered yet: `keyrota rotations list` shows their state\n",
                   waiting);
    if (leaving.switched_off > 0)
        out << "Keys that are switched off have no successor: `keyrota keys create` creates new "
               "ones.\n";
}

}  // namespace

ExitCode leaver(const Config& config, const std::string& owner, const LeaverOptions& options,
                std::ostream& out, std::ostream& errors) {
    Session session = open_session(config, Access::runner);
    Leaving leaving = look_at(session, owner, options.to);
    if (!options.deactivate) look_at_rotating(session, config, leaving);
    leaving.switched_off -= static_cast<std::int64_t>(leaving.staying.size());
    if (!options.dry_run) {
        if (leaving.switched_off > kAsksAbove && !options.yes)
            confirm(fmt::format("{} keys stop working at once.", leaving.switched_off),
                    std::to_string(leaving.switched_off), errors);
        if (!options.deactivate) refresh_policy(session, config.policy);
        with_retries(static_cast<int>(config.limits.max_tries),
                     [&] { leave(session, config, options, leaving); });
        // Their new owner's rules say how long the successors live.
        if (!leaving.rotating.empty()) refresh_policy(session, config.policy);
        deliver_successors(session, config, leaving);
    }
    print_leaving(leaving, options.dry_run, out);
    return ExitCode::done;
}

}  // namespace keyrota
