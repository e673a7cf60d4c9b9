#include "commands/runs/runs.h"

#include <fmt/format.h>

#include <sstream>

#include "catalog.h"
#include "error/error.h"
#include "jobs_sql.h"
#include "postgres/cursor.h"
#include "postgres/database.h"
#include "report/facts.h"

namespace keyrota {
namespace {

Facts facts_of(const Row& row) {
    Facts facts;
    facts.add("run_id", row.int64("run_id"));
    for (const char* name : {"job", "status"}) facts.add(name, text_cell(row, name));
    facts.add("complete", flag_cell(row, "complete"));
    facts.add("exit_code", number_cell(row, "exit_code"));
    facts.add("message", text_cell(row, "message"));
    for (const char* name : {"as_of", "started_at", "finished_at"})
        facts.add(name, instant_cell(row, name));
    facts.add("duration_ms", number_cell(row, "duration_ms"));
    facts.add("options", row.text("options") == "{}" ? Cell{} : Cell(Json{row.text("options")}));
    for (const char* name : {"started_by", "session_user_name", "program_version", "plan_digest"})
        facts.add(name, text_cell(row, name));
    facts.add("applied_by_run_id", number_cell(row, "applied_by_run_id"));
    return facts;
}

void list_checks(Session& session, std::int64_t run_id, Format format, std::ostream& out) {
    Listing listing(out, format,
                    {{"check"},
                     {"pass"},
                     {"since_at", Shown::data},
                     {"found"},
                     {"opened"},
                     {"changed"},
                     {"resolved"},
                     {"planned"},
                     {"applied"},
                     {"drifted"},
                     {"refused"},
                     {"failed"},
                     {"error"}});
    for (const Row& row : session.rows(sql::run_checks, {{"run_id", run_id}}))
        listing.row({row.text("check_id"), row.text("pass"), instant_cell(row, "since_at"),
                     row.int64("found_total"), row.int64("opened_total"),
                     row.int64("changed_total"), row.int64("resolved_total"),
                     row.int64("planned_total"), row.int64("applied_total"),
                     row.int64("drifted_total"), row.int64("refused_total"),
                     row.int64("failed_total"), text_cell(row, "error")});
    listing.end();
}

}  // namespace

ExitCode runs_list(const Config& config, const std::string& job, std::int64_t limit, Format format,
                   std::ostream& out) {
    if (!job.empty()) find_job(job);
    Session session = open_session(config, Access::runner);
    std::optional<std::int64_t> rows;
    if (limit > 0) rows = limit;
    Listing listing(out, format,
                    {{"run_id"},
                     {"job"},
                     {"status"},
                     {"exit_code"},
                     {"started_at"},
                     {"duration_ms"},
                     {"applied"},
                     {"drifted"},
                     {"refused"},
                     {"failed"},
                     {"opened"},
                     {"resolved"},
                     {"started_by"},
                     {"as_of", Shown::data},
                     {"planned", Shown::data},
                     {"message", Shown::data}});
    Transaction reading(session);
    for_each_row(session, sql::runs_list, {text_or_null("job", job), {"limit", rows}},
                 [&](const Row& row) {
                     listing.row({row.int64("run_id"), row.text("job"), row.text("status"),
                                  number_cell(row, "exit_code"), instant_cell(row, "started_at"),
                                  number_cell(row, "duration_ms"), number_cell(row, "applied"),
                                  number_cell(row, "drifted"), number_cell(row, "refused"),
                                  number_cell(row, "failed"), number_cell(row, "opened"),
                                  number_cell(row, "resolved"), row.text("started_by"),
                                  instant_cell(row, "as_of"), number_cell(row, "planned"),
                                  text_cell(row, "message")});
                 });
    listing.end("no runs");
    return ExitCode::done;
}

ExitCode runs_show(const Config& config, std::int64_t run_id, Format format, std::ostream& out) {
    Session session = open_session(config, Access::runner);
    const auto run = session.row(sql::run_by_id, {{"run_id", run_id}});
    if (!run)
        throw Error(ExitCode::usage, fmt::format("there is no run {}", run_id),
                    "`keyrota runs list` shows them.");
    Facts facts = facts_of(*run);
    if (format == Format::json) {
        std::ostringstream checks;
        list_checks(session, run_id, format, checks);
        facts.add("checks", Json{checks.str().substr(0, checks.str().size() - 1)});
        out << facts.json() << "\n";
        return ExitCode::done;
    }
    facts.print_text(out);
    out << "\n";
    list_checks(session, run_id, format, out);
    return ExitCode::done;
}

}  // namespace keyrota
