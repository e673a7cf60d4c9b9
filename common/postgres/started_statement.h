#pragma once

#include <optional>
#include <string>
#include <vector>

#include "postgres/session.h"

namespace keyrota {

/// A statement that the server works on while the caller does something else. Until finish() the
/// session can do nothing else.
class StartedStatement {
  public:
    explicit StartedStatement(Session& session) : session_(session) {}
    ~StartedStatement();
    StartedStatement(const StartedStatement&) = delete;
    StartedStatement& operator=(const StartedStatement&) = delete;

    /// Sends it and returns. Its parameters are `$1`, `$2`, ..., of which it says the types.
    /// @throws DatabaseError where the connection is gone, or as finish() of the one before.
    void start(const Statement& statement, const std::vector<std::optional<std::string>>& values);
    /// Waits for it; nothing to wait for is as good. @throws DatabaseError where it was refused.
    void finish();

  private:
    Session& session_;
    const char* name_ = nullptr;  // of the one that is not finished
};

}  // namespace keyrota
