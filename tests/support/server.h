#pragma once

#include <string>

#include "config/config.h"

namespace keyrota::test {

/// A private PostgreSQL for this test program: real, but without fsync, and trusting everybody who
/// reaches its socket. Started at the first use, stopped when the program ends. Tests get databases
/// cloned from one initialised template.
class Server {
  public:
    static Server& instance();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    /// A fresh database, schema and default policy in place; a simulation, so that runs may choose
    /// their as_of.
    std::string create_database();
    void drop_database(const std::string& name);
    /// Kills the server the hard way (SIGKILL) and starts it again: crash recovery.
    void crash_and_restart();

    /// As the runner and, for owner's work, as the superuser.
    Config config_for(const std::string& database) const;
    std::string url(const std::string& user, const std::string& database) const;

  private:
    Server();
    ~Server();
    void start();
    int as_postgres(const std::string& command) const;

    std::string directory_;
    int databases_ = 0;
};

}  // namespace keyrota::test
