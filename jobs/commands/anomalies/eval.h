#pragma once

#include <ostream>
#include <string>

#include "error/exit_code.h"
#include "report/listing.h"

namespace keyrota {

struct EvalOptions {
    std::string input;   // a CSV file, `-` for standard input
    std::string alarms;  // a file for the alarms; empty: none
    double sensitivity = 1;
};

/// `keyrota anomalies eval`: runs the detector over labelled series and says how it did. Needs
/// neither a database nor a configuration.
///
/// Series may be mixed, but the hours of each ascend. A missing row is an hour without requests,
/// one with empty requests an hour of which nothing is known. A key begins with its first row and
/// ends with its last. What the mail budget holds back neither finds an incident nor disturbs.
/// @throws Error{usage} with every wrong line of the file; then nothing was written.
ExitCode anomalies_eval(const EvalOptions& options, Format format, std::ostream& out);

}  // namespace keyrota
