#include "support/pooler.h"

#include <fmt/format.h>
#include <libpq-fe.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>

#include "support/postgres_programs.h"

namespace keyrota::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* kConfiguration = R"([databases]
* = host={server}
[pgbouncer]
unix_socket_dir = {folder}/socket
listen_addr =
auth_type = trust
auth_file = {folder}/users
pool_mode = {mode}
{settings}
)";

}  // namespace

Pooler::Pooler(const std::string& mode, const std::string& settings) : settings_(settings) {
    // It refuses to run as root.
    Arguments argv;
    if (::geteuid() == 0)
        argv = {"/usr/bin/setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"};
    const fs::path socket = scratch_.path() / "socket";
    fs::create_directory(socket);
    fs::permissions(socket, fs::perms(0777));
    scratch_.write("users",
                   "\"keyrota_runner\" \"\"\n\"keyrota_checker\" \"\"\n\"postgres\" \"\"\n");
    argv.insert(argv.end(), {"/usr/sbin/pgbouncer", write_configuration(mode)});
    pooler_ = std::make_unique<Program>(argv, Start{.environment = bare_environment()});
    // Its socket is there before anybody listens.
    const auto answers = [this] {
        return PQping(url("keyrota_runner", "postgres").c_str()) == PQPING_OK;
    };
    EXPECT_TRUE(eventually([&] { return answers() || !pooler_->is_running(); }));
    EXPECT_TRUE(answers()) << pooler_->wait().errors;
}

void Pooler::change_mode(const std::string& mode) {
    write_configuration(mode);
    pooler_->signal(SIGHUP);
}

fs::path Pooler::write_configuration(const std::string& mode) const {
    return scratch_.write(
        "pgbouncer.ini",
        fmt::format(fmt::runtime(kConfiguration), fmt::arg("server", server_socket().string()),
                    fmt::arg("folder", scratch_.path().string()), fmt::arg("mode", mode),
                    fmt::arg("settings", settings_)));
}

std::string Pooler::url(const std::string& user, const std::string& database) const {
    return fmt::format("host={} port=6432 user={} dbname={}", (scratch_.path() / "socket").string(),
                       user, database);
}

}  // namespace keyrota::test
