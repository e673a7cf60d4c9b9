#include "postgres/database.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include "common_sql.h"
#include "error/error.h"
#include "postgres/caller.h"
#include "postgres/cluster.h"
#include "postgres/migrate.h"
#include "roles_sql.h"
#include "secret/signing_key.h"

namespace keyrota {
namespace {

constexpr const char* kDatabase = "keyrota";
constexpr const char* kChecker = "keyrota_checker";

// One initialisation at a time; held by the session, not by a transaction: making a database cannot
// be in one.
constexpr Statement kInitLock{"init_lock",
                              "select pg_advisory_lock(hashtext('keyrota db init'))::text as done"};
constexpr Statement kInitUnlock{
    "init_unlock", "select pg_advisory_unlock(hashtext('keyrota db init'))::text as done"};
constexpr Statement kNoLockTimeout{"no_lock_timeout", "set lock_timeout = 0"};
constexpr Statement kHasDatabase{
    "has_database", "select count(*) as found from pg_database where datname = 'keyrota'"};
constexpr Statement kJoinOwner{"join_owner",
                               "select pg_has_role(current_user, 'keyrota_owner', 'member')::int "
                               "as member, current_user::text as me"};
constexpr Statement kHasSchemaPrivileges{
    "has_schema", "select count(*) as found from pg_namespace where nspname = 'keyrota'"};
// The installation's row is the last thing that an initialisation makes.
constexpr Statement kIsInstalled{"is_installed",
                                 "select count(*) as found from keyrota.installation"};
constexpr Statement kIsSimulation{"is_simulation",
                                  "select simulation::int as simulation from keyrota.installation"};

Connection with_timeouts(const Config& config, Connection connection) {
    using std::chrono::duration_cast;
    using std::chrono::milliseconds;
    connection.statement_timeout = duration_cast<milliseconds>(config.database.statement_timeout);
    connection.lock_timeout = duration_cast<milliseconds>(config.database.lock_timeout);
    connection.idle_in_transaction_timeout =
        duration_cast<milliseconds>(config.database.idle_in_transaction_timeout);
    return connection;
}

Connection embedded_connection(const Config& config, const char* user, const char* database) {
    Connection connection;
    connection.keywords = {
        {"host", EmbeddedCluster(config.data_dir).socket_directory().string()},
        {"port", "5432"},
        // The socket may lie in /tmp: talk to our own server only.
        {"requirepeer", ::geteuid() == 0 ? "postgres" : current_caller().os_user},
        {"user", user},
        {"dbname", database},
        {"connect_timeout", "10"}};
    return with_timeouts(config, connection);
}

Connection remote_connection(const Config& config, const char* option, const std::string& url) {
    const auto timeout =
        std::chrono::duration_cast<std::chrono::milliseconds>(config.database.connect_timeout);
    Connection connection = with_timeouts(config, parse_connection(url, timeout));
    connection.option = option;
    return connection;
}

Connection runner_connection(const Config& config) {
    return remote_connection(config, "database.url", config.database.url);
}

// Where nobody said how: to the runner's database, by another name and without its password.
Connection checker_connection(const Config& config) {
    Connection connection;
    if (is_embedded(config)) {
        connection = embedded_connection(config, kChecker, kDatabase);
    } else if (!config.database.checker_url.empty()) {
        connection = remote_connection(config, "database.checker_url", config.database.checker_url);
    } else {
        connection = runner_connection(config);
        connection.keywords["user"] = kChecker;
        connection.keywords.erase("password");
    }
    connection.statement_timeout =
        std::chrono::duration_cast<std::chrono::milliseconds>(config.custom_checks.timeout);
    return connection;
}

Connection admin_connection(const Config& config) {
    if (is_embedded(config)) return embedded_connection(config, "postgres", kDatabase);
    return connection_for(config, Access::owner);
}

// Cluster-wide things first, with the server's own database to stand on.
void make_cluster_and_database(const Config& config) {
    EmbeddedCluster cluster(config.data_dir);
    cluster.create();
    cluster.start();
    Session session(embedded_connection(config, "postgres", "postgres"));
    session.execute(kNoLockTimeout);
    session.one(kInitLock);
    if (session.one(kHasDatabase).int64("found") == 0)
        session.execute_verbatim("create_database", "create database keyrota");
    session.one(kInitUnlock);
}

void make_roles_and_schema(Session& admin) {
    admin.execute_verbatim("make_roles", sql::roles.text);
    const Row membership = admin.one(kJoinOwner);
    if (membership.int64("member") == 0)
        admin.execute_verbatim("join_owner", "grant keyrota_owner to current_user");
    if (admin.one(kHasSchemaPrivileges).int64("found") == 0)
        admin.execute_verbatim("create_schema",
                               "create schema keyrota authorization keyrota_owner");
}

// A session of an embedded database, whatever state an earlier command left it in.
Session open_embedded(const Config& config, Access access) {
    EmbeddedCluster cluster(config.data_dir);
    if (cluster.state() == EmbeddedCluster::State::missing) {
        spdlog::info("creating an embedded database in {}", config.data_dir.string());
    } else {
        cluster.start();
        try {
            Session session(connection_for(config, access));
            if (session.one(kIsInstalled).int64("found") != 0) return session;
        } catch (const DatabaseError& error) {
            spdlog::debug("resuming an interrupted initialisation: {}", error.what());
        }
    }
    init_database(config);
    return Session(connection_for(config, access));
}

}  // namespace

bool is_embedded(const Config& config) {
    return config.database.url == "embedded";
}

Connection connection_for(const Config& config, Access access) {
    if (access == Access::checker) return checker_connection(config);
    if (is_embedded(config))
        return embedded_connection(
            config, access == Access::runner ? "keyrota_runner" : "keyrota_owner", kDatabase);
    if (access == Access::runner || config.database.admin_url.empty())
        return runner_connection(config);
    return remote_connection(config, "database.admin_url", config.database.admin_url);
}

Session open_session(const Config& config, Access access) {
    if (access == Access::checker) return Session(connection_for(config, access));
    if (is_embedded(config)) {
        Session session = open_embedded(config, access);
        if (access == Access::runner) require_current_schema(session);
        return session;
    }
    Session session(connection_for(config, access));
    if (access == Access::owner) {
        session.execute_verbatim("act_as_owner", "set role keyrota_owner");
        return session;
    }
    require_current_schema(session);
    if (session.one(kIsInstalled).int64("found") == 0)
        throw Error(ExitCode::config, "the initialisation of the database was interrupted",
                    "Run `keyrota db init` again: it resumes from there.");
    return session;
}

bool init_database(const Config& config, const InitOptions& options) {
    if (is_embedded(config)) make_cluster_and_database(config);
    Session admin(admin_connection(config));
    admin.execute(kNoLockTimeout);
    admin.one(kInitLock);
    make_roles_and_schema(admin);
    admin.execute_verbatim("act_as_owner", "set role keyrota_owner");
    apply_migrations(admin);
    const SigningKey key = SigningKey::load_or_make(config.data_dir);
    const bool is_new = admin.execute(sql::install, {{"simulation", options.simulation ? 1 : 0},
                                                     {"public_key", key.public_pem()}}) == 1;
    if (options.simulation && admin.one(kIsSimulation).int64("simulation") == 0)
        throw Error(ExitCode::usage, "this database holds a real installation, not a simulation",
                    "Create the simulation in another database or --data-dir.");
    return is_new;
}

}  // namespace keyrota
