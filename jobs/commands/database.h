#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "config/config.h"
#include "error/exit_code.h"
#include "postgres/database.h"

namespace keyrota {

/// `keyrota db init`: makes what is missing, idempotent.
ExitCode db_init(const Config& config, const InitOptions& options, std::ostream& out);
/// `keyrota db migrate`: applies pending migrations; concurrent callers wait for each other.
ExitCode db_migrate(const Config& config, std::ostream& out);
/// `keyrota db check`: 0 when the schema is this program's, else 4 with what to do.
ExitCode db_check(const Config& config, std::ostream& out);
/// `keyrota db start|stop|status`: the embedded server alone; Error{usage} for another database.
ExitCode db_start(const Config& config, std::ostream& out);
ExitCode db_stop(const Config& config, std::ostream& out);
/// 0 when it runs, else 13.
ExitCode db_status(const Config& config, std::ostream& out);
/// `keyrota db psql [-- ARG...]`: becomes psql as keyrota_owner; returns only when psql cannot be
/// started. A password goes to it by the environment, never as an argument.
ExitCode db_psql(const Config& config, const std::vector<std::string>& arguments);

}  // namespace keyrota
