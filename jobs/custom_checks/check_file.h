#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "config/complaint.h"
#include "config/config.h"

namespace keyrota {

/// A check that the user wrote: a file of the folder of custom checks (docs/custom-checks.md).
struct CustomCheck {
    std::string check_id;  // CUSTOM-...
    int severity = 0;
    std::string title;
    std::string remediation;
    std::string schedule;  // empty: that of the job
    std::string text;      // the whole file: so places in messages are those of the file
    std::filesystem::path file;
};

/// A file that cannot be used, and why.
struct RefusedCheck {
    std::string id;  // the file's name; of several with one id that id
    Complaint why;
};

struct CustomChecks {
    std::vector<CustomCheck> checks;  // in the order of their files' names
    std::vector<RefusedCheck> refused;
};

/// Where they are: `custom_checks.dir`, or checks.d beside the configuration file.
std::filesystem::path custom_checks_folder(const Config& config);

/// Reads all *.sql of the folder. A file is refused that others could have written
/// (read_trusted_file), whose header is not one, or whose id another file has too.
/// @throws Error{config} when the folder cannot be read, or is not there though it was named.
CustomChecks load_custom_checks(const Config& config);

}  // namespace keyrota
