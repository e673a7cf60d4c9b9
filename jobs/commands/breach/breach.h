#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "config/config.h"
#include "error/exit_code.h"
#include "report/listing.h"

namespace keyrota {

/// Where it is said which keys somebody else may know; one of them.
struct BreachSource {
    std::vector<std::string> keys;  // KEY
    std::string prefix_file;        // a KEY a line
    std::string json_file;    // as GitHub's secret scanning sends it: [{token,type,url,source}]
    bool from_stdin = false;  // whole secrets, one a line
};

struct BreachOptions {
    bool all_matching = false;  // prefix...hint may mean several
    bool dry_run = false;
    bool yes = false;  // ask nothing
    Format format = Format::text;
};

/// `keyrota breach`: ends these keys at once, guards or not, opens KEY-BREACHED for each, and marks
/// them so that nothing brings them back. Secrets are hashed as they are read, and neither kept nor
/// shown. Idempotent. Imported keys get the finding alone.
/// @returns partial where a secret is no key's, or a key is not ours to end.
/// @throws Error{usage} where a KEY means none or, without all_matching, several; nothing was done.
ExitCode breach(const Config& config, const BreachSource& source, const BreachOptions& options,
                std::ostream& out, std::ostream& errors);

}  // namespace keyrota
