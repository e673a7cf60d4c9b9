#pragma once

#include <filesystem>
#include <ostream>

#include "commands/keys/page.h"
#include "config/config.h"
#include "error/exit_code.h"
#include "report/listing.h"

namespace keyrota {

/// `keyrota keys list`: streams, whatever there is. For people it says how to go on where there are
/// more.
ExitCode keys_list(const Config& config, const KeyFilter& filter, const KeyOrder& order,
                   Format format, std::ostream& out);

/// `keyrota keys list --credential-report`: CSV, a line a key, as auditors know it from AWS.
ExitCode keys_credential_report(const Config& config, const KeyFilter& filter,
                                const KeyOrder& order, std::ostream& out);

enum class ExportFormat { csv, jsonl };

/// `keyrota keys export`: the columns that import reads, by key_id; no secret hash. Into a file of
/// mode 0600 that is there as a whole or not at all; without one, to `out`.
ExitCode keys_export(const Config& config, const KeyFilter& filter, ExportFormat format,
                     const std::filesystem::path& file, std::ostream& out);

}  // namespace keyrota
