#include "finding/control.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <set>

#include "error/error.h"
#include "error/suggestion.h"
#include "report/escape.h"

namespace keyrota {
namespace {

constexpr const char* kCis1 = "CIS Amazon Web Services Foundations Benchmark 1.2.0";
constexpr const char* kCis2 = "CIS Amazon Web Services Foundations Benchmark 2.0.0";
constexpr const char* kCisSource = "https://www.cisecurity.org/benchmark/amazon_web_services";
constexpr const char* kPci = "PCI DSS 4.0";
constexpr const char* kPciSource = "https://www.pcisecuritystandards.org/document_library/";
constexpr const char* kNist = "NIST SP 800-53 Revision 5";
constexpr const char* kNistSource = "https://csrc.nist.gov/pubs/sp/800/53/r5/upd1/final";
constexpr const char* kSoc = "SOC 2 (AICPA Trust Services Criteria 2017)";
constexpr const char* kSocSource =
    "https://www.aicpa-cima.com/resources/download/"
    "2017-trust-services-criteria-with-revised-points-of-focus-2022";

// The table. The numbers are the publishers'; the words and the checks are ours.
const std::vector<Control>& table() {
    static const std::vector<Control> rows = {
        {kCis1,
         "CIS-AWS-1.2:1.3",
         "credentials that were not used for 90 days are switched off",
         kCisSource,
         {"KEY-UNUSED", "KEY-NEVER-USED"}},
        {kCis1,
         "CIS-AWS-1.2:1.4",
         "access keys are rotated every 90 days or sooner",
         kCisSource,
         {"KEY-ROTATION-DUE", "KEY-ROTATION-SOON", "KEY-ROTATION-FAILED"}},
        {kCis2,
         "CIS-AWS-2.0:1.12",
         "credentials that were not used for 45 days are switched off",
         kCisSource,
         {"KEY-UNUSED", "KEY-NEVER-USED"}},
        {kCis2,
         "CIS-AWS-2.0:1.14",
         "access keys are rotated every 90 days or sooner",
         kCisSource,
         {"KEY-ROTATION-DUE", "KEY-ROTATION-SOON", "KEY-ROTATION-FAILED"}},
        {kCis2,
         "CIS-AWS-2.0:1.16",
         "nothing holds full administrative privileges",
         kCisSource,
         {"KEY-SCOPE-ADMIN"}},
        {kPci,
         "PCI-DSS-4.0:7.2.5",
         "application accounts have the least privileges that they need",
         kPciSource,
         {"KEY-SCOPE-ADMIN", "KEY-SCOPE-UNUSED", "KEY-SCOPE-TYPE"}},
        {kPci,
         "PCI-DSS-4.0:8.6.3",
         "secrets of application accounts are changed periodically and when they may be known to "
         "others",
         kPciSource,
         {"KEY-ROTATION-DUE", "KEY-ROTATION-SOON", "KEY-ROTATION-FAILED", "KEY-RETIRE-BLOCKED",
          "KEY-NO-EXPIRY", "KEY-BREACHED", "KEY-SECRET-IN-BROWSER", "KEY-IN-QUERY-STRING"}},
        {kNist,
         "NIST-800-53r5:IA-5(d)",
         "authenticators that were compromised are revoked, by a procedure",
         kNistSource,
         {"KEY-BREACHED"}},
        {kNist,
         "NIST-800-53r5:IA-5(f)",
         "authenticators are changed after a set time, or when something happens",
         kNistSource,
         {"KEY-ROTATION-DUE", "KEY-ROTATION-SOON", "KEY-ROTATION-FAILED", "KEY-RETIRE-BLOCKED",
          "KEY-EXPIRED", "KEY-EXPIRES-SOON", "KEY-NO-EXPIRY"}},
        {kNist,
         "NIST-800-53r5:IA-5(g)",
         "the content of authenticators is kept from others",
         kNistSource,
         {"KEY-SECRET-IN-BROWSER", "KEY-IN-QUERY-STRING"}},
        {kNist,
         "NIST-800-53r5:AC-2(3)",
         "accounts are switched off that are over, unused, or whose owner is gone",
         kNistSource,
         {"KEY-EXPIRED", "KEY-UNUSED", "KEY-NEVER-USED", "KEY-OWNER-GONE", "KEY-OWNER-MISSING"}},
        {kNist,
         "NIST-800-53r5:AC-2(12)",
         "unusual use of accounts is watched for and told",
         kNistSource,
         {"KEY-ANOMALY-SPIKE", "KEY-ANOMALY-DROP", "KEY-ANOMALY-ERRORS", "KEY-ANOMALY-OFFHOURS",
          "KEY-ANOMALY-WAKEUP", "KEY-ANOMALY-SHIFT", "KEY-ANOMALY-NETWORK", "KEY-INACTIVE-IN-USE"}},
        {kNist,
         "NIST-800-53r5:AC-6",
         "whoever acts may do what the task needs, and no more",
         kNistSource,
         {"KEY-SCOPE-ADMIN", "KEY-SCOPE-UNUSED", "KEY-SCOPE-TYPE"}},
        {kNist,
         "NIST-800-53r5:AU-9",
         "records of audit are protected from change",
         kNistSource,
         {"AUDIT-BROKEN"}},
        {kSoc,
         "SOC2:CC6.1",
         "access to what must be protected is restricted, and credentials are managed over their "
         "life",
         kSocSource,
         {"KEY-ROTATION-DUE", "KEY-ROTATION-SOON", "KEY-ROTATION-FAILED", "KEY-RETIRE-BLOCKED",
          "KEY-EXPIRED", "KEY-NO-EXPIRY", "KEY-BREACHED", "KEY-SECRET-IN-BROWSER",
          "KEY-IN-QUERY-STRING"}},
        {kSoc,
         "SOC2:CC6.2",
         "credentials end when they are needed no more or their owner is gone",
         kSocSource,
         {"KEY-UNUSED", "KEY-NEVER-USED", "KEY-OWNER-GONE", "KEY-OWNER-MISSING"}},
        {kSoc,
         "SOC2:CC6.3",
         "access follows least privilege",
         kSocSource,
         {"KEY-SCOPE-ADMIN", "KEY-SCOPE-UNUSED", "KEY-SCOPE-TYPE"}},
        {kSoc,
         "SOC2:CC7.2",
         "what is unusual is watched for and judged",
         kSocSource,
         {"KEY-ANOMALY-SPIKE", "KEY-ANOMALY-DROP", "KEY-ANOMALY-ERRORS", "KEY-ANOMALY-OFFHOURS",
          "KEY-ANOMALY-WAKEUP", "KEY-ANOMALY-SHIFT", "KEY-ANOMALY-NETWORK", "KEY-INACTIVE-IN-USE"}},
    };
    return rows;
}

std::string upper(std::string_view text) {
    std::string all(text);
    for (char& c : all) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    return all;
}

bool is_named(std::string_view control, const std::string& named) {
    const std::string text = upper(control);
    return text == named || text.starts_with(named + "(");
}

}  // namespace

std::string_view Control::clause() const {
    const std::string_view all(id);
    return all.substr(all.find(':') + 1);
}

bool Control::covers(std::string_view check_id) const {
    return std::find(checks.begin(), checks.end(), check_id) != checks.end();
}

const std::vector<Control>& all_controls() {
    return table();
}

std::vector<const Control*> controls_of(std::string_view check_id) {
    std::vector<const Control*> found;
    for (const Control& control : table())
        if (control.covers(check_id)) found.push_back(&control);
    return found;
}

std::vector<std::string> checks_of_control(const std::string& named) {
    std::set<std::string> checks;
    std::vector<std::string> ids;
    for (const Control& control : table()) {
        ids.emplace_back(control.id);
        if (is_named(control.id, upper(named)) || is_named(control.clause(), upper(named)))
            checks.insert(control.checks.begin(), control.checks.end());
    }
    if (!checks.empty()) return {checks.begin(), checks.end()};
    std::string hint = did_you_mean(named, ids);
    if (hint.empty()) hint = "`keyrota findings controls` lists them.";
    throw Error(ExitCode::usage, fmt::format("no control is called \"{}\"", for_terminal(named)),
                hint);
}

}  // namespace keyrota
