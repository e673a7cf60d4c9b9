#include "commands/rotations/rotations.h"

#include <Poco/JSON/Object.h>
#include <fmt/format.h>
#include <fmt/ostream.h>

#include "audit/audit.h"
#include "commands/confirm.h"
#include "commands/find_key.h"
#include "error/error.h"
#include "jobs_sql.h"
#include "postgres/cursor.h"
#include "postgres/database.h"
#include "report/facts.h"
#include "report/json_text.h"
#include "rotation/by_command.h"

namespace keyrota {
namespace {

const char* name_of(RotationDecision decision) {
    switch (decision) {
        case RotationDecision::retry:
            return "retry";
        case RotationDecision::hold:
            return "hold";
        case RotationDecision::release:
            return "release";
        case RotationDecision::cancel:
            break;
    }
    return "cancel";
}

Cell overlap_cell(const Row& row) {
    const auto overlap = row.optional_int64("overlap_us");
    return overlap ? Cell(to_string(std::chrono::microseconds(*overlap))) : Cell();
}

Facts facts_of(const Row& row) {
    Facts facts;
    facts.add("key_id", row.int64("key_id"));
    facts.add("key", text_cell(row, "masked"));
    for (const char* name : {"name", "owner", "reason", "state"})
        facts.add(name, text_cell(row, name));
    facts.add("held", flag_cell(row, "held"));
    facts.add("successor_id", number_cell(row, "successor_id"));
    facts.add("sink", text_cell(row, "sink"));
    facts.add("overlap", overlap_cell(row));
    facts.add("tries", row.int64("tries"));
    facts.add("failure", text_cell(row, "failure"));
    for (const char* name : {"requested_at", "delivered_at", "retry_at", "retire_at", "changed_at",
                             "last_used_at", "successor_last_used_at"})
        facts.add(name, instant_cell(row, name));
    facts.add("token", row.text("token"));
    return facts;
}

Params filter_params(std::optional<std::int64_t> key_id, const std::string& state,
                     std::optional<std::int64_t> limit) {
    return {{"key_id", key_id}, {"state", state}, {"limit", limit}};
}

// --- what people decide ----------------------------------------------------------------------

// A rotation as it stands, and what a decision makes of it.
struct Decided {
    Row row;
    std::string becomes;  // JSON; empty: it is so already
    KeyIds ending;        // successors
};

[[noreturn]] void refuse(std::int64_t key_id, RotationDecision decision, const std::string& why,
                         const std::string& hint = "") {
    throw Error(ExitCode::usage,
                fmt::format("cannot {} the rotation of key {}: {}", name_of(decision), key_id, why),
                hint);
}

Row unfinished(Session& session, std::int64_t key_id, RotationDecision decision) {
    auto row = session.row(sql::rotation_of_key, {{"key_id", key_id}});
    if (!row)
        refuse(key_id, decision, "it has no unfinished one",
               fmt::format("`keyrota rotations show {}` lists the finished ones.", key_id));
    if (row->int64("is_claimed") != 0)
        refuse(key_id, decision, "its secret is being delivered right now",
               "Try again in a minute.");
    return *row;
}

Decided decide_retry(Row row) {
    const bool has_successor = !row.is_null("successor_id");
    // What was configured since then counts.
    const std::string sink = row.text_or("sink", row.text_or("policy_sink", ""));
    if (row.text("state") != "failed")
        refuse(row.int64("key_id"), RotationDecision::retry,
               "it did not fail (" + row.text("state") + ")");
    Poco::JSON::Object becomes;
    becomes.set("state", has_successor ? "created" : "requested");
    becomes.set("tries", 0);
    becomes.set("retry_at", Poco::Dynamic::Var());
    becomes.set("failure", Poco::Dynamic::Var());
    if (!sink.empty()) becomes.set("sink", sink);
    return {std::move(row), json_text(becomes), {}};
}

Decided decide_held(Row row, bool held) {
    const bool is_so = (row.int64("held") != 0) == held;
    return {std::move(row), is_so ? "" : fmt::format(R"({{"held": {}}})", held), {}};
}

// A predecessor that ended with its successor delivered cannot come back: nothing would be left.
// One whose successor has a successor would be a second living key.
Decided decide_cancel(Row row) {
    const std::int64_t key_id = row.int64("key_id");
    const std::string& state = row.text("state");
    if (row.text("reason") == "breach")
        refuse(key_id, RotationDecision::cancel, "the key was breached and cannot be brought back");
    const bool is_delivered = state != "requested" && state != "created" && state != "failed";
    if (is_delivered && row.text("status") == "expired")
        refuse(key_id, RotationDecision::cancel, "the key has expired; only its successor is left",
               fmt::format("`keyrota keys deactivate {}` switches the successor off.",
                           row.int64("successor_id")));
    if (row.int64("successor_was_rotated") != 0)
        refuse(key_id, RotationDecision::cancel, "its successor was rotated as well",
               fmt::format("Run `keyrota rotations cancel {}` first.", row.int64("successor_id")));
    KeyIds ending = ids_of(row.text("earlier_successor_ids"));
    if (const auto successor = row.optional_int64("successor_id")) ending.push_back(*successor);
    return {std::move(row), R"({"state": "cancelled", "retry_at": null})", std::move(ending)};
}

Decided decide(Session& session, std::int64_t key_id, RotationDecision decision) {
    Row row = unfinished(session, key_id, decision);
    switch (decision) {
        case RotationDecision::retry:
            return decide_retry(std::move(row));
        case RotationDecision::hold:
            return decide_held(std::move(row), true);
        case RotationDecision::release:
            return decide_held(std::move(row), false);
        case RotationDecision::cancel:
            break;
    }
    return decide_cancel(std::move(row));
}

// The key and all successors of its rotation: locked in one order by whoever changes them.
KeyIds concerned(Session& session, std::int64_t key_id, RotationDecision decision) {
    KeyIds ids = decide(session, key_id, decision).ending;
    ids.push_back(key_id);
    return ids;
}

// One transaction: lock, look again, change, audit, seal. @returns whether anything changed.
bool carry_out(Session& session, const Config& config, std::int64_t key_id,
               RotationDecision decision) {
    bool changed = false;
    in_transaction(session, config, [&] {
        changed = false;
        lock_keys(session, concerned(session, key_id, decision));
        const Decided decided = decide(session, key_id, decision);
        if (decided.becomes.empty()) return;
        const RotationId rotation{key_id, decided.row.text("token")};
        const ActOfRotation act = act_by_command(session, decided.row.text("reason"));
        const std::string action = std::string("rotation.") + name_of(decision);
        if (decision == RotationDecision::cancel)
            session.execute(sql::rotation_restore, {{"key_id", key_id},
                                                    {"token", rotation.token},
                                                    {"block_id", act.block_id},
                                                    {"actor", act.actor}});
        change_rotations(session, act, action.c_str(),
                         {{rotation, decided.row.text("state"),
                           decided.row.optional_int64("successor_id"), decided.becomes}});
        end_keys(session, act, decided.ending,
                 {act.as_of, "key.retire", R"({"reason": "rotation cancelled"})"});
        seal_audit_block(session, act.block_id);
        changed = true;
    });
    return changed;
}

// A successor in use stops working.
void ask_for_used(Session& session, std::int64_t key_id, std::ostream& errors) {
    const Row row = unfinished(session, key_id, RotationDecision::cancel);
    const auto used_at = row.optional_int64("successor_last_used_at");
    if (!used_at) return;
    confirm(fmt::format("key {}, the successor of key {}, was last used {} and stops working at "
                        "once.",
                        row.int64("successor_id"), key_id, short_instant(from_micros(*used_at))),
            "yes", errors);
}

const char* done_text(RotationDecision decision) {
    switch (decision) {
        case RotationDecision::retry:
            return "is tried again by the next run of rotate-keys";
        case RotationDecision::hold:
            return "is held: nothing moves it forward until it is released";
        case RotationDecision::release:
            return "continues";
        case RotationDecision::cancel:
            break;
    }
    return "is cancelled: the key is as it was, its successor has ended";
}

}  // namespace

ExitCode rotations_list(const Config& config, const RotationFilter& filter, Format format,
                        std::ostream& out) {
    Session session = open_session(config, Access::runner);
    std::optional<std::int64_t> key_id;
    if (!filter.key.empty()) key_id = find_key(session, filter.key);
    Listing listing(out, format,
                    {{"key_id"},
                     {"key"},
                     {"name"},
                     {"reason"},
                     {"state"},
                     {"held"},
                     {"successor_id"},
                     {"sink"},
                     {"tries"},
                     {"retire_at"},
                     {"requested_at"},
                     {"failure"},
                     {"owner", Shown::data},
                     {"overlap", Shown::data},
                     {"delivered_at", Shown::data},
                     {"retry_at", Shown::data},
                     {"changed_at", Shown::data},
                     {"last_used_at", Shown::data},
                     {"successor_last_used_at", Shown::data},
                     {"token", Shown::data}});
    Transaction reading(session);
    for_each_row(session, sql::rotations_list, filter_params(key_id, filter.state, filter.limit),
                 [&](const Row& row) {
                     listing.row({row.int64("key_id"),
                                  text_cell(row, "masked"),
                                  text_cell(row, "name"),
                                  row.text("reason"),
                                  row.text("state"),
                                  flag_cell(row, "held"),
                                  number_cell(row, "successor_id"),
                                  text_cell(row, "sink"),
                                  row.int64("tries"),
                                  instant_cell(row, "retire_at"),
                                  instant_cell(row, "requested_at"),
                                  text_cell(row, "failure"),
                                  text_cell(row, "owner"),
                                  overlap_cell(row),
                                  instant_cell(row, "delivered_at"),
                                  instant_cell(row, "retry_at"),
                                  instant_cell(row, "changed_at"),
                                  instant_cell(row, "last_used_at"),
                                  instant_cell(row, "successor_last_used_at"),
                                  row.text("token")});
                 });
    listing.end("no rotations");
    return ExitCode::done;
}

ExitCode rotations_show(const Config& config, const std::string& key, Format format,
                        std::ostream& out) {
    Session session = open_session(config, Access::runner);
    const std::int64_t key_id = find_key(session, key);
    const std::vector<Row> rows =
        session.rows(sql::rotations_list, filter_params(key_id, "all", std::nullopt));
    if (format == Format::json) {
        std::string list;
        for (const Row& row : rows) list += (list.empty() ? "" : ", ") + facts_of(row).json();
        out << "[" << list << "]\n";
        return ExitCode::done;
    }
    if (rows.empty()) fmt::print(out, "key {} was never rotated\n", key_id);
    for (const Row& row : rows) {
        facts_of(row).print_text(out);
        if (&row != &rows.back()) out << "\n";
    }
    return ExitCode::done;
}

ExitCode rotations_decide(const Config& config, const std::vector<std::string>& keys,
                          RotationDecision decision, bool yes, std::ostream& out,
                          std::ostream& errors) {
    Session session = open_session(config, Access::runner);
    for (const std::string& key : keys) {
        const std::int64_t key_id = find_key(session, key);
        if (decision == RotationDecision::cancel && !yes) ask_for_used(session, key_id, errors);
        const bool changed = carry_out(session, config, key_id, decision);
        fmt::print(out, "the rotation of key {} {}\n", key_id,
                   changed ? done_text(decision) : "needs no change");
    }
    return ExitCode::done;
}

}  // namespace keyrota
