#include "commands/report/report_facts.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "error/error.h"
#include "jobs_sql.h"

namespace keyrota {
namespace {

using std::chrono::days;

// Bounds of what is listed one by one: the file stays small however much there is.
constexpr std::int64_t kChecks = 60;
constexpr std::int64_t kWorstKeys = 12;
constexpr std::int64_t kWaivers = 25;
constexpr std::int64_t kTeams = 12;

constexpr Statement kUsageKnown{
    "report_usage_known",
    "select keyrota.micros(keyrota.usage_known_since(keyrota.instant(:as_of),"
    "       :silent_after * interval '1 microsecond')) as since"};

// What every statement is told: whose keys, as of when.
class Question {
  public:
    Question(Session& session, const ReportScope& scope, Timestamp as_of)
        : session_(session), scope_(scope), as_of_(as_of) {}

    std::vector<Row> rows(const Statement& statement, const Params& more = {}) const {
        return session_.rows(statement, params(more));
    }
    Row one(const Statement& statement) const { return session_.one(statement, params({})); }
    Session& session() const { return session_; }

  private:
    Params params(const Params& more) const {
        Params all{{"owner_id", scope_.owner_id}, {"team_id", scope_.team_id}, {"as_of", as_of_}};
        all.insert(all.end(), more.begin(), more.end());
        return all;
    }

    Session& session_;
    ReportScope scope_;
    Timestamp as_of_;
};

std::size_t place(const Row& row, const char* column, std::size_t places) {
    return static_cast<std::size_t>(
        std::clamp<std::int64_t>(row.int64(column), 0, static_cast<std::int64_t>(places) - 1));
}

KeyKind& kind_of(std::vector<KeyKind>& kinds, const Row& row) {
    const std::string& type = row.text("type");
    const std::string& environment = row.text("environment");
    if (kinds.empty() || kinds.back().type != type || kinds.back().environment != environment)
        kinds.push_back({type, environment});  // the rows come in their order
    return kinds.back();
}

void look_at_keys(const Question& question, ReportFacts& facts) {
    for (const Row& row : question.rows(sql::report_inventory)) {
        KeyKind& kind = kind_of(facts.kinds, row);
        const std::int64_t keys = row.int64("keys");
        const std::string& status = row.text("status");
        if (status == "inactive") kind.inactive += keys;
        if (status == "expired") kind.expired += keys;
        if (status != "active") continue;
        kind.active += keys;
        if (row.int64("is_retiring") != 0) continue;
        auto& ages = kind.environment == "production" ? facts.production_by_age : facts.test_by_age;
        ages.at(place(row, "age", kAgeSteps)) += keys;
    }
    for (const Row& row : question.rows(sql::report_last_use)) {
        auto& uses =
            row.text("environment") == "production" ? facts.production_by_use : facts.test_by_use;
        uses.at(place(row, "last_use", kLastUses)) += row.int64("keys");
    }
}

void look_at_expiry(const Question& question, ReportFacts& facts) {
    const auto today = std::chrono::floor<days>(facts.as_of);
    for (std::size_t i = 0; i < kExpiryDays; ++i) facts.expiry.push_back({today + days(i)});
    for (const Row& row : question.rows(sql::report_expiry)) {
        const auto day = std::chrono::floor<days>(row.instant("day") - today).count();
        DayOfExpiry& one = facts.expiry.at(static_cast<std::size_t>(day));
        one.keys = row.int64("keys");
        one.production = row.int64("production");
    }
}

void look_at_findings(const Question& question, ReportFacts& facts) {
    for (const Row& row : question.rows(sql::report_findings)) {
        const auto severity = static_cast<std::size_t>(row.int64("severity") - 1);
        const std::int64_t findings = row.int64("findings");
        const std::string& status = row.text("status");
        if (status == "waived") {
            facts.waived.at(severity) += findings;
            continue;
        }
        (status == "open" ? facts.open : facts.acknowledged).at(severity) += findings;
        facts.findings.at(severity).at(place(row, "age", kFindingAges)) += findings;
    }
    facts.keys_affected = question.one(sql::report_affected).int64("keys");
    for (const Row& row : question.rows(sql::report_checks, {{"limit", kChecks + 1}}))
        facts.checks.push_back({row.text("check_id"), row.optional_int64("severity").value_or(0),
                                row.int64("open"), row.int64("acknowledged"), row.int64("waived"),
                                row.instant("oldest_at")});
    facts.checks_cut = facts.checks.size() > kChecks;
    if (facts.checks_cut) facts.checks.pop_back();
}

WorstKey worst_key(const Row& row) {
    WorstKey key;
    key.key_id = row.int64("key_id");
    key.name = row.text("name");
    key.masked = row.text("masked");
    key.type = row.text("type");
    key.environment = row.text("environment");
    key.status = row.text("status");
    key.owner = row.text_or("owner", "");
    key.team = row.text_or("team", "");
    key.severity = row.int64("severity");
    key.findings = row.int64("findings");
    key.checks = row.text("checks");
    key.oldest_at = row.instant("oldest_at");
    key.created_at = row.instant("created_at");
    key.expires_at = row.optional_instant("expires_at");
    key.last_used_at = row.optional_instant("last_used_at");
    return key;
}

void look_at_worst_keys(const Question& question, ReportFacts& facts) {
    std::map<std::int64_t, WorstKey*> by_id;
    std::string ids;
    for (const Row& row : question.rows(sql::report_worst_keys, {{"limit", kWorstKeys}}))
        facts.worst.push_back(worst_key(row));
    for (WorstKey& key : facts.worst) {
        by_id[key.key_id] = &key;
        ids += (ids.empty() ? "" : ",") + std::to_string(key.key_id);
    }
    ids = "{" + ids + "}";
    Session& session = question.session();
    const auto first = std::chrono::floor<days>(facts.as_of) - days(kKeyUsageDays - 1);
    for (const Row& row :
         session.rows(sql::report_key_days, {{"keys", ids}, {"as_of", facts.as_of}})) {
        const auto day = std::chrono::floor<days>(row.instant("day") - first).count();
        by_id.at(row.int64("key_id"))->requests.at(static_cast<std::size_t>(day)) =
            row.int64("requests");
    }
    for (const Row& row :
         session.rows(sql::report_key_anomalies, {{"keys", ids}, {"as_of", facts.as_of}}))
        by_id.at(row.int64("key_id"))
            ->anomalies.push_back(
                {row.text("check_id"), row.instant("hour"), row.text_or("says", "")});
}

void look_at_trend(const Question& question, ReportFacts& facts) {
    const auto today = std::chrono::floor<days>(facts.as_of);
    for (std::size_t i = 0; i < kTrendDays; ++i)
        facts.trend.push_back({today - days(kTrendDays - 1 - i)});
    std::array<std::int64_t, kTrendDays> change{}, change_high{};
    std::int64_t unresolved = 0, high = 0;
    for (const Row& row : question.rows(sql::report_trend)) {
        const std::size_t day = place(row, "day", kTrendDays + 1);
        if (day == 0) {
            unresolved = row.int64("change");
            high = row.int64("change_high");
            continue;
        }
        change.at(day - 1) = row.int64("change");
        change_high.at(day - 1) = row.int64("change_high");
        facts.trend.at(day - 1).opened = row.int64("opened");
        facts.trend.at(day - 1).resolved = row.int64("resolved");
    }
    for (std::size_t i = 0; i < kTrendDays; ++i) {
        facts.trend[i].unresolved = unresolved += change[i];
        facts.trend[i].high = high += change_high[i];
    }
}

void look_at_work(const Question& question, const ReportScope& scope, ReportFacts& facts) {
    for (const Row& row : question.rows(sql::report_rotations))
        facts.rotations.push_back({row.text("state"), row.int64("rotations"), row.int64("held")});
    for (const Row& row : question.rows(sql::report_waivers, {{"limit", kWaivers}})) {
        facts.waivers.push_back({row.text("name"), row.text("source"), row.text("checks"),
                                 row.text("reason"), row.text("requested_by"),
                                 row.text("approved_by"), row.instant("expires_at"),
                                 row.int64("findings")});
        facts.waivers_total = row.int64("total");
    }
    for (const Row& row : question.session().rows(sql::report_runs, {{"as_of", facts.as_of}}))
        facts.jobs.push_back({row.text("job"), row.int64("runs"), row.int64("incomplete"),
                              row.int64("opened"), row.int64("resolved"), row.int64("applied"),
                              row.int64("refused"), row.instant("last_at"),
                              row.optional_instant("last_complete_at")});
    if (!scope.is_all()) return;
    for (const Row& row : question.rows(sql::report_teams, {{"limit", kTeams}}))
        facts.teams.push_back({row.text_or("team", ""), row.text_or("security_email", ""),
                               row.int64("critical"), row.int64("high"), row.int64("open"),
                               row.int64("keys")});
}

template <std::size_t n>
std::int64_t sum(const std::array<std::int64_t, n>& values, std::size_t first = 0) {
    return std::accumulate(values.begin() + static_cast<std::ptrdiff_t>(first), values.end(),
                           std::int64_t{0});
}

}  // namespace

std::int64_t ReportFacts::keys_total() const {
    std::int64_t total = 0;
    for (const KeyKind& kind : kinds) total += kind.total();
    return total;
}

std::int64_t ReportFacts::active_total() const {
    std::int64_t total = 0;
    for (const KeyKind& kind : kinds) total += kind.active;
    return total;
}

std::int64_t ReportFacts::production_total() const {
    return sum(production_by_age);
}

std::int64_t ReportFacts::production_past_age() const {
    return sum(production_by_age, kRotationAgeStep);
}

std::int64_t ReportFacts::expiring_within(std::size_t days_ahead) const {
    std::int64_t total = 0;
    for (std::size_t i = 0; i <= days_ahead; ++i) total += expiry.at(i).keys;
    return total;
}

std::optional<std::int64_t> ReportFacts::unused_total() const {
    if (!usage_known_since) return std::nullopt;
    std::int64_t total = 0;
    for (std::size_t use = 0; use < kLastUses; ++use)
        if (is_unused(use)) total += production_by_use.at(use) + test_by_use.at(use);
    return total;
}

std::int64_t ReportFacts::open_from(std::int64_t severity) const {
    return sum(open, static_cast<std::size_t>(severity - 1));
}

ReportFacts report_facts(Session& session, const Config& config, const ReportScope& scope,
                         std::optional<Timestamp> as_of) {
    ReportFacts facts;
    const Row basis =
        session.one(sql::report_basis, {{"owner_id", scope.owner_id}, {"team_id", scope.team_id}});
    facts.is_simulation = basis.int64("simulation") != 0;
    if (as_of && !facts.is_simulation)
        throw Error(ExitCode::usage,
                    "--as-of is only for a simulation: a real database has a clock",
                    "Create one with `keyrota db init --simulation`, in another --data-dir.");
    facts.as_of = as_of.value_or(basis.instant("now"));
    facts.installation = basis.text("installation");
    facts.owner = basis.text_or("owner", "");
    facts.team = basis.text_or("team", "");
    const Question question(session, scope, facts.as_of);
    look_at_keys(question, facts);
    facts.usage_known_since =
        session
            .one(kUsageKnown,
                 {{"as_of", facts.as_of}, {"silent_after", config.usage.silent_after.count()}})
            .optional_instant("since");
    look_at_expiry(question, facts);
    look_at_findings(question, facts);
    look_at_worst_keys(question, facts);
    look_at_work(question, scope, facts);
    look_at_trend(question, facts);
    facts.head = read_head(session);
    sign_head(facts.head, config.data_dir);
    return facts;
}

}  // namespace keyrota
