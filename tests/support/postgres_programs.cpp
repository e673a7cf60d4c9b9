#include "support/postgres_programs.h"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>

#include "postgres/connection.h"
#include "support/server.h"

namespace keyrota::test {

bool as_postgres(const std::string& command) {
    const std::string prefix =
        ::geteuid() == 0 ? "setpriv --reuid=postgres --regid=postgres --init-groups " : "";
    return std::system(fmt::format("cd / && PATH=$(ls -d /usr/lib/postgresql/*/bin | tail -1):$PATH"
                                   " {}sh -c '{}'",
                                   prefix, command)
                           .c_str()) == 0;
}

std::filesystem::path server_socket() {
    const std::string url = Server::instance().url("postgres", "postgres");
    return parse_connection(url, std::chrono::seconds(10)).keywords.at("host");
}

}  // namespace keyrota::test
