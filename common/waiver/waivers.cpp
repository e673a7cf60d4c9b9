#include "waiver/waivers.h"

#include <Poco/JSON/Object.h>
#include <fmt/format.h>

#include <algorithm>

#include "audit/audit.h"
#include "common_sql.h"
#include "config/options.h"
#include "error/error.h"
#include "error/suggestion.h"
#include "report/json_text.h"
#include "waiver/waiver_file.h"

namespace keyrota {
namespace {

// Two runs that see a new file at once must not add its waivers twice.
constexpr Statement kLock{"lock_waivers", "lock table keyrota.waiver in share row exclusive mode"};
constexpr Statement kLiveWaivers{"live_waivers",
                                 "select name from keyrota.waiver"
                                 " where ended_at is null and source = 'command' order by name"};
constexpr Statement kLiveWaiver{
    "live_waiver",
    "select waiver_id, source, (expires_at <= keyrota.instant(:at))::int as is_over,"
    "       keyrota.waiver_record(w)::text as record"
    "  from keyrota.waiver w where name = :name and ended_at is null"};

/// The file's waivers and the table's, compared.
struct Comparison {
    std::vector<Waiver> wanted;
    std::vector<Row> differences;  // of waivers_compare.sql
};

std::string json_of(const std::vector<Waiver>& waivers) {
    std::string json = "[";
    for (const Waiver& waiver : waivers) json += (json.size() > 1 ? "," : "") + waiver_json(waiver);
    return json + "]";
}

const Waiver& named(const std::vector<Waiver>& waivers, const std::string& name) {
    return *std::find_if(waivers.begin(), waivers.end(),
                         [&](const Waiver& waiver) { return waiver.name == name; });
}

// What only shows beside the table.
void require_acceptable(const Comparison& comparison, Timestamp at,
                        std::chrono::microseconds most) {
    std::string message;
    const auto complain = [&](const Waiver& waiver, const Complaint& complaint) {
        message += fmt::format("{}{}: {}\n  HINT: {}", message.empty() ? "" : "\n", waiver.place,
                               complaint.message, complaint.hint);
    };
    for (const Row& row : comparison.differences) {
        if (row.text("kind") == "end") continue;
        const Waiver& waiver = named(comparison.wanted, row.text("name"));
        if (row.text("kind") == "taken")
            complain(waiver,
                     {fmt::format("a waiver created by command is already named {}", waiver.name),
                      fmt::format("End it with `keyrota waivers end {}`, or choose another "
                                  "name.",
                                  waiver.name)});
        else if (const auto complaint = why_too_long(waiver, at, most))
            complain(waiver, *complaint);
    }
    if (!message.empty()) throw Error(ExitCode::config, message);
}

Comparison compare(Session& session, const Config::Waivers& config, Timestamp at) {
    Comparison comparison;
    if (!config.file.empty()) comparison.wanted = read_waiver_file(config.file);
    comparison.differences =
        session.rows(sql::waivers_compare, {{"wanted", json_of(comparison.wanted)}, {"at", at}});
    require_acceptable(comparison, at, config.max_duration);
    return comparison;
}

std::string why_json(const char* name, const std::string& text) {
    Poco::JSON::Object why;
    why.set(name, text);
    return json_text(why);
}

// Writes the changes, and what is to be audited of each.
class WaiverWriter {
  public:
    WaiverWriter(Session& session, const WaiverMoment& moment, Trail trail)
        : session_(session), moment_(moment), trail_(trail) {
        if (trail_ == Trail::written) block_id_ = open_audit_block(session_);
    }

    std::int64_t add(const Waiver& waiver, const char* source, const std::string& why) {
        const Row made =
            session_.one(sql::waiver_add,
                         {{"waiver", waiver_json(waiver)}, {"source", source}, {"at", moment_.at}});
        record("waiver.add", "null", made.text("record"), why);
        return made.int64("waiver_id");
    }
    void change(std::int64_t waiver_id, const Waiver& waiver, const std::string& before,
                const std::string& why) {
        const Row changed = session_.one(
            sql::waiver_change, {{"waiver_id", waiver_id}, {"waiver", waiver_json(waiver)}});
        record("waiver.change", before, changed.text("record"), why);
    }
    void end(std::int64_t waiver_id, const std::string& before, const std::string& ended_why,
             const std::string& why) {
        const Row ended =
            session_.one(sql::waiver_end,
                         {{"waiver_id", waiver_id}, {"at", moment_.at}, {"ended_why", ended_why}});
        record("waiver.end", before, ended.text("record"), why);
    }
    /// The transaction's last word.
    void seal() {
        if (trail_ == Trail::written) seal_audit_block(session_, block_id_);
    }

  private:
    void record(const char* action, const std::string& before, const std::string& after,
                const std::string& why) {
        if (trail_ == Trail::left_out) return;
        record_audit(session_, block_id_,
                     {.action = action,
                      .run_id = moment_.run_id,
                      .before = before,
                      .after = after,
                      .why = why});
    }

    Session& session_;
    const WaiverMoment& moment_;
    Trail trail_;
    std::int64_t block_id_ = 0;
};

void write(Session& session, const Config::Waivers& config, const Comparison& comparison,
           const WaiverMoment& moment, Trail trail) {
    const std::string why = why_json("file", config.file.string());
    WaiverWriter writer(session, moment, trail);
    // What ends comes first (waivers_compare.sql): its name may be taken at once.
    for (const Row& row : comparison.differences) {
        const std::string& kind = row.text("kind");
        if (kind == "end")
            writer.end(row.int64("waiver_id"), row.text("record"), row.text("ended_why"), why);
        else if (kind == "change")
            writer.change(row.int64("waiver_id"), named(comparison.wanted, row.text("name")),
                          row.text("record"), why);
        else
            writer.add(named(comparison.wanted, row.text("name")), "file", why);
    }
    writer.seal();
}

}  // namespace

std::vector<WaiverChange> waiver_changes(Session& session, const Config::Waivers& config,
                                         Timestamp at) {
    std::vector<WaiverChange> changes;
    for (const Row& row : compare(session, config, at).differences)
        changes.push_back({row.text("kind"), row.text("name")});
    return changes;
}

void take_waivers_over(Session& session, const Config::Waivers& config, const WaiverMoment& moment,
                       Trail trail) {
    Comparison comparison = compare(session, config, moment.at);
    if (comparison.differences.empty()) return;
    if (trail == Trail::written) {
        session.execute(kLock);
        comparison = compare(session, config, moment.at);
        if (comparison.differences.empty()) return;  // another run was faster
    }
    write(session, config, comparison, moment, trail);
}

std::int64_t add_waiver(Session& session, const Waiver& waiver, const WaiverMoment& moment,
                        Trail trail) {
    if (trail == Trail::written) session.execute(kLock);
    const auto live = session.row(kLiveWaiver, {{"name", waiver.name}, {"at", moment.at}});
    if (live && live->int64("is_over") == 0)
        throw Error(ExitCode::usage,
                    fmt::format("a waiver named {} is in force", in_quotes(waiver.name)),
                    "Choose another name, or end that one first: `keyrota waivers list` shows it.");
    WaiverWriter writer(session, moment, trail);
    const std::string why = why_json("reason", waiver.reason);
    if (live) writer.end(live->int64("waiver_id"), live->text("record"), "it expired", why);
    const std::int64_t waiver_id = writer.add(waiver, "command", why);
    writer.seal();
    return waiver_id;
}

void end_waiver(Session& session, const std::string& name, const std::string& why,
                const WaiverMoment& moment) {
    session.execute(kLock);
    const auto live = session.row(kLiveWaiver, {{"name", name}, {"at", moment.at}});
    if (live && live->text("source") == "file")
        throw Error(ExitCode::usage,
                    fmt::format("the waiver {} comes from the waiver file", in_quotes(name)),
                    "Remove it from the file: the next run ends it.");
    if (!live) {
        std::vector<std::string> names;
        for (const Row& row : session.rows(kLiveWaivers)) names.push_back(row.text("name"));
        std::string hint = did_you_mean(name, names);
        if (hint.empty()) hint = "`keyrota waivers list` shows those that can be ended.";
        throw Error(ExitCode::usage, fmt::format("no waiver is named {}", in_quotes(name)), hint);
    }
    WaiverWriter writer(session, moment, Trail::written);
    writer.end(live->int64("waiver_id"), live->text("record"), why, why_json("reason", why));
    writer.seal();
}

}  // namespace keyrota
