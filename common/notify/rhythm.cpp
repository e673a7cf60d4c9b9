#include "notify/rhythm.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace keyrota {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;

constexpr hours kDay(24);
// A week but for what cron may drift: the run of the week after must not come a minute too early.
constexpr microseconds kReminderFloor = 6 * kDay + hours(20);

// The table. A check that is not in it is told at once and then weekly, and may be silenced.
const std::vector<Rhythm>& table() {
    static const std::vector<Rhythm> rows = {
        {.check_id = "KEY-EXPIRES-SOON",
         .stages_by_policy = true,
         .repeat = Repeat::never,
         .silence = Silence::refused},
        {.check_id = "KEY-EXPIRED",
         .stages = {kDay * 0},
         .repeat = Repeat::never,
         .silence = Silence::refused},
        {.check_id = "KEY-ROTATION-SOON",
         .stages = {kDay * -14, kDay * -7, kDay * -1},
         .repeat = Repeat::never,
         .silence = Silence::refused},
        {.check_id = "KEY-ROTATION-DUE",
         .stages = {kDay * 0, kDay * 1, kDay * 7},
         .repeat = Repeat::weekly,
         .silence = Silence::refused,
         .acted_is_news = false},  // KEY-ROTATED is
        {.check_id = "KEY-ROTATION-FAILED", .repeat = Repeat::never, .silence = Silence::refused},
        {.check_id = "KEY-ROTATED", .repeat = Repeat::never, .silence = Silence::refused},
        {.check_id = "KEY-RETIRES-SOON",
         .stages = {kDay * -3, kDay * -1, kDay * 0},
         .repeat = Repeat::never,
         .silence = Silence::refused},
        {.check_id = "KEY-UNUSED", .stages = {kDay * -3}, .announces = true},
        {.check_id = "KEY-NEVER-USED", .stages = {kDay * -3}, .announces = true},
        {.check_id = "KEY-BREACHED", .repeat = Repeat::never, .silence = Silence::refused},
        {.check_id = "WAIVER-EXPIRING", .stages = {kDay * -14, kDay * -3}, .repeat = Repeat::never},
    };
    return rows;
}

std::string stage_name(microseconds stage) {
    return fmt::format("T{}{}", stage.count() < 0 ? "-" : "+",
                       stage.count() == 0 ? "0" : to_string(std::chrono::abs(stage)));
}

std::vector<microseconds> stages_of(const Rhythm& rhythm, const TellableFinding& finding) {
    if (!rhythm.stages_by_policy) return rhythm.stages;
    std::vector<microseconds> stages;
    for (const microseconds before : finding.notice_before) stages.push_back(-before);
    std::sort(stages.begin(), stages.end());
    return stages;
}

StageDecision nothing(std::string reason, std::optional<Timestamp> next_at = {}) {
    return {"", std::move(reason), next_at};
}

// Its end is worth a line for those who heard of it; not where the date simply came, since the
// check that follows tells that.
StageDecision decide_resolved(const TellableFinding& finding,
                              const std::vector<microseconds>& stages, bool announces,
                              const std::optional<ToldBefore>& before) {
    if (!before || !before->reached) return nothing("it ended before anybody was told");
    if (before->resolved) return nothing("its end was told");
    const bool only_warns = !announces && !stages.empty() && stages.back() < microseconds(0);
    if (only_warns && finding.due_at && finding.resolved_at &&
        *finding.due_at <= *finding.resolved_at)
        return nothing("its date came, which is told by itself");
    return {std::string(kResolvedStage), "it ended and was told before", {}};
}

StageDecision decide_dated(const std::vector<microseconds>& stages, Timestamp due_at,
                           const std::optional<ToldBefore>& before, Timestamp as_of) {
    const auto next = std::find_if(stages.begin(), stages.end(),
                                   [&](microseconds stage) { return due_at + stage > as_of; });
    std::optional<Timestamp> next_at;
    if (next != stages.end()) next_at = due_at + *next;
    if (next == stages.begin()) return nothing("its first stage has not come", next_at);
    const microseconds newest = *(next - 1);
    if (before && before->at >= due_at + newest)
        return nothing(stage_name(newest) + " was told", next_at);
    return {stage_name(newest), stage_name(newest) + " has come", next_at};
}

StageDecision decide_repeated(const ToldBefore& before, Timestamp as_of) {
    const Timestamp again = before.at + kReminderFloor;
    if (again > as_of) return nothing("it was told less than a week ago", again);
    return {fmt::format("{}{}", kAgainStage, before.stages + 1), "a week has passed",
            as_of + kReminderFloor};
}

StageDecision decide_acted(const std::optional<ToldBefore>& before) {
    if (before && before->acted) return nothing("that it was done was told");
    return {std::string(kActedStage), "what was announced was done", {}};
}

// What the date, or the lack of one, asks for; nothing else considered.
StageDecision decide_by_rhythm(const Rhythm& rhythm, const std::vector<microseconds>& stages,
                               const TellableFinding& finding,
                               const std::optional<ToldBefore>& before, Timestamp as_of) {
    const bool repeats = rhythm.repeat == Repeat::weekly && finding.status == "open";
    if (rhythm.stages_by_policy && stages.empty()) return nothing("its policy warns nobody");
    if (rhythm.announces && finding.status == "acknowledged")
        return nothing("somebody acknowledged it: it is not done");
    if (rhythm.announces && !before && finding.due_at && finding.status == "open")
        return {"open", "its date is announced", std::max(as_of, *finding.due_at + stages.front())};
    if (!stages.empty() && finding.due_at) {
        StageDecision decision = decide_dated(stages, *finding.due_at, before, as_of);
        if (!repeats || decision.next_at) return decision;
        if (decision.stage.empty()) return decide_repeated(*before, as_of);
        decision.next_at = as_of + kReminderFloor;
        return decision;
    }
    if (!before && finding.status == "acknowledged")
        return nothing("somebody acknowledged it before it was told");
    if (!before)
        return {"open", "it is new",
                repeats ? std::optional(as_of + kReminderFloor) : std::nullopt};
    return repeats ? decide_repeated(*before, as_of) : nothing("it was told");
}

template <typename Condition>
std::string checks_with(Condition condition) {
    std::vector<std::string_view> checks;
    for (const Rhythm& rhythm : table())
        if (condition(rhythm)) checks.push_back(rhythm.check_id);
    return fmt::format("{{{}}}", fmt::join(checks, ","));
}

}  // namespace

const Rhythm& rhythm_of(std::string_view check_id) {
    static const Rhythm usual{};
    for (const Rhythm& rhythm : table())
        if (check_id == rhythm.check_id) return rhythm;
    return usual;
}

std::string unsilenced_checks() {
    return checks_with([](const Rhythm& rhythm) { return rhythm.silence == Silence::refused; });
}

std::string announcing_checks() {
    return checks_with([](const Rhythm& rhythm) { return rhythm.announces; });
}

bool may_be_silenced(const TellableFinding& finding) {
    const Rhythm& rhythm = rhythm_of(finding.check_id);
    return rhythm.silence == Silence::allowed && !(rhythm.announces && finding.due_at);
}

StageDecision decide_stage(const TellableFinding& finding, const std::optional<ToldBefore>& before,
                           Timestamp as_of) {
    const Rhythm& rhythm = rhythm_of(finding.check_id);
    const std::vector<microseconds> stages = stages_of(rhythm, finding);
    if (finding.status == "waived") return nothing("it is waived");
    // What an action closed is told as what it was: a key that expired is news.
    if (finding.status == "resolved" && (finding.resolution != "acted" || !rhythm.acted_is_news))
        return decide_resolved(finding, stages, rhythm.announces, before);
    if (rhythm.announces && finding.resolution == "acted") return decide_acted(before);
    StageDecision decision = decide_by_rhythm(rhythm, stages, finding, before, as_of);
    if (decision.stage.empty() && before && before->severity < kUrgent &&
        finding.severity >= kUrgent) {
        decision.stage = fmt::format("severe {}", before->stages + 1);
        decision.reason = "it became grave";
    }
    return decision;
}

}  // namespace keyrota
