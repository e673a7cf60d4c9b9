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

KeyIds key_ids(const std::vector<Row>& rows) {
    KeyIds ids;
    for (const Row& row : rows) ids.push_back(row.int64("key_id"));
    return ids;
}

}  // namespace

std::vector<RotationId> request_rotations(Session& session, const ActOfRotation& act,
                                          const KeyIds& ids, const RotationWish& wish) {
    std::optional<std::int64_t> overlap;
    if (wish.overlap) overlap = wish.overlap->count();
    std::vector<RotationId> requested;
    for (const Row& row :
         session.rows(sql::rotation_request, {{"ids", id_array(ids)},
                                              {"reason", act.reason},
                                              text_or_null("sink", wish.sink.value_or("")),
                                              {"overlap", overlap},
                                              {"as_of", act.as_of},
                                              {"block_id", act.block_id},
                                              {"run_id", act.run_id},
                                              {"actor", act.actor}}))
        requested.push_back({row.int64("key_id"), row.text("token")});
    return requested;
}

KeyIds change_rotations(Session& session, const ActOfRotation& act, const char* action,
                        const std::vector<RotationChange>& changes) {
    if (changes.empty()) return {};
    KeyIds ids;
    std::string json;
    for (const RotationChange& change : changes) {
        ids.push_back(change.rotation.key_id);
        json += fmt::format(
            R"({}{{"key_id": {}, "token": "{}", "was_state": "{}", "was_successor_id": {}, )"
            R"("becomes": {}, "why": {}}})",
            json.empty() ? "" : ", ", change.rotation.key_id, change.rotation.token,
            change.was_state,
            change.was_successor_id ? std::to_string(*change.was_successor_id) : "null",
            change.becomes, change.why);
    }
    return key_ids(session.rows(sql::rotation_change, {{"changes", "[" + json + "]"},
                                                       {"ids", id_array(ids)},
                                                       {"as_of", act.as_of},
                                                       {"action", action},
                                                       {"block_id", act.block_id},
                                                       {"run_id", act.run_id},
                                                       {"actor", act.actor}}));
}

std::vector<Successor> make_successors(Session& session, const ActOfRotation& act,
                                       const std::vector<Predecessor>& predecessors) {
    std::vector<Successor> successors;
    KeyIds ids;
    for (const Predecessor& predecessor : predecessors) {
        successors.push_back({0, predecessor.key_id, Secret(predecessor.prefix)});
        ids.push_back(predecessor.key_id);
    }
    std::map<std::int64_t, std::int64_t> successor_ids;
    for (const Row& row : session.rows(sql::rotation_successors,
                                       {{"successors", successors_json(successors, predecessors)},
                                        {"ids", id_array(ids)},
                                        {"as_of", act.as_of}}))
        successor_ids[row.int64("key_id")] = row.int64("successor_id");
    KeyIds made;
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

KeyIds end_keys(Session& session, const ActOfRotation& act, const KeyIds& ids,
                const Ending& ending) {
    if (ids.empty()) return {};
    return key_ids(session.rows(sql::rotation_end_keys, {{"as_of", act.as_of},
                                                         {"ends_at", ending.ends_at},
                                                         {"ids", id_array(ids)},
                                                         {"block_id", act.block_id},
                                                         {"action", ending.action},
                                                         {"run_id", act.run_id},
                                                         {"actor", act.actor},
                                                         {"why", ending.why}}));
}

KeyIds lock_keys(Session& session, const KeyIds& ids) {
    return key_ids(session.rows(sql::rotation_lock_keys, {{"ids", id_array(ids)}}));
}

KeyIds lock_free_keys(Session& session, const KeyIds& ids) {
    const std::string text = std::string(sql::rotation_lock_keys.text) + " skip locked";
    return key_ids(
        session.rows({sql::rotation_lock_keys.name, text.c_str()}, {{"ids", id_array(ids)}}));
}

std::string id_array(const KeyIds& ids) {
    return fmt::format("{{{}}}", fmt::join(ids, ","));
}

KeyIds ids_of(const std::string& array) {
    KeyIds ids;
    for (std::size_t begin = 1; begin < array.size() && array[begin] != '}';) {
        const std::size_t end = array.find_first_of(",}", begin);
        ids.push_back(std::stoll(array.substr(begin, end - begin)));
        begin = end + 1;
    }
    return ids;
}

std::chrono::microseconds successor_lifetime(Session& session, const std::vector<PolicyRule>& rules,
                                             std::int64_t key_id) {
    const std::vector<RuleVerdict> verdicts = judge_rules(session, rules, key_id);
    for (std::size_t i = 0; i < verdicts.size(); ++i)
        if (verdicts[i].differs.empty()) return rules.at(i).rotation_successor_lifetime;
    return rules.back().rotation_successor_lifetime;  // `default` matches all: not reached
}

}  // namespace keyrota
