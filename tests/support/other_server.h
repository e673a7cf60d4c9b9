#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "support/program.h"

namespace keyrota::test {

/// A server beside the tests' one. Ends with its scope.
class OtherServer {
  public:
    /// A streaming standby of the tests' server, with all that is there by now. It answers what
    /// only reads.
    static OtherServer standby();
    /// A fresh server, into which a dump of that database was restored.
    static OtherServer restored(const std::string& database);

    /// Makes a standby a primary of its own.
    void promote() const;
    std::string url(const std::string& user, const std::string& database) const;
    Session session_as(const std::string& user, const std::string& database) const;

  private:
    OtherServer();
    /// With the server's folder as the current one.
    void as_postgres_there(const std::string& command) const;
    void start() const;

    std::unique_ptr<Scratch> scratch_ = std::make_unique<Scratch>();
    std::filesystem::path folder_;
};

}  // namespace keyrota::test
