#include "rotate_keys/move_rotations.h"

#include <Poco/JSON/Object.h>
#include <spdlog/spdlog.h>

#include "audit/audit.h"
#include "jobs_sql.h"
#include "report/json_text.h"
#include "rotation/deliver.h"

namespace keyrota {
namespace {

using Kind = RotationOutcome::Kind;

constexpr const char* kPredecessorDeleted = R"({"reason": "predecessor deleted"})";

void deliver(StepRun& run) {
    StepRun::Totals batch;  // told after its transaction: counted in one of its own
    Delivering delivering{.session = run.session,
                          .config = run.config,
                          .as_of = run.as_of,
                          .run_id = run.run_id,
                          .in_batch = [&](const auto& work) { run.in_batch(work); },
                          .interrupted = [&] { return run.interrupted(); }};
    deliver_rotations(delivering, [&](const RotationOutcome& outcome) {
        ++batch.found;
        if (outcome.kind == Kind::delivered) {
            ++batch.applied;
            return;
        }
        // One that is cancelled since its key changed is no failure: nothing is left to do.
        batch.failed += outcome.kind == Kind::cancelled ? 0 : 1;
        spdlog::warn("rotation of key {}: {}", outcome.key_id, outcome.words);
    });
    if (batch.found > 0) run.in_batch([&] { run.count(batch); });
}

RotationChange change_of(const Row& row) {
    Poco::JSON::Object becomes;
    becomes.set("state", row.text("becomes"));
    if (row.text("becomes") == "cancelled") becomes.set("failure", row.text("why"));
    Poco::JSON::Object why;
    if (!row.is_null("why")) why.set("reason", row.text("why"));
    return {{row.int64("key_id"), row.text("token")},
            row.text("state"),
            row.optional_int64("successor_id"),
            json_text(becomes),
            json_text(why)};
}

void advance(StepRun& run) {
    for (std::int64_t after = 0; !run.interrupted();) {
        KeyIds ids;
        run.in_batch([&] {
            const std::vector<Row> rows = run.session.rows(
                sql::rotations_to_advance,
                {{"as_of", run.as_of}, {"after", after}, {"size", run.config.limits.batch_size}});
            ids.clear();
            if (rows.empty()) return;
            KeyIds orphans;  // successors of keys that were deleted before these were delivered
            std::vector<RotationChange> changes;
            for (const Row& row : rows) {
                ids.push_back(row.int64("key_id"));
                changes.push_back(change_of(row));
                if (row.text("becomes") != "cancelled") continue;
                const KeyIds earlier = ids_of(row.text("earlier_successor_ids"));
                orphans.insert(orphans.end(), earlier.begin(), earlier.end());
                if (!row.is_null("successor_id")) orphans.push_back(row.int64("successor_id"));
            }
            lock_keys(run.session, ids);
            const ActOfRotation act{.block_id = open_audit_block(run.session),
                                    .as_of = run.as_of,
                                    .actor = audit_actor(),
                                    .reason = "",
                                    .run_id = run.run_id};
            change_rotations(run.session, act, "rotation.advance", changes);
            end_keys(run.session, act, orphans, {act.as_of, "key.retire", kPredecessorDeleted});
            seal_audit_block(run.session, act.block_id);
        });
        if (ids.empty()) return;
        after = ids.back();
    }
}

}  // namespace

void move_rotations(StepRun& run) {
    deliver(run);
    advance(run);
}

}  // namespace keyrota
