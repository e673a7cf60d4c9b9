#pragma once

#include <initializer_list>
#include <vector>

namespace keyrota {

/// What a process tells its caller. Append-only; a code that a caller does not know means failure.
enum class ExitCode : int {
    done = 0,          // findings may exist
    internal = 1,      // a bug, or something nobody foresaw
    usage = 2,         // the command line is wrong
    partial = 3,       // some items failed, others are committed; safe to run again
    config = 4,        // configuration or schema version
    database = 5,      // cannot be reached, or refused
    lease_held = 6,    // another run holds the lease
    delivery = 7,      // mail or webhook
    blast_radius = 8,  // too many actions at once: those of that check were refused
    held_back =
        9,  // gap, clock or restored database: destructive actions wait for `keyrota resume`
    findings = 10,          // findings at or over --fail-on
    audit_broken = 11,      // the audit trail does not verify
    secret_invalid = 12,    // keyrota verify
    attention = 13,         // status, doctor
    interrupted_int = 130,  // SIGINT, after the batch in hand
    interrupted_term = 143  // SIGTERM, after the batch in hand
};

/// The one code for several outcomes (`run A B`, or one run with several troubles): an interruption
/// first, since what it cut off is unknown, then the gravest.
ExitCode gravest(const std::vector<ExitCode>& outcomes);

/// The sentence that `--help` shows for a code.
const char* meaning_of(ExitCode code);

}  // namespace keyrota
