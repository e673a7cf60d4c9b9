#include <fmt/format.h>
#include <fmt/ostream.h>

#include "audit/audit.h"
#include "commands/confirm.h"
#include "commands/mail/mail.h"
#include "jobs_sql.h"
#include "postgres/database.h"

namespace keyrota {
namespace {

constexpr Statement kRelease{"release_mail",
                             "insert into keyrota.mail_release (released_at, released_by)"
                             " values (clock_timestamp(), :actor) on conflict do nothing"};
constexpr Statement kObserved{"observed_notices",
                              "select count(*) as notices, count(distinct recipient) as recipients"
                              "  from keyrota.notice where state = 'observed'"};

std::string counted(std::int64_t count, const char* one, const char* many) {
    return fmt::format("{} {}", count, count == 1 ? one : many);
}

}  // namespace

ExitCode mail_release(const Config& config, bool yes, std::ostream& out, std::ostream& errors) {
    Session session = open_session(config, Access::runner);
    const Row observed = session.one(kObserved);
    const std::string people = counted(observed.int64("recipients"), "person", "people");
    if (!yes)
        confirm(fmt::format("The next run of notify-owners writes to {} about {}.", people,
                            counted(observed.int64("notices"), "thing", "things")),
                "yes", errors);
    Transaction transaction(session);
    if (session.execute(kRelease, {{"actor", audit_actor()}}) == 0) {
        out << "mail is already released: owners are notified\n";
        return ExitCode::done;
    }
    record_audit(session, {.action = "mail.release"});
    transaction.commit();
    fmt::print(out, "released: the next run of notify-owners writes to {}, one digest each\n",
               people);
    return ExitCode::done;
}

}  // namespace keyrota
