#include "rotation/by_command.h"

#include "audit/audit.h"

namespace keyrota {
namespace {

constexpr Statement kNow{"now", "select keyrota.micros(now()) as now"};

}  // namespace

Timestamp now_of(Session& session) {
    return session.one(kNow).instant("now");
}

ActOfRotation act_by_command(Session& session, const std::string& reason) {
    return {.block_id = open_audit_block(session),
            .as_of = now_of(session),
            .actor = audit_actor(),
            .reason = reason};
}

void in_transaction(Session& session, const Config& config, const std::function<void()>& work) {
    with_retries(static_cast<int>(config.limits.max_tries), [&] {
        Transaction transaction(session);
        work();
        transaction.commit();
    });
}

Delivering by_command(Session& session, const Config& config) {
    return {.session = session,
            .config = config,
            .as_of = now_of(session),
            .in_batch = [&](const auto& work) { in_transaction(session, config, work); }};
}

}  // namespace keyrota
