#include "detect_anomalies/detect_anomalies.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <atomic>
#include <limits>
#include <map>
#include <optional>
#include <vector>

#include "detect_anomalies/anomaly_finding.h"
#include "detect_anomalies/anomaly_gate.h"
#include "detect_anomalies/hour_walk.h"
#include "jobs_sql.h"
#include "postgres/copy.h"
#include "runner/step.h"

namespace keyrota {
namespace {

using std::chrono::hours;

constexpr int kWorkers = 2;         // the server reads for one while the other steps
constexpr hours kIncidentEnds(24);  // after so long without an alarm
// How long a silent key is left alone at most. One that was used within a day most likely comes
// again before that: to step a week of silence for it each hour would cost more than all else.
constexpr std::uint32_t kLookAhead = 168, kLookAheadOfUsed = 24;  // hours
// New hours are gathered where they are so few, by the hour of the clock. Of more, the server would
// have to keep a copy of weeks of usage: they are read key by key.
constexpr hours kGatheredAtMost(24);
// New hours in one transaction: ten times limits.batch_size, since it locks nothing but the
// detector's own states, for which nobody waits; no more than this, so that the pages read by two
// workers are still in the server's buffers when they write.
constexpr std::int64_t kHoursInBatch = 4'000;

// For the run: its keys, a batch of them, and what becomes of that.
constexpr Statement kMakeDue{
    "make_detector_due",
    "create temporary table if not exists detector_due"
    " (key_id bigint not null, hour timestamptz, requests bigint, errors bigint)"};
constexpr Statement kMakeDueIndex{
    "make_detector_due_index",
    "create index if not exists detector_due_key_id_idx on pg_temp.detector_due (key_id)"};
constexpr Statement kMakeWindow{
    "make_detector_window",
    "create temporary table if not exists detector_window"
    " (from_at timestamptz not null, until_at timestamptz not null, as_of timestamptz not null,"
    " state_size int not null, state_format int not null)"};
constexpr Statement kMakeBatch{
    "make_detector_batch",
    "create temporary table if not exists detector_batch (key_id bigint not null, state bytea,"
    " last_hour_at timestamptz, next_due_at timestamptz, sensitivity text not null,"
    " expects_use boolean not null)"
    " on commit delete rows"};
constexpr Statement kMakeWritten{
    "make_detector_written",
    "create temporary table if not exists detector_written (key_id bigint not null, state bytea"
    " not null, last_hour_at timestamptz not null, last_alarm_at timestamptz, next_due_at"
    " timestamptz, is_new boolean not null) on commit delete rows"};
constexpr Statement kEmpty{"empty_detector_tables",
                           "truncate pg_temp.detector_due, pg_temp.detector_window"};
constexpr Statement kSetWindow{
    "set_detector_window",
    "insert into pg_temp.detector_window"
    " values (coalesce(keyrota.instant(:from), '-infinity'), keyrota.instant(:until),"
    " keyrota.instant(:as_of), :state_size, :state_format)"};
constexpr Statement kAnalyzeWindow{"analyze_detector_window", "analyze pg_temp.detector_window"};
constexpr Statement kAnalyzeDue{"analyze_detector_due", "analyze pg_temp.detector_due"};
constexpr Statement kAnalyzeBatch{"analyze_detector_batch", "analyze pg_temp.detector_batch"};
constexpr Statement kNextKeys{
    "next_detector_keys",
    "select count(*) as total, coalesce(max(key_id), 0) as last,"
    "       coalesce(array_agg(key_id), '{}')::text as ids"
    "  from (select key_id from pg_temp.detector_due where key_id > :after order by key_id"
    "         limit :size) batch"};
// All hours of the last key are in it.
constexpr Statement kNextStretch{
    "next_detector_stretch",
    "select count(*) as total, coalesce(min(key_id), 0) as first, coalesce(max(key_id), 0) as last"
    "  from (select key_id from pg_temp.detector_due where key_id > :after order by key_id"
    "         limit :size) batch"};
constexpr Statement kSetStretch{
    "set_detector_stretch",
    "select set_config('keyrota.stretch_first', cast(cast(:first as bigint) as text), true),"
    "       set_config('keyrota.stretch_last', cast(cast(:last as bigint) as text), true)"};

// The hours of one run.
struct Window {
    std::optional<Timestamp> from;  // none: the first run
    Timestamp until;

    bool is_gathered() const { return from && until - *from <= kGatheredAtMost; }
    std::uint32_t end() const { return detector_hour(until); }
    // Incidents that have not ended by then.
    std::uint32_t open_since() const { return detector_hour(until - kIncidentEnds); }
};

struct Opened {
    std::int64_t key_id;
    std::uint32_t hour;
    HourVerdict verdict;
    std::size_t check;  // its place in kAnomalyChecks
};

struct NewState {
    std::int64_t key_id;
    PackedState state;
    std::uint32_t last_hour;
    std::uint32_t last_alarm;  // 0: none
    std::optional<std::uint32_t> next_due;
    bool is_new;
};

// What the hours of one batch of keys came to.
struct BatchOutcome {
    std::vector<NewState> states;             // in key order
    std::vector<std::int64_t> without_state;  // keys that were set aside
    std::vector<Opened> open;                 // incidents that have not ended
    std::map<std::pair<std::size_t, std::uint32_t>, std::int64_t> counts;  // by check and hour
};

// What becomes of a key without a state: one is made of the hours that come, or it waits until all
// hours that it ever had are read.
enum class WithoutState { make, set_aside };

// Steps the keys of a batch as their hours stream by; holds what comes of them, not the hours.
class BatchStepper {
  public:
    BatchStepper(const Window& window, const UnknownHours& unknown, WithoutState without_state)
        : window_(window), unknown_(unknown), without_state_(without_state) {}

    void read(const CopyReader& row) {
        if (row.int64(0) != key_id_) {
            finish_key();
            begin_key(row);
        }
        if (!walk_ || row.is_null(1)) return;
        walk_->apply({detector_hour(row.instant(1)), amount(row.int64(2)), amount(row.int64(3))});
    }
    BatchOutcome finish() {
        finish_key();
        return std::move(outcome_);
    }

  private:
    static float amount(std::int64_t count) {
        return static_cast<float>(std::max<std::int64_t>(0, count));
    }

    void begin_key(const CopyReader& row) {
        key_id_ = row.int64(0);
        DetectorState state;
        is_new_ = row.is_null(4);
        if (is_new_ && without_state_ == WithoutState::set_aside) {
            outcome_.without_state.push_back(key_id_);
            return;
        }
        if (!is_new_) {
            const std::string_view packed = row.bytes(4);
            unpack({reinterpret_cast<const unsigned char*>(packed.data()), packed.size()}, state);
        }
        due_before_.reset();
        if (!row.is_null(5)) due_before_ = detector_hour(row.instant(5));
        opened_.reset();
        walk_.emplace(key_id_, state, thresholds_for(row.bytes(6)), unknown_,
                      [this, expects_use = row.int32(7) != 0](std::uint32_t hour,
                                                              const HourVerdict& verdict) {
                          if (!verdict.opens_incident) return;
                          const std::size_t check = check_of(verdict.reason);
                          if (!expects_use && kAnomalyChecks[check].expects_use) return;
                          opened_ = {key_id_, hour, verdict, check};
                          if (is_counted(hour)) ++outcome_.counts[{check, hour}];
                      });
    }

    // A state that is made anew meets incidents that were counted before.
    bool is_counted(std::uint32_t hour) const {
        return !window_.from || hour >= detector_hour(*window_.from);
    }

    void finish_key() {
        if (!walk_) return;
        walk_->pass_until(window_.end());
        const DetectorState& state = walk_->state();
        if (state.last_hour >= 0) {
            outcome_.states.push_back({key_id_, pack(state),
                                       static_cast<std::uint32_t>(state.last_hour),
                                       state.mail.last_alarm, next_due(), is_new_});
            if (opened_ && state.mail.last_alarm > window_.open_since())
                outcome_.open.push_back(*opened_);
        }
        walk_.reset();
    }

    // The stored hour stays unless it has come, or an earlier one is due.
    std::optional<std::uint32_t> next_due() const {
        const std::uint32_t end = window_.end();
        const bool is_used = walk_->state().silence.hours < kLookAheadOfUsed;
        const std::uint32_t most = is_used ? kLookAheadOfUsed : kLookAhead;
        if (!due_before_ || *due_before_ < end) return walk_->silence_alarms_at(end, most);
        const auto earlier = walk_->silence_alarms_at(end, std::min(most, *due_before_ - end));
        return earlier ? earlier : due_before_;
    }

    const Window& window_;
    const UnknownHours& unknown_;
    const WithoutState without_state_;
    BatchOutcome outcome_;
    std::int64_t key_id_ = 0;  // none has it
    bool is_new_ = false;
    std::optional<std::uint32_t> due_before_;
    std::optional<Opened> opened_;  // the newest
    std::optional<HourWalk> walk_;
};

void write_states(StepRun& run, const BatchOutcome& outcome) {
    if (outcome.states.empty()) return;
    CopyWriter writer(run.session, "detector_written",
                      "pg_temp.detector_written (key_id, state, last_hour_at, last_alarm_at,"
                      " next_due_at, is_new)");
    const auto instant_or_null = [&](std::optional<std::uint32_t> hour) {
        if (hour) {
            writer.instant(start_of(*hour));
        } else {
            writer.null();
        }
    };
    for (const NewState& state : outcome.states) {
        writer.row(6);
        writer.int64(state.key_id);
        writer.text({reinterpret_cast<const char*>(state.state.data()), state.state.size()});
        writer.instant(start_of(state.last_hour));
        instant_or_null(state.last_alarm == 0 ? std::nullopt : std::optional(state.last_alarm));
        instant_or_null(state.next_due);
        writer.boolean(state.is_new);
    }
    writer.finish();
    run.session.execute(sql::detector_write, {{"first", outcome.states.front().key_id},
                                              {"last", outcome.states.back().key_id}});
    const auto is_new = [](const NewState& state) { return state.is_new; };
    if (std::any_of(outcome.states.begin(), outcome.states.end(), is_new))
        run.session.execute(sql::detector_add);
}

// Nobody is told before the gate has seen all keys, of what the key's budget of mails does not
// cover, and, in the first run, of what began more than a day ago.
Held held_by(const Opened& opened, const Window& window) {
    if (!window.from && opened.hour <= window.open_since()) return Held::old;
    return opened.verdict.is_mailed ? Held::gate : Held::budget;
}

void record_open(StepRun& run, const BatchOutcome& outcome, const Window& window,
                 std::size_t place) {
    const AnomalyCheck& check = kAnomalyChecks[place];
    const auto is_of_check = [&](const Opened& opened) { return opened.check == place; };
    if (std::none_of(outcome.open.begin(), outcome.open.end(), is_of_check)) return;
    run.record(check.check_id, [&] {
        CheckRows rows(run.session, std::nullopt);
        for (const Opened& opened : outcome.open) {
            if (!is_of_check(opened)) continue;
            const std::string evidence =
                anomaly_evidence(opened.verdict, opened.hour, held_by(opened, window));
            rows.add({.key_id = opened.key_id, .severity = check.severity, .evidence = evidence});
        }
        rows.finish();
        run.session.execute(sql::anomaly_context,
                            {{"anomaly", check.check_id}, {"until", window.until}});
    });
}

void count_for_gate(StepRun& run, const BatchOutcome& outcome) {
    if (outcome.counts.empty()) return;
    std::string checks, hour_list, alarms;
    for (const auto& [of, count] : outcome.counts) {
        const char* comma = checks.empty() ? "" : ",";
        checks += fmt::format("{}{}", comma, kAnomalyChecks[of.first].check_id);
        hour_list += fmt::format("{}{}", comma, to_micros(start_of(of.second)));
        alarms += fmt::format("{}{}", comma, count);
    }
    run.session.execute(sql::gate_count, {{"checks", "{" + checks + "}"},
                                          {"hours", "{" + hour_list + "}"},
                                          {"alarms", "{" + alarms + "}"}});
}

// The states of a batch and what these raised, in the transaction in which its hours were read.
void keep(StepRun& run, const BatchOutcome& outcome, const Window& window) {
    write_states(run, outcome);
    for (std::size_t place = 0; place < std::size(kAnomalyChecks); ++place)
        record_open(run, outcome, window, place);
    count_for_gate(run, outcome);
    const auto stepped = static_cast<std::int64_t>(outcome.states.size());
    run.count({.found = stepped, .applied = stepped});
}

BatchOutcome step_rows(StepRun& run, const Statement& hours_of_keys, BatchStepper stepper) {
    CopyReader rows(run.session, hours_of_keys.name, hours_of_keys.text);
    while (rows.next()) stepper.read(rows);
    return stepper.finish();
}

// Keys whose hours are read from usage_hour. @returns how many were stepped.
std::int64_t step_keys_of(StepRun& run, const Window& window, const UnknownHours& unknown,
                          const std::string& ids) {
    BatchOutcome outcome;
    run.in_batch([&] {
        run.session.execute(sql::detector_batch, {{"ids", ids}});
        run.session.execute(kAnalyzeBatch);
        outcome = step_rows(run, sql::detector_hours, {window, unknown, WithoutState::make});
        keep(run, outcome, window);
    });
    return static_cast<std::int64_t>(outcome.states.size());
}

// Keys whose new hours were gathered, and then those of them of which nothing is known: these have
// all of their hours read, in batches of their own. @returns how many were stepped.
std::int64_t step_stretch(StepRun& run, const Window& window, const UnknownHours& unknown,
                          const Row& stretch) {
    BatchOutcome outcome;
    run.in_batch([&] {
        run.session.one(kSetStretch,
                        {{"first", stretch.int64("first")}, {"last", stretch.int64("last")}});
        outcome =
            step_rows(run, sql::detector_new_hours, {window, unknown, WithoutState::set_aside});
        keep(run, outcome, window);
    });
    auto stepped = static_cast<std::int64_t>(outcome.states.size());
    const auto size = static_cast<std::size_t>(run.config.limits.batch_size);
    const std::vector<std::int64_t>& keys = outcome.without_state;
    for (std::size_t at = 0; at < keys.size() && !run.interrupted(); at += size) {
        const auto first = keys.begin() + static_cast<std::ptrdiff_t>(at);
        const auto end = first + static_cast<std::ptrdiff_t>(std::min(size, keys.size() - at));
        stepped +=
            step_keys_of(run, window, unknown, fmt::format("{{{}}}", fmt::join(first, end, ",")));
    }
    return stepped;
}

std::optional<Window> unseen_hours(StepRun& run) {
    const auto rows = run.session.rows(
        sql::detector_bounds,
        {{"as_of", run.as_of}, {"silent_after_us", run.config.usage.silent_after.count()}});
    if (rows.empty()) return {};
    Window window{{}, rows.front().instant("until_at")};
    if (!rows.front().is_null("from_at")) window.from = rows.front().instant("from_at");
    return window;
}

// A worker's share: stretches of keys that are neighbours in the tables.
struct Share {
    int worker;
    int workers;
};

void gather_keys(StepRun& run, const Window& window, Share share) {
    for (const Statement& make :
         {kMakeDue, kMakeDueIndex, kMakeWindow, kMakeBatch, kMakeWritten, kEmpty})
        run.session.execute(make);
    const Param from("from", window.from), until("until", window.until);
    run.session.execute(kSetWindow, {from,
                                     until,
                                     {"as_of", run.as_of},
                                     {"state_size", std::int64_t{kPackedStateSize}},
                                     {"state_format", std::int64_t{kDetectorFormat}}});
    run.session.execute(kAnalyzeWindow);
    run.session.execute(window.is_gathered() ? sql::detector_due_hours : sql::detector_due,
                        {from,
                         until,
                         {"worker", std::int64_t{share.worker}},
                         {"workers", std::int64_t{share.workers}}});
    run.session.execute(kAnalyzeDue);
}

// @returns whether all keys of the share were stepped; if not, the next run goes on.
bool step_keys(StepRun& run, const Window& window, const UnknownHours& unknown, Share share) {
    gather_keys(run, window, share);
    const std::int64_t keys_in_batch = run.config.limits.batch_size;
    const std::int64_t size =
        window.is_gathered() ? std::min(10 * keys_in_batch, kHoursInBatch) : keys_in_batch;
    std::int64_t left = run.limit.value_or(std::numeric_limits<std::int64_t>::max());
    for (std::int64_t after = -1; left > 0 && !run.interrupted();) {
        const Row next = run.session.one(window.is_gathered() ? kNextStretch : kNextKeys,
                                         {{"after", after}, {"size", std::min(left, size)}});
        if (next.int64("total") == 0) return true;
        left -= window.is_gathered() ? step_stretch(run, window, unknown, next)
                                     : step_keys_of(run, window, unknown, next.text("ids"));
        after = next.int64("last");
    }
    return false;
}

void detect(StepRun& run) {
    const std::optional<Window> window = unseen_hours(run);
    if (!window) return;
    const UnknownHours unknown(run.session);
    std::atomic<bool> is_all = true;
    run.side_by_side(kWorkers, [&](StepRun& worker_run, int worker, int workers) {
        if (!step_keys(worker_run, *window, unknown, {worker, workers})) is_all = false;
    });
    if (is_all) run.in_batch([&] { judge_gate(run, window->until); });
}

}  // namespace

void plan_detect_anomalies(const RunContext& run, Plan& plan) {
    const Config::Usage& usage = run.config.usage;
    const Timestamp until = std::chrono::floor<hours>(run.as_of - usage.close_after);
    // An incident has only ended where it is known that nothing more happened.
    const Coverage coverage{until - kIncidentEnds, until, Coverage::Lacking::resolves_nothing};
    for (const AnomalyCheck& check : kAnomalyChecks)
        plan.add({.check_id = check.check_id,
                  .kind = CheckKind::standing,
                  .statement = sql::anomaly_holds,
                  .params = {{"anomaly", check.check_id}},
                  .coverage = coverage});
    plan.add({.check_id = "KEY-ANOMALY-NETWORK",
              .kind = CheckKind::standing,
              .statement = sql::key_anomaly_network,
              .params = {{"from", coverage.from}, {"until", coverage.until}},
              .coverage = coverage});
    plan.add_standing("RUN-GATE", sql::run_gate);
    plan.add_step({"detect", sql::detector_waiting, detect});
}

}  // namespace keyrota
