#pragma once

#include <filesystem>
#include <string>

namespace keyrota {

/// The private PostgreSQL of an installation without a server of its own (`database.url:
/// embedded`).
///
/// Lives in DATA_DIR/postgres (0700) and listens on a Unix socket only, in a 0700 directory; peer
/// authentication with a map from the installing system user to the keyrota roles. Started by root
/// it runs as the system user `postgres`. Durable: fsync as PostgreSQL ships it. It outlives the
/// command that started it.
///
/// Every member throws Error{config} when the directory is unsuitable (owned by somebody else, not
/// reachable for `postgres`, no server binaries), Error{database} when the server does not start,
/// each with the last lines of its log.
class EmbeddedCluster {
  public:
    enum class State { missing, stopped, running };

    explicit EmbeddedCluster(std::filesystem::path data_dir);

    State state() const;
    /// Makes the cluster: initdb, configuration, ident map. Nothing for one that exists.
    void create();
    /// Starts it if it does not run, one starter at a time (flock); recognises a stale
    /// postmaster.pid.
    void start();
    /// Fast shutdown; waits. Nothing for one that does not run.
    void stop();

    /// Where libpq finds it (the `host` keyword).
    std::filesystem::path socket_directory() const;
    std::filesystem::path directory() const { return directory_; }  // DATA_DIR/postgres
    std::filesystem::path log_file() const;

  private:
    std::filesystem::path data_dir_;
    std::filesystem::path directory_;
};

}  // namespace keyrota
