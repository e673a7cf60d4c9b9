#include "commands/plan.h"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include "catalog.h"
#include "commands/run/run_report.h"
#include "error/print_error.h"
#include "report/escape.h"
#include "report/listing.h"
#include "runner/plan_file.h"

namespace keyrota {
namespace {

// `    - sk_live_...abcd  checkout  ada@example.com  ended 2026-11-24T06:00:00Z`
void show_action(const PlannedAction& action, std::ostream& out) {
    fmt::print(out, "    - {}  {}  {}  {}\n", for_terminal(action.masked),
               shortened(for_terminal(action.name), 40),
               action.owner.empty() ? "no owner" : for_terminal(action.owner),
               action.expires_at ? "ended " + short_instant(*action.expires_at) : action.status);
}

void show(const PlanReport& planned, std::ostream& out) {
    const RunReport& run = planned.run;
    fmt::print(out, "{} as of {}: plan of run {}, nothing was changed\n", run.job,
               short_instant(run.as_of), run.run_id);
    for (const CheckReport& check : run.checks) {
        if (!check.error.empty()) {
            fmt::print(out, "\n  {}: not evaluated\n", check.check_id);
            continue;
        }
        if (check.opened + check.changed + check.resolved > 0)
            fmt::print(
                out,
                "\n  {}: findings for the next run to record: {} new, {} changed, {} resolved\n",
                check.check_id, check.opened, check.changed, check.resolved);
        if (check.planned == 0) continue;
        fmt::print(out, "\n  {}: {} {} {}\n", check.check_id, check.action, check.planned,
                   check.planned == 1 ? "key" : "keys");
        std::int64_t shown = 0;
        for (const PlannedAction& action : planned.first)
            if (action.check_id == check.check_id) {
                show_action(action, out);
                ++shown;
            }
        if (check.planned > shown)
            fmt::print(out, "    and {} more, in the file\n", check.planned - shown);
    }
}

}  // namespace

ExitCode plan_to_file(const std::string& job, const std::filesystem::path& file,
                      const RunOptions& options, const Config& config, std::ostream& out,
                      std::ostream& errors) {
    Interruption interruption;
    const PlanReport planned = plan_job(find_job(job), options, config, interruption, file);
    const RunReport& run = planned.run;
    if (run.status != "planned") {  // no file was written
        print_error(errors, run.message.empty() ? "interrupted" : run.message, run.hint);
        return run.exit_code;
    }
    show(planned, out);
    std::int64_t actions = 0;
    for (const CheckReport& check : run.checks) actions += check.planned;
    if (actions == 0)
        out << "\nNothing to apply.\n";
    else
        fmt::print(out, "\nActions in the plan: {}. Apply them within a day: keyrota apply {}\n",
                   actions, file.string());
    if (!run.message.empty()) print_error(errors, run.message, run.hint);
    return run.exit_code;
}

ExitCode apply_file(const std::filesystem::path& file, const RunOptions& options,
                    const Config& config, bool json, bool is_terminal, std::ostream& out,
                    std::ostream& errors) {
    Interruption interruption;
    const Job& job = find_job(read_plan_header(file).job);
    const RunReport report = apply_plan(job, options, config, interruption, file);
    if (json) {
        report_json(report, false)->stringify(out, 2);
        out << "\n";
    } else if (is_terminal) {
        print_report(report, false, out);
    }
    if (!report.message.empty()) print_error(errors, report.message, report.hint);
    return report.exit_code;
}

}  // namespace keyrota
