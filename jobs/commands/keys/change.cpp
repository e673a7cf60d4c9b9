#include "commands/keys/change.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>

#include "audit/audit.h"
#include "commands/confirm.h"
#include "commands/find_key.h"
#include "commands/find_named.h"
#include "commands/keys/change_report.h"
#include "commands/keys/wishes.h"
#include "error/error.h"
#include "error/print_error.h"
#include "jobs_sql.h"
#include "postgres/caller.h"
#include "postgres/database.h"
#include "progress/progress.h"
#include "report/escape.h"
#include "runner/duty_cycle.h"

namespace keyrota {
namespace {

// A deleted key goes from every table that is about it; what it was and what was found stays.
// Samples not yet counted leave with their partition.
constexpr Statement kDeletions[] = {
    {"delete_secret",
     "delete from keyrota.api_key_secret where key_id = any (cast(:ids as bigint[]))"},
    {"delete_external",
     "delete from keyrota.api_key_external where key_id = any (cast(:ids as bigint[]))"},
    {"delete_state",
     "delete from keyrota.api_key_state where key_id = any (cast(:ids as bigint[]))"},
    {"delete_activity",
     "delete from keyrota.api_key_activity where key_id = any (cast(:ids as bigint[]))"},
    {"delete_usage_hour",
     "delete from keyrota.usage_hour where key_id = any (cast(:ids as bigint[]))"},
    {"delete_usage_scope",
     "delete from keyrota.usage_scope where key_id = any (cast(:ids as bigint[]))"},
    {"delete_usage_network",
     "delete from keyrota.usage_network where key_id = any (cast(:ids as bigint[]))"},
    {"delete_alert_setting",
     "delete from keyrota.alert_setting where key_id = any (cast(:ids as bigint[]))"},
    {"delete_key", "delete from keyrota.api_key where key_id = any (cast(:ids as bigint[]))"}};

constexpr Statement kWasDeleted{"key_was_deleted",
                                "select count(*) as n from (select from keyrota.audit_entry"
                                " where key_id = :key_id and action = 'key.delete' limit 1) e"};

using KeyIds = std::vector<std::int64_t>;

std::string array_text(const KeyIds& ids) {
    return fmt::format("{{{}}}", fmt::join(ids, ","));
}

// One change in progress.
struct Change {
    const Config& config;
    const ChangeOptions& options;
    KeyAction action;
    Session session;
    std::string wishes = "{}";
    std::optional<std::int64_t> new_owner_id{};
    std::string actor = audit_actor();
    KeyIds decided{};  // what is to be changed, as it was looked at
    ChangeReport report{};
};

std::vector<Judgement> judge(Change& change, const std::string& ids) {
    std::vector<Judgement> all;
    for (const Row& row : change.session.rows(
             sql::keys_judge,
             {{"change", name_of(change.action)}, {"wishes", change.wishes}, {"ids", ids}}))
        all.emplace_back(row);
    return all;
}

void look_at_batch(Change& change, KeyIds& ids) {
    if (ids.empty()) return;
    for (const Judgement& judgement : judge(change, array_text(ids))) {
        change.report.look_at(judgement);
        if (judgement.changes() &&
            change.decided.size() < static_cast<std::size_t>(change.options.max_keys))
            change.decided.push_back(judgement.key_id);
    }
    ids.clear();
}

// A key that a run before this one deleted, perhaps one that was killed.
bool was_deleted(Change& change, const std::string& key) {
    std::int64_t key_id = 0;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), key_id);
    return change.action == KeyAction::remove && error == std::errc{} &&
           end == key.data() + key.size() &&
           change.session.one(kWasDeleted, {{"key_id", key_id}}).int64("n") > 0;
}

KeyIds named_keys(Change& change, const std::vector<std::string>& keys) {
    KeyIds ids;
    for (const std::string& key : keys) {
        try {
            ids.push_back(find_key(change.session, key));
        } catch (const Error& error) {
            if (error.code() != ExitCode::usage || !was_deleted(change, key)) throw;
            ++change.report.selected;
            ++change.report.unchanged;
        }
    }
    std::sort(ids.begin(), ids.end());
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
    return ids;
}

// What the change would do, to the last key, and to which keys; changes nothing.
void look(Change& change, const KeySelection& selection) {
    Transaction reading(change.session);
    const auto batch_size = static_cast<std::size_t>(change.config.limits.batch_size);
    KeyIds batch;
    const auto add = [&](std::int64_t key_id) {
        batch.push_back(key_id);
        if (batch.size() == batch_size) look_at_batch(change, batch);
    };
    if (selection.keys.empty())
        for_each_key(change.session, selection.filter, {},
                     [&](const Row& key) { add(key.int64("key_id")); });
    else
        for (const std::int64_t key_id : named_keys(change, selection.keys)) add(key_id);
    look_at_batch(change, batch);
}

// The batch's changes as JSON; what they are audited by and written from.
std::string changes_json(const std::vector<Judgement>& judgements, KeyIds& ids) {
    std::string json;
    for (const Judgement& judgement : judgements) {
        if (!judgement.changes()) continue;
        ids.push_back(judgement.key_id);
        json += fmt::format(R"({}{{"key_id": {}, "before": {}, "after": {}}})",
                            json.empty() ? "" : ", ", judgement.key_id, judgement.before,
                            judgement.after.empty() ? "null" : judgement.after);
    }
    return "[" + json + "]";
}

void write(Change& change, const KeyIds& ids, const std::string& changes) {
    const Params params{{"ids", array_text(ids)}, {"changes", changes}};
    if (change.action != KeyAction::remove) {
        if (change.action == KeyAction::update)
            change.session.execute(sql::keys_write_identity, params);
        change.session.execute(sql::keys_write_state, params);
        return;
    }
    for (const Statement& deletion : kDeletions)
        change.session.execute(deletion, {{"ids", array_text(ids)}});
    change.session.execute(sql::keys_close_findings,
                           {{"ids", array_text(ids)}, {"decided_by", current_caller().os_user}});
}

enum class Locked { skip, wait };

KeyIds lock(Change& change, const KeyIds& ids, Locked locked) {
    std::string text = sql::keys_lock.text;
    static constexpr std::string_view kSkip = " skip locked";
    if (locked == Locked::wait) text.erase(text.find(kSkip), kSkip.size());
    KeyIds taken;
    for (const Row& row :
         change.session.rows({sql::keys_lock.name, text.c_str()}, {{"ids", array_text(ids)}}))
        taken.push_back(row.int64("key_id"));
    return taken;
}

// One transaction: lock, judge again, write, audit, seal. @returns the keys that it could take.
KeyIds change_batch(Change& change, const KeyIds& ids, Locked locked) {
    KeyIds taken;
    ChangeReport done;
    with_retries(static_cast<int>(change.config.limits.max_tries), [&] {
        done = {};
        Transaction transaction(change.session);
        if (change.new_owner_id) require_active_owner(change.session, *change.new_owner_id);
        taken = lock(change, ids, locked);
        const std::vector<Judgement> judgements = judge(change, array_text(taken));
        for (const Judgement& judgement : judgements) done.look_at(judgement);
        if (done.changed == 0) return;
        KeyIds changed;
        const std::string changes = changes_json(judgements, changed);
        const std::int64_t block_id = open_audit_block(change.session);
        change.session.execute(sql::keys_audit,
                               {{"block_id", block_id},
                                {"action", std::string("key.") + name_of(change.action)},
                                {"actor", change.actor},
                                {"changes", changes}});
        write(change, changed, changes);
        seal_audit_block(change.session, block_id);
        transaction.commit();
    });
    change.report.add(done);
    return taken;
}

// What the first pass stepped past gets its time (lock_timeout, repeated); what is not there any
// more needs no change.
void change_rest(Change& change, const KeyIds& rest) {
    const auto count = [](const KeyIds& ids) { return static_cast<std::int64_t>(ids.size()); };
    try {
        change.report.unchanged += count(rest) - count(change_batch(change, rest, Locked::wait));
    } catch (const DatabaseError& error) {
        if (!error.is_contention()) throw;
        change.report.failed += count(rest) - count(change_batch(change, rest, Locked::skip));
    }
}

// In batches. @returns done, or how it was interrupted.
ExitCode apply(Change& change) {
    Interruption interruption;
    DutyCycle duty(change.config.limits.duty, interruption);
    Progress progress(name_of(change.action), change.report.changed, change.options.show_progress);
    change.report.changed = 0;  // from here on: of what is done
    std::vector<KeyIds> rests;
    const auto size = static_cast<std::ptrdiff_t>(change.config.limits.batch_size);
    for (auto begin = change.decided.begin(); begin != change.decided.end();) {
        if (interruption.requested()) return interruption.exit_code();
        const auto end = begin + std::min(size, change.decided.end() - begin);
        const KeyIds batch(begin, end);
        const KeyIds taken = change_batch(change, batch, Locked::skip);
        KeyIds rest;
        std::set_difference(batch.begin(), batch.end(), taken.begin(), taken.end(),
                            std::back_inserter(rest));
        if (!rest.empty()) rests.push_back(std::move(rest));
        progress.advance(end - begin);
        begin = end;
        duty.pause_after_batch();
    }
    for (const KeyIds& rest : rests) {
        if (interruption.requested()) return interruption.exit_code();
        change_rest(change, rest);
    }
    return ExitCode::done;
}

void require_sense(KeyAction action, const KeySelection& selection, const KeyWishes& wishes) {
    require_selection(selection);
    if (action == KeyAction::update && wishes.is_empty())
        throw Error(ExitCode::usage, "update what?",
                    "`keyrota keys update --help` lists what can be set.");
    if (!wishes.name.empty() && selection.keys.size() != 1)
        throw Error(ExitCode::usage, "--name is for one key", "Name that one KEY.");
}

void require_few_enough(const Change& change) {
    if (change.report.changed <= change.options.max_keys) return;
    throw Error(ExitCode::blast_radius,
                fmt::format("{} keys would be changed, more than {}: nothing was changed",
                            change.report.changed, change.options.max_keys),
                "Preview it with --dry-run, then allow it with --max-keys.");
}

void ask(const Change& change, std::ostream& errors) {
    const std::string total = std::to_string(change.report.changed);
    const bool for_good = change.action == KeyAction::remove;
    confirm(fmt::format("{} {} {}{}?", name_of(change.action), total,
                        change.report.changed == 1 ? "key" : "keys", for_good ? " for good" : ""),
            for_good ? total : "yes", errors);
}

void show(const Change& change, std::ostream& out) {
    if (change.options.json)
        print_json(change.report, change.action, change.options.dry_run, out);
    else
        print(change.report, change.action, change.options.dry_run, out);
}

}  // namespace

void require_selection(const KeySelection& selection) {
    const KeyFilter& filter = selection.filter;
    const bool is_filtered = !filter.name.empty() || !filter.owner.empty() || !filter.team.empty();
    if (selection.keys.empty() && !is_filtered)
        throw Error(ExitCode::usage, "which keys?",
                    "Name KEYs, or select them by --match GLOB, --owner OWNER or --team TEAM.");
    if (!selection.keys.empty() && is_filtered)
        throw Error(ExitCode::usage, "KEYs cannot be combined with --match, --owner or --team",
                    "Either name the keys or select them.");
}

void for_each_selected_key(Session& session, const KeySelection& selection,
                           const std::function<void(std::int64_t)>& use) {
    if (selection.keys.empty()) {
        for_each_key(session, selection.filter, {},
                     [&](const Row& key) { use(key.int64("key_id")); });
        return;
    }
    std::set<std::int64_t> ids;
    for (const std::string& key : selection.keys) ids.insert(find_key(session, key));
    for (const std::int64_t key_id : ids) use(key_id);
}

ExitCode keys_change(const Config& config, KeyAction action, const KeySelection& selection,
                     const KeyWishes& wishes, const ChangeOptions& options, std::ostream& out,
                     std::ostream& errors) {
    require_sense(action, selection, wishes);
    Change change{config, options, action, open_session(config, Access::runner)};
    change.wishes = wishes_json(change.session, config, wishes);
    if (!wishes.new_owner.empty())
        change.new_owner_id = find_active_owner(change.session, wishes.new_owner);
    look(change, selection);
    const ChangeReport& report = change.report;
    if (selection.keys.size() == 1 && report.refused == 1)
        throw Error(
            ExitCode::usage,
            fmt::format("key {} is not {}d: {}", report.first_refused.front().key_id,
                        name_of(action), for_terminal(report.first_refused.front().refused)),
            fmt::format("`keyrota explain {}` shows the details.",
                        report.first_refused.front().key_id));
    if (options.dry_run) {
        show(change, out);
        require_few_enough(change);
        return ExitCode::done;
    }
    require_few_enough(change);
    const std::int64_t unasked = action == KeyAction::remove ? 0 : 1;  // what is deleted is gone
    if (selection.keys.empty() && report.changed > unasked && !options.yes) ask(change, errors);
    const std::int64_t decided = report.changed;
    const ExitCode ended = apply(change);
    show(change, out);
    if (ended != ExitCode::done) {
        print_error(errors, fmt::format("interrupted after {} of {} keys", report.changed, decided),
                    "Run it again: what is done stays done.");
        return ended;
    }
    return report.refused + report.failed > 0 ? ExitCode::partial : ExitCode::done;
}

}  // namespace keyrota
