#include "support/program.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <stdexcept>
#include <thread>

#include "support/temporary_folder.h"

namespace keyrota::test {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kPoll(5);

int memory_file(const char* name) {
    const int file = ::memfd_create(name, MFD_CLOEXEC);
    if (file < 0) throw std::runtime_error("memfd_create failed");
    return file;
}

std::string whole(int file) {
    std::string text(static_cast<std::size_t>(::lseek(file, 0, SEEK_END)), '\0');
    std::size_t done = 0;
    while (done < text.size()) {
        const ssize_t count =
            ::pread(file, text.data() + done, text.size() - done, static_cast<off_t>(done));
        if (count <= 0) break;
        done += static_cast<std::size_t>(count);
    }
    text.resize(done);
    return text;
}

// The terminal's both ends: ours and the program's.
std::pair<int, int> open_terminal() {
    const int ours = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    char name[128];
    if (ours < 0 || ::grantpt(ours) != 0 || ::unlockpt(ours) != 0 ||
        ::ptsname_r(ours, name, sizeof name) != 0)
        throw std::runtime_error("no pseudo-terminal");
    const int its = ::open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (its < 0) throw std::runtime_error("no pseudo-terminal");
    return {ours, its};
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> all;
    for (std::string& text : texts) all.push_back(text.data());
    all.push_back(nullptr);
    return all;
}

}  // namespace

Program::Program(const Arguments& argv, const Start& start) : on_terminal_(start.on_terminal) {
    int input = -1;
    int its_out = -1;
    int its_errors = -1;
    if (on_terminal_) {
        std::tie(out_, its_out) = open_terminal();
        input = its_errors = its_out;
    } else {
        out_ = its_out = memory_file("out");
        errors_ = its_errors = memory_file("errors");
        input = memory_file("in");
        if (::write(input, start.input.data(), start.input.size()) < 0)
            throw std::runtime_error("cannot write the input");
        ::lseek(input, 0, SEEK_SET);
    }

    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input, 0);
    posix_spawn_file_actions_adddup2(&actions, its_out, 1);
    posix_spawn_file_actions_adddup2(&actions, its_errors, 2);
    posix_spawn_file_actions_addchdir_np(&actions, start.directory.c_str());

    // Signals as at a login, whatever this process does with them.
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t none;
    sigemptyset(&none);
    sigset_t all;
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(
        &attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);

    std::vector<std::string> arguments = argv;
    std::vector<std::string> variables;
    for (const auto& [name, value] : start.environment) variables.push_back(name + "=" + value);
    const int failed = ::posix_spawn(&pid_, argv.front().c_str(), &actions, &attributes,
                                     pointers(arguments).data(), pointers(variables).data());
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    ::close(input);  // on a terminal its end of it: once for all three streams
    if (failed != 0) throw std::runtime_error("cannot start " + argv.front());
    // Typed ahead: the terminal keeps it until it is read.
    if (on_terminal_ && ::write(out_, start.input.data(), start.input.size()) < 0)
        throw std::runtime_error("cannot type");
}

Program::Program(Program&& other) noexcept
    : pid_(std::exchange(other.pid_, 0)),
      reaped_(std::exchange(other.reaped_, true)),
      status_(other.status_),
      out_(std::exchange(other.out_, -1)),
      errors_(std::exchange(other.errors_, -1)),
      on_terminal_(other.on_terminal_),
      said_(std::move(other.said_)) {}

Program::~Program() {
    if (pid_ > 0 && is_running()) {
        signal(SIGKILL);
        ::waitpid(pid_, &status_, 0);
    }
    for (const int file : {out_, errors_})
        if (file >= 0) ::close(file);
}

bool Program::is_running() {
    if (!reaped_) reaped_ = ::waitpid(pid_, &status_, WNOHANG) == pid_;
    return !reaped_;
}

void Program::signal(int number) const {
    if (!reaped_) ::kill(pid_, number);
}

// Whatever stands in the terminal now.
void Program::read_terminal() {
    char buffer[4096];
    pollfd ready{out_, POLLIN, 0};
    while (::poll(&ready, 1, 0) == 1 && (ready.revents & POLLIN) != 0) {
        const ssize_t count = ::read(out_, buffer, sizeof buffer);
        if (count <= 0) return;
        said_.append(buffer, static_cast<std::size_t>(count));
    }
}

Outcome Program::wait(std::chrono::seconds patience) {
    const auto deadline = steady_clock::now() + patience;
    while (is_running()) {
        if (on_terminal_) read_terminal();
        if (steady_clock::now() > deadline) {
            ADD_FAILURE() << "the program did not end within " << patience.count() << " s";
            signal(SIGKILL);
            ::waitpid(pid_, &status_, 0);
            reaped_ = true;
        }
        std::this_thread::sleep_for(kPoll);
    }
    Outcome outcome;
    outcome.exit_code = WIFEXITED(status_) ? WEXITSTATUS(status_) : 128 + WTERMSIG(status_);
    if (on_terminal_) {
        // The terminal hangs up once the last of what was said can be read.
        pollfd ready{out_, POLLIN, 0};
        while (::poll(&ready, 1, 2000) == 1 && (ready.revents & POLLIN) != 0) read_terminal();
        outcome.out = said_;
    } else {
        outcome.out = whole(out_);
        outcome.errors = whole(errors_);
    }
    return outcome;
}

Outcome run(const Arguments& argv, const Start& start) {
    return Program(argv, start).wait();
}

Environment bare_environment() {
    return {{"PATH", "/usr/local/bin:/usr/bin:/bin"}};
}

bool is_long_form() {
    return std::getenv("KEYROTA_TESTS_LONG") != nullptr;
}

Arguments keyrota_argv(const Arguments& arguments) {
    Arguments argv{KEYROTA_PROGRAM};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    return argv;
}

Scratch::Scratch() {
    path_ = make_temporary_folder("keyrota-scratch");
    fs::permissions(path_, fs::perms(0755));  // the server of root runs as postgres
}

Scratch::~Scratch() {
    std::error_code error;
    // A server that is just being started may come up in between: until nothing is left.
    for (int i = 0; i < 200 && fs::exists(path_, error); ++i) {
        std::vector<fs::path> pid_files;
        for (auto at = fs::recursive_directory_iterator(path_, error);
             at != fs::recursive_directory_iterator(); at.increment(error)) {
            if (error) break;
            if (at->path().filename() == "postmaster.pid") pid_files.push_back(at->path());
        }
        for (const fs::path& file : pid_files) {
            pid_t pid = 0;
            std::ifstream(file) >> pid;  // negative: a process of initdb
            std::string name;
            std::getline(std::ifstream(fmt::format("/proc/{}/comm", std::abs(pid))), name);
            if (name == "postgres") ::kill(std::abs(pid), SIGQUIT);
        }
        if (pid_files.empty()) fs::remove_all(path_, error);
        std::this_thread::sleep_for(milliseconds(50));
        // Its servers are gone, their files are not: one that was killed leaves its pid behind.
        if (i > 20) fs::remove_all(path_, error);
    }
}

fs::path Scratch::write(const std::string& name, const std::string& text) const {
    std::ofstream(path_ / name) << text;
    fs::permissions(path_ / name, fs::perms(0644));
    return path_ / name;
}

void ProgramTest::SetUp() {
    DatabaseTest::SetUp();
    environment_ = bare_environment();
    environment_["KEYROTA_DATABASE_URL"] = config().database.url;
    environment_["KEYROTA_DATABASE_ADMIN_URL"] = config().database.admin_url;
    environment_["KEYROTA_DATA_DIR"] = scratch_.path() / "data";
    environment_["KEYROTA_MAIL_TRANSPORT"] = "maildir";  // what jobs write stays here
}

void ProgramTest::TearDown() {
    admin_.reset();
    DatabaseTest::TearDown();
}

Program ProgramTest::start(const Arguments& arguments, const Environment& extra) {
    Environment all = extra;
    all.insert(environment_.begin(), environment_.end());
    return Program(keyrota_argv(arguments), {.environment = all, .directory = scratch_.path()});
}

Outcome ProgramTest::keyrota(const Arguments& arguments, const Environment& extra) {
    return start(arguments, extra).wait();
}

Outcome ProgramTest::keyrota_on_terminal(const Arguments& arguments, const std::string& typed) {
    return test::run(keyrota_argv(arguments), {.environment = environment_,
                                               .input = typed,
                                               .on_terminal = true,
                                               .directory = scratch_.path()});
}

Session& ProgramTest::admin() {
    if (!admin_) admin_ = std::make_unique<Session>(session_as("postgres"));
    return *admin_;
}

void ProgramTest::wait_until(const std::string& condition) {
    const std::string sql = "select (" + condition + ")::int as holds";
    const auto deadline = steady_clock::now() + std::chrono::seconds(60);
    while (admin().one({"wait_until", sql.c_str()}).int64("holds") == 0) {
        ASSERT_LT(steady_clock::now(), deadline) << "never came true: " << condition;
        std::this_thread::sleep_for(kPoll);
    }
}

void ProgramTest::wait_until_blocked() {
    wait_until(
        "exists (select from pg_stat_activity where datname = current_database()"
        " and usename = 'keyrota_runner' and wait_event_type = 'Lock')");
}

Session ProgramTest::lock_key(std::int64_t key_id) {
    Session session = session_as("postgres");
    session.execute_verbatim("begin", "begin");
    session.execute_verbatim(
        "lock",
        fmt::format("select from keyrota.api_key_state where key_id = {} for update", key_id));
    return session;
}

void ProgramTest::reconnect_all() {
    admin_.reset();
    reconnect();
}

}  // namespace keyrota::test
