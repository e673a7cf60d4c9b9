#include "postgres/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <system_error>

#include "error/error.h"

namespace keyrota {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

[[noreturn]] void cannot_run(const std::string& program, int error) {
    throw Error(ExitCode::config,
                fmt::format("cannot run {}: {}", program, std::generic_category().message(error)));
}

// Both lookups of the C library have the same shape; the reentrant ones, since threads may ask at
// the same time.
template <typename Lookup>
std::optional<SystemUser> find_user(Lookup lookup) {
    std::vector<char> buffer(1024);
    passwd entry{};
    passwd* found = nullptr;
    while (lookup(&entry, buffer.data(), buffer.size(), &found) == ERANGE)
        buffer.resize(buffer.size() * 2);
    if (found == nullptr) return std::nullopt;
    return SystemUser{entry.pw_name, entry.pw_uid, entry.pw_gid, entry.pw_dir};
}

// What posix_spawn is told, released together.
struct SpawnSettings {
    posix_spawn_file_actions_t actions{};
    posix_spawnattr_t attributes{};

    SpawnSettings() {
        posix_spawn_file_actions_init(&actions);
        posix_spawnattr_init(&attributes);
    }
    ~SpawnSettings() {
        posix_spawn_file_actions_destroy(&actions);
        posix_spawnattr_destroy(&attributes);
    }
    SpawnSettings(const SpawnSettings&) = delete;
    SpawnSettings& operator=(const SpawnSettings&) = delete;
};

struct Pipe {
    Descriptor read_end;
    Descriptor write_end;
};

Pipe make_pipe(const std::string& program) {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) cannot_run(program, errno);
    Pipe made{Descriptor(ends[0]), Descriptor(ends[1])};
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    return made;
}

// Ready to be read to its end. What holds a secret is short and goes into a pipe, which never
// reaches a swap device; what a pipe might not hold at once, into a file in memory.
Descriptor input_of(const std::string& program, std::string_view text) {
    if (text.size() <= PIPE_BUF) {
        Pipe pipe = make_pipe(program);
        fcntl(pipe.read_end.get(), F_SETFL, 0);
        if (write(pipe.write_end.get(), text.data(), text.size()) < 0) cannot_run(program, errno);
        return std::move(pipe.read_end);
    }
    Descriptor file(memfd_create("input", MFD_CLOEXEC));
    if (!file) cannot_run(program, errno);
    for (std::size_t done = 0; done < text.size();) {
        const ssize_t count = write(file.get(), text.data() + done, text.size() - done);
        if (count < 0 && errno != EINTR) cannot_run(program, errno);
        if (count > 0) done += static_cast<std::size_t>(count);
    }
    lseek(file.get(), 0, SEEK_SET);
    return file;
}

// Takes what is there now and keeps the last `max` bytes of all.
void drain(Descriptor& from, std::string& into, std::size_t max) {
    std::array<char, 16'384> chunk{};
    while (from) {
        const ssize_t count = read(from.get(), chunk.data(), chunk.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0 && errno == EAGAIN) return;
        if (count <= 0) {
            from.close();
            return;
        }
        into.append(chunk.data(), static_cast<std::size_t>(count));
        if (into.size() > max) into.erase(0, into.size() - max);
    }
}

std::vector<char*> pointers_to(std::vector<std::string>& strings) {
    std::vector<char*> pointers;
    pointers.reserve(strings.size() + 1);
    for (std::string& s : strings) pointers.push_back(s.data());
    pointers.push_back(nullptr);
    return pointers;
}

pid_t spawn(std::vector<std::string> argv, std::vector<std::string> environment,
            const ProgramOptions& options, const Pipe& out, const Pipe& err) {
    SpawnSettings settings;
    const Descriptor input =
        options.input.empty() ? Descriptor() : input_of(argv[0], options.input);
    if (input)
        posix_spawn_file_actions_adddup2(&settings.actions, input.get(), STDIN_FILENO);
    else
        posix_spawn_file_actions_addopen(&settings.actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&settings.actions, out.write_end.get(), STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&settings.actions, err.write_end.get(), STDERR_FILENO);
    posix_spawn_file_actions_addclosefrom_np(&settings.actions, STDERR_FILENO + 1);
    posix_spawn_file_actions_addchdir_np(&settings.actions, options.working_directory.c_str());

    // We may block signals or ignore SIGPIPE; a program expects neither.
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&settings.attributes, &none);
    posix_spawnattr_setsigdefault(&settings.attributes, &all);
    posix_spawnattr_setflags(
        &settings.attributes,
        static_cast<short>(POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF));

    pid_t pid = -1;
    const int error = posix_spawn(&pid, argv[0].c_str(), &settings.actions, &settings.attributes,
                                  pointers_to(argv).data(), pointers_to(environment).data());
    if (error != 0) cannot_run(argv[0], error);
    return pid;
}

// PATH, HOME and the like, and what the program is given, which comes first.
std::vector<std::string> environment_of(const ProgramOptions& options, const std::string& home) {
    std::vector<std::string> environment = options.environment;
    for (std::string variable :
         {std::string("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
          "HOME=" + home, std::string("LANG=C.UTF-8"), std::string("LC_ALL=C.UTF-8")}) {
        const std::string start = variable.substr(0, variable.find('=') + 1);
        if (std::none_of(options.environment.begin(), options.environment.end(),
                         [&](const std::string& given) { return given.starts_with(start); }))
            environment.push_back(std::move(variable));
    }
    return environment;
}

int exit_status_of(pid_t pid) {
    int status = 0;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR) return 255;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

std::optional<SystemUser> find_system_user(const std::string& name) {
    return find_user([&](passwd* entry, char* buffer, std::size_t size, passwd** found) {
        return getpwnam_r(name.c_str(), entry, buffer, size, found);
    });
}

std::optional<SystemUser> find_system_user(uid_t uid) {
    return find_user([&](passwd* entry, char* buffer, std::size_t size, passwd** found) {
        return getpwuid_r(uid, entry, buffer, size, found);
    });
}

ProgramResult run_program(const std::vector<std::string>& argv, const ProgramOptions& options) {
    const auto user =
        options.as_user.empty() ? find_system_user(geteuid()) : find_system_user(options.as_user);
    if (!options.as_user.empty() && !user)
        throw Error(ExitCode::config, fmt::format("there is no system user {}", options.as_user));

    std::vector<std::string> command;
    const bool as_other = user && user->uid != geteuid();
    if (as_other || options.ends_with_caller) command = {"/usr/bin/setpriv"};
    if (as_other)
        command.insert(command.end(), {fmt::format("--reuid={}", user->uid),
                                       fmt::format("--regid={}", user->gid), "--init-groups"});
    if (options.ends_with_caller) command.insert(command.end(), {"--pdeathsig", "KILL"});
    if (!command.empty()) command.emplace_back("--");
    command.insert(command.end(), argv.begin(), argv.end());

    Pipe out = make_pipe(argv[0]);
    Pipe err = make_pipe(argv[0]);
    const pid_t pid =
        spawn(std::move(command), environment_of(options, user ? user->home.string() : "/"),
              options, out, err);
    out.write_end.close();
    err.write_end.close();
    // By system call: the header of glibc 2.36 lacks extern "C".
    const Descriptor process(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
    if (!process) {
        const int error = errno;
        kill(-pid, SIGKILL);
        exit_status_of(pid);
        cannot_run(argv[0], error);
    }

    ProgramResult result;
    const auto deadline = steady_clock::now() + options.timeout;
    for (bool running = true; running;) {
        // Its end is what counts, not the end of its output: a server it started may hold the pipe
        // for years.
        std::array<pollfd, 3> events{{{process.get(), POLLIN, 0},
                                      {out.read_end.get(), POLLIN, 0},
                                      {err.read_end.get(), POLLIN, 0}}};
        const auto left = std::chrono::ceil<milliseconds>(deadline - steady_clock::now()).count();
        if (left <= 0 && !result.timed_out) {
            result.timed_out = true;
            kill(-pid, SIGKILL);
        }
        const int wait = result.timed_out ? -1 : static_cast<int>(std::min<long>(left, 60'000));
        if (poll(events.data(), events.size(), wait) < 0 && errno != EINTR) break;
        running = (events[0].revents & POLLIN) == 0;
        drain(out.read_end, result.output, options.max_output);
        drain(err.read_end, result.errors, options.max_output);
    }
    result.exit_status = exit_status_of(pid);
    return result;
}

}  // namespace keyrota
