#pragma once

#include "config/config.h"

namespace keyrota {

/// Sets spdlog's default logger: log.file, else standard error, where without a terminal only
/// warnings and errors appear (cron would mail the rest). JSON is one object a line: time, level,
/// message.
/// @throws Error{config} when the file cannot be opened.
void start_logging(const Config::Log& options, bool is_terminal);

}  // namespace keyrota
