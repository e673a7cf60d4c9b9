// Days on its own: two machines start every job at its time, as cron would, with the real program
// on a simulation. Short form: two days, and jobs that start more often than hourly only around the
// instants at which something happens. With KEYROTA_TESTS_LONG (`./dev test --long`) ten days and
// every start.

#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>
#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <cstdlib>

#include "catalog.h"
#include "support/program.h"
#include "time/schedule.h"

namespace keyrota::test {
namespace {

using Poco::JSON::Array;
using Poco::JSON::Object;
using ::testing::AnyOf;
using namespace std::chrono_literals;

constexpr auto kDay = 24h;

Timestamp instant(const char* text) {
    return *parse_timestamp(text);
}

std::vector<Timestamp> starts_of(const Job& job, Timestamp from, Timestamp until) {
    std::vector<Timestamp> starts;
    for (Timestamp t = next_run(job.schedule, from - 1us); t < until; t = next_run(job.schedule, t))
        starts.push_back(t);
    return starts;
}

// Clocks are moved in Berlin and New York on these days. In UTC they have 24 hours like any other.
TEST(Schedules, OfEveryJobSkipAndDoubleNothingWhereLocalClocksAreMoved) {
    for (const char* day : {"2026-10-25", "2026-11-01", "2027-03-14", "2027-03-28"}) {
        for (const Job* job : all_jobs()) {
            SCOPED_TRACE(fmt::format("{} on {}", job->name, day));
            const auto period = schedule_period(job->schedule);
            if (period > kDay) continue;
            const std::vector<Timestamp> starts =
                starts_of(*job, instant(day), instant(day) + kDay);
            EXPECT_EQ(static_cast<std::int64_t>(starts.size()), kDay / period);
            for (std::size_t i = 1; i < starts.size(); ++i)
                EXPECT_EQ(starts[i] - starts[i - 1], period) << to_string(starts[i]);
        }
    }
}

class Unattended : public ProgramTest {
  protected:
    const bool is_long_ = is_long_form();
    // Berlin's clock goes back on the first night; in the long form New York's too.
    const Timestamp from_ = instant("2026-10-24T20:00:00Z");
    const Timestamp until_ = from_ + (is_long_ ? 10 * kDay : 2 * kDay);

    // When keys come to their end: where Berlin has the same hour twice, at midnight, at noon.
    std::vector<Timestamp> expiries() const {
        std::vector<Timestamp> all;
        for (const char* t :
             {"2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-26T00:00:00Z",
              "2026-10-26T12:00:00.000001Z", "2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z"})
            if (instant(t) < until_) all.push_back(instant(t));
        return all;
    }
    bool is_started(const Job& job, Timestamp t) const {
        if (is_long_ || schedule_period(job.schedule) >= 1h) return true;
        const std::vector<Timestamp> all = expiries();
        return std::any_of(all.begin(), all.end(), [&](Timestamp expiry) {
            return t > expiry - 6min && t < expiry + 11min;
        });
    }
    // Every instant at which a cron starts something, with the jobs that it starts.
    std::map<Timestamp, std::vector<const Job*>> timetable() const {
        std::map<Timestamp, std::vector<const Job*>> table;
        for (const Job* job : all_jobs())
            for (const Timestamp t : starts_of(*job, from_, until_))
                if (is_started(*job, t)) table[t].push_back(job);
        return table;
    }

    // What one instant came to: both machines start every job of it at once.
    void start_all(Timestamp t, const std::vector<const Job*>& jobs) {
        std::vector<std::pair<const Job*, Program>> running;
        for (const Job* job : jobs)
            for (const char* zone : {"Europe/Berlin", "America/New_York"})
                running.emplace_back(
                    job, start({"run", job->name, "--as-of", to_string(t)}, {{"TZ", zone}}));
        std::map<const Job*, int> done;
        for (auto& [job, program] : running) {
            const Outcome outcome = program.wait();
            EXPECT_THAT(outcome.exit_code, AnyOf(0, 6)) << job->name << ": " << outcome.errors;
            if (outcome.exit_code == 0) ++done[job];
            if (outcome.exit_code == 0) ++runs_done_;
            EXPECT_EQ(outcome.out, "") << "cron would mail it";
        }
        for (const Job* job : jobs) {
            EXPECT_GE(done[job], 1) << job->name << ": neither machine did it";
            last_start_[job->name] = t;
        }
    }

    // `keyrota status` says what the timetable lets expect.
    void expect_true_status(Timestamp t) {
        const Outcome outcome = keyrota({"status", "--json", "--as-of", to_string(t)});
        ASSERT_EQ(outcome.errors, "");
        const auto status = Poco::JSON::Parser().parse(outcome.out).extract<Object::Ptr>();
        bool any_missed = false;
        const Array::Ptr jobs = status->getArray("jobs");
        for (const auto& one : *jobs) {
            const auto said = one.extract<Object::Ptr>();
            const auto name = said->getValue<std::string>("job");
            SCOPED_TRACE(name);
            const auto last = last_start_.find(name);
            EXPECT_TRUE(said->isNull("running_by"));
            if (last == last_start_.end()) {
                EXPECT_TRUE(said->isNull("last_run_at"));
                continue;
            }
            const char* schedule = find_job(name).schedule;
            const bool missed = last->second < t - 2 * schedule_period(schedule);
            any_missed = any_missed || missed;
            EXPECT_EQ(said->optValue<std::string>("last_run_at", ""), to_string(last->second));
            EXPECT_EQ(said->optValue<std::string>("last_good_at", ""), to_string(last->second));
            EXPECT_EQ(said->optValue<std::string>("next_due_at", ""),
                      to_string(next_run(schedule, last->second)));
            EXPECT_EQ(said->getValue<bool>("missed"), missed);
            EXPECT_EQ(said->optValue<std::string>("outcome", ""), "done");
        }
        EXPECT_EQ(outcome.exit_code, any_missed ? 13 : 0) << outcome.out;
    }

    std::int64_t runs_done_ = 0;
    std::map<std::string, Timestamp> last_start_;
};

TEST_F(Unattended, TwoMachinesForDaysDoEverythingOnceAndLeaveNothingBehind) {
    std::int64_t keys = 0;
    for (const Timestamp expiry : expiries()) {
        given_keys(5, {.name = "due", .expires_at = expiry});
        keys += 5;
    }
    given_keys(5, {.name = "endless"});

    for (const auto& [t, jobs] : timetable()) {
        SCOPED_TRACE(to_string(t));
        start_all(t, jobs);
        if (!is_long_ || t == std::chrono::floor<std::chrono::hours>(t)) expect_true_status(t);
        if (std::find(jobs.begin(), jobs.end(), &find_job("expire-keys")) != jobs.end()) {
            EXPECT_EQ(number(fmt::format("select count(*) from keyrota.api_key_state where "
                                         "(status = 'expired') <> (expires_at is not null and "
                                         "expires_at <= keyrota.instant({}))",
                                         to_micros(t))),
                      0)
                << "exactly what is due is expired";
        }
        ASSERT_FALSE(HasFailure()) << "one instant that went wrong is enough to read";
    }

    EXPECT_EQ(number("select count(*) from keyrota.audit_entry where action = 'key.expire'"), keys);
    EXPECT_EQ(number("select count(distinct key_id) from keyrota.audit_entry where action ="
                     " 'key.expire'"),
              keys);
    EXPECT_EQ(number("select count(*) from keyrota.job_run where status <> 'done'"), 0);
    EXPECT_EQ(number("select (select count(*) from keyrota.job_run) + coalesce((select"
                     " sum(applied_total) from keyrota.run_check where check_id = 'old-runs'), 0)"),
              runs_done_)
        << "a record for each start that got the lease, none for the others";
    EXPECT_EQ(number("select count(*) from keyrota.job_lease"), 0);
    EXPECT_EQ(number("select count(*) from keyrota.plan_item"), 0);
    EXPECT_EQ(keyrota({"audit", "verify"}).exit_code, 0);
}

TEST_F(Unattended, APruneThatIsKilledIsCompletedByTheNextOne) {
    // Not the days for samples that it makes when midnight has passed since the database was made.
    const auto applied = [this] {
        return number(
            "select sum(applied_total) from keyrota.run_check where check_id = 'old-findings'");
    };
    execute(
        "insert into keyrota.finding (key_id, uid, check_id, episode, status, resolution,"
        " resolved_at, severity, opened_at, changed_at, run_id) select n, 'kf_' || n, 'KEY-X', 2,"
        " 'resolved', 'acted', '2020-01-01', 2, '2020-01-01', '2020-01-01', 1 from"
        " generate_series(1, 400) n;"
        "insert into keyrota.finding_episode (key_id, uid, episode, severity, opened_at,"
        " resolved_at, resolution, run_id) select key_id, uid, 1, 2, '2019-01-01', '2019-01-01',"
        " 'acted', 1 from keyrota.finding");
    environment()["KEYROTA_LIMITS_BATCH_SIZE"] = "5";
    Program slow = start({"run", "prune"}, {{"KEYROTA_LIMITS_DUTY", "4"}});
    wait_until("(select count(*) from keyrota.finding) between 1 and 390");
    slow.signal(SIGKILL);
    EXPECT_EQ(slow.wait().exit_code, 128 + SIGKILL);
    const std::int64_t left = number("select count(*) from keyrota.finding");
    EXPECT_GT(left, 0) << "killed too late to show anything";
    EXPECT_EQ(number("select count(*) from keyrota.finding_episode"), left)
        << "a finding goes with its episodes or not at all";
    EXPECT_EQ(applied(), 400 - left);

    EXPECT_EQ(keyrota({"run", "prune", "--wait", "30s"}).exit_code, 0);
    EXPECT_EQ(number("select count(*) from keyrota.finding"), 0);
    EXPECT_EQ(number("select count(*) from keyrota.finding_episode"), 0);
    EXPECT_EQ(applied(), 400);
    EXPECT_EQ(texts("select status from keyrota.job_run order by run_id"),
              (std::vector<std::string>{"interrupted", "done"}));
}

TEST_F(Unattended, APruneThatIsToldToStopStopsAfterTheBatchInHand) {
    execute(
        "insert into keyrota.finding (key_id, uid, check_id, status, resolution, resolved_at,"
        " severity, opened_at, changed_at, run_id) select n, 'kf_' || n, 'KEY-X', 'resolved',"
        " 'acted', '2020-01-01', 2, '2020-01-01', '2020-01-01', 1 from generate_series(1, 400) n");
    environment()["KEYROTA_LIMITS_BATCH_SIZE"] = "5";
    Program slow = start({"run", "prune"}, {{"KEYROTA_LIMITS_DUTY", "4"}});
    wait_until("(select count(*) from keyrota.finding) between 1 and 390");
    slow.signal(SIGTERM);
    EXPECT_EQ(slow.wait().exit_code, 143);
    EXPECT_EQ(text("select (status, complete) from keyrota.job_run"), "(interrupted,f)");
    EXPECT_EQ(number("select count(*) from keyrota.job_lease"), 0);
}

}  // namespace
}  // namespace keyrota::test
