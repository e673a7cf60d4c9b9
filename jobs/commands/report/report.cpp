#include "commands/report/report.h"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include "commands/find_named.h"
#include "commands/report/report_page.h"
#include "error/error.h"
#include "postgres/database.h"
#include "report/escape.h"
#include "report/new_file.h"

namespace keyrota {
namespace {

constexpr Statement kOneSnapshot{"report_one_snapshot",
                                 "set transaction isolation level repeatable read, read only"};

ReportFacts look(const Config& config, const ReportOptions& options) {
    Session session = open_session(config, Access::runner);
    const Transaction transaction(session);
    session.execute(kOneSnapshot);
    ReportScope scope;
    if (!options.owner.empty()) scope.owner_id = find_owner(session, options.owner);
    if (!options.team.empty()) scope.team_id = find_team(session, options.team);
    return report_facts(session, config, scope, options.as_of);
}

}  // namespace

ExitCode report(const Config& config, const ReportOptions& options, std::ostream& out) {
    const bool is_printed = options.out == "-" || (options.out.empty() && options.json);
    if (options.out.empty() && !options.json)
        throw Error(ExitCode::usage, "where should the report go?",
                    "Name a file: `keyrota report --out report.html`; `-` is standard output.");
    if (!options.owner.empty() && !options.team.empty())
        throw Error(ExitCode::usage, "--owner and --team cannot be combined",
                    "Leave one of them out; a team's report has all its owners' keys.");
    const ReportFacts facts = look(config, options);
    const std::string text = options.json ? report_json(facts) : report_html(facts);
    if (is_printed) {
        out << text;
        return ExitCode::done;
    }
    NewFile file(options.out);
    file.write(text);
    file.finish();
    fmt::print(out, "{}\nwrote {}\n", for_terminal(headline_of(facts)), for_terminal(options.out));
    return ExitCode::done;
}

}  // namespace keyrota
