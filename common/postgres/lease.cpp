#include "postgres/lease.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "common_sql.h"
#include "error/error.h"
#include "postgres/caller.h"

namespace keyrota {
namespace {

// A third of the TTL in lease_take.sql: two beats may be lost.
constexpr std::chrono::seconds kBeatEvery(10);

constexpr Statement kBeat{
    "lease_beat",
    "update keyrota.job_lease set expires_at = clock_timestamp() + interval '30 seconds'"
    " where token = :token"};
constexpr Statement kRelease{"lease_release", "delete from keyrota.job_lease where token = :token"};
constexpr Statement kHold{"lease_hold",
                          "select token from keyrota.job_lease where token = :token for key share"};

}  // namespace

std::unique_ptr<Lease> Lease::try_acquire(const Connection& connection, const std::string& job,
                                          const std::string& shard, Held* held) {
    Session session(connection);
    const Params name{{"job", job}, {"shard", shard}};
    std::optional<Row> holder = session.row(sql::lease_holder, name);
    if (!holder) {
        try {
            const auto taken = session.row(
                sql::lease_take,
                {{"job", job}, {"shard", shard}, {"holder", current_caller().display()}});
            if (taken)
                return std::unique_ptr<Lease>(new Lease(std::move(session), taken->int64("token")));
        } catch (const DatabaseError& error) {
            if (!error.is_contention()) throw;  // its last batch is still committing: held
        }
        holder = session.row(sql::lease_holder, name);
    }
    if (held) held->holder = holder ? holder->text("holder") : "another run";
    return nullptr;
}

Lease::Lease(Session session, std::int64_t token) : session_(std::move(session)), token_(token) {
    heart_ = std::thread([this] { beat(); });
}

Lease::~Lease() {
    {
        const std::lock_guard lock(mutex_);
        ending_ = true;
    }
    wake_.notify_all();
    heart_.join();
    try {
        session_.execute(kRelease, {{"token", token_}});
    } catch (const DatabaseError& error) {
        spdlog::debug("lease not released ({}): it expires by itself", error.what());
    }
}

void Lease::beat() {
    std::unique_lock lock(mutex_);
    while (!wake_.wait_for(lock, kBeatEvery, [this] { return ending_; })) {
        try {
            session_.execute(kBeat, {{"token", token_}});
        } catch (const DatabaseError& error) {
            spdlog::warn("lease heartbeat failed: {}", error.what());
        }
    }
}

void Lease::hold_for_transaction(Session& session) const {
    if (!session.row(kHold, {{"token", token_}}))
        throw Error(ExitCode::lease_held, "the lease was taken over by another run",
                    "That run continues from here; this one stopped without harm.");
}

}  // namespace keyrota
