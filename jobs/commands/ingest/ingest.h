#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "commands/ingest/log_map.h"
#include "config/config.h"
#include "error/exit_code.h"
#include "report/listing.h"

namespace keyrota {

struct IngestOptions {
    std::vector<std::string> files;  // `-`: standard input
    LogFormat format = LogFormat::json_lines;
    std::string map;      // a ready map's name or a file; empty: the plain one of the format
    std::string gateway;  // whose samples they are; empty: the map's name
    bool dry_run = false;
    bool follow = false;
};

/// Appends samples of the calls in access logs, each line once however often it is run.
/// @param is_terminal whether somebody looks on: else it prints nothing where nothing is wrong.
/// @returns partial where a log could not be read; the others are.
ExitCode usage_ingest(const Config& config, const IngestOptions& options, Format format,
                      bool is_terminal, std::ostream& out);

}  // namespace keyrota
