#include "runner/coverage.h"

#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>

#include <algorithm>
#include <map>

#include "common_sql.h"
#include "report/json_text.h"

namespace keyrota {
namespace {

constexpr const char* kStaleData = "RUN-STALE-DATA";
constexpr int kMedium = 3;
constexpr const char* kYoung = "young";  // see unknown_usage.sql

// What the operator needs to know about one gateway: why, and what waits for it.
struct Stale {
    UnknownUsage usage;
    Poco::JSON::Array checks;
};

std::string evidence(const Stale& stale) {
    Poco::JSON::Object json(Poco::JSON_PRESERVE_KEY_ORDER);
    json.set("gateway", stale.usage.gateway);
    json.set("reason", stale.usage.reason);
    json.set("since_us", stale.usage.since ? Poco::Dynamic::Var(to_micros(*stale.usage.since))
                                           : Poco::Dynamic::Var());
    json.set("checks", stale.checks);
    return json_text(json);
}

}  // namespace

std::vector<UnknownUsage> unknown_usage(Run& run, const PlannedCheck& check) {
    std::vector<UnknownUsage> unknown;
    if (!check.coverage) return unknown;
    for (const Row& row : run.session.rows(
             sql::unknown_usage, {{"from", check.coverage->from},
                                  {"until", check.coverage->until},
                                  {"as_of", run.as_of},
                                  {"silent_after_us", run.config.usage.silent_after.count()}})) {
        UnknownUsage& one = unknown.emplace_back();
        one.gateway = row.text("gateway");
        one.reason = row.text("reason");
        if (!row.is_null("since")) one.since = row.instant("since");
    }
    return unknown;
}

void record_stale_data(Run& run, const RunReport& report) {
    const auto& planned = run.plan.checks();
    if (std::none_of(planned.begin(), planned.end(),
                     [](const PlannedCheck& check) { return check.coverage.has_value(); }))
        return;
    std::map<std::string, Stale> stale;  // by gateway; what was never collected is nobody's trouble
    for (const CheckReport& check : report.checks)
        for (const UnknownUsage& usage : check.unknown) {
            if (usage.reason == kYoung) continue;
            Stale& one = stale.try_emplace(usage.gateway, Stale{usage, {}}).first->second;
            one.checks.add(check.check_id);
        }
    run.in_batch([&] {
        Poco::JSON::Object still;  // by detail
        for (const auto& [gateway, one] : stale) {
            const std::string detail = std::string(run.job.name) + "/" + gateway;
            still.set(detail, true);
            run.session.execute(sql::open_own_finding, {{"check_id", kStaleData},
                                                        {"detail", detail},
                                                        {"severity", kMedium},
                                                        {"evidence", evidence(one)},
                                                        {"as_of", run.as_of},
                                                        {"run_id", run.run_id}});
        }
        if (!report.complete) return;
        run.session.execute(sql::resolve_stale_data, {{"job", run.job.name},
                                                      {"still", json_text(still)},
                                                      {"as_of", run.as_of},
                                                      {"run_id", run.run_id}});
    });
}

}  // namespace keyrota
