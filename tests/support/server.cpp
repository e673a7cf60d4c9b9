#include "support/server.h"

#include <fmt/format.h>
#include <stdlib.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "config/options.h"
#include "policy/policy.h"
#include "postgres/database.h"
#include "support/postgres_programs.h"
#include "support/temporary_folder.h"

namespace keyrota::test {
namespace {

constexpr const char* kTemplate = "keyrota_template";

std::string binaries() {
    for (const char* version : {"15", "16", "17", "18"}) {
        const std::string path = fmt::format("/usr/lib/postgresql/{}/bin", version);
        if (std::filesystem::exists(path + "/initdb")) return path;
    }
    throw std::runtime_error("no PostgreSQL server programs: run ./dev setup");
}

}  // namespace

Server& Server::instance() {
    static Server server;
    return server;
}

Server::Server() {
    directory_ = make_temporary_folder("keyrota-test");
    if (::geteuid() == 0 && std::system(fmt::format("chown postgres {}", directory_).c_str()) != 0)
        throw std::runtime_error("no system user postgres");
    // --no-sync, trust and -F are for tests only.
    if (as_postgres(fmt::format(
            "{}/initdb -D {}/data -U postgres --auth=trust -E UTF8 --locale=C.UTF-8 --no-sync "
            "--no-instructions > {}/initdb.log 2>&1",
            binaries(), directory_, directory_)) != 0)
        throw std::runtime_error("initdb failed");
    start();
    Session admin(config_for("postgres").database.admin_url.empty()
                      ? Connection{}
                      : parse_connection(url("postgres", "postgres"), std::chrono::seconds(10)));
    admin.execute_verbatim("create_template", fmt::format("create database {}", kTemplate));
    const Config config = config_for(kTemplate);
    init_database(config, {.simulation = true});
    Session owner = open_session(config, Access::owner);
    refresh_policy(owner, config.policy);
}

Server::~Server() {
    as_postgres(fmt::format("{}/pg_ctl -D {}/data -m immediate stop > /dev/null 2>&1", binaries(),
                            directory_));
    std::filesystem::remove_all(directory_);
}

void Server::start() {
    if (as_postgres(
            fmt::format("{}/pg_ctl -w -D {}/data -l {}/log -o \"-c listen_addresses='' -k {} -F "
                        "-c max_connections=50 -c jit=off\" start > /dev/null 2>&1",
                        binaries(), directory_, directory_, directory_)) != 0)
        throw std::runtime_error("PostgreSQL did not start");
}

void Server::crash_and_restart() {
    std::ifstream pid_file(directory_ + "/data/postmaster.pid");
    pid_t pid = 0;
    pid_file >> pid;
    ::kill(pid, SIGKILL);
    // Its backends notice within a moment; until then the data directory counts as in use.
    for (int i = 0; i < 100; ++i) {
        if (as_postgres(fmt::format(
                "{}/pg_ctl -w -D {}/data -l {}/log -o \"-c listen_addresses='' -k {} -F "
                "-c max_connections=50 -c jit=off\" start > /dev/null 2>&1",
                binaries(), directory_, directory_, directory_)) == 0)
            return;
        ::usleep(100'000);
    }
    throw std::runtime_error("PostgreSQL did not start again");
}

int Server::as_postgres(const std::string& command) const {
    return test::as_postgres(fmt::format("cd {} && {}", directory_, command)) ? 0 : 1;
}

std::string Server::create_database() {
    std::string name = fmt::format("test_{}", ++databases_);
    Session admin(parse_connection(url("postgres", "postgres"), std::chrono::seconds(10)));
    admin.execute_verbatim(
        "create_database",
        fmt::format("create database {} template {} strategy file_copy", name, kTemplate));
    return name;
}

void Server::drop_database(const std::string& name) {
    Session admin(parse_connection(url("postgres", "postgres"), std::chrono::seconds(10)));
    admin.execute_verbatim("drop_database",
                           fmt::format("drop database if exists {} with (force)", name));
}

std::string Server::url(const std::string& user, const std::string& database) const {
    return fmt::format("host={} user={} dbname={}", directory_, user, database);
}

Config Server::config_for(const std::string& database) const {
    Config config;
    config.database.url = url("keyrota_runner", database);
    config.database.admin_url = url("postgres", database);
    config.data_dir = directory_ + "/keyrota";
    config.mail.transport = "maildir";  // what jobs write stays here
    config.policy = {built_in_rule()};
    return config;
}

}  // namespace keyrota::test
