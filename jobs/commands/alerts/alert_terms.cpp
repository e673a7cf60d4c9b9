#include "commands/alerts/alert_terms.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <set>

#include "catalog.h"
#include "config/options.h"
#include "error/error.h"
#include "error/suggestion.h"

namespace keyrota {
namespace {

// Opened by the transaction of an action, so no job plans them.
constexpr const char* kEvents[] = {"KEY-BREACHED", "KEY-ROTATED", "KEY-ROTATION-FAILED"};
// No check: the weekly mail of send-usage-report, which an owner may not want.
constexpr std::string_view kUsageReport = "USAGE-REPORT";
// Nobody may say afterwards that they were not told.
constexpr std::string_view kNeverOff[] = {"KEY-EXPIRE", "KEY-ROTAT", "KEY-RETIRE", "KEY-BREACHED"};

// The thresholds that owners and keys may have of their own: options of policy.defaults.usage.
std::vector<std::string> threshold_names(const std::string& check_id) {
    if (check_id == "KEY-ERROR-RATE") return {"min_requests", "error_rate", "error_rate_high"};
    if (check_id == "KEY-RATE-NEAR-LIMIT") return {"near_limit", "near_limit_high"};
    if (check_id == "KEY-RATE-LIMITED") return {"min_requests", "rate_limited"};
    return {};
}

std::string listed(const std::vector<std::string>& words) {
    return fmt::format("{}", fmt::join(words, ", "));
}

void require_threshold(const std::string& check_id, const std::string& name) {
    const std::vector<std::string> known = threshold_names(check_id);
    if (std::find(known.begin(), known.end(), name) != known.end()) return;
    if (known.empty())
        throw Error(ExitCode::usage, fmt::format("{} has no thresholds per owner or key", check_id),
                    "The policy sets its thresholds; only --mail can be set here.");
    const std::string meant = did_you_mean(name, known);
    throw Error(ExitCode::usage, fmt::format("{} has no threshold {}", check_id, in_quotes(name)),
                meant.empty() ? fmt::format("It has {}.", listed(known)) : meant);
}

// As the policy would read it.
std::int64_t threshold_value(const std::string& name, const std::string& text) {
    Option option = *find_option("policy.defaults.usage." + name);
    option.path = "--threshold " + name;
    Config no_config;
    ListItem item;
    const Member member = option.member(no_config, item);
    if (const auto complaint = read_value(option, member, text))
        throw Error(ExitCode::usage, complaint->message, complaint->hint);
    return *std::get<std::int64_t*>(member);
}

}  // namespace

std::vector<std::string> alertable_checks(const Config& config) {
    std::set<std::string> checks(std::begin(kEvents), std::end(kEvents));
    checks.emplace(kUsageReport);
    Interruption nobody;
    for (const Job* job : all_jobs()) {
        Plan plan;
        job->plan({config, Timestamp{}, nobody}, plan);
        for (const PlannedCheck& check : plan.checks())
            if (check.check_id.starts_with("KEY-")) checks.insert(check.check_id);
    }
    return {checks.begin(), checks.end()};
}

void require_alertable(const Config& config, const std::string& check_id) {
    const std::vector<std::string> checks = alertable_checks(config);
    if (std::find(checks.begin(), checks.end(), check_id) != checks.end()) return;
    std::string capitals = check_id;
    for (char& c : capitals) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    const std::string meant = did_you_mean(capitals, checks);
    throw Error(ExitCode::usage,
                fmt::format("there is no check about keys {}", in_quotes(check_id)),
                meant.empty() ? fmt::format("Known checks: {}.", listed(checks)) : meant);
}

Poco::JSON::Object thresholds_of(const std::string& check_id,
                                 const std::vector<std::string>& given) {
    Poco::JSON::Object thresholds;
    for (const std::string& one : given) {
        const std::size_t equals = one.find('=');
        if (equals == std::string::npos)
            throw Error(ExitCode::usage, fmt::format("--threshold: cannot read {}", in_quotes(one)),
                        "For example --threshold error_rate=10.");
        const std::string name = one.substr(0, equals);
        require_threshold(check_id, name);
        if (thresholds.has(name))
            throw Error(ExitCode::usage, fmt::format("--threshold {} is given twice", name));
        thresholds.set(name, threshold_value(name, one.substr(equals + 1)));
    }
    return thresholds;
}

void require_mail_possible(const std::string& check_id, const std::string& mail) {
    if (check_id == kUsageReport && !mail.empty() && mail != "off")
        throw Error(ExitCode::usage, "USAGE-REPORT is mailed weekly or not at all",
                    "--mail off switches it off; `keyrota alerts unset` switches it on again.");
    if (mail != "off") return;
    for (const std::string_view beginning : kNeverOff)
        if (check_id.starts_with(beginning))
            throw Error(ExitCode::usage,
                        fmt::format("the mail of {} cannot be switched off", check_id),
                        "The end, rotation or breach of a key must be announced; --mail digest "
                        "defers it to the daily message.");
}

}  // namespace keyrota
