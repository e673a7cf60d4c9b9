#include "custom_checks/custom_checks.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <charconv>
#include <map>

#include "custom_checks/check_file.h"
#include "error/error.h"
#include "jobs_sql.h"
#include "postgres/database.h"
#include "postgres/foreign_query.h"
#include "time/schedule.h"

namespace keyrota {
namespace {

// What a check returns, by name and type: int8, text, jsonb.
struct ExpectedColumn {
    const char* name;
    std::uint32_t type;
};
constexpr ExpectedColumn kColumns[] = {{"key_id", 20}, {"detail", 25}, {"evidence", 3802}};
enum Field : std::size_t { kKeyId, kDetail, kEvidence };

constexpr Statement kOnlyLook{"only_look",
                              "set transaction isolation level repeatable read, read only"};

// A check is to be read-only by what its role may do, not by what it is asked to do.
Session open_checker(const Config& config) {
    Session session = open_session(config, Access::checker);
    const Row role = session.one(sql::checker_rights);
    if (role.int64("may_more") != 0)
        throw Error(
            ExitCode::config,
            fmt::format("the role {} may do more than custom checks should", role.text("name")),
            "Set database.checker_url to connect as keyrota_checker, which is a member of no other "
            "role.");
    return session;
}

void require_columns(const ForeignQuery& query) {
    const auto& columns = query.columns();
    const bool as_expected =
        std::equal(columns.begin(), columns.end(), std::begin(kColumns), std::end(kColumns),
                   [](const auto& is, const auto& expected) {
                       return is.name == expected.name && is.type == expected.type;
                   });
    if (as_expected) return;
    std::string names;
    for (const auto& column : columns) names += (names.empty() ? "" : ", ") + column.name;
    throw Error(
        ExitCode::config,
        fmt::format("it must return key_id bigint, detail text, evidence jsonb, but returns {}",
                    names.empty() ? "nothing" : names + " of these or other types"));
}

std::int64_t key_id_of(const ForeignQuery& query) {
    if (query.is_null(kKeyId)) throw Error(ExitCode::config, "a key_id is null");
    const std::string_view text = query.text(kKeyId);
    std::int64_t key_id = 0;
    std::from_chars(text.data(), text.data() + text.size(), key_id);
    return key_id;
}

// Nothing that the check did outlives it: the transaction is rolled back, the connection closed.
void look(const CustomCheck& check, const RunContext& run, CheckRows& rows) {
    Session session = open_checker(run.config);
    const Interruption::CancelOnSignal cancellable(run.interruption, session);
    const Transaction rolled_back(session);
    session.execute(kOnlyLook);
    ForeignQuery query(session, check.text, run.as_of);
    require_columns(query);
    while (query.next())
        rows.add({.key_id = key_id_of(query),
                  .detail = query.is_null(kDetail) ? "" : query.text(kDetail),
                  .severity = static_cast<std::int16_t>(check.severity),
                  .evidence = query.is_null(kEvidence) ? "{}" : query.text(kEvidence)});
}

FillCheck fill_from(const CustomCheck& check) {
    return [check](const RunContext& run, CheckRows& rows) {
        try {
            look(check, run, rows);
        } catch (const Error& error) {
            throw Error(error.code(), fmt::format("{}: {}", check.file.string(), error.what()),
                        error.hint());
        }
    };
}

struct Evaluated {
    Timestamp last;
    bool has_findings;
};

// What earlier runs know, by check.
std::map<std::string, Evaluated> evaluated_checks(const RunContext& run) {
    Session session = open_session(run.config, Access::runner);
    std::map<std::string, Evaluated> known;
    for (const Row& row : session.rows(sql::evaluated_checks, {{"as_of", run.as_of}}))
        known[row.text("check_id")] = {row.instant("last_at"), row.int64("has_findings") != 0};
    return known;
}

// Its findings are resolved, as of any check that no longer returns them.
void plan_removed(const std::string& check_id, Plan& plan) {
    spdlog::info("{}: its file is gone; its findings are resolved", check_id);
    plan.add_standing(check_id, [](const RunContext&, CheckRows&) {});
}

}  // namespace

void plan_custom_checks(const RunContext& run, Plan& plan) {
    std::map<std::string, Evaluated> known = evaluated_checks(run);
    CustomChecks all = load_custom_checks(run.config);
    for (const CustomCheck& check : all.checks) {
        const auto before = known.find(check.check_id);
        const bool is_due = before == known.end() || check.schedule.empty() ||
                            next_run(check.schedule, before->second.last) <= run.as_of;
        if (is_due) plan.add_standing(check.check_id, fill_from(check));
        known.erase(check.check_id);
    }
    for (const RefusedCheck& refused : all.refused)
        plan.add_standing(refused.id, [why = refused.why](const RunContext&, CheckRows&) {
            throw Error(ExitCode::config, why.message, why.hint);
        });
    // While a file cannot be read, nobody knows which checks are gone.
    if (!all.refused.empty()) return;
    for (const auto& [check_id, evaluated] : known)
        if (evaluated.has_findings) plan_removed(check_id, plan);
}

}  // namespace keyrota
