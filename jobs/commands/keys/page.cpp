#include "commands/keys/page.h"

#include <fmt/format.h>

#include "commands/find_named.h"
#include "error/error.h"
#include "jobs_sql.h"
#include "postgres/cursor.h"
#include "text/glob.h"

namespace keyrota {
namespace {

std::optional<std::int64_t> micros(const std::optional<std::chrono::microseconds>& duration) {
    if (!duration) return std::nullopt;
    return duration->count();
}

// Where a list begins: a key's place in its order.
struct Place {
    std::optional<std::int64_t> key_id;
    std::int64_t number = 0;
    std::string text;
};

Params page_params(Session& session, const KeyFilter& filter, const KeyOrder& order,
                   const std::optional<std::int64_t>& key_id, const Place& after) {
    std::optional<std::int64_t> owner_id, team_id, service_plan_id;
    if (!filter.owner.empty()) owner_id = find_owner(session, filter.owner);
    if (!filter.team.empty()) team_id = find_team(session, filter.team);
    if (!filter.service_plan.empty())
        service_plan_id = find_service_plan(session, filter.service_plan);
    return {{"key_id", key_id},
            {"owner_id", owner_id},
            {"team_id", team_id},
            {"service_plan_id", service_plan_id},
            text_or_null("type", filter.type),
            text_or_null("environment", filter.environment),
            text_or_null("status", filter.status),
            text_or_null("scope", filter.scope),
            text_or_null("source", filter.source),
            text_or_null("name", like_pattern(filter.name)),
            {"expires_before", filter.expires_before},
            {"expires_within", micros(filter.expires_within)},
            {"unused_for", micros(filter.unused_for)},
            {"created_before", filter.created_before},
            {"sort", order.sort},
            {"descending", order.descending ? 1 : 0},
            {"after", after.key_id},
            {"after_number", after.number},
            {"after_text", after.text},
            {"with_findings", order.with_findings ? 1 : 0},
            {"limit", order.limit}};
}

Place place_of(Session& session, const KeyOrder& order) {
    if (!order.after || order.sort == "key_id") return {order.after, 0, ""};
    const auto row =
        session.row(sql::keys_page, page_params(session, {}, order, order.after, Place{}));
    if (!row)
        throw Error(ExitCode::usage, fmt::format("--after: key {} is gone", *order.after),
                    "Start again without --after, or continue with --sort key_id.");
    return {order.after, row->int64("place_number"), row->text("place_text")};
}

}  // namespace

void for_each_key(Session& session, const KeyFilter& filter, const KeyOrder& order,
                  const std::function<void(const Row&)>& use) {
    const Place after = place_of(session, order);
    for_each_row(session, sql::keys_page, page_params(session, filter, order, {}, after), use);
}

}  // namespace keyrota
