#include "commands/anomalies/rebuild.h"

#include <fmt/format.h>

#include "commands/run/run.h"
#include "jobs_sql.h"
#include "postgres/database.h"
#include "postgres/lease.h"
#include "runner/run.h"

namespace keyrota {
namespace {

constexpr const char* kJob = "detect-anomalies";
constexpr int kKeysInBatch = 10'000;

// As before the first run. What is usual for the gate is counted anew with the hours.
void forget_position(Session& session, const Lease& lease, Timestamp from) {
    Transaction transaction(session);
    lease.hold_for_transaction(session);
    session.execute(sql::detector_restart, {{"from", from}});
    transaction.commit();
}

void forget_states(Session& session, const Lease& lease) {
    for (std::int64_t forgotten = 1; forgotten > 0;) {
        Transaction transaction(session);
        lease.hold_for_transaction(session);
        forgotten = session.execute(sql::detector_forget, {{"size", kKeysInBatch}});
        transaction.commit();
    }
}

}  // namespace

ExitCode anomalies_rebuild(const Config& config, Timestamp from, bool is_terminal,
                           std::ostream& out, std::ostream& errors) {
    {
        Lease::Held held;
        const auto lease =
            Lease::try_acquire(connection_for(config, Access::runner), kJob, kOnlyShard, &held);
        if (!lease)
            throw Error(ExitCode::lease_held, fmt::format("{} is running ({})", kJob, held.holder),
                        "Try again when it has finished.");
        Session session = open_session(config, Access::runner);
        forget_position(session, *lease, from);
        forget_states(session, *lease);
    }
    return run_jobs({kJob}, {}, config, false, is_terminal, out, errors);
}

}  // namespace keyrota
