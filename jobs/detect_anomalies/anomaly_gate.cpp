#include "detect_anomalies/anomaly_gate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "jobs_sql.h"

namespace keyrota {
namespace {

constexpr std::int64_t kAlwaysTold = 20;  // of one check in one hour: no flood
constexpr double kUsualTimes = 5;
constexpr std::int64_t kCoincidences = 5;  // of them, however few keys there are
constexpr double kShareOfKeys = 0.01;
constexpr double kRemembered = 168;  // hours
// It speaks when a day ends, for all keys in the same hour: compared with the ends of other days.
constexpr const char* kDailyCheck = "KEY-ANOMALY-SHIFT";

// What is usual of one check in an hour in which it may speak.
struct Usual {
    std::string check_id;
    double per_hour = 0;
    Timestamp until{};  // all hours before are in it
    bool is_known = false;

    double period() const { return check_id == kDailyCheck ? 24 : 1; }  // hours
    double forgetting() const { return period() / kRemembered; }

    void pass_until(Timestamp hour) {
        const std::chrono::duration<double, std::ratio<3600>> passed = hour - until;
        if (is_known && passed.count() > 0)
            per_hour *= std::pow(1 - forgetting(), std::floor(passed.count() / period()));
        until = std::max(until, hour);
        is_known = true;
    }
    // One flood must not make the next one usual.
    void learn(std::int64_t alarms) {
        const double most = std::max<double>(kAlwaysTold, kUsualTimes * per_hour);
        per_hour += forgetting() * (std::min(static_cast<double>(alarms), most) - per_hour);
        until += std::chrono::hours(std::llround(period()));
    }
};

void store(StepRun& run, const Usual& usual) {
    if (usual.check_id.empty()) return;
    run.session.execute(sql::gate_learn, {{"check_id", usual.check_id},
                                          {"per_hour", fmt::format("{}", usual.per_hour)},
                                          {"until", usual.until}});
}

}  // namespace

bool is_over_gate(std::int64_t alarms, double usual, std::int64_t keys) {
    const auto count = static_cast<double>(alarms);
    if (count > std::max<double>(kAlwaysTold, kUsualTimes * usual)) return true;
    return alarms > kCoincidences && count > kShareOfKeys * static_cast<double>(keys);
}

void judge_gate(StepRun& run, Timestamp until) {
    run.session.execute(sql::gate_count_networks);
    Usual usual;
    for (const Row& row : run.session.rows(sql::gate_waiting, {{"few", kCoincidences}})) {
        if (row.text("check_id") != usual.check_id) {
            store(run, usual);
            usual = {.check_id = row.text("check_id")};
            if (!row.is_null("per_hour")) {
                usual.per_hour = std::strtod(row.text("per_hour").c_str(), nullptr);
                usual.until = row.instant("until_at");
                usual.is_known = true;
            }
        }
        const std::int64_t alarms = row.int64("alarms");
        const bool knows_keys = !row.is_null("keys");
        usual.pass_until(row.instant("hour"));
        const bool is_held =
            is_over_gate(alarms, usual.per_hour, knows_keys ? row.int64("keys") : alarms * 1000);
        run.session.execute(sql::gate_judge,
                            {{"as_of", run.as_of},
                             {"is_held", is_held ? 1 : 0},
                             {"usual", fmt::format("{}", usual.per_hour)},
                             {"keys", knows_keys ? std::optional(row.int64("keys")) : std::nullopt},
                             {"check_id", usual.check_id},
                             {"hour", row.instant("hour")}});
        usual.learn(alarms);
    }
    store(run, usual);
    run.session.execute(sql::gate_release, {{"until", until}});
    run.session.execute(sql::detector_advance, {{"until", until}});
    const std::string text =
        "insert into pg_temp.check_result (key_id, detail, severity, action, due_at, evidence)"
        " select key_id, detail, severity, action, due_at, evidence from (" +
        std::string(sql::run_gate.text) + ") evaluated";
    run.record("RUN-GATE", [&] { run.session.execute({sql::run_gate.name, text.c_str()}); });
}

}  // namespace keyrota
