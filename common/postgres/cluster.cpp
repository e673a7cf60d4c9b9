#include "postgres/cluster.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <optional>
#include <set>
#include <sstream>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

#include "error/error.h"
#include "postgres/process.h"

namespace keyrota {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

// Recovery after a crash replays up to max_wal_size; a shutdown writes as much.
constexpr seconds kPatience = std::chrono::minutes(5);
constexpr seconds kSurvivors{10};
constexpr const char* kStagingPrefix = ".postgres-";
constexpr const char* kNewClusterVersion = "15";  // what our SQL is tested with
constexpr std::size_t kMaxSocketPath = 100;       // the kernel's limit is 107 bytes
constexpr mode_t kWritableByOthers = S_IWGRP | S_IWOTH;

[[noreturn]] void refuse(const std::string& message, const std::string& hint = "") {
    throw Error(ExitCode::config, message, hint);
}

[[noreturn]] void cannot(const char* what, const fs::path& path, int error) {
    refuse(fmt::format("cannot {} {}: {}", what, path.string(),
                       std::generic_category().message(error)));
}

// ---- users

// Who runs the server: we do, but PostgreSQL refuses root.
SystemUser server_user() {
    if (geteuid() == 0) {
        if (auto user = find_system_user("postgres")) return *user;
        refuse("PostgreSQL does not run as root, and there is no system user postgres to run it as",
               "Install postgresql-15, or run keyrota as an ordinary user.");
    }
    if (auto user = find_system_user(geteuid())) return *user;
    refuse(
        fmt::format("the system user {} has no name, which peer authentication needs", geteuid()),
        "Give it a line in /etc/passwd, or set database.url to a server of your own.");
}

ProgramResult run_as_server(const SystemUser& server, const std::vector<std::string>& argv,
                            milliseconds timeout = seconds(30)) {
    ProgramOptions options;
    options.as_user = server.name;
    options.timeout = timeout;
    return run_program(argv, options);
}

std::string name_of(uid_t uid) {
    const auto user = find_system_user(uid);
    return user ? user->name : fmt::to_string(uid);
}

// ---- files

// A line of a small file; a link is not followed, since root may be reading a directory of the
// server's user.
std::string read_tail(const fs::path& path, off_t from, std::size_t max) {
    const Descriptor file(open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    struct stat is {};
    if (!file || fstat(file.get(), &is) != 0 || !S_ISREG(is.st_mode)) return "";
    std::string text(max, '\0');
    const off_t start = std::max(from, is.st_size - static_cast<off_t>(max));
    const ssize_t count = pread(file.get(), text.data(), text.size(), start);
    text.resize(count < 0 ? 0 : static_cast<std::size_t>(count));
    return text;
}

std::string read_small_file(const fs::path& path) {
    return read_tail(path, 0, 4096);
}

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
}

std::string line_of(const std::string& text, std::size_t index) {
    const auto lines = lines_of(text);
    return index < lines.size() ? lines[index] : "";
}

// For the end of an error: the last ten lines, each below the message.
std::string last_lines(const std::string& text) {
    const auto lines = lines_of(text);
    std::string tail;
    for (std::size_t i = lines.size() > 10 ? lines.size() - 10 : 0; i < lines.size(); ++i)
        tail += "\n    " + lines[i];
    return tail;
}

void write_all(const Descriptor& file, const fs::path& path, std::string_view text) {
    while (!text.empty()) {
        const ssize_t count = write(file.get(), text.data(), text.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) cannot("write", path, errno);
        text.remove_prefix(static_cast<std::size_t>(count));
    }
    if (fsync(file.get()) != 0) cannot("write", path, errno);
}

// What root makes for the server's user. Whoever is that user has it already, and may be denied the
// very call: systemd's filters count chown() as a privilege.
bool give(const Descriptor& file, const SystemUser& owner) {
    return owner.uid == geteuid() || fchown(file.get(), owner.uid, owner.gid) == 0;
}

// Whole or not at all. The folder may belong to the server's user while we are root: nothing that
// lies there is opened.
void write_file(const fs::path& path, const std::string& text, const SystemUser& owner) {
    const fs::path temporary = path.string() + ".new";
    unlink(temporary.c_str());
    const Descriptor file(
        open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!file || !give(file, owner)) cannot("write", path, errno);
    write_all(file, path, text);
    if (rename(temporary.c_str(), path.c_str()) != 0) cannot("write", path, errno);
}

void append_line(const fs::path& path, const std::string& line) {
    const Descriptor file(open(path.c_str(), O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC));
    if (!file) cannot("write", path, errno);
    write_all(file, path, line + "\n");
}

// A rename is durable when the folder is.
void sync_directory(const fs::path& path) {
    const Descriptor directory(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!directory || fsync(directory.get()) != 0) cannot("write", path, errno);
}

// Makes what is missing of the path; what exists keeps its mode.
void make_directories(const fs::path& path, mode_t mode) {
    struct stat is {};
    if (stat(path.c_str(), &is) == 0) return;
    if (errno != ENOENT) cannot("access", path, errno);
    make_directories(path.parent_path(), mode);
    if (mkdir(path.c_str(), mode) == 0)
        chmod(path.c_str(), mode);  // umask may have taken bits that the server's user needs
    else if (errno != EEXIST)
        cannot("create", path, errno);
}

// ---- is the place suitable

void check_owner(const fs::path& path, const struct stat& is, uid_t owner) {
    if (!S_ISDIR(is.st_mode)) refuse(fmt::format("{} is not a directory", path.string()));
    if (is.st_uid != owner)
        refuse(fmt::format("{} belongs to {}, not to {}", path.string(), name_of(is.st_uid),
                           name_of(owner)),
               fmt::format("Set data_dir to a directory of your own, or run keyrota as {}.",
                           name_of(is.st_uid)));
    if ((is.st_mode & kWritableByOthers) != 0)
        refuse(fmt::format("{} can be written by others", path.string()),
               fmt::format("Run chmod go-w {}.", path.string()));
}

// Both folders as far as they exist. The outer one is ours, the inner one the server's.
void check_ownership(const fs::path& data_dir, const fs::path& directory,
                     const SystemUser& server) {
    struct stat is {};
    if (stat(data_dir.c_str(), &is) != 0) {
        if (errno == ENOENT) return;
        cannot("access", data_dir, errno);
    }
    check_owner(data_dir, is, geteuid());
    if (lstat(directory.c_str(), &is) != 0) {
        if (errno == ENOENT) return;
        cannot("access", directory, errno);
    }
    if (S_ISLNK(is.st_mode))
        refuse(fmt::format("{} is a symbolic link", directory.string()),
               "Set data_dir to the directory itself.");
    check_owner(directory, is, server.uid);
}

// libpq reads a comma as a list of hosts; pg_ctl hands the path to a shell in double quotes.
void check_spelling(const fs::path& data_dir) {
    for (const char c : data_dir.string())
        if (std::string_view("\"'$`\\,").find(c) != std::string_view::npos || (c >= 0 && c < ' '))
            refuse(
                "the path of data_dir contains a quote, $, `, \\, a comma or a control character",
                "Set data_dir to a plainer path.");
}

// By asking as that user, since access lists and groups count too.
void check_reachable(const fs::path& data_dir, const SystemUser& server) {
    const auto reaches = [&](const fs::path& path) {
        return run_as_server(server, {"/usr/bin/test", "-x", path.string()}).succeeded();
    };
    if (server.uid == geteuid() || reaches(data_dir)) return;
    fs::path blocking;
    for (const fs::path& part : data_dir) {
        blocking /= part;
        if (!reaches(blocking)) break;
    }
    refuse(fmt::format("the system user {} cannot enter {}, which contains data_dir", server.name,
                       blocking.string()),
           fmt::format("Run chmod o+x {}, or set data_dir elsewhere, such as /var/lib/keyrota.",
                       blocking.string()));
}

// Also guards the fallback in /tmp, where anybody may have put something of that name.
void make_socket_directory(const fs::path& path, const SystemUser& server) {
    if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) cannot("create", path, errno);
    const Descriptor directory(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    struct stat is {};
    if (!directory || fstat(directory.get(), &is) != 0) cannot("use", path, errno);
    if (is.st_uid != server.uid && is.st_uid != geteuid())
        refuse(fmt::format("{} belongs to {}, not to {}", path.string(), name_of(is.st_uid),
                           server.name),
               "Remove it, or set data_dir to a shorter path.");
    if (!give(directory, server) || fchmod(directory.get(), 0700) != 0) cannot("own", path, errno);
}

// ---- one at a time

// Held while a cluster is made, started or stopped; the kernel lets go of it when we die. Not
// inherited by the server, which would hold it for life.
Descriptor lock(const fs::path& data_dir) {
    const fs::path path = data_dir / ".start.lock";
    Descriptor file(open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!file) cannot("open", path, errno);
    while (flock(file.get(), LOCK_EX) != 0)
        if (errno != EINTR) cannot("lock", path, errno);
    return file;
}

// ---- the server's process

struct Postmaster {
    pid_t pid = 0;
    bool ready = false;  // accepts connections
};

pid_t recorded_pid(const std::string& pid_file) {
    pid_t pid = 0;
    std::from_chars(pid_file.data(), pid_file.data() + pid_file.size(), pid);
    return pid;
}

bool process_exists(pid_t pid) {
    return kill(pid, 0) == 0 || errno == EPERM;
}

enum class Identity { the_server, another, hidden };

// Whether this process is a PostgreSQL with that data directory: by its working directory, or,
// where we may not see that (root without CAP_SYS_PTRACE, as in a container), its command line. A
// process that lives in another user namespace may not be seen at all, as that of one unit from
// another.
Identity identity_of(pid_t pid, const fs::path& directory) {
    const auto is = [](bool it) { return it ? Identity::the_server : Identity::another; };
    const fs::path process = fmt::format("/proc/{}", pid);
    const std::string name = line_of(read_small_file(process / "comm"), 0);
    if (name.empty()) return process_exists(pid) ? Identity::hidden : Identity::another;
    if (name != "postgres") return Identity::another;
    struct stat its {};
    struct stat ours {};
    if (stat((process / "cwd").c_str(), &its) == 0 && stat(directory.c_str(), &ours) == 0)
        return is(its.st_dev == ours.st_dev && its.st_ino == ours.st_ino);
    const std::string argument = directory.string() + '\0';
    return is(read_small_file(process / "cmdline").find('\0' + argument) != std::string::npos);
}

// Whether somebody listens where the server of this postmaster.pid says that it does.
bool is_listened_to(const std::string& pid_file) {
    const std::string path =
        fmt::format("{}/.s.PGSQL.{}", line_of(pid_file, 4), line_of(pid_file, 3));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return false;
    path.copy(address.sun_path, path.size());
    const Descriptor end(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!end) cannot("ask", path, errno);
    return connect(end.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ||
           errno == EAGAIN;
}

std::optional<Postmaster> live_postmaster(const fs::path& directory) {
    const std::string file = read_small_file(directory / "postmaster.pid");
    const pid_t pid = recorded_pid(file);
    if (pid <= 0 || !process_exists(pid)) return std::nullopt;
    const Identity identity = identity_of(pid, directory);
    if (identity == Identity::another || (identity == Identity::hidden && !is_listened_to(file)))
        return std::nullopt;
    return Postmaster{pid, line_of(file, 7).rfind("ready", 0) == 0};
}

// Waits while a server recovers or shuts down. @returns whether one accepts connections.
bool await_postmaster(const fs::path& directory) {
    const auto deadline = steady_clock::now() + kPatience;
    while (const auto postmaster = live_postmaster(directory)) {
        if (postmaster->ready) return true;
        if (steady_clock::now() > deadline)
            throw Error(
                ExitCode::database,
                fmt::format("the embedded PostgreSQL in {} (process {}) did not become ready",
                            directory.string(), postmaster->pid));
        std::this_thread::sleep_for(milliseconds(50));
    }
    return false;
}

// ---- binaries

fs::path debian_binaries(const std::string& version) {
    return fs::path("/usr/lib/postgresql") / version / "bin";
}

// What pg_config knows, where it is of that version (any for none).
std::optional<fs::path> configured_binaries(const std::string& version) {
    const auto result = run_program({"/usr/bin/env", "pg_config", "--bindir", "--version"});
    const fs::path bin = line_of(result.output, 0);
    const std::string prefix = "PostgreSQL " + version;
    const std::string its_version = line_of(result.output, 1);
    const bool fits = its_version.rfind(prefix, 0) == 0 &&
                      (version.empty() ||
                       its_version.find_first_of("0123456789", prefix.size()) != prefix.size());
    if (!result.succeeded() || !fits || !fs::exists(bin / "pg_ctl")) return std::nullopt;
    return bin;
}

fs::path binaries_for(const std::string& version) {
    if (fs::exists(debian_binaries(version) / "pg_ctl")) return debian_binaries(version);
    if (const auto bin = configured_binaries(version)) return *bin;
    refuse(fmt::format("no PostgreSQL {} programs found", version),
           fmt::format("Install postgresql-{}.", version));
}

fs::path binaries_for_new_cluster() {
    if (fs::exists(debian_binaries(kNewClusterVersion) / "initdb"))
        return debian_binaries(kNewClusterVersion);
    int newest = 0;
    std::error_code none;
    for (const auto& entry : fs::directory_iterator("/usr/lib/postgresql", none)) {
        const std::string name = entry.path().filename();
        int version = 0;
        std::from_chars(name.data(), name.data() + name.size(), version);
        if (fs::exists(debian_binaries(name) / "initdb")) newest = std::max(newest, version);
    }
    if (newest > 0) return debian_binaries(fmt::to_string(newest));
    if (const auto bin = configured_binaries("")) return *bin;
    refuse("no PostgreSQL server programs found",
           "Install postgresql-15, or set database.url to a server of your own.");
}

// ---- configuration

constexpr const char* kWrittenByUs =
    "# Written by keyrota at every start; changes are lost. Put your own settings into "
    "local.conf.\n";

// Secrets and their hashes stay out of the log: no statement, no value, no DETAIL (it shows the key
// that is a duplicate).
constexpr const char* kSettings = R"(listen_addresses = ''
port = 5432
unix_socket_directories = '{}'
unix_socket_permissions = 0700
cluster_name = 'keyrota'
max_connections = 50
shared_buffers = 256MB
max_wal_size = 4GB
checkpoint_timeout = 15min
wal_compression = {}
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
logging_collector = off
log_destination = 'stderr'
log_error_verbosity = terse
log_min_error_statement = panic
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
include_if_exists = 'local.conf'
)";

// Our part of the configuration. Written at every start, so that it follows a data directory that
// was moved and a newer keyrota's ideas.
void write_configuration(const fs::path& cluster, const fs::path& bin, const fs::path& socket,
                         const SystemUser& server) {
    // Asks the server program itself whether it was built with lz4.
    const bool lz4 = run_as_server(server, {bin / "postgres", "-D", cluster, "-c",
                                            "wal_compression=lz4", "-C", "wal_compression"})
                         .succeeded();
    write_file(cluster / "keyrota.conf",
               kWrittenByUs + fmt::format(kSettings, socket.string(), lz4 ? "lz4" : "on"), server);
    write_file(cluster / "pg_hba.conf",
               kWrittenByUs + std::string("local all all peer map=keyrota\n"), server);

    std::string map = kWrittenByUs;
    const std::set<std::string> users = {name_of(geteuid()), "root", server.name};
    for (const std::string& user : users)
        for (const char* role : {"postgres", "keyrota_owner", "keyrota_runner", "keyrota_auditor",
                                 "keyrota_checker", "keyrota_gateway"})
            map += fmt::format("keyrota \"{}\" {}\n", user, role);
    write_file(cluster / "pg_ident.conf", map, server);
}

// A folder that goes away again unless it became the cluster.
struct Staging {
    fs::path path;
    ~Staging() {
        std::error_code ignored;
        if (!path.empty()) fs::remove_all(path, ignored);
    }
};

// Left by a creation that was killed. The postgres that initdb had started may go on writing for a
// moment, until it sees that nobody tells it more.
void remove_leftover(const fs::path& path) {
    const auto patience = steady_clock::now() + kSurvivors;
    std::error_code error;
    while (fs::remove_all(path, error), error && steady_clock::now() < patience)
        std::this_thread::sleep_for(milliseconds(50));
}

// Absolute and without links, so that two spellings of one directory are one installation.
fs::path settled(fs::path path) {
    path = fs::absolute(path);
    std::error_code error;
    const fs::path without_links = fs::weakly_canonical(path, error);
    path = error ? path.lexically_normal() : without_links;
    return path.has_filename() ? path : path.parent_path();
}

// FNV-1a: the same in every build, unlike std::hash. Only tells data directories of one user apart.
std::uint64_t hash_of(const std::string& text) {
    std::uint64_t hash = 14695981039346656037U;
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
    return hash;
}

}  // namespace

EmbeddedCluster::EmbeddedCluster(fs::path data_dir)
    : data_dir_(settled(std::move(data_dir))), directory_(data_dir_ / "postgres") {}

fs::path EmbeddedCluster::log_file() const {
    return directory_ / "server.log";
}

fs::path EmbeddedCluster::socket_directory() const {
    fs::path inside = data_dir_ / "socket";
    if ((inside / ".s.PGSQL.5432").string().size() <= kMaxSocketPath) return inside;
    return fmt::format("/tmp/keyrota-{}-{:016x}", server_user().uid, hash_of(data_dir_.string()));
}

EmbeddedCluster::State EmbeddedCluster::state() const {
    check_ownership(data_dir_, directory_, server_user());
    if (read_small_file(directory_ / "PG_VERSION").empty()) return State::missing;
    return live_postmaster(directory_) ? State::running : State::stopped;
}

void EmbeddedCluster::create() {
    const SystemUser server = server_user();
    check_spelling(data_dir_);
    make_directories(data_dir_, geteuid() == 0 ? 0755 : 0700);
    if (state() != State::missing) return;
    check_reachable(data_dir_, server);

    const Descriptor only_one = lock(data_dir_);
    if (state() != State::missing) return;
    for (const auto& entry : fs::directory_iterator(data_dir_))
        if (entry.path().filename().string().rfind(kStagingPrefix, 0) == 0)
            remove_leftover(entry.path());

    const fs::path bin = binaries_for_new_cluster();
    std::string name = (data_dir_ / kStagingPrefix).string() + "XXXXXX";
    if (mkdtemp(name.data()) == nullptr) cannot("create", name, errno);
    Staging staging{name};
    const Descriptor made_here(open(name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!made_here || !give(made_here, server)) cannot("own", name, errno);
    // An initdb that outlived us would go on writing where the next command has cleaned up.
    ProgramOptions options;
    options.as_user = server.name;
    options.timeout = kPatience;
    options.ends_with_caller = true;
    const auto made = run_program(
        {bin / "initdb", "-D", name, "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8",
         "--auth-local=peer", "--auth-host=reject", "--data-checksums", "--no-instructions"},
        options);
    if (!made.succeeded())
        throw Error(ExitCode::database, fmt::format("initdb cannot create {}:{}",
                                                    directory_.string(), last_lines(made.errors)));
    write_configuration(name, bin, socket_directory(), server);
    append_line(staging.path / "postgresql.conf", "include = 'keyrota.conf'");
    if (rename(name.c_str(), directory_.c_str()) != 0)
        cannot("put the new cluster at", directory_, errno);
    staging.path.clear();
    sync_directory(data_dir_);
}

void EmbeddedCluster::start() {
    const SystemUser server = server_user();
    if (state() == State::missing)
        refuse(fmt::format("there is no database in {}", data_dir_.string()),
               "Run keyrota db init.");
    const Descriptor only_one = lock(data_dir_);
    if (await_postmaster(directory_)) return;

    check_spelling(data_dir_);
    check_reachable(data_dir_, server);
    make_socket_directory(socket_directory(), server);
    // PostgreSQL itself replaces the files of a server whose process is gone, and looks for its
    // children first. It takes any other process of the same user that got the number since for the
    // old server. One that we cannot see is left to it.
    const fs::path pid_file = directory_ / "postmaster.pid";
    const pid_t pid = recorded_pid(read_small_file(pid_file));
    if (pid > 0 && process_exists(pid) && identity_of(pid, directory_) == Identity::another)
        unlink(pid_file.c_str());
    unlink((socket_directory() / ".s.PGSQL.5432.lock").c_str());

    const fs::path bin = binaries_for(line_of(read_small_file(directory_ / "PG_VERSION"), 0));
    write_configuration(directory_, bin, socket_directory(), server);
    const auto patience = steady_clock::now() + kSurvivors;
    while (true) {
        struct stat log {};
        const off_t log_end = lstat(log_file().c_str(), &log) == 0 ? log.st_size : 0;
        // pg_ctl gives the server a session of its own: it outlives us, and Ctrl-C does not reach
        // it.
        const auto started =
            run_as_server(server,
                          {bin / "pg_ctl", "start", "-w", "-s", "-t",
                           fmt::to_string(kPatience.count()), "-D", directory_, "-l", log_file()},
                          kPatience + seconds(10));
        if (started.succeeded()) return;
        std::string why = last_lines(read_tail(log_file(), log_end, 8192));
        if (why.empty()) why = last_lines(started.errors);
        // The children of a server that was killed hold its shared memory for a moment.
        if (why.find("shared memory block") == std::string::npos || steady_clock::now() > patience)
            throw Error(ExitCode::database,
                        fmt::format("the embedded PostgreSQL in {} did not start:{}",
                                    directory_.string(), why));
        std::this_thread::sleep_for(milliseconds(100));
    }
}

void EmbeddedCluster::stop() {
    if (state() != State::running) return;
    const Descriptor only_one = lock(data_dir_);
    if (state() != State::running) return;
    const fs::path bin = binaries_for(line_of(read_small_file(directory_ / "PG_VERSION"), 0));
    const auto stopped = run_as_server(server_user(),
                                       {bin / "pg_ctl", "stop", "-w", "-s", "-m", "fast", "-t",
                                        fmt::to_string(kPatience.count()), "-D", directory_},
                                       kPatience + seconds(10));
    if (!stopped.succeeded())
        throw Error(ExitCode::database,
                    fmt::format("the embedded PostgreSQL in {} did not stop:{}",
                                directory_.string(), last_lines(stopped.errors)));
}

}  // namespace keyrota
