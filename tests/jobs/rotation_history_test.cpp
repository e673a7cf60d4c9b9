// Whatever is done to keys, and in whatever order: what must hold of rotations holds after each
// step.

#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <sstream>
#include <thread>

#include "commands/breach/breach.h"
#include "commands/leaver.h"
#include "commands/rotations/rotate.h"
#include "commands/rotations/rotations.h"
#include "support/program.h"
#include "support/rotations.h"

namespace keyrota::test {
namespace {

namespace fs = std::filesystem;
using ::testing::AnyOf;
using ::testing::IsEmpty;
using namespace std::chrono_literals;

constexpr auto kDay = std::chrono::hours(24);

class RotationHistory : public DatabaseTest, public ::testing::WithParamInterface<unsigned> {
  protected:
    void SetUp() override {
        DatabaseTest::SetUp();
        const fs::path folder = scratch_.path() / "secrets";
        fs::create_directory(folder);
        ::chmod(folder.c_str(), 0700);
        SinkOptions& files = config().sinks.emplace_back();
        files.name = "files";
        files.type = "file";
        files.directory = folder;
        PolicyRule& rule = config().policy.back();
        rule.rotation_action = "rotate";
        rule.rotation_sink = "files";
        rule.rotation_overlap = 2 * kDay;
        given_broken_sink();
        given_program();
        now_ = from_micros(number("select keyrota.micros(clock_timestamp())"));
        for (const char* owner : {"ada", "bo", "cy"})
            execute(
                fmt::format("insert into keyrota.owner (name, email) values ('{0}',"
                            " '{0}@example.com')",
                            owner));
        for (int i = 0; i < 6; ++i) given_new_key();
    }

    /// `broken` takes nothing; it is what half of the rotations by hand name.
    void given_broken_sink() {
        const fs::path script = scratch_.path() / "broken.sh";
        std::ofstream(script) << "#!/bin/sh\nexit 1\n";
        ::chmod(script.c_str(), 0755);
        SinkOptions& broken = config().sinks.emplace_back();
        broken.name = "broken";
        broken.type = "exec";
        broken.command = {script.string()};
    }
    /// The program itself, configured as the runs in here are: nothing else can be killed.
    void given_program() {
        program_.environment = bare_environment();
        program_.environment["KEYROTA_DATABASE_URL"] = config().database.url;
        program_.environment["KEYROTA_DATA_DIR"] = scratch_.path() / "data";
        program_.environment["KEYROTA_CONFIG"] = scratch_.write(
            "keyrota.yaml",
            fmt::format("limits: {{batch_size: 2}}\n"
                        "sinks: [{{name: files, type: file, directory: {0}/secrets}},"
                        " {{name: broken, type: exec, command: [{0}/broken.sh]}}]\n"
                        "policy: {{defaults: {{rotation: {{action: rotate, sink: files,"
                        " overlap: 48h}}}}}}\n",
                        scratch_.path().string()));
    }
    void given_new_key() {
        GivenKey key{.name = "key", .created_at = now_ - 100 * kDay};
        if (pick(2) == 0) key.expires_at = now_ + kDay * (1 + pick(20));
        const std::int64_t key_id = given_key(key);
        execute(fmt::format("update keyrota.api_key set owner_id = {} where key_id = {}",
                            1 + pick(3), key_id));
    }
    std::int64_t pick(std::int64_t below) {
        return static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(below));
    }
    std::string any_key() {
        return text(fmt::format("select key_id from keyrota.api_key offset {} limit 1",
                                pick(number("select count(*) from keyrota.api_key"))));
    }

    // --- what can happen -------------------------------------------------------------------------

    void time_passes() { now_ += 1h * (1 + pick(36)); }
    void a_key_is_used() {
        execute(
            fmt::format("insert into keyrota.api_key_activity values ({0}, keyrota.instant({1}))"
                        " on conflict (key_id) do update set last_used_at ="
                        " excluded.last_used_at",
                        any_key(), to_micros(now_)));
    }
    void jobs_run() {
        given_usage_known(now_ - 200 * kDay, now_);
        for (const char* job : {"expire-keys", "flag-rotation", "rotate-keys"})
            run(job, now_, {.max_actions = 1000});
    }
    /// A run that is killed somewhere between its start and what its end would be.
    void a_run_is_killed() {
        using std::chrono::steady_clock;
        given_usage_known(now_ - 200 * kDay, now_);
        const std::string job = pick(4) == 0 ? "flag-rotation" : "rotate-keys";
        const auto began = steady_clock::now();
        Program run(keyrota_argv({"run", job, "--as-of", to_string(now_), "--max-actions", "1000",
                                  "--wait", "20s"}),
                    program_);
        if (longest_run_ == 0us) {
            const Outcome outcome = run.wait();
            EXPECT_THAT(outcome.exit_code, AnyOf(0, 3, 7)) << outcome.errors;
            longest_run_ =
                std::chrono::duration_cast<std::chrono::microseconds>(steady_clock::now() - began);
            return;
        }
        std::this_thread::sleep_for(std::chrono::microseconds(pick(longest_run_.count())));
        run.signal(SIGKILL);
        killed_ += run.wait().exit_code == 128 + SIGKILL ? 1 : 0;
        // What it sent off is still done.
        EXPECT_TRUE(eventually([&] {
            return number(
                       "select count(*) from pg_stat_activity where datname ="
                       " current_database() and usename = 'keyrota_runner' and pid <> all"
                       " (array[pg_backend_pid(), " +
                       std::to_string(runner_backend()) + "])") == 0;
        }));
    }
    std::int64_t runner_backend() {
        return runner().one({"backend", "select pg_backend_pid()::bigint as pid"}).int64("pid");
    }
    void a_key_is_rotated() {
        RotateOptions options{.overlap = 1h * (1 + pick(72))};
        if (pick(3) == 0) options.sink = "broken";
        KeySelection selection;
        selection.keys = {any_key()};
        keyrota::rotate(config(), selection, options, said_, said_);
    }
    void a_rotation_is_decided_on(RotationDecision decision) {
        rotations_decide(config(), {any_key()}, decision, true, said_, said_);
    }
    void a_key_is_breached() {
        BreachSource source;
        source.keys = {any_key()};
        keyrota::breach(config(), source, {.yes = true}, said_, said_);
        breached_.insert(source.keys.front());
    }
    /// As somebody would who does not know what became of the key.
    void somebody_revives_a_key() {
        KeySelection selection;
        selection.keys = {any_key()};
        ends_.erase(std::stoll(selection.keys.front()));  // moving an end date is allowed
        KeyWishes wishes;
        wishes.expires_at = "never";
        keys_change(config(), KeyAction::update, selection, wishes, {.yes = true}, said_, said_);
        keys_change(config(), KeyAction::activate, selection, {}, {.yes = true}, said_, said_);
    }
    void an_owner_leaves() {
        const std::int64_t owner_id = 1 + pick(3);
        LeaverOptions options{.to = std::to_string(1 + owner_id % 3), .yes = true};
        keyrota::leaver(config(), std::to_string(owner_id), options, said_, said_);
        execute("update keyrota.owner set active = true");
    }

    /// One of it. Refusals are right answers, too.
    void something_happens() {
        try {
            switch (pick(17)) {
                case 0:
                case 1:
                    return time_passes();
                case 2:
                case 3:
                    return a_key_is_used();
                case 4:
                case 5:
                case 6:
                    return jobs_run();
                case 7:
                    return a_key_is_rotated();
                case 8:
                    return a_rotation_is_decided_on(RotationDecision::cancel);
                case 9:
                    return a_rotation_is_decided_on(RotationDecision::retry);
                case 10:
                    return a_rotation_is_decided_on(pick(2) == 0 ? RotationDecision::hold
                                                                 : RotationDecision::release);
                case 11:
                    return pick(3) == 0 ? a_key_is_breached() : given_new_key();
                case 12:
                    return pick(4) == 0 ? an_owner_leaves() : a_key_is_used();
                case 13:
                    return somebody_revives_a_key();
                case 14:
                case 15:
                    return a_run_is_killed();
                default:
                    return time_passes();
            }
        } catch (const Error& error) {
            ASSERT_EQ(error.code(), ExitCode::usage) << error.what();
        }
    }

    // --- what must hold --------------------------------------------------------------------------

    void expect_one_living_key_a_lineage() {
        EXPECT_THAT(texts("select k.lineage_id || ': ' || string_agg(k.key_id::text, ' ')"
                          "  from keyrota.api_key k join keyrota.api_key_state s using (key_id)"
                          "  left join keyrota.rotation r on r.successor_id = k.key_id"
                          " where s.status = 'active' and s.retire_at is null"
                          "   and (k.predecessor_id is null or r.delivered_at is not null)"
                          " group by k.lineage_id having count(*) > 1"),
                    IsEmpty());
    }
    void expect_no_key_lives_longer() {
        for (const Row& row : owner().rows(
                 {"ends",
                  "select key_id, coalesce(keyrota.micros(expires_at), 9223372036854775807)"
                  " as ends from keyrota.api_key_state"})) {
            const auto known = ends_.emplace(row.int64("key_id"), row.int64("ends")).first;
            EXPECT_LE(row.int64("ends"), known->second) << "key " << row.int64("key_id");
        }
    }
    void expect_breached_keys_stay_dead() {
        for (const std::string& key : breached_)
            EXPECT_EQ(text("select status from keyrota.api_key_state where key_id = " + key),
                      "expired");
    }
    void expect_trail_tells_the_table() { EXPECT_EQ(number(kRotationsUntold), 0); }

    Scratch scratch_;
    std::mt19937_64 random_{GetParam()};
    Timestamp now_{};
    std::map<std::int64_t, std::int64_t> ends_;
    std::set<std::string> breached_;
    std::ostringstream said_;
    Start program_{};
    std::chrono::microseconds longest_run_{0};  // of one that was not killed
    int killed_ = 0;
};

TEST_P(RotationHistory, KeepsItsPromisesAfterEachStep) {
    for (int step = 0; step < 120 && !HasFailure(); ++step) {
        SCOPED_TRACE(fmt::format("seed {}, step {}", GetParam(), step));
        something_happens();
        expect_one_living_key_a_lineage();
        expect_no_key_lives_longer();
        expect_breached_keys_stay_dead();
        expect_trail_tells_the_table();
    }
    jobs_run();
    EXPECT_EQ(number("select count(*) from keyrota.job_lease"), 0);
    EXPECT_EQ(number("select count(*) from keyrota.rotation where state = 'created'"
                     " and coalesce(retry_at <= keyrota.instant(" +
                     std::to_string(to_micros(now_)) + "), true)"),
              0)
        << "what a killed run left in the middle is made good";
    EXPECT_EQ(audit_fault(), "");
    EXPECT_GT(number("select count(*) from keyrota.rotation where state = 'retired'"), 0)
        << "else nothing was shown";
    EXPECT_GT(killed_, 0);
}

INSTANTIATE_TEST_SUITE_P(Seeds, RotationHistory, ::testing::Values(1U, 2U, 3U, 4U));

}  // namespace
}  // namespace keyrota::test
