#include "commands/database.h"

#include <fmt/format.h>
#include <fmt/ostream.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "error/error.h"
#include "policy/policy.h"
#include "postgres/cluster.h"
#include "postgres/migrate.h"

namespace keyrota {
namespace {

EmbeddedCluster embedded_cluster(const Config& config) {
    if (!is_embedded(config))
        throw Error(ExitCode::usage, "keyrota starts and stops only an embedded database",
                    "database.url names another server: use its own tools.");
    return EmbeddedCluster(config.data_dir);
}

// libpq's keywords and the variables that psql reads instead.
constexpr std::pair<const char*, const char*> kVariables[] = {
    {"host", "PGHOST"},
    {"hostaddr", "PGHOSTADDR"},
    {"port", "PGPORT"},
    {"user", "PGUSER"},
    {"dbname", "PGDATABASE"},
    {"password", "PGPASSWORD"},
    {"passfile", "PGPASSFILE"},
    {"service", "PGSERVICE"},
    {"sslmode", "PGSSLMODE"},
    {"sslcert", "PGSSLCERT"},
    {"sslkey", "PGSSLKEY"},
    {"sslrootcert", "PGSSLROOTCERT"},
    {"options", "PGOPTIONS"},
    {"connect_timeout", "PGCONNECT_TIMEOUT"},
    {"application_name", "PGAPPNAME"},
    {"channel_binding", "PGCHANNELBINDING"},
    {"target_session_attrs", "PGTARGETSESSIONATTRS"}};

}  // namespace

ExitCode db_init(const Config& config, const InitOptions& options, std::ostream& out) {
    const bool is_new = init_database(config, options);
    Session owner = open_session(config, Access::owner);
    refresh_policy(owner, config.policy);
    fmt::print(out, "{} {}{}\n", connection_for(config, Access::runner).display(),
               is_new ? "is ready" : "was already ready",
               options.simulation ? " (simulation)" : "");
    return ExitCode::done;
}

ExitCode db_migrate(const Config& config, std::ostream& out) {
    Session owner = open_session(config, Access::owner);
    const std::vector<std::string> applied = apply_migrations(owner);
    for (const std::string& name : applied) fmt::print(out, "applied {}\n", name);
    if (applied.empty()) fmt::print(out, "the schema is current\n");
    return ExitCode::done;
}

ExitCode db_check(const Config& config, std::ostream& out) {
    Session session = open_session(config, Access::runner);  // which requires it
    fmt::print(out, "the schema is current (version {})\n", schema_state(session).database_version);
    return ExitCode::done;
}

ExitCode db_start(const Config& config, std::ostream& out) {
    EmbeddedCluster cluster = embedded_cluster(config);
    const bool was_running = cluster.state() == EmbeddedCluster::State::running;
    open_session(config, Access::runner);
    fmt::print(out, "PostgreSQL {} in {}\n", was_running ? "is already running" : "started",
               cluster.directory().string());
    return ExitCode::done;
}

ExitCode db_stop(const Config& config, std::ostream& out) {
    EmbeddedCluster cluster = embedded_cluster(config);
    const bool was_running = cluster.state() == EmbeddedCluster::State::running;
    cluster.stop();
    fmt::print(out, "PostgreSQL {}\n", was_running ? "stopped" : "was not running");
    return ExitCode::done;
}

ExitCode db_status(const Config& config, std::ostream& out) {
    const EmbeddedCluster cluster = embedded_cluster(config);
    switch (cluster.state()) {
        case EmbeddedCluster::State::missing:
            fmt::print(out, "no database in {} yet: any command creates it\n",
                       config.data_dir.string());
            return ExitCode::attention;
        case EmbeddedCluster::State::stopped:
            fmt::print(out, "PostgreSQL is stopped: any command starts it\n");
            return ExitCode::attention;
        case EmbeddedCluster::State::running:
            fmt::print(out, "PostgreSQL is running; socket in {}, log in {}\n",
                       cluster.socket_directory().string(), cluster.log_file().string());
            return ExitCode::done;
    }
    return ExitCode::internal;
}

ExitCode db_psql(const Config& config, const std::vector<std::string>& arguments) {
    open_session(
        config,
        Access::owner);  // starts an embedded server, and fails with our words rather than psql's
    const Connection connection = connection_for(config, Access::owner);
    for (const auto& [keyword, variable] : kVariables) {
        const auto found = connection.keywords.find(keyword);
        if (found != connection.keywords.end()) ::setenv(variable, found->second.c_str(), 1);
    }
    if (!is_embedded(config)) {
        const char* present = std::getenv("PGOPTIONS");
        ::setenv("PGOPTIONS",
                 fmt::format("{} -c role=keyrota_owner", present ? present : "").c_str(), 1);
    }
    std::vector<char*> argv{const_cast<char*>("psql")};
    for (const std::string& argument : arguments)
        argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    ::execvp("psql", argv.data());
    throw Error(ExitCode::config, fmt::format("cannot start psql: {}", std::strerror(errno)),
                "Install PostgreSQL's client programs (package postgresql-client).");
}

}  // namespace keyrota
