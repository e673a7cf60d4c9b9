#pragma once

#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "config/config.h"
#include "error/exit_code.h"
#include "postgres/session.h"
#include "report/listing.h"

namespace keyrota {

/// Which findings; what is empty does not matter.
struct FindingFilter {
    std::string
        status;  // unresolved (also when empty) | open | acknowledged | waived | resolved | all
    std::string check_id;
    std::string control;  // of a standard: only of the checks that speak to it
    std::string key;
    std::string owner;
    std::string team;
    std::string environment;
    std::optional<std::int64_t> severity{};  // at least
    std::optional<std::int64_t> limit{};
    std::optional<std::int64_t> fail_on{};
};

/// `keyrota findings list`: what first. By severity, production before test, keys in use before
/// idle ones, oldest first. @returns findings where one at or over fail_on is open, else done.
ExitCode findings_list(const Config& config, const FindingFilter& filter, Format format,
                       std::ostream& out);

/// What findings_list.sql takes for a filter. @param limit none: all.
/// @throws Error{usage} where there is no such key, owner, team, control or check.
Params findings_list_params(Session& session, const Config& config, const FindingFilter& filter,
                            std::optional<std::int64_t> limit);

/// `keyrota findings list --ocsf`: the same findings as events of the Open Cybersecurity Schema
/// Framework, a line each.
ExitCode findings_list_ocsf(const Config& config, const FindingFilter& filter, std::ostream& out);

/// `keyrota findings controls`: the clauses of standards and the checks that speak to them.
/// @param check_id only those of this check; empty: all.
/// @throws Error{usage} where keyrota has no such check.
ExitCode findings_controls(const std::string& check_id, Format format, std::ostream& out);

/// `keyrota findings show FINDING`: a uid, or the beginning of one.
ExitCode findings_show(const Config& config, const std::string& finding, Format format,
                       std::ostream& out);

/// `keyrota findings history FINDING`: its episodes, what people said, what was done to the key.
ExitCode findings_history(const Config& config, const std::string& finding, Format format,
                          std::ostream& out);

/// `keyrota findings ack|resolve FINDING...`: a person's word, all of them or none, audited.
enum class Decision { acknowledge, resolve };
ExitCode findings_decide(const Config& config, const std::vector<std::string>& findings,
                         Decision decision, const std::string& why, std::ostream& out);

}  // namespace keyrota
