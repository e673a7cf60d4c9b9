#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/config.h"

namespace keyrota {

/// Where a configuration may come from: flag > environment > file > default.
struct ConfigSources {
    /// `--config`; it must exist. Without it $KEYROTA_CONFIG names the file, and without that
    /// `system_file` is read if it is there. Nothing is ever looked for in the working directory.
    std::optional<std::filesystem::path> file;
    std::filesystem::path system_file = "/etc/keyrota/keyrota.yaml";
    /// All of it, so that a misspelt KEYROTA_* variable is seen; HOME and XDG_DATA_HOME give
    /// data_dir its default.
    std::map<std::string, std::string> environment;
    /// Options given on the command line: path -> text. Of `log.format` the flag is called
    /// `--log-format`.
    std::map<std::string, std::string> flags;
    /// The jobs that may have a schedule.
    std::vector<std::string> jobs = {};
};

/// One line of `config show`.
struct Setting {
    std::string path;        // `database.lock_timeout`, `policy.rules.NAME.match.type`
    std::string value;       // as people may see it: no password, references as they were written
    std::string origin;      // `default`, `FILE:LINE`, `environment NAME` or `flag`
    bool inherited = false;  // a rule has it from policy.defaults
};

struct LoadedConfig {
    Config config;
    std::vector<Setting> settings;  // in the order of the table; of a rule what it matches and sets
    std::filesystem::path file;     // empty if none was read
};

/// The configuration in force: checked, with data_dir absolute and policy ending with `default`.
/// @throws Error{config} whose message lists everything that is wrong, in all sources, each on a
/// line of its own (`FILE:LINE:COLUMN: ...`, counted from 1, or `environment NAME: ...`), followed
/// by an indented `HINT: ...` where there is one. A file that others can have written is refused
/// (read_trusted_file), and a secret's that others can read. References (expand) are followed,
/// wherever a text comes from.
LoadedConfig load_config(const ConfigSources& sources);

/// The environment of this process.
std::map<std::string, std::string> process_environment();

}  // namespace keyrota
