#include "commands/anomalies/replay.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "commands/find_key.h"
#include "detect_anomalies/hour_walk.h"
#include "jobs_sql.h"
#include "postgres/database.h"

namespace keyrota {
namespace {

constexpr std::chrono::hours kShown(7 * 24);

Cell mail_of(const HourVerdict& verdict) {
    if (verdict.reason == AnomalyReason::none) return {};
    if (verdict.is_mailed) return std::string("yes");
    return std::string(verdict.opens_incident ? "over budget" : "told before");
}

std::vector<Cell> cells_of(std::uint32_t hour, const HourVerdict& verdict) {
    const auto whole = [](float number) { return Cell(std::int64_t{std::llround(number)}); };
    const ExpectedRange range = verdict.was_judged ? expected_range(verdict) : ExpectedRange{0, 0};
    return {start_of(hour),
            whole(verdict.requests),
            whole(verdict.errors),
            verdict.was_judged ? whole(range.least) : Cell(),
            verdict.was_judged ? whole(range.most) : Cell(),
            verdict.was_judged ? Cell(fmt::format("{:.1f}", verdict.surprise)) : Cell(),
            std::string(code_of(verdict.reason)),
            mail_of(verdict),
            sentence_of(verdict, hour)};
}

std::string hex_of(const DetectorState& state) {
    std::string hex;
    for (const unsigned char byte : pack(state)) hex += fmt::format("{:02x}", byte);
    return hex;
}

}  // namespace

ExitCode anomalies_replay(const Config& config, const ReplayQuestion& question, Format format,
                          std::ostream& out, std::ostream& errors) {
    Session session = open_session(config, Access::runner);
    const std::int64_t key_id = find_key(session, question.key);
    const Row facts = session.one(sql::replay_facts, {{"key_id", key_id}});
    Listing listing(out, format,
                    {{"hour"},
                     {"requests"},
                     {"errors"},
                     {"least"},
                     {"most"},
                     {"surprise"},
                     {"alarm"},
                     {"mail"},
                     {"says"}});
    if (facts.is_null("until_at")) {
        listing.end();
        return ExitCode::done;
    }
    const Timestamp until = facts.instant("until_at");
    const std::uint32_t to = detector_hour(question.to.value_or(until));
    const std::uint32_t from = detector_hour(question.from.value_or(start_of(to) - kShown));
    const UnknownHours unknown(session);
    const auto show = [&](std::uint32_t hour, const HourVerdict& verdict) {
        const bool is_asked_for = hour >= from && hour < to &&
                                  (!question.only_alarms || verdict.reason != AnomalyReason::none);
        if (is_asked_for) listing.row(cells_of(hour, verdict));
    };
    HourWalk walk(key_id, {}, thresholds_for(facts.text("sensitivity")), unknown, show);
    for (const Row& row : session.rows(sql::replay_hours, {{"key_id", key_id}, {"until", until}})) {
        const auto amount = [&](const char* column) {
            return static_cast<float>(std::max<std::int64_t>(0, row.int64(column)));
        };
        walk.apply({detector_hour(row.instant("hour")), amount("requests"), amount("errors")});
    }
    // A silent key's state is only as far as it had to be looked at.
    bool is_as_kept = facts.is_null("state") || hex_of(walk.state()) == facts.text("state");
    walk.pass_until(detector_hour(until));
    is_as_kept = is_as_kept || hex_of(walk.state()) == facts.text("state");
    listing.end();
    if (!is_as_kept && format == Format::text)
        errors << "note: the state kept by detect-anomalies saw other hours or thresholds (older "
                  "hours that are gone, another policy), or was silent since\n";
    return ExitCode::done;
}

}  // namespace keyrota
