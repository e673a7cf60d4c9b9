#include "rotate_keys/rotate_keys.h"

#include <algorithm>

#include "jobs_sql.h"
#include "rotate_keys/move_rotations.h"

namespace keyrota {
namespace {

// For how long usage must be known before a predecessor is retired, at the most.
std::chrono::microseconds longest_silence(const std::vector<PolicyRule>& rules) {
    std::chrono::microseconds longest{};
    for (const PolicyRule& rule : rules) longest = std::max(longest, rule.rotation_silence_after);
    return longest;
}

}  // namespace

void plan_rotate_keys(const RunContext& run, Plan& plan) {
    const std::chrono::microseconds silence = longest_silence(run.config.policy);
    plan.add(judged_by_the_key(run, "KEY-ROTATED", sql::key_rotated, silence));
    plan.add_standing("KEY-RETIRES-SOON", sql::key_retires_soon);
    PlannedCheck blocked =
        judged_by_the_key(run, "KEY-RETIRE-BLOCKED", sql::key_retire_blocked, silence);
    // That something calls is certain, whatever else is not known.
    blocked.coverage->lacking = Coverage::Lacking::resolves_nothing;
    plan.add(std::move(blocked));
    plan.add_standing("KEY-ROTATION-FAILED", sql::key_rotation_failed);
    // Not cancellable: a signal is looked for between the batches, a secret is not left half
    // delivered.
    plan.add_step({.name = "move-rotations",
                   .due = sql::rotations_due,
                   .work = move_rotations,
                   .cancellable = false,
                   .guarded = true});
}

}  // namespace keyrota
