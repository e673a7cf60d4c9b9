#include "rotation/rotation.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>

#include "jobs_sql.h"
#include "policy/policy.h"

namespace keyrota {
namespace {

// What is stored of new secrets; all of it hexadecimal, base62 or a number.
std::string successors_json(const std::vector<Successor>& successors,
                            const std::vector<Predecessor>& predecessors) {
    std::string json;
    for (std::size_t i = 0; i < successors.size(); ++i)
        json += fmt::format(
            R"({}{{"key_id": {}, "hint": "{}", "secret_hash": "{}", "lifetime_us": {}}})",
            i == 0 ? "" : ", ", predecessors[i].key_id, successors[i].secret.hint(),
            successors[i].secret.hash(), predecessors[i].successor_lifetime.count());
    return "[" + json + "]";
}

}  // namespace

std::vector<Successor> make_successors(Session& session, const ActOfRotation& act,
                                       const std::vector<Predecessor>& predecessors,
                                       const RotationStart& start) {
    std::vector<Successor> successors;
    std::vector<std::int64_t> ids;
    for (const Predecessor& predecessor : predecessors) {
        successors.push_back({0, predecessor.key_id, Secret(predecessor.prefix)});
        ids.push_back(predecessor.key_id);
    }
    std::map<std::int64_t, std::int64_t> successor_ids;
    for (const Row& row : session.rows(sql::rotation_successors,
                                       {{"successors", successors_json(successors, predecessors)},
                                        {"ids", id_array(ids)},
                                        {"as_of", act.as_of},
                                        {"reason", act.reason},
                                        {"state", start.state},
                                        {"sink", start.sink},
                                        {"overlap", start.overlap.count()}}))
        successor_ids[row.int64("key_id")] = row.int64("successor_id");
    std::vector<std::int64_t> made;
    for (Successor& successor : successors) {
        successor.key_id = successor_ids.at(successor.predecessor_id);
        made.push_back(successor.key_id);
    }
    session.execute(sql::rotation_audit_successors, {{"block_id", act.block_id},
                                                     {"run_id", act.run_id},
                                                     {"actor", act.actor},
                                                     {"reason", act.reason},
                                                     {"successor_ids", id_array(made)}});
    return successors;
}

std::vector<std::int64_t> end_keys(Session& session, const ActOfRotation& act,
                                   const std::vector<std::int64_t>& ids, const Ending& ending) {
    std::vector<std::int64_t> ended;
    for (const Row& row : session.rows(sql::rotation_end_keys, {{"as_of", act.as_of},
                                                                {"ends_at", ending.ends_at},
                                                                {"ids", id_array(ids)},
                                                                {"block_id", act.block_id},
                                                                {"action", ending.action},
                                                                {"run_id", act.run_id},
                                                                {"actor", act.actor},
                                                                {"why", ending.why}}))
        ended.push_back(row.int64("key_id"));
    return ended;
}

void lock_keys(Session& session, const std::vector<std::int64_t>& ids) {
    session.rows(sql::rotation_lock_keys, {{"ids", id_array(ids)}});
}

std::string id_array(const std::vector<std::int64_t>& ids) {
    return fmt::format("{{{}}}", fmt::join(ids, ","));
}

std::chrono::microseconds successor_lifetime(Session& session, const std::vector<PolicyRule>& rules,
                                             std::int64_t key_id) {
    const std::vector<RuleVerdict> verdicts = judge_rules(session, rules, key_id);
    for (std::size_t i = 0; i < verdicts.size(); ++i)
        if (verdicts[i].differs.empty()) return rules.at(i).rotation_successor_lifetime;
    return rules.back().rotation_successor_lifetime;  // `default` matches all: not reached
}

}  // namespace keyrota
