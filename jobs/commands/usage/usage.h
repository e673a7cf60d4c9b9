#pragma once

#include <cstdint>
#include <optional>
#include <ostream>
#include <string>

#include "config/config.h"
#include "error/exit_code.h"
#include "report/listing.h"

namespace keyrota {

/// Whose use, when, and how fine. One of key, owner, team and top is given.
struct UsageQuestion {
    std::string key, owner, team;
    std::optional<std::int64_t> top{};
    std::optional<Timestamp> from{};  // none: seven days before `to`
    std::optional<Timestamp> to{};    // none: now
    std::string by = "day";           // hour | day | week
    bool sparkline = false;           // the output is a terminal
};

/// Shows how keys were used: their hourly figures, summed up. What is not rolled up yet is not in
/// it. @throws Error{usage}
ExitCode usage_show(const Config& config, const UsageQuestion& question, Format format,
                    std::ostream& out);

/// Notes that usage is unknown in [from, to), of a gateway or (empty) of all: no check reads it as
/// disuse then. @throws Error{usage} for a gateway that nobody knows.
ExitCode usage_mark_incomplete(const Config& config, Timestamp from, Timestamp to,
                               const std::string& gateway, const std::string& reason,
                               std::ostream& out);

struct RebaseOptions {
    bool yes = false;
    bool nothing_lost = false;  // no gap from the last rollup until now
};
/// Lets the rollup go on in another database server than the one whose transactions it counted by,
/// or after a backup was restored. Does nothing where it need not.
ExitCode usage_rebase(const Config& config, const RebaseOptions& options, std::ostream& out,
                      std::ostream& terminal);

}  // namespace keyrota
