#include "postgres/cluster.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <libpq-fe.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <fstream>
#include <functional>
#include <iostream>
#include <memory>
#include <sstream>
#include <vector>

#include "error/error.h"
#include "postgres/process.h"
#include "support/temporary_folder.h"

namespace keyrota::test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;
using State = EmbeddedCluster::State;

// Runs the body in a process of its own, as that user where one is named; what it throws is shown.
pid_t fork_as(const char* user, const std::function<void()>& body) {
    const pid_t pid = fork();
    if (pid != 0) return pid;
    try {
        if (user != nullptr) {
            const auto who = find_system_user(user).value();
            if (setgroups(0, nullptr) != 0 || setgid(who.gid) != 0 || setuid(who.uid) != 0)
                throw std::runtime_error("cannot become another user");
        }
        body();
        _exit(0);
    } catch (const std::exception& e) {
        std::cerr << e.what() << std::endl;
        _exit(1);
    }
}

int exit_status(pid_t pid) {
    int status = 0;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::string text_of(const fs::path& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
}

// The first value that the server returns, or the words with which it refuses.
std::string ask(const EmbeddedCluster& cluster, const std::string& user, const std::string& sql) {
    const std::string where = fmt::format("host='{}' port=5432 user={} dbname=postgres",
                                          cluster.socket_directory().string(), user);
    const std::unique_ptr<PGconn, decltype(&PQfinish)> c(PQconnectdb(where.c_str()), PQfinish);
    if (PQstatus(c.get()) != CONNECTION_OK) return PQerrorMessage(c.get());
    const std::unique_ptr<PGresult, decltype(&PQclear)> r(PQexec(c.get(), sql.c_str()), PQclear);
    return PQntuples(r.get()) > 0 ? PQgetvalue(r.get(), 0, 0) : PQresultErrorMessage(r.get());
}

pid_t postmaster_of(const EmbeddedCluster& cluster) {
    pid_t pid = 0;
    std::ifstream(cluster.directory() / "postmaster.pid") >> pid;
    return pid;
}

std::string mode_of(const fs::path& path) {
    struct stat is {};
    return lstat(path.c_str(), &is) == 0 ? fmt::format("{:o}", is.st_mode & 07777U) : "missing";
}

class EmbeddedClusterTest : public ::testing::Test {
  protected:
    EmbeddedClusterTest() {
        top_ = make_temporary_folder("keyrota-cluster");
        fs::permissions(top_, fs::perms(0755));
        data_dir_ = top_ / "data";
    }

    ~EmbeddedClusterTest() override {
        // The hard way, since a test may have left anything; only servers under our own folder.
        for (const auto& process : fs::directory_iterator("/proc")) {
            std::error_code gone;
            const fs::path cwd = fs::read_symlink(process.path() / "cwd", gone);
            if (cwd.string().rfind(top_.string() + "/", 0) == 0)
                kill(std::stoi(process.path().filename()), SIGKILL);
        }
        fs::remove_all(top_);
    }

    // A copy of the model, since a durable initdb takes seconds.
    EmbeddedCluster given_cluster() {
        fs::create_directories(data_dir_.parent_path());
        const std::string from = (model_ / "data").string();
        EXPECT_TRUE(run_program({"/bin/cp", "-a", from, data_dir_.string()}).succeeded());
        return EmbeddedCluster(data_dir_);
    }
    EmbeddedCluster given_running_cluster() {
        EmbeddedCluster cluster = given_cluster();
        cluster.start();
        return cluster;
    }
    EmbeddedCluster new_running_cluster() {
        EmbeddedCluster cluster(data_dir_);
        cluster.create();
        cluster.start();
        return cluster;
    }
    // Without fsync; what is about durability makes a cluster of its own.
    static void SetUpTestSuite() {
        model_ = make_temporary_folder("keyrota-model");
        fs::permissions(model_, fs::perms(0755));
        EmbeddedCluster model(model_ / "data");
        model.create();
        std::ofstream(model.directory() / "local.conf") << "fsync = off\n";
        fs::permissions(model.directory() / "local.conf", fs::perms(0644));
    }
    static void TearDownTestSuite() { fs::remove_all(model_); }

    static void kill_hard(const EmbeddedCluster& cluster) {
        const pid_t pid = postmaster_of(cluster);
        kill(pid, SIGKILL);
        while (kill(pid, 0) == 0) usleep(1000);
    }

    // A live process of the server's user that is no PostgreSQL.
    static pid_t start_stranger() {
        return fork_as(geteuid() == 0 ? "postgres" : nullptr, [] { sleep(60); });
    }

    static void expect_refused(const std::function<void()>& action, const std::string& words,
                               const std::string& hint) {
        try {
            action();
            ADD_FAILURE() << "nobody refused; expected: " << words;
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), ExitCode::config);
            EXPECT_THAT(error.what(), HasSubstr(words));
            EXPECT_THAT(error.hint(), HasSubstr(hint));
        }
    }

    fs::path top_;
    fs::path data_dir_;

  private:
    inline static fs::path model_;
};

TEST_F(EmbeddedClusterTest, IsMissingThenStoppedThenRunningThenStopped) {
    EmbeddedCluster cluster(data_dir_);
    EXPECT_EQ(cluster.state(), State::missing);
    expect_refused([&] { cluster.start(); }, "there is no database", "keyrota db init");
    cluster.stop();
    cluster.create();
    EXPECT_EQ(cluster.state(), State::stopped);
    cluster.start();
    EXPECT_EQ(cluster.state(), State::running);
    const pid_t pid = postmaster_of(cluster);
    cluster.create();
    cluster.start();
    EXPECT_EQ(postmaster_of(cluster), pid);
    EXPECT_EQ(ask(cluster, "postgres", "select 'here'"), "here");
    cluster.stop();
    EXPECT_EQ(cluster.state(), State::stopped);
    cluster.stop();
}

TEST_F(EmbeddedClusterTest, IsDurableAndOpenToNobodyElse) {
    const EmbeddedCluster cluster = new_running_cluster();
    EXPECT_EQ(mode_of(data_dir_), geteuid() == 0 ? "755" : "700");
    EXPECT_EQ(mode_of(cluster.directory()), "700");
    EXPECT_EQ(mode_of(cluster.socket_directory()), "700");
    EXPECT_EQ(mode_of(cluster.log_file()), "600");
    EXPECT_EQ(mode_of(cluster.directory() / "pg_ident.conf"), "600");
    EXPECT_EQ(cluster.socket_directory(), data_dir_ / "socket");

    for (const auto& [setting, value] :
         std::vector<std::pair<std::string, std::string>>{{"listen_addresses", ""},
                                                          {"fsync", "on"},
                                                          {"full_page_writes", "on"},
                                                          {"synchronous_commit", "on"},
                                                          {"data_checksums", "on"},
                                                          {"server_encoding", "UTF8"},
                                                          {"lc_collate", "C.UTF-8"},
                                                          {"timezone", "UTC"},
                                                          {"log_timezone", "UTC"},
                                                          {"jit", "off"},
                                                          {"max_connections", "50"},
                                                          {"shared_buffers", "256MB"},
                                                          {"unix_socket_permissions", "0700"},
                                                          {"cluster_name", "keyrota"},
                                                          {"wal_compression", "lz4"}})
        EXPECT_EQ(ask(cluster, "postgres", "show " + setting), value) << setting;

    // The sixth line of the file is the address it listens on; none means no TCP port.
    std::istringstream pid_file(text_of(cluster.directory() / "postmaster.pid"));
    std::string line;
    for (int i = 0; i < 6; ++i) std::getline(pid_file, line);
    EXPECT_EQ(line, "");
}

TEST_F(EmbeddedClusterTest, LetsTheInstallingUserBeEachKeyrotaRoleAndNoOther) {
    const EmbeddedCluster cluster = given_running_cluster();
    for (const char* role : {"keyrota_owner", "keyrota_runner", "keyrota_auditor",
                             "keyrota_checker", "keyrota_gateway"}) {
        EXPECT_EQ(ask(cluster, "postgres", fmt::format("create role {} login", role)), "");
        EXPECT_EQ(ask(cluster, role, "select session_user"), role);
    }
    ask(cluster, "postgres", "create role stranger superuser login");
    EXPECT_THAT(ask(cluster, "stranger", "select session_user"),
                HasSubstr("Peer authentication failed"));
    if (geteuid() != 0) return;
    EXPECT_EQ(exit_status(fork_as("nobody",
                                  [&] {
                                      if (ask(cluster, "keyrota_runner", "select 1") == "1")
                                          throw std::runtime_error("nobody was let in");
                                  })),
              0);
}

TEST_F(EmbeddedClusterTest, KeepsStatementsAndValuesOutOfItsLog) {
    const EmbeddedCluster cluster = given_running_cluster();
    ask(cluster, "postgres", "create table secret (hash text primary key)");
    ask(cluster, "postgres", "insert into secret values ('deadbeef')");
    EXPECT_THAT(ask(cluster, "postgres", "insert into secret values ('deadbeef')"),
                HasSubstr("duplicate key"));
    EXPECT_THAT(text_of(cluster.log_file()), HasSubstr("duplicate key"));
    EXPECT_THAT(text_of(cluster.log_file()), Not(HasSubstr("deadbeef")));
}

TEST_F(EmbeddedClusterTest, OutlivesTheProcessThatStartedItAndItsTerminal) {
    ASSERT_EQ(exit_status(fork_as(nullptr, [&] { given_running_cluster(); })), 0);
    EmbeddedCluster cluster(data_dir_);
    EXPECT_EQ(cluster.state(), State::running);
    EXPECT_NE(getsid(postmaster_of(cluster)), getsid(0));
    EXPECT_EQ(ask(cluster, "postgres", "select 'here'"), "here");
}

TEST_F(EmbeddedClusterTest, DoesNotLetTheServerInheritTheLock) {
    given_running_cluster();
    const Descriptor file(open((data_dir_ / ".start.lock").c_str(), O_RDWR | O_CLOEXEC));
    EXPECT_EQ(flock(file.get(), LOCK_EX | LOCK_NB), 0);
}

TEST_F(EmbeddedClusterTest, RecoversAtOnceFromAKilledServer) {
    EmbeddedCluster cluster = given_running_cluster();
    ask(cluster, "postgres", "create table kept as select 7 as n");
    kill_hard(cluster);
    EXPECT_EQ(cluster.state(), State::stopped);
    cluster.start();
    EXPECT_EQ(ask(cluster, "postgres", "select n from kept"), "7");
}

TEST_F(EmbeddedClusterTest, StartsThoughAnotherProcessGotTheOldServersNumber) {
    EmbeddedCluster cluster = given_running_cluster();
    kill_hard(cluster);
    const pid_t stranger = start_stranger();
    const fs::path pid_file = cluster.directory() / "postmaster.pid";
    std::string text = text_of(pid_file);
    text.replace(0, text.find('\n'), fmt::to_string(stranger));
    std::ofstream(pid_file) << text;
    std::ofstream(cluster.socket_directory() / ".s.PGSQL.5432.lock") << text;
    EXPECT_EQ(cluster.state(), State::stopped);
    cluster.stop();
    EXPECT_EQ(kill(stranger, 0), 0);
    cluster.start();
    EXPECT_NE(postmaster_of(cluster), stranger);
    EXPECT_EQ(ask(cluster, "postgres", "select 'here'"), "here");
    kill(stranger, SIGKILL);
    waitpid(stranger, nullptr, 0);
}

TEST_F(EmbeddedClusterTest, IsMadeAndStartedOnceByManyAtATime) {
    std::vector<pid_t> starters;
    for (int i = 0; i < 5; ++i)
        starters.push_back(fork_as(nullptr, [&] {
            const EmbeddedCluster cluster = new_running_cluster();
            if (ask(cluster, "postgres", "select 'here'") != "here")
                throw std::runtime_error("started, but not there");
        }));
    for (const pid_t starter : starters) EXPECT_EQ(exit_status(starter), 0);
    EXPECT_EQ(EmbeddedCluster(data_dir_).state(), State::running);
}

TEST_F(EmbeddedClusterTest, LeavesNothingHalfMadeWhenItsCreationIsKilled) {
    const pid_t creator = fork_as(nullptr, [&] { EmbeddedCluster(data_dir_).create(); });
    usleep(300'000);
    kill(creator, SIGKILL);
    EXPECT_EQ(exit_status(creator), 128 + SIGKILL);
    EXPECT_EQ(EmbeddedCluster(data_dir_).state(), State::missing);
    EXPECT_EQ(ask(new_running_cluster(), "postgres", "select 'here'"), "here");
    for (const auto& entry : fs::directory_iterator(data_dir_))
        EXPECT_THAT(entry.path().filename().string(), Not(HasSubstr(".postgres-")));
}

TEST_F(EmbeddedClusterTest, FollowsADataDirectoryThatWasMoved) {
    given_running_cluster().stop();
    fs::rename(data_dir_, top_ / "elsewhere");
    EmbeddedCluster moved(top_ / "elsewhere/");
    moved.start();
    EXPECT_EQ(ask(moved, "postgres", "select 'here'"), "here");
    EXPECT_EQ(moved.socket_directory(), top_ / "elsewhere/socket");
}

TEST_F(EmbeddedClusterTest, PutsTheSocketOfALongPathIntoAPrivateFolderInTmp) {
    data_dir_ = top_ / std::string(90, 'd') / "data";
    EmbeddedCluster cluster = given_running_cluster();
    const fs::path socket = cluster.socket_directory();
    EXPECT_THAT(socket.string(), ::testing::StartsWith("/tmp/keyrota-"));
    EXPECT_EQ(mode_of(socket), "700");
    EXPECT_EQ(ask(cluster, "postgres", "select 'here'"), "here");
    EXPECT_NE(EmbeddedCluster(data_dir_.parent_path()).socket_directory(), socket);
    cluster.stop();
    fs::remove_all(socket);

    // Somebody else was quicker: a link, or a folder of theirs.
    fs::create_directory(top_ / "trap");
    fs::create_directory_symlink(top_ / "trap", socket);
    expect_refused([&] { cluster.start(); }, "cannot use " + socket.string(), "");
    fs::remove(socket);
    if (geteuid() != 0) return;
    fs::create_directory(socket);
    ASSERT_EQ(chown(socket.c_str(), 65534, 65534), 0);
    expect_refused([&] { cluster.start(); }, "belongs to nobody", "shorter path");
    fs::remove(socket);
}

TEST_F(EmbeddedClusterTest, KeepsASocketOfAHundredBytesAndNotOfOneMore) {
    // /tmp/<name> + /socket/.s.PGSQL.5432
    const std::size_t tail = std::string("/socket/.s.PGSQL.5432").size();
    const fs::path fits = "/tmp/" + std::string(100 - tail - 5, 'x');
    EXPECT_EQ(EmbeddedCluster(fits).socket_directory(), fits / "socket");
    EXPECT_THAT(EmbeddedCluster(fits.string() + "x").socket_directory().string(),
                ::testing::StartsWith("/tmp/keyrota-"));
}

TEST_F(EmbeddedClusterTest, RefusesFoldersThatBelongToSomebodyElseOrThatOthersCanWrite) {
    fs::create_directory(data_dir_);
    EmbeddedCluster cluster(data_dir_);
    fs::permissions(data_dir_, fs::perms(0775));
    expect_refused([&] { cluster.create(); }, "can be written by others", "chmod go-w");
    fs::permissions(data_dir_, fs::perms(0755));

    fs::create_directory(top_ / "trap");
    fs::create_directory_symlink(top_ / "trap", cluster.directory());
    expect_refused([&] { cluster.create(); }, "is a symbolic link", "data_dir");
    fs::remove(cluster.directory());
    if (geteuid() != 0) GTEST_SKIP() << "only root can give folders away";

    ASSERT_EQ(chown(data_dir_.c_str(), 65534, 65534), 0);
    for (const auto& action :
         std::vector<std::function<void()>>{[&] { cluster.create(); }, [&] { cluster.start(); },
                                            [&] { cluster.state(); }, [&] { cluster.stop(); }})
        expect_refused(action, "belongs to nobody, not to root", "run keyrota as nobody");
    ASSERT_EQ(chown(data_dir_.c_str(), 0, 0), 0);

    fs::create_directory(cluster.directory());
    ASSERT_EQ(chown(cluster.directory().c_str(), 65534, 65534), 0);
    expect_refused([&] { cluster.create(); }, "belongs to nobody, not to postgres", "data_dir");
    ASSERT_EQ(chown(cluster.directory().c_str(), find_system_user("postgres")->uid, 0), 0);
    fs::permissions(cluster.directory(), fs::perms(0770));
    expect_refused([&] { cluster.create(); }, "can be written by others", "chmod go-w");
}

TEST_F(EmbeddedClusterTest, NamesTheFolderThatTheServersUserCannotEnter) {
    if (geteuid() != 0) GTEST_SKIP() << "only root runs the server as somebody else";
    const fs::path closed = top_ / "closed";
    fs::create_directory(closed);
    fs::permissions(closed, fs::perms(0700));
    EmbeddedCluster cluster(closed / "open/data");
    expect_refused([&] { cluster.create(); },
                   "the system user postgres cannot enter " + closed.string() + ",",
                   "chmod o+x " + closed.string());
}

TEST_F(EmbeddedClusterTest, RefusesAPathThatAShellOrLibpqWouldReadOtherwise) {
    for (const char* name : {"a\"b", "a$(id)", "a`id`", "a,b", "a'b", "a\\b", "a\nb"})
        expect_refused([&] { EmbeddedCluster(top_ / name).create(); },
                       "the path of data_dir contains", "plainer");
    data_dir_ = top_ / "with space & more";
    EXPECT_EQ(ask(given_running_cluster(), "postgres", "select 'here'"), "here");
}

TEST_F(EmbeddedClusterTest, TakesTheProgramsOfTheClustersOwnVersion) {
    EmbeddedCluster cluster = given_cluster();
    EXPECT_EQ(text_of(cluster.directory() / "PG_VERSION"), "15\n");
    std::ofstream(cluster.directory() / "PG_VERSION") << "9\n";
    expect_refused([&] { cluster.start(); }, "no PostgreSQL 9 programs found", "postgresql-9");
}

TEST_F(EmbeddedClusterTest, TellsWhatTheServersLogSaysWhenItDoesNotStart) {
    EmbeddedCluster cluster = given_cluster();
    std::ofstream(cluster.directory() / "local.conf") << "shared_bufers = 1GB\n";
    fs::permissions(cluster.directory() / "local.conf", fs::perms(0644));
    try {
        cluster.start();
        ADD_FAILURE();
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ExitCode::database);
        EXPECT_THAT(error.what(), HasSubstr("shared_bufers"));
    }
    EXPECT_EQ(cluster.state(), State::stopped);
    std::ofstream(cluster.directory() / "local.conf") << "max_connections = 60\n";
    cluster.start();
    EXPECT_EQ(ask(cluster, "postgres", "show max_connections"), "60");
}

TEST_F(EmbeddedClusterTest, WorksForAnOrdinaryUser) {
    if (geteuid() != 0) GTEST_SKIP() << "every other test shows it already";
    ASSERT_EQ(chown(top_.c_str(), 65534, 65534), 0);
    const auto body = [&] {
        const auto expect = [](bool holds, const char* what) {
            if (!holds) throw std::runtime_error(what);
        };
        data_dir_ = top_ / "deep/data";
        EmbeddedCluster cluster = new_running_cluster();
        expect(mode_of(data_dir_) == "700", "the data directory is not private");
        ask(cluster, "postgres", "create role keyrota_runner login");
        expect(ask(cluster, "keyrota_runner", "select session_user") == "keyrota_runner",
               "no role");
        kill_hard(cluster);
        expect(cluster.state() == State::stopped, "killed, yet not stopped");
        cluster.start();
        expect(ask(cluster, "keyrota_runner", "select 'here'") == "here", "not there again");
        cluster.stop();
        expect(cluster.state() == State::stopped, "stopped, yet not stopped");
    };
    EXPECT_EQ(exit_status(fork_as("nobody", body)), 0);
    expect_refused([&] { EmbeddedCluster(top_ / "deep/data").state(); }, "belongs to nobody",
                   "run keyrota as nobody");
}

}  // namespace
}  // namespace keyrota::test
