#include "notify_owners/mode.h"

#include <fmt/format.h>

#include "error/error.h"
#include "jobs_sql.h"

namespace keyrota {
namespace {

constexpr Statement kReleased{"mail_released",
                              "select count(*) as total from keyrota.mail_release"};

}  // namespace

bool observes(StepRun& run) {
    return run.config.notify.mode == "observe" && run.session.one(kReleased).int64("total") == 0;
}

Timestamp SendingHours::not_before(Timestamp at, bool at_once, const TellableFinding& finding,
                                   const std::string& time_zone) const {
    if (!at_once) return next_time_of_day(at, digest_at, time_zone);
    if (!quiet || finding.check_id == "KEY-BREACHED") return at;
    return after_quiet_hours(at, *quiet, time_zone);
}

SendingHours sending_hours(const Config& config) {
    SendingHours hours;
    const auto digest_at = parse_time_of_day(config.notify.digest_at);
    if (!digest_at)
        throw Error(
            ExitCode::config,
            fmt::format("notify.digest_at: \"{}\" is not a time of day", config.notify.digest_at),
            "Write it like 08:00.");
    hours.digest_at = *digest_at;
    if (config.notify.quiet_hours.empty()) return hours;
    hours.quiet = parse_quiet_hours(config.notify.quiet_hours);
    if (!hours.quiet)
        throw Error(ExitCode::config,
                    fmt::format("notify.quiet_hours: \"{}\" is not a time range",
                                config.notify.quiet_hours),
                    "Write it like 22:00-07:00, or leave it empty.");
    return hours;
}

}  // namespace keyrota
