#include "commands/keys/regenerate.h"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include <optional>

#include "audit/audit.h"
#include "commands/confirm.h"
#include "commands/find_key.h"
#include "commands/key_facts.h"
#include "error/error.h"
#include "jobs_sql.h"
#include "postgres/database.h"
#include "report/escape.h"
#include "rotation/by_command.h"

namespace keyrota {
namespace {

constexpr std::size_t kNameWidth = 40;

// A key and what is to become of it.
struct Regeneration {
    const Config& config;
    const RegenerateOptions& options;
    Session session;
    std::int64_t key_id = 0;
};

struct Regenerated {
    Successor successor;
    Timestamp predecessor_ends_at;
    Row facts;  // of the successor
};

Row judge(Regeneration& regeneration) {
    const std::int64_t key_id = regeneration.key_id;
    const auto row = regeneration.session.row(sql::rotation_judge, {{"ids", id_array({key_id})}});
    if (!row)
        throw Error(ExitCode::usage,
                    fmt::format("key {} was deleted in the meantime: nothing was changed", key_id),
                    fmt::format("`keyrota audit show {}` shows by whom.", key_id));
    if (const std::string refused = row->text_or("refused", ""); !refused.empty())
        throw Error(ExitCode::usage,
                    fmt::format("key {} is not regenerated: {}", key_id, for_terminal(refused)),
                    fmt::format("`keyrota explain {}` shows the details.", key_id));
    return *row;
}

// An overlap that would outlast the old key ends with it.
Timestamp end_of(const Row& key, Timestamp as_of, std::chrono::microseconds overlap) {
    const Timestamp ends_at = as_of + overlap;
    const auto expires_at = key.optional_int64("expires_at");
    return expires_at ? std::min(ends_at, from_micros(*expires_at)) : ends_at;
}

std::string described(const Row& key) {
    return fmt::format("key {}, {} ({})", key.int64("key_id"), for_terminal(key.text("masked")),
                       shortened(for_terminal(key.text("name")), kNameWidth));
}

void ask(const Row& key, std::ostream& errors) {
    const auto used = key.optional_int64("last_used_at");
    confirm(fmt::format("{} was {} and stops working at once.", described(key),
                        used ? "last used " + short_instant(from_micros(*used)) : "never used"),
            "yes", errors);
}

// One transaction: lock, judge again, make, end, audit, seal.
Regenerated regenerate_locked(Regeneration& regeneration) {
    Session& session = regeneration.session;
    const std::int64_t key_id = regeneration.key_id;
    const std::chrono::microseconds overlap = regeneration.options.overlap;
    Transaction transaction(session);
    lock_keys(session, {key_id});
    const Row key = judge(regeneration);
    const ActOfRotation act = act_by_command(session, "manual");
    const auto lifetime = successor_lifetime(session, regeneration.config.policy, key_id);
    const bool has_overlap = overlap.count() > 0;
    const RotationId rotation = request_rotations(session, act, {key_id}, {"print", overlap}).at(0);
    std::vector<Successor> made =
        make_successors(session, act, {{key_id, key.text("prefix"), lifetime}});
    change_rotations(session, act, "rotation.deliver",
                     {{rotation, "requested", std::nullopt,
                       fmt::format(R"({{"state": "{}", "successor_id": {}, "delivered_at": "{}"}})",
                                   has_overlap ? "retiring" : "retired", made.front().key_id,
                                   to_string(act.as_of))}});
    const Timestamp ends_at = end_of(key, act.as_of, overlap);
    end_keys(session, act, {key_id},
             {ends_at, has_overlap ? "key.overlap" : "key.retire",
              fmt::format(R"({{"reason": "manual", "successor_id": {}}})", made.front().key_id)});
    Row facts = key_facts_row(session, made.front().key_id);
    seal_audit_block(session, act.block_id);
    transaction.commit();
    return {std::move(made.front()), ends_at, std::move(facts)};
}

void print_text(const Regenerated& done, bool has_overlap, std::ostream& out) {
    const std::int64_t old = done.successor.predecessor_id;
    fmt::print(out, "regenerated key {}: key {} takes its place\n\n", old, done.successor.key_id);
    key_facts(done.facts).print_text(out);
    fmt::print(out, "\n  secret  {}\n\nIt is shown only once and stored nowhere: save it now.\n",
               done.successor.secret.text());
    if (has_overlap)
        fmt::print(out, "Key {} keeps working until {}.\n", old,
                   short_instant(done.predecessor_ends_at));
    else
        fmt::print(out, "Key {} no longer works.\n", old);
}

void print_json(const Regenerated& done, std::ostream& out) {
    Facts facts = key_facts(done.facts);
    facts.add("predecessor_ends_at", done.predecessor_ends_at);
    facts.add("secret", std::string(done.successor.secret.text()));
    out << facts.json() << "\n";
}

ExitCode show_dry_run(Regeneration& regeneration, const Row& key, std::ostream& out) {
    const Timestamp now = now_of(regeneration.session);
    const auto lifetime =
        successor_lifetime(regeneration.session, regeneration.config.policy, regeneration.key_id);
    fmt::print(out, "would regenerate {}; nothing was changed\n", described(key));
    Facts facts;
    facts.add("it_ends_at", end_of(key, now, regeneration.options.overlap));
    facts.add("its_successor_ends_at",
              lifetime.count() > 0 ? Cell(now + lifetime) : Cell(std::string("never")));
    facts.print_text(out);
    return ExitCode::done;
}

}  // namespace

ExitCode keys_regenerate(const Config& config, const std::string& key,
                         const RegenerateOptions& options, std::ostream& out,
                         std::ostream& errors) {
    Regeneration regeneration{config, options, open_session(config, Access::runner)};
    regeneration.key_id = find_key(regeneration.session, key);
    const Row looked_at = judge(regeneration);
    if (options.dry_run) return show_dry_run(regeneration, looked_at, out);
    const bool has_overlap = options.overlap.count() > 0;
    if (!has_overlap && !options.yes) ask(looked_at, errors);

    std::optional<Regenerated> done;
    with_retries(static_cast<int>(config.limits.max_tries),
                 [&] { done.emplace(regenerate_locked(regeneration)); });
    if (options.format == Format::json)
        print_json(*done, out);
    else
        print_text(*done, has_overlap, out);
    if (!out.flush())
        throw Error(ExitCode::internal,
                    fmt::format("key {} took the place of key {}, but its secret could not be "
                                "written",
                                done->successor.key_id, regeneration.key_id),
                    fmt::format("Nobody has it: `keyrota keys regenerate {}` creates another.",
                                done->successor.key_id));
    return ExitCode::done;
}

}  // namespace keyrota
