#include "commands/run/run_report.h"

#include <Poco/JSON/Array.h>
#include <fmt/format.h>

#include "report/escape.h"

namespace keyrota {
namespace {

Poco::JSON::Object::Ptr to_json(const CheckReport& check) {
    Poco::JSON::Object::Ptr object(new Poco::JSON::Object(Poco::JSON_PRESERVE_KEY_ORDER));
    object->set("check", check.check_id);
    object->set("pass", check.pass);
    object->set("found", check.found);
    object->set("waived", check.waived);
    object->set("opened", check.opened);
    object->set("changed", check.changed);
    object->set("resolved", check.resolved);
    object->set("planned", check.planned);
    object->set("applied", check.applied);
    object->set("drifted", check.drifted);
    object->set("refused", check.refused);
    object->set("failed", check.failed);
    if (!check.error.empty()) object->set("error", check.error);
    if (!check.unknown.empty()) {
        Poco::JSON::Array gateways;
        for (const UnknownUsage& usage : check.unknown) gateways.add(usage.gateway);
        object->set("unknown_usage_of", gateways);
    }
    return object;
}

// `, usage of edge-1, edge-2 unknown`
std::string unknown(const CheckReport& check) {
    std::string gateways;
    for (const UnknownUsage& usage : check.unknown)
        gateways += (gateways.empty() ? "" : ", ") + for_terminal(usage.gateway);
    if (gateways.empty()) return "";
    return fmt::format(", usage of {} unknown", gateways);
}

std::string counted(std::int64_t count, const char* what) {
    return count == 0 ? "" : fmt::format(", {} {}", count, what);
}

}  // namespace

Poco::JSON::Object::Ptr report_json(const RunReport& report, bool dry_run) {
    Poco::JSON::Object::Ptr object(new Poco::JSON::Object(Poco::JSON_PRESERVE_KEY_ORDER));
    object->set("job", report.job);
    object->set("dry_run", dry_run);
    if (report.run_id != 0) object->set("run_id", report.run_id);
    if (report.as_of != Timestamp{}) object->set("as_of", to_string(report.as_of));
    object->set("status", report.status);
    object->set("complete", report.complete);
    object->set("exit_code", static_cast<int>(report.exit_code));
    if (!report.held.empty()) object->set("held", report.held);
    if (!report.message.empty()) object->set("message", report.message);
    object->set("plan_ms", static_cast<std::int64_t>(report.plan_time.count()));
    object->set("apply_ms", static_cast<std::int64_t>(report.apply_time.count()));
    Poco::JSON::Array checks;
    for (const CheckReport& check : report.checks) checks.add(to_json(check));
    object->set("checks", checks);
    return object;
}

void print_report(const RunReport& report, bool dry_run, std::ostream& out) {
    out << (dry_run ? fmt::format("{} as of {}: dry run, nothing was changed\n", report.job,
                                  to_string(report.as_of))
                    : fmt::format("{}: run {} {}\n", report.job, report.run_id, report.status));
    for (const CheckReport& check : report.checks) {
        if (!check.error.empty()) {
            out << fmt::format("  {:<20} not evaluated\n", check.check_id);
            continue;
        }
        if (check.is_chore() || check.is_step()) {
            out << fmt::format("  {:<20} {} due", check.check_id, check.found)
                << counted(check.applied, "done")
                << counted(check.refused, dry_run ? "that would be refused" : "refused")
                << counted(check.failed, "failed") << "\n";
            continue;
        }
        out << fmt::format("  {:<20} {} found", check.check_id, check.found)
            << counted(check.waived, "waived")
            << counted(check.opened, dry_run ? "findings to open" : "findings opened")
            << counted(check.changed, dry_run ? "to change" : "changed")
            << counted(check.resolved, dry_run ? "to resolve" : "resolved")
            << counted(dry_run ? check.planned - check.refused : 0, "actions to apply")
            << counted(check.applied, "actions applied") << counted(check.drifted, "drifted")
            << counted(check.refused, dry_run ? "actions that would be refused" : "refused")
            << counted(check.failed, "failed") << unknown(check) << "\n";
    }
}

}  // namespace keyrota
