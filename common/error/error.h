#pragma once

#include <stdexcept>
#include <string>

#include "error/exit_code.h"

namespace keyrota {

/// "Cannot do the task": carries the exit code, one message (lower case, no full stop) and, where
/// somebody can do something about it, a hint (one sentence). Expected outcomes are return values
/// instead, bugs are asserts. Neither text ever holds a secret, a secret hash or a bound value.
class Error : public std::runtime_error {
  public:
    Error(ExitCode code, const std::string& message, std::string hint = "")
        : std::runtime_error(message), code_(code), hint_(std::move(hint)) {}

    ExitCode code() const { return code_; }
    const std::string& hint() const { return hint_; }

  private:
    ExitCode code_;
    std::string hint_;
};

/// The server refused a statement, or the connection broke.
class DatabaseError : public Error {
  public:
    /// @param sqlstate five characters; 08006 when the connection broke without one.
    DatabaseError(std::string sqlstate, const std::string& message, std::string hint = "")
        : Error(ExitCode::database, message, std::move(hint)), sqlstate_(std::move(sqlstate)) {}

    const std::string& sqlstate() const { return sqlstate_; }
    /// Lock timeout, deadlock, serialization failure: the same batch may be tried again.
    bool is_contention() const {
        return sqlstate_ == "55P03" || sqlstate_ == "40P01" || sqlstate_ == "40001";
    }

  private:
    std::string sqlstate_;
};

}  // namespace keyrota
