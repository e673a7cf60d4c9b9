#pragma once

#include <memory>
#include <string>

#include "support/program.h"

namespace keyrota::test {

/// pgbouncer before the tests' server, for all of its databases. Ends with its scope.
class Pooler {
  public:
    /// @param mode `session`, `transaction` or `statement`.
    /// @param settings more lines of its configuration.
    explicit Pooler(const std::string& mode, const std::string& settings = "");

    /// For the transactions to come, soon.
    void change_mode(const std::string& mode);
    std::string url(const std::string& user, const std::string& database) const;

  private:
    std::filesystem::path write_configuration(const std::string& mode) const;

    Scratch scratch_;
    std::string settings_;
    std::unique_ptr<Program> pooler_;
};

}  // namespace keyrota::test
