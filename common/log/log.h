#pragma once

#include <cstdint>
#include <string>

#include "config/config.h"

namespace keyrota {

/// Sets spdlog's default logger: log.file, else standard error, where a text log without a terminal
/// has warnings and errors only (cron would mail the rest). JSON is one object a line: time, level,
/// job and run_id where there are any, message.
/// @throws Error{config} when the file cannot be opened.
void start_logging(const Config::Log& options, bool is_terminal);

/// Whether somebody keeps the log: a file, or a collector that takes JSON. As text on standard
/// error it is read by who started the run, who sees its outcome anyway.
inline bool is_kept(const Config::Log& options) {
    return !options.file.empty() || options.format == "json";
}

/// While it lives, each line of the log, whichever thread writes it, says which run it is about.
class LoggedRun {
  public:
    /// @param run_id 0: it has none (yet).
    LoggedRun(std::string job, std::int64_t run_id);
    ~LoggedRun();
    LoggedRun(const LoggedRun&) = delete;
    LoggedRun& operator=(const LoggedRun&) = delete;
};

}  // namespace keyrota
