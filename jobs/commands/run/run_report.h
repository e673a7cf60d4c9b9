#pragma once

#include <Poco/JSON/Object.h>

#include <ostream>

#include "runner/runner.h"

namespace keyrota {

/// A run's outcome as a few lines for people.
void print_report(const RunReport& report, bool dry_run, std::ostream& out);

/// The same as a JSON object.
Poco::JSON::Object::Ptr report_json(const RunReport& report, bool dry_run);

}  // namespace keyrota
