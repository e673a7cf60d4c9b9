#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "commands/named_files.h"
#include "time/schedule.h"

namespace keyrota {

/// One job as something else starts it.
struct ScheduledJob {
    std::string name;
    std::string summary;
    Schedule schedule;
    std::chrono::microseconds period;
};

/// What the files for cron, systemd and Kubernetes depend on. Its texts are plain (letters, digits
/// and `._/@:+-`): they are written as they are.
struct Installation {
    std::vector<ScheduledJob> jobs;
    std::string program;      // absolute path
    std::string config_file;  // absolute path; empty: none is named
    std::string user;         // who runs it
    bool embedded_database = true;
    std::string data_dir;                 // absolute path
    std::vector<std::string> writable{};  // other directories that runs write to
};

/// A crontab with a column for the user, for /etc/cron.d.
NamedFile crontab_file(const Installation& installation);

/// One template for all runs, a timer for each job, and a service for the embedded server, which
/// must not live in the control group of the run that happened to start it.
std::vector<NamedFile> systemd_files(const Installation& installation);

/// A CronJob for each job, and the Secret with the database's URL.
std::vector<NamedFile> kubernetes_files(const Installation& installation);

}  // namespace keyrota
