#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "time/timestamp.h"

namespace keyrota {

/// Severities from here on do not wait for a digest, and rising to it is worth a notice of its own.
inline constexpr std::int64_t kUrgent = 4;

/// How often an open finding of a check is told again where no date says when.
enum class Repeat { never, weekly };

/// Whether an owner's setting may silence the mail of a check. What ends a key, or means that it
/// must end, is at least in the digest.
enum class Silence { allowed, refused };

/// When the findings of a check are told: the stages of its date, or at once; then perhaps weekly.
struct Rhythm {
    std::string_view check_id{};
    std::vector<std::chrono::microseconds>
        stages{};                   // around due_at, earliest first; none: at once
    bool stages_by_policy = false;  // the rule's expiry.notice_before instead
    Repeat repeat = Repeat::weekly;
    Silence silence = Silence::allowed;
    bool acted_is_news = true;  // what an action closed is told; false: another check tells it
    bool announces = false;     // with a date it announces an action: told at once, then by stages,
                                // and once more when that was done
};
/// The row of the table for a check; the usual one (at once, then weekly) for a check without one.
const Rhythm& rhythm_of(std::string_view check_id);
/// The checks whose mail no setting silences, as a text[] of SQL.
std::string unsilenced_checks();
/// The checks that announce an action by their date, as a text[] of SQL.
std::string announcing_checks();

/// What a decision on a finding rests on.
struct TellableFinding {
    std::string check_id{};
    std::string status{};      // open | acknowledged | waived | resolved
    std::string resolution{};  // absence | acted | by hand; empty while it is unresolved
    std::int64_t severity = 1;
    std::optional<Timestamp> due_at{};
    std::optional<Timestamp> resolved_at{};
    std::vector<std::chrono::microseconds> notice_before{};  // of the key's policy rule
};

/// Whether an owner's setting may silence the mail about this finding.
bool may_be_silenced(const TellableFinding& finding);

/// What was decided for it before, in this episode and for this due_at. Notices in a message that
/// is dead do not count.
struct ToldBefore {
    Timestamp at{};             // when the newest was decided
    std::int64_t severity = 1;  // the finding's then
    std::int64_t stages = 0;    // how many different ones
    bool reached = false;       // whether any went into a message
    bool resolved = false;      // whether its end was among them
    bool acted = false;         // whether it was among them that what was announced was done
};

struct StageDecision {
    std::string stage;  // `T-7d`, `T+0`, `open`, `again 2`, `severe 2`, `acted`, `resolved`; empty:
                        // nothing to tell
    std::string reason;  // why that, or why nothing
    std::optional<Timestamp>
        next_at{};  // when the next stage begins, if nothing changes until then
};
inline constexpr std::string_view kResolvedStage = "resolved";
inline constexpr std::string_view kAgainStage = "again ";  // begins with it
inline constexpr std::string_view kActedStage = "acted";   // what was announced was done

/// What of a finding is to be told at as_of. Of stages that were missed only the newest; a stage
/// counts as told by any notice since it began, so that neither a changed policy nor cron's drift
/// tells one twice.
StageDecision decide_stage(const TellableFinding& finding, const std::optional<ToldBefore>& before,
                           Timestamp as_of);

}  // namespace keyrota
