// Rotations that end in the middle, whatever the sink did before: the next run makes them good.

#include <fmt/format.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <regex>
#include <thread>

#include "secret/sha256.h"
#include "support/program.h"

namespace keyrota::test {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;

class RotationFaults : public ProgramTest {
  protected:
    void SetUp() override {
        ProgramTest::SetUp();
        fs::create_directory(folder());
        ::chmod(folder().c_str(), 0700);
        environment()["KEYROTA_LIMITS_BATCH_SIZE"] = "10";
    }

    fs::path folder() { return scratch().path() / "secrets"; }
    void given_config(const std::string& sink) {
        environment()["KEYROTA_CONFIG"] = scratch().write(
            "keyrota.yaml", fmt::format("sinks: [{{name: sink, {}}}]\n"
                                        "policy: {{defaults: {{rotation: {{action: rotate, sink: "
                                        "sink}}}}}}\n",
                                        sink));
    }
    void given_files() {
        given_config(fmt::format("type: file, directory: {}", folder().string()));
    }
    /// A sink that runs this, with the secret on standard input.
    void given_script(const std::string& script) {
        const fs::path file = scratch().write("sink.sh", "#!/bin/sh\n" + script);
        ::chmod(file.c_str(), 0755);
        given_config(fmt::format("type: exec, command: [{}], timeout: 5s", file.string()));
    }
    std::string took() const { return (scratch().path() / "took").string(); }
    void given_requested(std::int64_t count) {
        given_keys(count, {.name = "due", .created_at = kNow - std::chrono::hours(24 * 90)});
        ASSERT_EQ(keyrota({"run", "flag-rotation", "--max-actions", "100000"}).exit_code, 0);
    }
    Outcome rotate() { return keyrota({"run", "rotate-keys", "--wait", "20s"}); }
    std::vector<std::string> rotations() {
        return texts(
            "select concat_ws(' ', key_id, state, successor_id) from keyrota.rotation"
            " order by key_id");
    }
    std::vector<std::string> keys() {
        return texts("select key_id || ' ' || status from keyrota.api_key_state order by key_id");
    }
    /// The key of a secret that a sink has.
    std::int64_t key_of(const std::string& secret) {
        return number(
            "select coalesce(max(key_id), 0) from keyrota.api_key_secret"
            " where encode(secret_hash, 'hex') = '" +
            to_hex(sha256(secret)) + "'");
    }
    static std::string read(const fs::path& file) {
        std::ifstream in(file);
        return {std::istreambuf_iterator<char>(in), {}};
    }
    static std::string secret_in(const std::string& text) {
        std::smatch match;
        std::regex_search(text, match, std::regex("sk_live_\\w+"));
        return match.str();
    }
};

// The program is killed by its own sink: at that point, no earlier and no later.
struct Death {
    const char* name;
    const char* script;
};
void PrintTo(const Death& death, std::ostream* out) {
    *out << death.name;
}

class KilledWhileDelivering : public RotationFaults, public ::testing::WithParamInterface<Death> {};

TEST_P(KilledWhileDelivering, TheNextRunDeliversAnotherAndEndsTheFirst) {
    given_script(fmt::format(fmt::runtime(GetParam().script), fmt::arg("took", took())));
    given_requested(1);
    EXPECT_EQ(rotate().exit_code, 137);
    EXPECT_THAT(rotations(), ElementsAre("1 created 2"));
    EXPECT_THAT(keys(), ElementsAre("1 active", "2 active"));
    given_script(fmt::format("cat > {}\n", took()));
    EXPECT_EQ(rotate().exit_code, 0);
    EXPECT_THAT(rotations(), ElementsAre("1 delivered 3"));
    EXPECT_THAT(keys(), ElementsAre("1 active", "2 expired", "3 active"));
    EXPECT_EQ(key_of(secret_in(read(took()))), 3);
    EXPECT_EQ(keyrota({"audit", "verify"}).exit_code, 0);
}

INSTANTIATE_TEST_SUITE_P(Faults, KilledWhileDelivering,
                         ::testing::Values(Death{"before the sink took it", "kill -9 $PPID\n"},
                                           Death{"after the sink took it",
                                                 "cat > {took}; kill -9 $PPID\n"}));

// What others of the machine may look at while a secret is on its way.
TEST_F(RotationFaults, NoProcessShowsTheSecretInItsArgumentsOrItsEnvironment) {
    given_script(
        fmt::format("cat > {0}\n"
                    "for pid in $$ $PPID; do cat /proc/$pid/environ /proc/$pid/cmdline; done"
                    " | tr '\\0' '\\n' > {0}.seen\n",
                    took()));
    given_requested(1);
    EXPECT_EQ(rotate().exit_code, 0);
    const std::string secret = secret_in(read(took()));
    EXPECT_FALSE(secret.empty());
    const std::string seen = read(took() + ".seen");
    EXPECT_NE(seen.find("rotate-keys"), std::string::npos) << "nothing was looked at";
    EXPECT_EQ(seen.find(secret), std::string::npos);
    EXPECT_EQ(seen.find(to_hex(sha256(secret))), std::string::npos);
}

// It stands still while it prints the secret, since nobody reads.
TEST_F(RotationFaults, TheProcessThatMakesAKeyShowsItNeither) {
    execute("insert into keyrota.owner (name, email) values ('Ada', 'ada@example.com')");
    const Outcome seen =
        test::run({"/usr/bin/python3", "-c", R"(
import fcntl, os, pathlib, re, subprocess, sys, time
out, into = os.pipe()
fcntl.fcntl(into, fcntl.F_SETPIPE_SZ, 4096)
os.write(into, b"x" * 4096)
program = subprocess.Popen(sys.argv[1:], stdout=into)
os.close(into)
about = pathlib.Path(f"/proc/{program.pid}")
while "pipe" not in (about / "wchan").read_text():
    assert program.poll() is None
    time.sleep(0.01)
shown = (about / "cmdline").read_bytes() + (about / "environ").read_bytes()
with os.fdopen(out, "rb") as reader:
    secret = re.search(rb"sk_live_\w{36}", reader.read()).group()
assert program.wait() == 0
assert b"create" in shown and b"KEYROTA_DATABASE_URL" in shown
print("shown" if secret in shown else "not shown")
)",
                   KEYROTA_PROGRAM, "keys", "create", "--owner", "ada@example.com", "--name", "new",
                   "--type", "secret", "--scopes", "read:analytics"},
                  {.environment = environment()});
    EXPECT_EQ(seen.out, "not shown\n") << seen.errors;
}

// The same user's other programs may look into what that user starts, but not into this one.
TEST_F(RotationFaults, ItsEnvironmentIsNobodysButRoots) {
    const fs::path program = scratch().path() / "keyrota";
    fs::copy_file(KEYROTA_PROGRAM, program);  // where anybody may start it
    const Outcome looked =
        test::run({"/usr/bin/python3", "-c", R"(
import os, subprocess, sys, time
user = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
def start(*argv):
    return subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, **user)
def may_look(program):
    try:
        with open(f"/proc/{program.pid}/environ") as environment:
            return "PASSWORD" in environment.read()
    except PermissionError:
        return False
other, program = start("/bin/cat"), start(sys.argv[1], "verify", "--stdin")
if user:
    os.setegid(65534)
    os.seteuid(65534)
assert may_look(other)
tries = 500
while may_look(program) and tries:  # until it has begun
    time.sleep(0.01)
    tries -= 1
assert program.poll() is None
print("open" if may_look(program) else "closed")
if user:
    os.seteuid(0)
    os.setegid(0)
for one in (other, program):
    one.kill()
    one.wait()
)",
                   program.string()},
                  {.environment = {{"KEYROTA_MAIL_PASSWORD", "hunter2"}, {"HOME", "/"}}});
    EXPECT_EQ(looked.out, "closed\n") << looked.errors;
}

TEST_F(RotationFaults, ACrashWithTheSecretInHandLeavesNoCoreDump) {
    const auto crash = [&](const std::string& command) {
        const fs::path folder = scratch().path() / "crashed";
        fs::create_directory(folder);
        test::run({"/bin/sh", "-c", "ulimit -c unlimited && " + command},
                  {.environment = environment(), .directory = folder});
        const bool is_dumped = !fs::is_empty(folder);
        fs::remove_all(folder);
        return is_dumped;
    };
    if (!crash("sh -c 'kill -ABRT $$'")) GTEST_SKIP() << "this machine writes its dumps elsewhere";
    given_script(fmt::format("cat > {}; kill -ABRT $PPID\n", took()));
    given_requested(1);
    EXPECT_FALSE(crash(KEYROTA_PROGRAM " run rotate-keys"));
    EXPECT_FALSE(secret_in(read(took())).empty()) << "it had none in hand";
}

TEST_F(RotationFaults, TheMemoryThatHoldsTheSecretIsNeverSwappedOut) {
    rlimit limit{};
    ::getrlimit(RLIMIT_MEMLOCK, &limit);
    if (::geteuid() != 0 && limit.rlim_cur < 256 * 1024)
        GTEST_SKIP() << "this user may not lock so much (ulimit -l)";
    given_script(fmt::format("cat > {}; grep VmLck /proc/$PPID/status > {}\n", took(),
                             (scratch().path() / "locked").string()));
    given_requested(1);
    EXPECT_EQ(rotate().exit_code, 0);
    EXPECT_FALSE(secret_in(read(took())).empty()) << "it had none in hand";
    EXPECT_THAT(read(scratch().path() / "locked"), testing::ContainsRegex("VmLck:\\s+256 kB"));
}

TEST_F(RotationFaults, ARunKilledAnywhereAndOftenDeliversEachRotationInTheEnd) {
    constexpr std::int64_t kKeys = 300;
    given_files();
    given_requested(kKeys);
    std::mt19937 random(20261128);
    int killed = 0;
    for (int i = 0; i < 15; ++i) {
        Program run =
            start({"run", "rotate-keys", "--wait", "20s"}, {{"KEYROTA_LIMITS_DUTY", "50"}});
        std::this_thread::sleep_for(std::chrono::milliseconds(100 + random() % 400));
        run.signal(SIGKILL);
        killed += run.wait().exit_code == 137 ? 1 : 0;
    }
    EXPECT_GE(killed, 3) << "else nothing was shown";
    EXPECT_EQ(rotate().exit_code, 0);
    EXPECT_EQ(number("select count(*) from keyrota.rotation where state = 'delivered'"), kKeys);
    EXPECT_EQ(number("select count(*) from keyrota.rotation r join keyrota.api_key_state s"
                     " on s.key_id = r.successor_id where s.status = 'active'"),
              kKeys);
    EXPECT_EQ(number("select count(*) from keyrota.api_key_state s where s.status = 'active'"
                     " and not exists (select from keyrota.rotation r"
                     "                  where s.key_id in (r.key_id, r.successor_id))"),
              0)
        << "no key is left over that nobody has";
    std::int64_t right = 0;
    for (std::int64_t key_id = 1; key_id <= kKeys; ++key_id) {
        const std::string text = read(folder() / fmt::format("key-{}.json", key_id));
        right += key_of(secret_in(text)) ==
                         number(fmt::format(
                             "select successor_id from keyrota.rotation where key_id = {}", key_id))
                     ? 1
                     : 0;
    }
    EXPECT_EQ(right, kKeys) << "what the sink has is what works";
    EXPECT_EQ(keyrota({"audit", "verify"}).exit_code, 0);
    EXPECT_EQ(number("select count(*) from keyrota.job_lease"), 0);
}

}  // namespace
}  // namespace keyrota::test
