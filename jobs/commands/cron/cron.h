#pragma once

#include <filesystem>
#include <ostream>
#include <string>

#include "config/load.h"
#include "error/exit_code.h"

namespace keyrota {

struct CronPrintOptions {
    std::string format;               // crontab | systemd | kubernetes
    std::filesystem::path directory;  // empty: everything to `out`
    std::string program = "/usr/bin/keyrota";
    std::string user = "keyrota";
};

/// `keyrota cron print`: the files that make cron, systemd or Kubernetes start the jobs, by the
/// schedules of the configuration.
/// @throws Error{usage} for a program or user that cannot stand in such a file, or a directory that
/// cannot be written.
ExitCode cron_print(const ConfigSources& sources, const CronPrintOptions& options,
                    std::ostream& out);

}  // namespace keyrota
