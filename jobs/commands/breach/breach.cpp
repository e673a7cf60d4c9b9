#include "commands/breach/breach.h"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include <algorithm>

#include "audit/audit.h"
#include "commands/breach/breached_keys.h"
#include "commands/confirm.h"
#include "error/error.h"
#include "jobs_sql.h"
#include "postgres/database.h"
#include "report/escape.h"
#include "report/facts.h"
#include "rotation/by_command.h"
#include "rotation/rotation.h"

namespace keyrota {
namespace {

constexpr std::size_t kAsksAbove = 100;
constexpr std::size_t kFirst = 20;
constexpr std::size_t kNameWidth = 40;

struct BreachReport {
    std::int64_t ended = 0;
    std::int64_t ended_before = 0;
    std::int64_t imported = 0;
    std::int64_t unknown = 0;        // secrets
    std::int64_t successors = 0;     // delivered
    std::int64_t undelivered = 0;    // no sink has taken them yet
    std::int64_t without_sink = 0;   // there is none that could
    std::vector<std::string> first;  // of those that end, for people
};

// A batch's keys as they stand.
struct BreachBatch {
    KeyIds all;     // that are still there
    KeyIds native;  // ours to end
    KeyIds active;  // that may have a successor
};

BreachBatch judge_batch(Session& session, const KeyIds& ids, BreachReport& report) {
    BreachBatch batch;
    for (const Row& key : session.rows(sql::breach_judge, {{"ids", id_array(ids)}})) {
        batch.all.push_back(key.int64("key_id"));
        if (key.int64("is_imported") != 0) {
            ++report.imported;
            continue;
        }
        batch.native.push_back(key.int64("key_id"));
        const bool is_expired = key.text("status") == "expired";
        // One that was not delivered as yet has no place of its own: its predecessor gets another.
        if (key.text("status") == "active" && key.int64("is_undelivered") == 0)
            batch.active.push_back(key.int64("key_id"));
        ++(is_expired ? report.ended_before : report.ended);
        if (!is_expired && report.first.size() < kFirst)
            report.first.push_back(
                fmt::format("{}  {}  {}  {}", key.int64("key_id"), for_terminal(key.text("masked")),
                            shortened(for_terminal(key.text("name")), kNameWidth),
                            for_terminal(key.text_or("owner", "no owner"))));
    }
    return batch;
}

std::string breaches_json(const KeyIds& ids, const BreachedKeys& breached) {
    std::string json;
    for (const std::int64_t key_id : ids)
        json += fmt::format(R"({}{{"key_id": {}, "evidence": {}}})", json.empty() ? "" : ", ",
                            key_id, breached.evidence.at(key_id));
    return "[" + json + "]";
}

// One transaction: lock, judge, end, mark, find, audit, seal.
void end_batch(Session& session, const KeyIds& ids, const BreachedKeys& breached,
               const std::string& default_sink, BreachReport& report) {
    BreachReport done = report;
    Transaction transaction(session);
    lock_keys(session, ids);
    const BreachBatch batch = judge_batch(session, ids, done);
    const ActOfRotation act = act_by_command(session, "breach");
    const std::string why = R"({"reason": "breach"})";
    end_keys(session, act, batch.native, {act.as_of, "key.breach", why});
    session.execute(sql::breach_mark, {{"ids", id_array(batch.native)},
                                       {"active", id_array(batch.active)},
                                       text_or_null("default_sink", default_sink),
                                       {"as_of", act.as_of},
                                       {"block_id", act.block_id},
                                       {"actor", act.actor},
                                       {"why", why}});
    session.execute(sql::breach_findings,
                    {{"breaches", breaches_json(batch.all, breached)}, {"as_of", act.as_of}});
    seal_audit_block(session, act.block_id);
    transaction.commit();
    report = std::move(done);
}

// Successors at once, where the policy says into what they are delivered. What fails here the job
// rotate-keys tries again.
void deliver_successors(Session& session, const Config& config, const BreachedKeys& breached,
                        BreachReport& report) {
    KeyIds ids;
    for (const auto& [key_id, evidence] : breached.evidence) ids.push_back(key_id);
    Delivering delivering = by_command(session, config);
    delivering.only = ids;
    deliver_rotations(delivering, [&](const RotationOutcome& outcome) {
        report.successors += outcome.kind == RotationOutcome::Kind::delivered ? 1 : 0;
    });
    const Row totals = session.one(sql::breach_totals, {{"ids", id_array(ids)}});
    report.undelivered = totals.int64("undelivered");
    report.without_sink = totals.int64("without_sink");
}

std::vector<KeyIds> batches_of(const BreachedKeys& breached, std::int64_t size) {
    std::vector<KeyIds> batches;
    for (const auto& [key_id, evidence] : breached.evidence) {
        if (batches.empty() || static_cast<std::int64_t>(batches.back().size()) == size)
            batches.emplace_back();
        batches.back().push_back(key_id);
    }
    return batches;
}

const char* keys_word(std::int64_t count) {
    return count == 1 ? "key" : "keys";
}

void print_text(const BreachReport& report, bool dry_run, std::ostream& out) {
    fmt::print(out, "{} {} {}{}\n", dry_run ? "would end" : "ended", report.ended,
               keys_word(report.ended), dry_run ? "; nothing was changed" : "");
    for (const std::string& key : report.first) fmt::print(out, "  {}\n", key);
    const auto more = report.ended - static_cast<std::int64_t>(report.first.size());
    if (more > 0) fmt::print(out, "  and {} more\n", more);
    if (report.ended_before > 0) fmt::print(out, "{} had ended before\n", report.ended_before);
    if (report.imported > 0)
        fmt::print(out, "{} imported: end {} where {} from\n", report.imported,
                   report.imported == 1 ? "it" : "them",
                   report.imported == 1 ? "it comes" : "they come");
    if (report.unknown > 0)
        fmt::print(out,
                   "{} no key of this database: deleted, from another system, or mistyped, which "
                   "`keyrota verify --stdin` tells\n",
                   report.unknown == 1 ? "1 secret matches"
                                       : fmt::format("{} secrets match", report.unknown));
    if (dry_run) return;
    if (report.successors > 0)
        fmt::print(out, "{} {} delivered\n", report.successors,
                   report.successors == 1 ? "successor was" : "successors were");
    if (report.undelivered > 0)
        fmt::print(out, "{} not delivered yet: `keyrota rotations list` says why\n",
                   report.undelivered);
    if (report.without_sink > 0)
        fmt::print(
            out,
            "{} without successors, as no sink is configured: `keyrota keys create` makes new "
            "keys for their owners\n",
            report.without_sink);
}

void print_json(const BreachReport& report, bool dry_run, std::ostream& out) {
    Facts facts;
    facts.add("dry_run", dry_run);
    facts.add("ended", report.ended);
    facts.add("ended_before", report.ended_before);
    facts.add("successors", report.successors);
    facts.add("undelivered", report.undelivered);
    facts.add("imported", report.imported);
    facts.add("unknown", report.unknown);
    out << facts.json() << "\n";
}

void require_one_source(const BreachSource& source) {
    const int given =
        static_cast<int>(!source.keys.empty()) + static_cast<int>(!source.prefix_file.empty()) +
        static_cast<int>(!source.json_file.empty()) + static_cast<int>(source.from_stdin);
    if (given == 1) return;
    throw Error(ExitCode::usage, given == 0 ? "which keys?" : "too many sources at once",
                "Name KEYs, or give one of --prefix-file, --json and --stdin.");
}

}  // namespace

ExitCode breach(const Config& config, const BreachSource& source, const BreachOptions& options,
                std::ostream& out, std::ostream& errors) {
    require_one_source(source);
    Session session = open_session(config, Access::runner);
    const BreachedKeys breached = find_breached_keys(session, source, options.all_matching);
    const std::size_t total = breached.evidence.size();
    if (total > kAsksAbove && !options.yes && !options.dry_run)
        confirm(fmt::format("{} keys stop working at once.", total), std::to_string(total), errors);

    BreachReport report;
    report.unknown = breached.unknown;
    const std::string default_sink = config.policy.back().rotation_sink;
    for (const KeyIds& batch : batches_of(breached, config.limits.batch_size)) {
        if (options.dry_run)
            judge_batch(session, batch, report);
        else
            with_retries(static_cast<int>(config.limits.max_tries),
                         [&] { end_batch(session, batch, breached, default_sink, report); });
    }
    if (!options.dry_run) deliver_successors(session, config, breached, report);
    if (options.format == Format::json)
        print_json(report, options.dry_run, out);
    else
        print_text(report, options.dry_run, out);
    return report.unknown + report.imported + report.undelivered > 0 ? ExitCode::partial
                                                                     : ExitCode::done;
}

}  // namespace keyrota
