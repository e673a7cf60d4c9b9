#pragma once

#include <string>
#include <vector>

#include "postgres/statement.h"

namespace keyrota {

/// How a check's answer is to be read.
enum class CheckKind {
    incremental,  // what is new since :watermark; absence means nothing, but in its daily standing
                  // pass (:watermark far past)
    standing,     // all that holds now; a finding it no longer returns is resolved
};

/// A rule with a stable id, as one set-based statement returning (key_id, detail, severity, action,
/// due_at, evidence). The runner binds :as_of, and for incremental ones :watermark; every other
/// bound comes from the key's policy rule, or, for what is no threshold of keys, from the job.
struct PlannedCheck {
    const char* check_id;
    CheckKind kind;
    Statement statement;
    Params params{};  // what it needs beside the runner's
};

/// What a job decides: which checks to evaluate. The runner does the rest.
class Plan {
  public:
    void add_incremental(const char* check_id, const Statement& statement) {
        checks_.push_back({check_id, CheckKind::incremental, statement, {}});
    }
    void add_standing(const char* check_id, const Statement& statement, Params params = {}) {
        checks_.push_back({check_id, CheckKind::standing, statement, std::move(params)});
    }
    const std::vector<PlannedCheck>& checks() const { return checks_; }

  private:
    std::vector<PlannedCheck> checks_;
};

}  // namespace keyrota
