#pragma once

#include <string>

#include "support/program.h"

namespace keyrota::test {

/// A streaming standby of the tests' server, with all that is there when it is made. It answers
/// what only reads. Ends with its scope.
class Standby {
  public:
    Standby();

    /// Makes it a primary of its own.
    void promote() const;
    std::string url(const std::string& user, const std::string& database) const;

  private:
    Scratch scratch_;
};

}  // namespace keyrota::test
