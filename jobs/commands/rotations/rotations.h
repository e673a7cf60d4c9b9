#pragma once

#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "config/config.h"
#include "error/exit_code.h"
#include "report/listing.h"

namespace keyrota {

struct RotationFilter {
    std::string state = "unfinished";  // a state | unfinished | all
    std::string key;                   // KEY: as predecessor or as successor; empty: of all
    std::optional<std::int64_t> limit{};
};

/// `keyrota rotations list`: newest first.
ExitCode rotations_list(const Config& config, const RotationFilter& filter, Format format,
                        std::ostream& out);

/// `keyrota rotations show KEY`: all rotations in which the key is or was one of the two.
ExitCode rotations_show(const Config& config, const std::string& key, Format format,
                        std::ostream& out);

/// What a person may do to rotations that are not finished.
enum class RotationDecision {
    retry,    // a failed one is tried again, from the first try on
    hold,     // nothing moves it on
    release,  // from being held
    cancel,   // the predecessor is what it was, the successor ends
};

/// `keyrota rotations retry|hold|release|cancel KEY...`: each key's unfinished rotation, in a
/// transaction of its own, audited. What is so already is left as it is.
/// @param yes do not ask where cancelling ends a successor that is in use.
/// @throws Error{usage} at the first that cannot be; those before it are done.
ExitCode rotations_decide(const Config& config, const std::vector<std::string>& keys,
                          RotationDecision decision, bool yes, std::ostream& out,
                          std::ostream& errors);

}  // namespace keyrota
