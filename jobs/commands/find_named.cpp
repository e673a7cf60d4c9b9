#include "commands/find_named.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "config/options.h"
#include "error/error.h"
#include "error/suggestion.h"
#include "jobs_sql.h"

namespace keyrota {
namespace {

constexpr Statement kOwnerById{"owner_by_id",
                               "select owner_id from keyrota.owner where owner_id = :owner_id"};
constexpr Statement kOwnerByEmail{
    "owner_by_email", "select owner_id from keyrota.owner where lower(email) = lower(:email)"};
constexpr Statement kOwnerActive{
    "owner_active",
    "select active::int::bigint as active from keyrota.owner where owner_id = :owner_id"};
constexpr Statement kOwnerStays{"owner_stays",
                                "select active::int::bigint as active from keyrota.owner"
                                " where owner_id = :owner_id for share"};
// Enough of those that begin alike to find a slip of the finger.
constexpr Statement kOwnersLike{
    "owners_like",
    "select email as name from keyrota.owner"
    " where left(lower(email), 2) = left(lower(cast(:name as text)), 2) limit 5000"};
constexpr Statement kTeamById{"team_by_id",
                              "select team_id from keyrota.team where team_id = :team_id"};
constexpr Statement kTeamByName{"team_by_name",
                                "select team_id from keyrota.team where name = :name"};
constexpr Statement kTeams{"team_names", "select name from keyrota.team limit 5000"};
constexpr Statement kPlanByName{
    "service_plan_by_name", "select service_plan_id from keyrota.service_plan where name = :name"};
constexpr Statement kPlans{"service_plan_names",
                           "select name from keyrota.service_plan order by name limit 5000"};

constexpr std::size_t kShortestUid = 7;  // kf_ and the digits that may be typed

std::optional<std::int64_t> number_of(const std::string& text) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return number;
}

Error no_such(const char* kind, const std::string& given, const std::vector<Row>& known,
              const std::string& otherwise) {
    std::vector<std::string> names;
    names.reserve(known.size());
    for (const Row& row : known) names.push_back(row.text("name"));
    const std::string meant = did_you_mean(given, names);
    return {ExitCode::usage, fmt::format("there is no {} {}", kind, in_quotes(given)),
            meant.empty() ? otherwise : meant};
}

Error has_left(const std::string& owner) {
    return {ExitCode::usage, fmt::format("owner {} has left", owner),
            "Name another one, or run `keyrota owners update OWNER --active true`."};
}

}  // namespace

std::int64_t find_owner(Session& session, const std::string& owner) {
    const auto owner_id = number_of(owner);
    const auto found = owner_id ? session.row(kOwnerById, {{"owner_id", *owner_id}})
                                : session.row(kOwnerByEmail, {{"email", owner}});
    if (found) return found->int64("owner_id");
    throw no_such("owner", owner, session.rows(kOwnersLike, {{"name", owner}}),
                  "Give an email address or an owner_id; `keyrota owners list` shows them.");
}

std::int64_t find_active_owner(Session& session, const std::string& owner) {
    const std::int64_t owner_id = find_owner(session, owner);
    if (session.one(kOwnerActive, {{"owner_id", owner_id}}).int64("active") != 0) return owner_id;
    throw has_left(in_quotes(owner));
}

void require_active_owner(Session& session, std::int64_t owner_id) {
    if (session.one(kOwnerStays, {{"owner_id", owner_id}}).int64("active") == 0)
        throw has_left(std::to_string(owner_id));
}

std::int64_t find_team(Session& session, const std::string& team) {
    auto found = session.row(kTeamByName, {{"name", team}});
    if (const auto team_id = number_of(team); !found && team_id)
        found = session.row(kTeamById, {{"team_id", *team_id}});
    if (found) return found->int64("team_id");
    throw no_such("team", team, session.rows(kTeams), "`keyrota teams list` shows them.");
}

std::int64_t find_service_plan(Session& session, const std::string& name) {
    if (const auto found = session.row(kPlanByName, {{"name", name}}))
        return found->int64("service_plan_id");
    const std::vector<Row> plans = session.rows(kPlans);
    std::string known;
    for (const Row& row : plans) known += (known.empty() ? "" : ", ") + row.text("name");
    throw no_such("service plan", name, plans, fmt::format("Known plans: {}.", known));
}

Row find_finding(Session& session, const std::string& finding) {
    const std::vector<Row> found =
        finding.size() < kShortestUid || finding.compare(0, 3, "kf_") != 0
            ? std::vector<Row>{}
            : session.rows(sql::finding_by_uid, {{"beginning", finding}});
    if (found.empty())
        throw Error(ExitCode::usage, fmt::format("there is no finding {}", in_quotes(finding)),
                    "`keyrota findings list` shows them; four digits after kf_ may be enough.");
    if (found.size() > 1)
        throw Error(ExitCode::usage,
                    fmt::format("more than one finding begins with {}", in_quotes(finding)),
                    "Give more of its digits.");
    return found.front();
}

}  // namespace keyrota
