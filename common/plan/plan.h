#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "plan/check_rows.h"
#include "postgres/statement.h"
#include "time/timestamp.h"

namespace keyrota {

/// How a check's answer is to be read.
enum class CheckKind {
    incremental,  // what is new since :watermark; absence means nothing, but in its daily standing
                  // pass (:watermark far past)
    standing,     // all that holds now; a finding it no longer returns is resolved
};

struct RunContext;

/// A check that SQL cannot do: looks, on connections of its own, and adds what it finds. Evaluated
/// in a transaction of the run, so it may be called again. What it throws is the check's trouble
/// alone.
using FillCheck = std::function<void(const RunContext& run, CheckRows& rows)>;

/// The usage that a check judges by. Where an expected gateway does not account for all of the
/// window the answer is *unknown*, which is never read as "no use": the operator is told
/// (RUN-STALE-DATA, for each job and gateway), and the check holds back as it says here. The run
/// stays complete.
struct Coverage {
    enum class Lacking {
        judges_nothing,     // not evaluated: nothing opens, nothing is resolved
        resolves_nothing,   // what it returns is certain all the same, and opens; absence means
                            // nothing
        judged_by_the_key,  // the statement says for which keys it does not know: see PlannedCheck
    };
    Timestamp from, until;
    Lacking lacking = Lacking::judges_nothing;
};

/// A rule with a stable id, as one set-based statement returning (key_id, detail, severity, action,
/// due_at, evidence), or as a function that says the same. The runner binds :as_of, and for
/// incremental ones :watermark; every other bound comes from the key's policy rule, or, for what is
/// no threshold of keys, from the job.
///
/// A row whose severity is null says that it is unknown whether the check holds: a finding that is
/// open stays as it is, none opens, no action is planned.
struct PlannedCheck {
    std::string check_id;
    CheckKind kind;
    Statement statement{};
    Params params{};                     // what it needs beside the runner's
    FillCheck fill{};                    // instead of the statement
    std::optional<Coverage> coverage{};  // the usage that it judges by; nothing: none
};

/// What the checks of a job share: an aggregate that each of them would else make again. One
/// transaction for it and all of them; it makes a temporary table (`on commit drop`). The runner
/// binds :as_of where the statement names it.
struct Preparation {
    Statement statement;
    Params params{};
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

class StepRun;

/// Work of a job that is neither a check nor housekeeping: it loops over batches of its own (rolls
/// samples up, writes notices, sends mail). Done after findings, actions and chores; its totals
/// stand among those of the run's checks, under its name.
struct PlannedStep {
    const char* name;  // `roll-up`
    Statement due;  // SELECT total (bigint): what there is to do; all of a dry run, else not asked.
                    // The runner binds :as_of
    void (*work)(StepRun& run);  // runner/step.h
    Params params{};             // of `due`
    bool cancellable = true;     // a signal cancels its statement; false: it looks at interrupted()
    bool guarded = false;        // guards of time and place hold it back
};

/// What a job decides: which checks to evaluate, which chores and steps to do. The runner does the
/// rest.
class Plan {
  public:
    void add_incremental(const char* check_id, const Statement& statement) {
        checks_.push_back(
            {.check_id = check_id, .kind = CheckKind::incremental, .statement = statement});
    }
    void add_standing(const char* check_id, const Statement& statement, Params params = {}) {
        checks_.push_back({.check_id = check_id,
                           .kind = CheckKind::standing,
                           .statement = statement,
                           .params = std::move(params)});
    }
    void add_standing(std::string check_id, FillCheck fill) {
        checks_.push_back({.check_id = std::move(check_id),
                           .kind = CheckKind::standing,
                           .fill = std::move(fill)});
    }
    void add(PlannedCheck check) { checks_.push_back(std::move(check)); }
    void prepare(Preparation preparation) { preparation_ = std::move(preparation); }
    void add_chore(PlannedChore chore) { chores_.push_back(std::move(chore)); }
    void add_step(PlannedStep step) { steps_.push_back(std::move(step)); }
    const std::vector<PlannedCheck>& checks() const { return checks_; }
    const std::vector<PlannedChore>& chores() const { return chores_; }
    const std::vector<PlannedStep>& steps() const { return steps_; }
    const std::optional<Preparation>& preparation() const { return preparation_; }

  private:
    std::optional<Preparation> preparation_;
    std::vector<PlannedCheck> checks_;
    std::vector<PlannedChore> chores_;
    std::vector<PlannedStep> steps_;
};

}  // namespace keyrota
