#include "rollup_usage/rollup_usage.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <thread>

#include "jobs_sql.h"
#include "prune/prune.h"
#include "runner/step.h"

namespace keyrota {
namespace {

constexpr int kMonthsAhead = 2;
// Writers that are about to commit get so long: with them done the figures are as of now.
constexpr std::chrono::milliseconds kSettle(1000);
// What one transaction counts: about what arrives in so long.
constexpr std::chrono::hours kSlice(1);

constexpr Statement kMissingMonths{
    "missing_hour_months",
    "select extract(epoch from month)::bigint as id"
    "  from generate_series(date_trunc('month', current_date),"
    "                       date_trunc('month', current_date) + :ahead * interval '1 month',"
    "                       interval '1 month') as month"
    " where to_regclass('keyrota.usage_hour_' || to_char(month, 'YYYYMM')) is null"};
constexpr Statement kMakeMonths{
    "make_hour_months",
    "select keyrota.make_hour_partitions(cast(:ahead as int))::bigint as total"};
constexpr Statement kAnalyzeGrain{"analyze_usage_grain", "analyze pg_temp.usage_grain"};
constexpr Statement kDropGrain{"drop_usage_grain", "drop table pg_temp.usage_grain"};
// A step reads millions of rows once; what it sorts and hashes stays bounded.
constexpr Statement kStepSettings{"usage_step_settings",
                                  "select set_config('hash_mem_multiplier', '2', false)"};

struct Position {
    std::int64_t watermark;
    std::int64_t ended_below;  // everything before it has ended
    Timestamp rolled_at;
    Timestamp now;
    bool is_elsewhere;  // the watermark counts another server's transactions
};

Position position(Session& session) {
    const Row row = session.one(sql::rollup_position);
    return {.watermark = row.int64("watermark"),
            .ended_below = row.int64("ended_below"),
            .rolled_at = row.instant("rolled_at"),
            .now = row.instant("now"),
            .is_elsewhere = row.int64("is_elsewhere") != 0 || row.int64("is_behind") != 0};
}

// The upper bound, and a moment for those who are still writing below it: they commit in
// milliseconds, as a rule. Who takes longer delays the rest, and is waited for by the next run.
Position settle(StepRun& run) {
    std::int64_t bound = 0;
    run.in_batch([&] { bound = run.session.one(sql::rollup_bound).int64("bound"); });
    const auto deadline = std::chrono::steady_clock::now() + kSettle;
    for (;;) {
        const Position reached = position(run.session);
        if (reached.ended_below >= bound || run.interrupted() ||
            std::chrono::steady_clock::now() >= deadline)
            return reached;
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
}

// Counts all samples of transactions [from, until), in one transaction with its watermark.
void count_samples(StepRun& run, std::int64_t from, std::int64_t until, Timestamp rolled_at) {
    std::string fast_clocks;
    run.in_batch([&] {
        const Params bounds = {{"from", from}, {"until", until}};
        const Row seen = run.session.one(
            sql::rollup_gateways, {{"from", from},
                                   {"until", until},
                                   {"silent_after_us", run.config.usage.silent_after.count()}});
        const std::int64_t samples = seen.int64("samples");
        fast_clocks = seen.text("fast_clocks");
        if (samples > 0) {
            run.session.execute(sql::rollup_grains, bounds);
            run.session.execute(kAnalyzeGrain);
            run.session.execute(sql::rollup_hours);
            run.session.execute(sql::rollup_scopes);
            run.session.execute(sql::rollup_networks);
            run.session.execute(sql::rollup_activity);
            run.session.execute(kDropGrain);
        }
        const std::int64_t moved = run.session.execute(
            sql::rollup_advance, {{"from", from}, {"until", until}, {"rolled_at", rolled_at}});
        if (moved != 1)
            throw Error(ExitCode::internal, "the usage watermark was moved by another session");
        run.count({.found = samples, .applied = samples});
    });
    if (!fast_clocks.empty())
        spdlog::warn("samples of {} are stamped more than an hour ahead: their clocks are fast",
                     fast_clocks);
}

void roll_up(StepRun& run) {
    if (position(run.session).is_elsewhere)
        return run.alarm(ExitCode::held_back,
                         "usage was rolled up on another server, or before a backup was restored: "
                         "transactions no longer tell which samples are counted",
                         "`keyrota usage rebase` continues from what was counted there.");
    run.session.one(kStepSettings);
    const Position reached = settle(run);
    // After a long pause in slices: as if it had not been one.
    const auto pause = std::max(reached.now - reached.rolled_at, std::chrono::microseconds(0));
    const std::int64_t slices = 1 + pause / kSlice;
    const std::int64_t width =
        std::max<std::int64_t>(1, (reached.ended_below - reached.watermark + slices - 1) / slices);
    for (std::int64_t from = reached.watermark; from < reached.ended_below && !run.interrupted();) {
        const std::int64_t until = std::min(from + width, reached.ended_below);
        count_samples(run, from, until, reached.now);
        from = until;
    }
    run.in_batch([&] { run.session.execute(sql::rollup_forget_bounds); });
}

// Hours that are over and complete get their busiest minutes, once, and are closed.
void close_hours(StepRun& run) {
    const Params after = {{"close_after", run.config.usage.close_after.count()}};
    run.in_batch([&] {
        const Row closing = run.session.one(sql::hours_closing, after);
        if (closing.is_null("until")) return;
        const std::int64_t hours = closing.int64("total");
        if (hours > 0)
            run.session.execute(sql::hours_peaks,
                                {{"received_from", closing.int64("received_from")},
                                 {"first_hour", closing.int64("first_hour")},
                                 {"until", closing.int64("until")}});
        run.session.execute(sql::hours_close, {{"until", closing.int64("until")}});
        run.count({.found = hours, .applied = hours});
    });
}

}  // namespace

void plan_rollup_usage(const RunContext& run, Plan& plan) {
    plan.add_standing("ROLLUP-STALLED", sql::rollup_stalled,
                      {{"stalled_after", run.config.usage.stalled_after.count()}});
    plan.add_chore(sample_days());
    plan.add_chore({"hour-months", kMissingMonths, kMakeMonths, {{"ahead", kMonthsAhead}}});
    plan.add_step({"roll-up", sql::usage_waiting, roll_up});
    plan.add_step({"close-hours",
                   sql::hours_to_close,
                   close_hours,
                   {{"close_after", run.config.usage.close_after.count()}}});
}

}  // namespace keyrota
