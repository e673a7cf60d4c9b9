#pragma once

#include <string>

#include "commands/report/report_facts.h"

namespace keyrota {

/// The sentence above everything: what is wrong, or that nothing is.
std::string headline_of(const ReportFacts& facts);

/// The report as one HTML file that needs nothing else: no network, no script. Every value is
/// escaped.
std::string report_html(const ReportFacts& facts);

/// The same figures for programs (docs/report.schema.json), with a line break at the end.
std::string report_json(const ReportFacts& facts);

}  // namespace keyrota
