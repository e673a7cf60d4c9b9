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

/// Housekeeping on keyrota's own records: no check finds it, no key changes by it. Its total stands
/// among those of the run's checks, under its name; guards of time and place hold. The runner binds
/// :as_of.
struct PlannedChore {
    const char* name;  // `old-runs`
    Statement due;     // SELECT id (bigint), a row for each thing to do; also all of a dry run
    Statement work;    // does it for :ids (bigint[]), one transaction; returns how many as `total`
    Params params{};   // of both
};

/// What a job decides: which checks to evaluate, which chores to do. The runner does the rest.
class Plan {
  public:
    void add_incremental(const char* check_id, const Statement& statement) {
        checks_.push_back({check_id, CheckKind::incremental, statement, {}});
    }
    void add_standing(const char* check_id, const Statement& statement, Params params = {}) {
        checks_.push_back({check_id, CheckKind::standing, statement, std::move(params)});
    }
    void add_chore(PlannedChore chore) { chores_.push_back(std::move(chore)); }
    const std::vector<PlannedCheck>& checks() const { return checks_; }
    const std::vector<PlannedChore>& chores() const { return chores_; }

  private:
    std::vector<PlannedCheck> checks_;
    std::vector<PlannedChore> chores_;
};

}  // namespace keyrota
