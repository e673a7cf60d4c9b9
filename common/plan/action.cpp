#include "plan/action.h"

#include <fmt/format.h>

#include "common_sql.h"
#include "error/error.h"

namespace keyrota {
namespace {

const Action kActions[] = {
    {"expire", "key.expire", sql::expire, true},
    {"deactivate", "key.deactivate", sql::deactivate, false},
    {"rotate", "rotation.request", sql::rotate, false},
    {"retire", "key.retire", sql::retire, false},
};

constexpr std::int64_t kFloor = 20;
constexpr std::int64_t kCeiling = 1000;
constexpr std::int64_t kExpiryFloor = 1000;
constexpr std::int64_t kKeysPerAction = 20;  // 5 % of the active keys

}  // namespace

const Action& find_action(std::string_view name) {
    for (const Action& action : kActions)
        if (name == action.name) return action;
    throw Error(ExitCode::internal, fmt::format("no action is called \"{}\"", name));
}

bool within_blast_radius(Session& session, const Action& action, std::int64_t wanted) {
    if (wanted <= (action.repeats_what_gateways_do ? kExpiryFloor : kFloor)) return true;
    if (!action.repeats_what_gateways_do && wanted > kCeiling) return false;
    const std::int64_t enough = wanted * kKeysPerAction;
    return session.one(sql::active_keys_up_to, {{"enough", enough}}).int64("total") >= enough;
}

}  // namespace keyrota
