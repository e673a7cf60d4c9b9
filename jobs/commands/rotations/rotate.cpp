#include "commands/rotations/rotate.h"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include <algorithm>
#include <memory>

#include "audit/audit.h"
#include "commands/confirm.h"
#include "error/error.h"
#include "error/suggestion.h"
#include "jobs_sql.h"
#include "policy/policy.h"
#include "postgres/database.h"
#include "report/escape.h"
#include "report/facts.h"
#include "rotation/by_command.h"

namespace keyrota {
namespace {

using Kind = RotationOutcome::Kind;

constexpr std::size_t kFirst = 10;
constexpr std::size_t kNameWidth = 40;

// A key that is not rotated, or whose successor was not delivered, and why.
struct Trouble {
    std::int64_t key_id = 0;
    std::string why;
};

struct RotateReport {
    std::int64_t selected = 0;
    KeyIds rotating;
    std::vector<std::string> first;  // of those, for people
    std::int64_t refused = 0;
    std::int64_t delivered = 0;
    std::int64_t undelivered = 0;
    std::vector<Trouble> first_troubles;

    void add_trouble(std::int64_t key_id, const std::string& why) {
        if (first_troubles.size() < kFirst) first_troubles.push_back({key_id, why});
    }
};

struct Rotate {
    const Config& config;
    const RotateOptions& options;
    Session session;
    RotateReport report{};
};

bool is_sink(const Config& config, const std::string& name) {
    return std::any_of(config.sinks.begin(), config.sinks.end(),
                       [&](const SinkOptions& sink) { return sink.name == name; });
}

void require_sink(const Config& config, const RotateOptions& options) {
    if (options.sink == kPrintSink && !options.out_is_terminal && !options.dry_run)
        throw Error(ExitCode::usage, "--sink print shows secrets, and this is not a terminal",
                    "Name a configured sink, or use `keyrota keys regenerate` with --json.");
    if (options.sink.empty() || options.sink == kPrintSink || is_sink(config, options.sink)) return;
    std::vector<std::string> names{kPrintSink};
    for (const SinkOptions& sink : config.sinks) names.push_back(sink.name);
    std::string hint = did_you_mean(options.sink, names);
    if (hint.empty())
        hint = "Sinks are configured under `sinks`; print shows secrets on the terminal.";
    throw Error(ExitCode::usage, fmt::format("there is no sink \"{}\"", options.sink), hint);
}

std::string refusal(const Rotate& rotate, const Row& key) {
    if (!key.is_null("refused")) return key.text("refused");
    const std::string sink =
        rotate.options.sink.empty() ? key.text_or("sink", "") : rotate.options.sink;
    if (sink.empty()) return "its policy names no sink: give --sink";
    if (sink != kPrintSink && !is_sink(rotate.config, sink))
        return fmt::format("its policy names the sink {}, which does not exist", sink);
    return "";
}

void look_at_batch(Rotate& rotate, const KeyIds& ids) {
    RotateReport& report = rotate.report;
    for (const Row& key : rotate.session.rows(sql::rotation_judge, {{"ids", id_array(ids)}})) {
        ++report.selected;
        const std::int64_t key_id = key.int64("key_id");
        if (const std::string refused = refusal(rotate, key); !refused.empty()) {
            ++report.refused;
            report.add_trouble(key_id, refused);
            continue;
        }
        report.rotating.push_back(key_id);
        if (report.first.size() < kFirst)
            report.first.push_back(
                fmt::format("{}  {}  {}  {}", key_id, for_terminal(key.text("masked")),
                            shortened(for_terminal(key.text("name")), kNameWidth),
                            for_terminal(key.text_or("owner", "no owner"))));
    }
}

void look(Rotate& rotate, const KeySelection& selection) {
    const auto size = static_cast<std::size_t>(rotate.config.limits.batch_size);
    Transaction reading(rotate.session);
    KeyIds batch;
    for_each_selected_key(rotate.session, selection, [&](std::int64_t key_id) {
        batch.push_back(key_id);
        if (batch.size() < size) return;
        look_at_batch(rotate, batch);
        batch.clear();
    });
    look_at_batch(rotate, batch);
}

// One transaction: lock, judge again, ask for it, audit, seal.
void request_batch(Rotate& rotate, const KeyIds& ids) {
    KeyIds requested;
    in_transaction(rotate.session, rotate.config, [&] {
        requested.clear();
        const KeyIds locked = lock_keys(rotate.session, ids);
        KeyIds rotating;
        for (const Row& key : rotate.session.rows(sql::rotation_judge, {{"ids", id_array(locked)}}))
            if (refusal(rotate, key).empty()) rotating.push_back(key.int64("key_id"));
        const ActOfRotation act = act_by_command(rotate.session, rotate.options.reason);
        RotationWish wish{.overlap = rotate.options.overlap};
        if (!rotate.options.sink.empty()) wish.sink = rotate.options.sink;
        for (const RotationId& rotation : request_rotations(rotate.session, act, rotating, wish))
            requested.push_back(rotation.key_id);
        seal_audit_block(rotate.session, act.block_id);
    });
    for (const std::int64_t key_id : ids)
        if (!std::binary_search(requested.begin(), requested.end(), key_id)) {
            ++rotate.report.refused;
            rotate.report.add_trouble(key_id, "it changed in the meantime");
        }
    std::copy(requested.begin(), requested.end(), std::back_inserter(rotate.report.rotating));
}

void request_all(Rotate& rotate) {
    const KeyIds decided = std::exchange(rotate.report.rotating, {});
    const auto size = static_cast<std::ptrdiff_t>(rotate.config.limits.batch_size);
    for (auto begin = decided.begin(); begin != decided.end();) {
        const auto end = begin + std::min(size, decided.end() - begin);
        request_batch(rotate, {begin, end});
        begin = end;
    }
}

void deliver_all(Rotate& rotate, std::ostream& out) {
    const std::unique_ptr<Sink> print = print_sink(out);
    Delivering delivering = by_command(rotate.session, rotate.config);
    delivering.only = rotate.report.rotating;
    if (rotate.options.sink == kPrintSink) delivering.by_hand = print.get();
    deliver_rotations(delivering, [&](const RotationOutcome& outcome) {
        if (outcome.kind == Kind::delivered) {
            ++rotate.report.delivered;
            return;
        }
        rotate.report.add_trouble(outcome.key_id, outcome.words);
    });
    // With those that somebody else held locked.
    rotate.report.undelivered =
        static_cast<std::int64_t>(rotate.report.rotating.size()) - rotate.report.delivered;
}

void print_text(const RotateReport& report, bool dry_run, std::ostream& out) {
    if (report.selected == 0) {
        out << "no keys\n";
        return;
    }
    const char* keys = report.selected == 1 ? "key" : "keys";
    if (dry_run) {
        fmt::print(out, "would rotate {} of {} {}; nothing was changed\n", report.rotating.size(),
                   report.selected, keys);
        for (const std::string& key : report.first) fmt::print(out, "  {}\n", key);
        const std::size_t more = report.rotating.size() - report.first.size();
        if (more > 0) fmt::print(out, "  and {} more\n", more);
    } else {
        fmt::print(out, "rotated {} of {} {}\n", report.delivered, report.selected, keys);
        if (report.undelivered > 0)
            fmt::print(out, "{} not delivered yet: `keyrota rotations list` shows their state\n",
                       report.undelivered);
        if (report.delivered > 0)
            out << "The old ones keep working until their overlap is over: `keyrota rotations "
                   "list`.\n";
    }
    if (report.refused > 0) fmt::print(out, "refused {}\n", report.refused);
    for (const Trouble& trouble : report.first_troubles)
        fmt::print(out, "  {}  {}\n", trouble.key_id, for_terminal(trouble.why));
}

void print_json(const RotateReport& report, bool dry_run, std::ostream& out) {
    std::string troubles;
    for (const Trouble& trouble : report.first_troubles) {
        Facts facts;
        facts.add("key_id", trouble.key_id);
        facts.add("why", trouble.why);
        troubles += (troubles.empty() ? "" : ", ") + facts.json();
    }
    Facts facts;
    facts.add("dry_run", dry_run);
    facts.add("selected", report.selected);
    facts.add("rotating", static_cast<std::int64_t>(report.rotating.size()));
    facts.add("delivered", report.delivered);
    facts.add("undelivered", report.undelivered);
    facts.add("refused", report.refused);
    facts.add("first_troubles", Json{"[" + troubles + "]"});
    out << facts.json() << "\n";
}

void require_few_enough(const Rotate& rotate) {
    const auto total = static_cast<std::int64_t>(rotate.report.rotating.size());
    if (total <= rotate.options.max_keys) return;
    throw Error(ExitCode::blast_radius,
                fmt::format("{} keys would be rotated, more than {}: nothing was changed", total,
                            rotate.options.max_keys),
                "Preview it with --dry-run, then allow it with --max-keys.");
}

}  // namespace

ExitCode rotate(const Config& config, const KeySelection& selection, const RotateOptions& options,
                std::ostream& out, std::ostream& errors) {
    require_selection(selection);
    Rotate rotate{config, options, open_session(config, Access::runner)};
    require_sink(config, options);
    if (!options.dry_run) refresh_policy(rotate.session, config.policy);
    look(rotate, selection);
    RotateReport& report = rotate.report;
    if (selection.keys.size() == 1 && report.refused == 1)
        throw Error(ExitCode::usage,
                    fmt::format("key {} is not rotated: {}", report.first_troubles.front().key_id,
                                for_terminal(report.first_troubles.front().why)),
                    fmt::format("`keyrota explain {}` shows the details.",
                                report.first_troubles.front().key_id));
    require_few_enough(rotate);
    if (!options.dry_run) {
        if (selection.keys.empty() && report.rotating.size() > 1 && !options.yes)
            confirm(fmt::format("rotate {} keys?", report.rotating.size()), "yes", errors);
        request_all(rotate);
        if (!report.rotating.empty()) deliver_all(rotate, out);
    }
    if (options.json)
        print_json(report, options.dry_run, out);
    else
        print_text(report, options.dry_run, out);
    const bool is_partial = !options.dry_run && report.refused + report.undelivered > 0;
    return is_partial ? ExitCode::partial : ExitCode::done;
}

}  // namespace keyrota
