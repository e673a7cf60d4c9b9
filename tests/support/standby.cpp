#include "support/standby.h"

#include <fmt/format.h>

#include <filesystem>

#include "support/postgres_programs.h"

namespace keyrota::test {
namespace fs = std::filesystem;

Standby::Standby() {
    const fs::path folder = scratch_.path() / "standby";
    fs::create_directory(folder);
    fs::permissions(folder, fs::perms(0777));
    const std::string copy = fmt::format(
        "pg_basebackup -h {} -U postgres -D {}/data -R -X stream -c fast --no-sync > {}/log 2>&1",
        server_socket().string(), folder.string(), folder.string());
    EXPECT_TRUE(as_postgres(copy));
    const std::string start = fmt::format(
        "pg_ctl -w -D {0}/data -l {0}/log -o \"-c listen_addresses= -k {0} -F\" start > /dev/null "
        "2>&1",
        folder.string());
    EXPECT_TRUE(as_postgres(start));
}

void Standby::promote() const {
    EXPECT_TRUE(as_postgres(fmt::format("pg_ctl -w -D {}/standby/data promote > /dev/null 2>&1",
                                        scratch_.path().string())));
}

std::string Standby::url(const std::string& user, const std::string& database) const {
    return fmt::format("host={} user={} dbname={}", (scratch_.path() / "standby").string(), user,
                       database);
}

}  // namespace keyrota::test
