#include "error/exit_code.h"

#include <algorithm>

namespace keyrota {

ExitCode gravest(const std::vector<ExitCode>& outcomes) {
    constexpr ExitCode kByGravity[] = {
        ExitCode::interrupted_int, ExitCode::interrupted_term, ExitCode::internal,
        ExitCode::database,        ExitCode::config,           ExitCode::audit_broken,
        ExitCode::blast_radius,    ExitCode::held_back,        ExitCode::delivery,
        ExitCode::partial,         ExitCode::lease_held,       ExitCode::findings};
    for (const ExitCode code : kByGravity)
        if (std::find(outcomes.begin(), outcomes.end(), code) != outcomes.end()) return code;
    for (const ExitCode code : outcomes)  // one that has no rank is still a failure
        if (code != ExitCode::done) return code;
    return ExitCode::done;
}

const char* meaning_of(ExitCode code) {
    switch (code) {
        case ExitCode::done:
            return "done (findings may exist)";
        case ExitCode::internal:
            return "internal error";
        case ExitCode::usage:
            return "wrong usage";
        case ExitCode::partial:
            return "some items failed, others are committed; safe to run again";
        case ExitCode::config:
            return "configuration or schema version";
        case ExitCode::database:
            return "database cannot be reached, or refused";
        case ExitCode::lease_held:
            return "another run of the job holds the lease";
        case ExitCode::delivery:
            return "delivery of messages failed";
        case ExitCode::blast_radius:
            return "too many actions at once: they were refused";
        case ExitCode::held_back:
            return "held back: gap, clock or restored database";
        case ExitCode::findings:
            return "findings at or over --fail-on";
        case ExitCode::audit_broken:
            return "the audit trail is broken";
        case ExitCode::secret_invalid:
            return "the secret is not valid";
        case ExitCode::attention:
            return "something needs attention";
        case ExitCode::interrupted_int:
            return "interrupted by SIGINT after the batch in hand";
        case ExitCode::interrupted_term:
            return "interrupted by SIGTERM after the batch in hand";
    }
    return "unknown";
}

}  // namespace keyrota
