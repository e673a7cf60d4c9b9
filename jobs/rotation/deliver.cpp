#include "rotation/deliver.h"

#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <map>
#include <memory>
#include <numeric>
#include <set>

#include "audit/audit.h"
#include "error/error.h"
#include "jobs_sql.h"
#include "report/json_text.h"

namespace keyrota {
namespace {

using Kind = RotationOutcome::Kind;
using Null = Poco::Dynamic::Var;

constexpr std::int64_t kBatch = 500;  // secrets in memory at once
// A program takes its time for each secret: whether they are still ours to deliver is asked so
// often.
constexpr std::size_t kBetweenLooks = 10;
// Each table by its own ids: of a join the planner, who takes 'created' for rare, makes every pair.
constexpr Statement kStillOurs{
    "rotation_still_ours",
    "select r.key_id from keyrota.rotation r"
    " where r.key_id = any (cast(:ids as bigint[])) and r.state = 'created'"
    "   and r.key_id = any (array(select s.key_id from keyrota.api_key_state s"
    "                              where s.key_id = any (cast(:ids as bigint[]))"
    "                                and s.status <> 'inactive'))"
    "   and r.successor_id = any (array(select n.key_id from keyrota.api_key_state n"
    "                                    where n.key_id = any (cast(:successor_ids as bigint[]))"
    "                                      and n.status = 'active'))"
    " order by r.key_id"};
constexpr std::size_t kLongestWords = 300;
constexpr const char* kUndelivered = R"({"reason": "undelivered"})";
constexpr Statement kMe{"claiming_backend",
                        "select pid::bigint as pid, backend_start::text as start"
                        "  from pg_stat_activity where pid = pg_backend_pid()"};

// Whoever reads a secret in a sink must find it valid, even after a crash of the server.
constexpr Statement kDurably{"durably", "set local synchronous_commit = on"};

// A rotation that this process is delivering.
struct Taken {
    RotationId rotation;
    std::string reason;
    std::string sink;
    std::int64_t tries = 0;
    KeyIds earlier;  // successors of tries before, perhaps delivered
    std::string state;
    std::optional<std::int64_t> successor_id;  // of the last try
    Predecessor predecessor;
    SecretDelivery delivery;
};

struct Batch {
    std::int64_t last = 0;  // where to go on
    std::vector<Taken> taken;
    std::vector<Successor> successors;  // one for each
    std::vector<RotationOutcome> over;  // what came to an end before it began
};

// Sinks by name, opened when first asked for.
class Sinks {
  public:
    explicit Sinks(const Delivering& delivering) : delivering_(delivering) {}

    bool is_slow(const std::string& name) const {
        const SinkOptions* sink = find(name);
        return sink != nullptr && sink->type == "exec";
    }
    bool is_known(const std::string& name) const {
        return name == kPrintSink ? delivering_.by_hand != nullptr : find(name) != nullptr;
    }
    /// Never throws: a sink that cannot be opened takes nothing.
    std::vector<SinkAnswer> deliver(const std::string& name,
                                    const std::vector<SecretDelivery>& deliveries) {
        try {
            if (name == kPrintSink) return delivering_.by_hand->deliver(deliveries);
            std::unique_ptr<Sink>& sink = open_[name];
            if (!sink) sink = open_sink(*find(name));
            return sink->deliver(deliveries);
        } catch (const Error& error) {
            return {deliveries.size(), SinkAnswer{SinkAnswer::Kind::refused, error.what()}};
        }
    }

  private:
    const SinkOptions* find(const std::string& name) const {
        for (const SinkOptions& options : delivering_.config.sinks)
            if (options.name == name) return &options;
        return nullptr;
    }

    const Delivering& delivering_;
    std::map<std::string, std::unique_ptr<Sink>> open_;
};

Taken taken_from(const Row& row, Timestamp as_of) {
    Taken taken{.rotation = {row.int64("key_id"), row.text("token")},
                .reason = row.text("reason"),
                .sink = row.text("sink"),
                .tries = row.int64("tries"),
                .earlier = ids_of(row.text("earlier_successor_ids")),
                .state = row.text("state"),
                .successor_id = row.optional_int64("successor_id"),
                .predecessor = {},
                .delivery = {}};
    if (taken.successor_id) taken.earlier.push_back(*taken.successor_id);
    const std::chrono::microseconds lifetime(row.int64("lifetime_us"));
    taken.predecessor = {taken.rotation.key_id, row.text("prefix"), lifetime};
    SecretDelivery& delivery = taken.delivery;
    delivery.token = taken.rotation.token;
    delivery.predecessor_id = taken.rotation.key_id;
    delivery.lineage_id = row.int64("lineage_id");
    delivery.name = row.text("name");
    delivery.environment = row.text("environment");
    delivery.type = row.text("type");
    delivery.owner = row.text_or("owner", "");
    if (lifetime.count() > 0) delivery.expires_at = as_of + lifetime;
    return taken;
}

RotationChange change_of(const Taken& taken, const Poco::JSON::Object& becomes,
                         const std::string& why = "null") {
    return {taken.rotation, taken.state, taken.successor_id, json_text(becomes), why};
}

ActOfRotation open_act(Delivering& delivering, const std::string& reason) {
    return {.block_id = open_audit_block(delivering.session),
            .as_of = delivering.as_of,
            .actor = audit_actor(),
            .reason = reason,
            .run_id = delivering.run_id};
}

// Rotations that cannot begin: the key changed since, or there is nothing to deliver into.
RotationChange end_of(const Taken& taken, const std::string& refused, RotationOutcome& outcome) {
    outcome.key_id = taken.rotation.key_id;
    outcome.kind = refused.empty() ? Kind::given_up : Kind::cancelled;
    outcome.words = !refused.empty()        ? refused
                    : taken.sink.empty()    ? "no sink is configured for it"
                    : taken.sink == "print" ? "a rotation by hand was not finished"
                                            : fmt::format("no sink is called {}", taken.sink);
    Poco::JSON::Object becomes;
    becomes.set("state", refused.empty() ? "failed" : "cancelled");
    becomes.set("failure", outcome.words);
    return change_of(taken, becomes);
}

// The successors of one reason: their audit entries name it.
void create(Delivering& delivering, const ActOfRotation& act, Batch& batch, std::size_t begin) {
    const Row me = delivering.session.one(kMe);
    std::vector<Predecessor> predecessors;
    for (std::size_t i = begin; i < batch.taken.size(); ++i)
        predecessors.push_back(batch.taken[i].predecessor);
    std::vector<Successor> made = make_successors(delivering.session, act, predecessors);
    std::vector<RotationChange> changes;
    for (std::size_t i = begin; i < batch.taken.size(); ++i) {
        Taken& taken = batch.taken[i];
        Successor& successor = made[i - begin];
        Poco::JSON::Array earlier;
        for (const std::int64_t id : taken.earlier) earlier.add(id);
        Poco::JSON::Object becomes;
        becomes.set("state", "created");
        becomes.set("successor_id", successor.key_id);
        becomes.set("earlier_successor_ids", earlier);
        becomes.set("claimed_pid", me.int64("pid"));
        becomes.set("claimed_start", me.text_or("start", "-infinity"));
        changes.push_back(change_of(taken, becomes));
        taken.state = "created";
        taken.successor_id = successor.key_id;
        batch.successors.push_back(std::move(successor));
    }
    change_rotations(delivering.session, act, "rotation.create", changes);
}

// The first transaction: lock, judge, make successors, claim.
void take(Delivering& delivering, const Sinks& sinks, const KeyIds& candidates, Batch& batch) {
    Session& session = delivering.session;
    session.execute(kDurably);
    const KeyIds locked = lock_free_keys(session, candidates);
    std::map<std::string, std::vector<Taken>> by_reason;
    std::vector<RotationChange> ends;
    KeyIds useless;  // successors of those that end
    for (const Row& row : session.rows(sql::rotation_deliverable,
                                       {{"ids", id_array(locked)}, {"as_of", delivering.as_of}})) {
        Taken taken = taken_from(row, delivering.as_of);
        const std::string refused = row.text_or("refused", "");
        if (!refused.empty() || !sinks.is_known(taken.sink)) {
            ends.push_back(end_of(taken, refused, batch.over.emplace_back()));
            if (!refused.empty())
                useless.insert(useless.end(), taken.earlier.begin(), taken.earlier.end());
        } else {
            by_reason[taken.reason].push_back(std::move(taken));
        }
    }
    if (ends.empty() && by_reason.empty()) return;
    ActOfRotation act = open_act(delivering, "");
    change_rotations(session, act, "rotation.end", ends);
    end_keys(session, act, useless, {act.as_of, "key.retire", kUndelivered});
    for (auto& [reason, all] : by_reason) {
        act.reason = reason;
        const std::size_t begin = batch.taken.size();
        std::move(all.begin(), all.end(), std::back_inserter(batch.taken));
        create(delivering, act, batch, begin);
    }
    seal_audit_block(session, act.block_id);
}

// The keys of a batch's places, and their successors, as parameters.
Params ids_in(const Batch& batch, const std::vector<std::size_t>& places) {
    KeyIds ids;
    KeyIds successor_ids;
    for (const std::size_t i : places) {
        ids.push_back(batch.taken[i].rotation.key_id);
        successor_ids.push_back(batch.successors[i].key_id);
    }
    return {{"ids", id_array(ids)}, {"successor_ids", id_array(successor_ids)}};
}

// Those of them that nobody has taken over, cancelled or ended since: a secret must not come into a
// sink behind a later one, nor behind its key's end.
std::vector<std::size_t> still_ours(Session& session, const Batch& batch,
                                    const std::vector<std::size_t>& places) {
    KeyIds ours;
    for (const Row& row : session.rows(kStillOurs, ids_in(batch, places)))
        ours.push_back(row.int64("key_id"));
    std::vector<std::size_t> left;
    for (const std::size_t i : places)
        if (std::binary_search(ours.begin(), ours.end(), batch.taken[i].rotation.key_id))
            left.push_back(i);
    return left;
}

// One sink's part of the batch. @returns whether it took any.
bool hand_over_to(Sinks& sinks, const std::string& name, Session& session, const Batch& batch,
                  const std::vector<std::size_t>& places, std::vector<SinkAnswer>& answers) {
    const std::size_t size = sinks.is_slow(name) ? kBetweenLooks : places.size();
    bool took_some = false;
    for (std::size_t begin = 0; begin < places.size(); begin += size) {
        const std::size_t end = std::min(begin + size, places.size());
        const auto at = [&](std::size_t i) {
            return places.begin() + static_cast<std::ptrdiff_t>(i);
        };
        const std::vector<std::size_t> ours = still_ours(session, batch, {at(begin), at(end)});
        std::vector<SecretDelivery> deliveries;
        deliveries.reserve(ours.size());
        for (const std::size_t i : ours) deliveries.push_back(batch.taken[i].delivery);
        if (deliveries.empty()) continue;
        const std::vector<SinkAnswer> said = sinks.deliver(name, deliveries);
        for (std::size_t i = 0; i < ours.size(); ++i) {
            answers[ours[i]] = said.at(i);
            took_some = took_some || said.at(i).kind == SinkAnswer::Kind::delivered;
        }
        if (!took_some) break;  // the rest is as good as refused
    }
    return took_some;
}

// Between the transactions: each sink gets its secrets. @returns an answer for each taken one.
std::vector<SinkAnswer> hand_over(Sinks& sinks, Session& session, Batch& batch,
                                  std::set<std::string>& resting) {
    std::map<std::string, std::vector<std::size_t>> by_sink;
    for (std::size_t i = 0; i < batch.taken.size(); ++i) {
        SecretDelivery& delivery = batch.taken[i].delivery;
        const Successor& successor = batch.successors[i];
        delivery.key_id = successor.key_id;
        delivery.masked = batch.taken[i].predecessor.prefix + "..." + successor.secret.hint();
        delivery.secret = &successor.secret;
        by_sink[batch.taken[i].sink].push_back(i);
    }
    std::vector<SinkAnswer> answers(batch.taken.size(),
                                    {SinkAnswer::Kind::refused, "the sink was left in peace"});
    // One that takes nothing is left in peace: each try makes keys.
    for (const auto& [name, places] : by_sink)
        if (!hand_over_to(sinks, name, session, batch, places, answers)) resting.insert(name);
    return answers;
}

// What a rotation comes to, once its sink has answered.
struct Verdict {
    SinkAnswer answer;
    bool is_cancelled = false;  // the answer's words say why
};

// Under the keys' locks: a sink takes its time, and people switch off and end keys meanwhile.
std::vector<Verdict> judge(Delivering& delivering, const Batch& batch,
                           const std::vector<SinkAnswer>& answers) {
    std::vector<std::size_t> places(batch.taken.size());
    std::iota(places.begin(), places.end(), std::size_t{0});
    Params params = ids_in(batch, places);
    params.emplace_back("as_of", delivering.as_of);
    std::map<std::int64_t, Verdict> overtaken;
    for (const Row& row : delivering.session.rows(sql::rotation_overtaken, params)) {
        const std::string cancelled = row.text_or("cancelled", "");
        overtaken[row.int64("key_id")] = {
            {SinkAnswer::Kind::refused,
             cancelled.empty() ? "its successor ended before it was delivered" : cancelled},
            !cancelled.empty()};
    }
    std::vector<Verdict> verdicts;
    for (const std::size_t i : places) {
        const auto found = overtaken.find(batch.taken[i].rotation.key_id);
        verdicts.push_back(found == overtaken.end() ? Verdict{answers[i]} : found->second);
    }
    return verdicts;
}

Poco::JSON::Object settled(const Verdict& verdict, const Taken& taken, Timestamp as_of) {
    const SinkAnswer& answer = verdict.answer;
    Poco::JSON::Object becomes;
    becomes.set("claimed_pid", Null());
    becomes.set("claimed_start", Null());
    if (verdict.is_cancelled) {
        becomes.set("state", "cancelled");
        becomes.set("failure", answer.words);
        return becomes;
    }
    if (answer.kind == SinkAnswer::Kind::delivered) {
        becomes.set("state", "delivered");
        becomes.set("delivered_at", to_string(as_of));
        becomes.set("earlier_successor_ids", Poco::JSON::Array());
        becomes.set("failure", Null());
        becomes.set("retry_at", Null());
        return becomes;
    }
    const std::int64_t tries = taken.tries + 1;
    const bool is_over = tries >= kMostTries;
    becomes.set("tries", tries);
    becomes.set("failure", answer.words.substr(0, kLongestWords));
    becomes.set("retry_at", is_over ? Null() : Null(to_string(as_of + pause_after_tries(tries))));
    // A secret that the sink certainly does not have is of no use to anybody.
    if (answer.kind == SinkAnswer::Kind::refused) becomes.set("successor_id", Null());
    becomes.set("state", is_over                                    ? "failed"
                         : answer.kind == SinkAnswer::Kind::refused ? "requested"
                                                                    : "created");
    return becomes;
}

RotationOutcome outcome_of(const Taken& taken, const Verdict& verdict) {
    const SinkAnswer& answer = verdict.answer;
    RotationOutcome outcome{taken.rotation.key_id, *taken.successor_id, Kind::delivered,
                            answer.words};
    if (answer.kind == SinkAnswer::Kind::delivered) return outcome;
    outcome.kind = verdict.is_cancelled            ? Kind::cancelled
                   : taken.tries + 1 >= kMostTries ? Kind::given_up
                                                   : Kind::postponed;
    if (answer.kind == SinkAnswer::Kind::refused) outcome.successor_id = 0;
    return outcome;
}

// The successors that are of no use to anybody.
KeyIds useless_of(const Taken& taken, const Verdict& verdict) {
    KeyIds useless;
    if (verdict.is_cancelled || verdict.answer.kind == SinkAnswer::Kind::delivered)
        useless = taken.earlier;
    if (verdict.answer.kind == SinkAnswer::Kind::refused) useless.push_back(*taken.successor_id);
    return useless;
}

// All whose rows may change.
KeyIds touched_by(const Batch& batch) {
    KeyIds touched;
    for (const Taken& taken : batch.taken) {
        touched.push_back(taken.rotation.key_id);
        touched.push_back(*taken.successor_id);
        std::copy(taken.earlier.begin(), taken.earlier.end(), std::back_inserter(touched));
    }
    return touched;
}

// What one batch came to, in the lists that the second transaction works by.
struct Settlement {
    std::vector<RotationChange> delivered, failed, cancelled;
};

Settlement settlement_of(const Batch& batch, const std::vector<Verdict>& verdicts,
                         Timestamp as_of) {
    Settlement settlement;
    for (std::size_t i = 0; i < batch.taken.size(); ++i) {
        const Taken& taken = batch.taken[i];
        const Verdict& verdict = verdicts[i];
        const bool is_delivered = verdict.answer.kind == SinkAnswer::Kind::delivered;
        (verdict.is_cancelled ? settlement.cancelled
         : is_delivered       ? settlement.delivered
                              : settlement.failed)
            .push_back(change_of(taken, settled(verdict, taken, as_of)));
    }
    return settlement;
}

// The second transaction: what the sinks said. A rotation that somebody else has taken over since
// is left to them; the successor of here is among those that they end.
std::vector<RotationOutcome> settle(Delivering& delivering, const Batch& batch,
                                    const std::vector<SinkAnswer>& answers) {
    Session& session = delivering.session;
    lock_keys(session, touched_by(batch));
    const std::vector<Verdict> verdicts = judge(delivering, batch, answers);
    const Settlement settlement = settlement_of(batch, verdicts, delivering.as_of);
    const ActOfRotation act = open_act(delivering, "");
    KeyIds changed = change_rotations(session, act, "rotation.deliver", settlement.delivered);
    session.execute(sql::rotation_overlaps, {{"ids", id_array(changed)},
                                             {"as_of", act.as_of},
                                             {"block_id", act.block_id},
                                             {"run_id", act.run_id},
                                             {"actor", act.actor}});
    for (const KeyIds& others :
         {change_rotations(session, act, "rotation.fail", settlement.failed),
          change_rotations(session, act, "rotation.end", settlement.cancelled)})
        changed.insert(changed.end(), others.begin(), others.end());
    std::sort(changed.begin(), changed.end());
    KeyIds useless;
    std::vector<RotationOutcome> outcomes;
    for (std::size_t i = 0; i < batch.taken.size(); ++i) {
        const Taken& taken = batch.taken[i];
        if (!std::binary_search(changed.begin(), changed.end(), taken.rotation.key_id)) continue;
        const KeyIds ending = useless_of(taken, verdicts[i]);
        useless.insert(useless.end(), ending.begin(), ending.end());
        outcomes.push_back(outcome_of(taken, verdicts[i]));
    }
    end_keys(session, act, useless, {act.as_of, "key.retire", kUndelivered});
    seal_audit_block(session, act.block_id);
    return outcomes;
}

KeyIds candidates_after(Delivering& delivering, std::int64_t after,
                        const std::set<std::string>& resting) {
    const std::string only = delivering.only ? id_array(*delivering.only) : "";
    KeyIds ids;
    for (const Row& row :
         delivering.session.rows(sql::rotation_candidates,
                                 {{"as_of", delivering.as_of},
                                  {"after", after},
                                  text_or_null("only", only),
                                  {"resting", fmt::format("{{{}}}", fmt::join(resting, ","))},
                                  {"size", std::min(kBatch, delivering.config.limits.batch_size)}}))
        ids.push_back(row.int64("key_id"));
    return ids;
}

}  // namespace

std::chrono::microseconds pause_after_tries(std::int64_t tries) {
    return std::chrono::minutes(15) * (std::int64_t{1} << std::min<std::int64_t>(tries - 1, 10));
}

void deliver_rotations(Delivering& delivering,
                       const std::function<void(const RotationOutcome&)>& told) {
    Sinks sinks(delivering);
    std::set<std::string> resting;
    for (std::int64_t after = 0; !delivering.interrupted();) {
        const KeyIds candidates = candidates_after(delivering, after, resting);
        if (candidates.empty()) return;
        after = candidates.back();
        Batch batch;
        delivering.in_batch([&] {
            batch = {};
            take(delivering, sinks, candidates, batch);
        });
        for (const RotationOutcome& outcome : batch.over) told(outcome);
        if (batch.taken.empty()) continue;
        const std::vector<SinkAnswer> answers =
            hand_over(sinks, delivering.session, batch, resting);
        std::vector<RotationOutcome> outcomes;
        delivering.in_batch([&] { outcomes = settle(delivering, batch, answers); });
        for (const RotationOutcome& outcome : outcomes) told(outcome);
    }
}

}  // namespace keyrota
