#include "runner/apply.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <limits>
#include <optional>

#include "common_sql.h"
#include "error/error.h"
#include "plan/action.h"
#include "progress/progress.h"
#include "runner/duty_cycle.h"
#include "runner/step.h"

namespace keyrota {
namespace {

constexpr Statement kAnalyzePlan{"analyze_plan_item",
                                 "select keyrota.analyze_plan_item()::text as done"};

// The keys of one transaction: a dense stretch of the check's items in key order.
struct Batch {
    std::string ids;  // bigint[] as text
    std::int64_t first;
    std::int64_t last;
    std::int64_t keys;
};

// Hands the check's items of one kind (action | finding | resolve) over in batches of key ids,
// until none is left or a signal came. @returns whether all were handed over.
bool for_each_batch(Run& run, const CheckReport& report, const char* kind,
                    const std::function<void(const Batch&)>& work) {
    DutyCycle duty(run.config.limits.duty, run.interruption);
    for (std::int64_t after = -1;;) {
        if (run.interruption.requested()) return false;
        const Row next = run.session.one(sql::next_batch, {{"run_id", run.run_id},
                                                           {"check_id", report.check_id},
                                                           {"kind", kind},
                                                           {"after", after},
                                                           {"size", run.config.limits.batch_size}});
        if (next.int64("total") == 0) return true;
        work({next.text("ids"), next.int64("first"), next.int64("last"), next.int64("total")});
        after = next.int64("last");
        duty.pause_after_batch();
    }
}

enum class Locked { skip, wait };

// Applies the action to one batch of keys: the change, its audit entries, its finding closed as
// acted, the totals.
// @returns how many keys were changed; the rest drifted or is locked.
std::int64_t apply_batch(Run& run, CheckReport& report, const Action& action, const Batch& batch,
                         Locked locked) {
    std::string text = action.statement.text;
    static constexpr std::string_view kSkip = " skip locked";
    if (locked == Locked::wait) text.erase(text.find(kSkip), kSkip.size());
    const std::int64_t silent_after_us = run.config.usage.silent_after.count();
    Counts counts;
    run.in_batch([&] {
        counts = {};
        const Row done = run.session.one(
            {action.statement.name, text.c_str()},
            {{"ids", batch.ids}, {"as_of", run.as_of}, {"silent_after_us", silent_after_us}});
        counts.applied = done.int64("total");
        if (counts.applied == 0) return;
        const std::int64_t block_id = open_audit_block(run.session);
        const std::string& changed = done.text("ids");
        run.session.execute(sql::audit_actions, {{"block_id", block_id},
                                                 {"action", std::string(action.audited_as)},
                                                 {"actor", run.actor},
                                                 {"as_of", run.as_of},
                                                 {"ids", changed},
                                                 {"first", batch.first},
                                                 {"last", batch.last},
                                                 {"befores", done.text("befores")},
                                                 {"afters", done.text("afters")},
                                                 {"run_id", run.run_id},
                                                 {"check_id", report.check_id}});
        run.session.execute(sql::record_findings, {{"acted", 1},
                                                   {"as_of", run.as_of},
                                                   {"run_id", run.run_id},
                                                   {"check_id", report.check_id},
                                                   {"first", batch.first},
                                                   {"last", batch.last},
                                                   {"ids", changed}});
        count(run, report, counts);
        seal_audit_block(run.session, block_id);
    });
    add(report, counts);
    return counts.applied;
}

// What the first pass stepped past: locked rows get their time (lock_timeout, repeated), drifted
// ones are left alone.
void finish_batch(Run& run, CheckReport& report, const Action& action, const Batch& batch,
                  std::int64_t left) {
    Counts counts;
    try {
        left -= apply_batch(run, report, action, batch, Locked::wait);
        counts.drifted = left;
    } catch (const DatabaseError& error) {
        if (!error.is_contention()) throw;
        left -= apply_batch(run, report, action, batch, Locked::skip);
        counts.failed = left;
        spdlog::error("{}: {} keys stayed locked: {}", report.check_id, left, error.what());
    }
    if (left == 0) return;
    run.in_batch([&] { count(run, report, counts); });
    add(report, counts);
}

void apply_actions(Run& run, CheckReport& report, Progress& progress) {
    if (report.planned == 0 || report.refused > 0) return;
    const Action& action = find_action(report.action);
    struct Rest {
        Batch batch;
        std::int64_t left;
    };
    std::vector<Rest> rests;
    for_each_batch(run, report, "action", [&](const Batch& batch) {
        const std::int64_t left =
            batch.keys - apply_batch(run, report, action, batch, Locked::skip);
        if (left > 0) rests.push_back({batch, left});
        progress.advance(batch.keys);
    });
    for (const Rest& rest : rests) {
        if (run.interruption.requested()) return;
        finish_batch(run, report, action, rest.batch, rest.left);
    }
}

const PlannedChore& find_chore(const Run& run, const std::string& name) {
    return *std::find_if(run.plan.chores().begin(), run.plan.chores().end(),
                         [&](const PlannedChore& chore) { return name == chore.name; });
}

// One transaction of a chore. What stays locked is left for the next run.
void do_chore_batch(Run& run, CheckReport& report, const PlannedChore& chore, const Row& batch) {
    Params params = chore.params;
    params.emplace_back("as_of", run.as_of);
    params.emplace_back("ids", batch.text("ids"));
    Counts counts;
    try {
        run.in_batch([&] {
            counts = {};
            counts.applied = run.session.one(chore.work, params).int64("total");
            count(run, report, counts);
        });
    } catch (const DatabaseError& error) {
        if (!error.is_contention()) throw;
        spdlog::error("{}: a batch stayed locked: {}", report.check_id, error.what());
        counts.failed = batch.int64("total");
        run.in_batch([&] { count(run, report, counts); });
    }
    add(report, counts);
}

// Walks what is due by its ids, a batch at a time.
void do_chore(Run& run, CheckReport& report, Progress& progress) {
    if (report.planned == 0 || report.refused > 0) return;
    const PlannedChore& chore = find_chore(run, report.check_id);
    const std::string next_batch =
        "select coalesce(array_agg(id), '{}')::text as ids, max(id) as last, count(*) as total"
        "  from (select distinct id from (" +
        std::string(chore.due.text) + ") due where id > :after order by id limit :size) batch";
    DutyCycle duty(run.config.limits.duty, run.interruption);
    std::int64_t left = run.options.limit.value_or(std::numeric_limits<std::int64_t>::max());
    for (std::int64_t after = -1; left > 0 && !run.interruption.requested();) {
        Params params = chore.params;
        params.emplace_back("as_of", run.as_of);
        params.emplace_back("after", after);
        params.emplace_back("size", std::min(left, run.config.limits.batch_size));
        const Row batch = run.session.one({chore.due.name, next_batch.c_str()}, params);
        if (batch.int64("total") == 0) return;
        do_chore_batch(run, report, chore, batch);
        progress.advance(batch.int64("total"));
        left -= batch.int64("total");
        after = batch.int64("last");
        duty.pause_after_batch();
    }
}

void do_step(Run& run, const RunReport& report, CheckReport& step) {
    const auto& steps = run.plan.steps();
    const PlannedStep& planned =
        *std::find_if(steps.begin(), steps.end(),
                      [&](const PlannedStep& one) { return step.check_id == one.name; });
    if (planned.guarded && !report.held.empty()) return;
    StepRun step_run(run, step);
    std::optional<Interruption::CancelOnSignal> cancellable;
    if (planned.cancellable) cancellable.emplace(run.interruption, run.session);
    planned.work(step_run);
}

// Findings that ask for no action, or whose action was refused.
void record_findings(Run& run, CheckReport& report) {
    if (report.to_record + report.refused == 0) return;  // looking for them reads the whole plan
    for_each_batch(run, report, "finding", [&](const Batch& batch) {
        Counts counts;
        run.in_batch([&] {
            counts = {};
            const Row kinds = run.session.one(sql::batch_changes, {{"run_id", run.run_id},
                                                                   {"check_id", report.check_id},
                                                                   {"first", batch.first},
                                                                   {"last", batch.last}});
            counts.opened = kinds.int64("opened");
            counts.changed = kinds.int64("changed");
            run.session.execute(sql::record_findings, {{"acted", 0},
                                                       {"as_of", run.as_of},
                                                       {"run_id", run.run_id},
                                                       {"check_id", report.check_id},
                                                       {"first", batch.first},
                                                       {"last", batch.last},
                                                       {"ids", batch.ids}});
            count(run, report, counts);
        });
        add(report, counts);
    });
}

}  // namespace

void resolve_absent(Run& run, CheckReport& report) {
    if (report.to_resolve == 0) return;
    for_each_batch(run, report, "resolve", [&](const Batch& batch) {
        Counts counts;
        run.in_batch([&] {
            counts = {};
            counts.resolved =
                run.session.execute(sql::resolve_absent, {{"as_of", run.as_of},
                                                          {"run_id", run.run_id},
                                                          {"check_id", report.check_id},
                                                          {"first", batch.first},
                                                          {"last", batch.last},
                                                          {"ids", batch.ids}});
            count(run, report, counts);
        });
        add(report, counts);
    });
}

void apply_all(Run& run, RunReport& report) {
    const Stopwatch stopwatch;
    std::int64_t items = 0;
    std::int64_t actions = 0;
    for (const CheckReport& check : report.checks) {
        if (!check.is_chore() && !check.is_step()) items += check.found;
        actions += check.planned - check.refused;
    }
    if (items > 0) run.session.one(kAnalyzePlan);
    Progress progress(run.job.name, actions, run.options.show_progress);
    for (CheckReport& check : report.checks) {
        if (!check.error.empty() || check.is_step()) continue;
        if (check.is_chore()) {
            do_chore(run, check, progress);
            continue;
        }
        record_findings(run, check);
        apply_actions(run, check, progress);
    }
    for (CheckReport& check : report.checks)
        if (check.is_step() && check.error.empty() && !run.interruption.requested())
            do_step(run, report, check);
    report.apply_time = stopwatch.elapsed();
}

}  // namespace keyrota
