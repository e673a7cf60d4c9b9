#include "support/other_server.h"

#include <fmt/format.h>

#include <chrono>

#include "support/postgres_programs.h"

namespace keyrota::test {

namespace fs = std::filesystem;

OtherServer::OtherServer() : folder_(scratch_->path() / "server") {
    fs::create_directory(folder_);
    fs::permissions(folder_, fs::perms(0777));
}

OtherServer OtherServer::standby() {
    OtherServer server;
    server.as_postgres_there(
        fmt::format("pg_basebackup -h {} -U postgres -D data -R -X stream -c fast --no-sync",
                    server_socket().string()));
    server.start();
    return server;
}

OtherServer OtherServer::restored(const std::string& database) {
    OtherServer server;
    const std::string from = fmt::format("-h {} -U postgres", server_socket().string());
    server.as_postgres_there(fmt::format("pg_dumpall {} --globals-only -f roles.sql", from));
    server.as_postgres_there(fmt::format("pg_dump {} --create -f database.sql {}", from, database));
    server.as_postgres_there(
        "initdb -D data -U postgres --auth=trust -E UTF8 --locale=C.UTF-8 --no-sync");
    server.start();
    for (const char* file : {"roles.sql", "database.sql"})
        server.as_postgres_there(fmt::format("psql -h $PWD -U postgres -q -f {}", file));
    return server;
}

void OtherServer::as_postgres_there(const std::string& command) const {
    EXPECT_TRUE(as_postgres(fmt::format("cd {} && {} 2>> log >> log", folder_.string(), command)))
        << command;
}

void OtherServer::start() const {
    as_postgres_there(
        "pg_ctl -w -D data -l server.log -o \"-c listen_addresses= -k $PWD -F\" start");
}

void OtherServer::promote() const {
    as_postgres_there("pg_ctl -w -D data promote");
}

std::string OtherServer::url(const std::string& user, const std::string& database) const {
    return fmt::format("host={} user={} dbname={}", folder_.string(), user, database);
}

Session OtherServer::session_as(const std::string& user, const std::string& database) const {
    return Session(parse_connection(url(user, database), std::chrono::seconds(10)));
}

}  // namespace keyrota::test
