#include "rotation/by_command.h"

namespace keyrota {

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
            .as_of = session.one(kNowOfCommand).instant("now"),
            .in_batch = [&](const auto& work) { in_transaction(session, config, work); }};
}

}  // namespace keyrota
