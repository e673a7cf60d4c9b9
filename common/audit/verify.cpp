#include "audit/verify.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <limits>

#include "common_sql.h"
#include "error/error.h"
#include "postgres/copy.h"
#include "secret/sha256.h"

namespace keyrota {
namespace {

constexpr Statement kOneSnapshot{"audit_one_snapshot",
                                 "set transaction isolation level repeatable read, read only"};
constexpr Statement kExportSnapshot{"audit_export_snapshot",
                                    "select pg_export_snapshot() as snapshot"};
// In the order of an index there is nothing to sort, however wrong the statistics are.
constexpr Statement kByIndex{"audit_by_index",
                             "select set_config('enable_sort', 'off', true),"
                             "       set_config('enable_seqscan', 'off', true),"
                             "       set_config('max_parallel_workers_per_gather', '0', true),"
                             "       set_config('jit', 'off', true)"};
constexpr const char* kGenesis = "keyrota audit trail";  // whose hash the first block follows

// A table that somebody changed by hand may hold a NULL anywhere.
std::int64_t number(const CopyReader& row, std::size_t field,
                    std::int64_t of_null = std::numeric_limits<std::int64_t>::max()) {
    return row.is_null(field) ? of_null : row.int64(field);
}

// ---- one entry

enum EntryField : std::size_t { kBlockId, kEntryId, kKeyId, kPayload, kAction, kRunId, kAtUs };

// The columns beside a payload are what people search by: they must say what was hashed.
class ColumnCheck {
  public:
    /// @returns the column that says something else, and what; empty: none does.
    std::string difference(const CopyReader& entry) {
        const std::string_view payload = entry.bytes(kPayload);
        padded_.assign(payload);
        padded_.reserve(payload.size() + simdjson::SIMDJSON_PADDING);
        simdjson::ondemand::document json;
        simdjson::ondemand::object object;
        if (parser_.iterate(padded_.data(), padded_.size(), padded_.capacity()).get(json) !=
                simdjson::SUCCESS ||
            json.get_object().get(object) != simdjson::SUCCESS)
            return "its payload is no JSON object";
        struct Column {
            const char* name;
            EntryField field;
        };
        for (const auto& [name, field] :
             {Column{"key_id", kKeyId}, Column{"run_id", kRunId}, Column{"at_us", kAtUs}}) {
            const Number said = number_of(object, name);
            const Number column = entry.is_null(field) ? Number() : Number(entry.int64(field));
            if (said != column)
                return fmt::format("its column {} says {}, its payload {}", name, shown(column),
                                   shown(said));
        }
        std::string_view action;
        const bool has_action =
            object.find_field_unordered("action").get_string().get(action) == simdjson::SUCCESS;
        if (has_action == entry.is_null(kAction) || action != entry.bytes(kAction))
            return "its column action says something else than its payload";
        return "";
    }

  private:
    using Number = std::optional<std::int64_t>;

    static Number number_of(simdjson::ondemand::object& object, const char* name) {
        std::int64_t value = 0;
        const auto error = object.find_field_unordered(name).get_int64().get(value);
        return error == simdjson::SUCCESS ? Number(value) : Number();
    }
    static std::string shown(Number number) { return number ? std::to_string(*number) : "null"; }

    simdjson::ondemand::parser parser_;
    std::string padded_;
};

// `entry 42 (key.expire of key 7, 2026-11-24T06:00:00Z)`, and the same for programs.
AuditFault fault_at(const CopyReader& entry, const std::string& wrong) {
    AuditFault fault;
    fault.entry_id = number(entry, kEntryId);
    fault.action = entry.bytes(kAction);
    if (!entry.is_null(kAtUs)) fault.at = from_micros(entry.int64(kAtUs));
    fault.what =
        fmt::format("entry {} ({} of key {}, {}) {}", *fault.entry_id,
                    fault.action.empty() ? "no action" : fault.action, number(entry, kKeyId),
                    fault.at ? to_string(*fault.at) : "no time", wrong);
    return fault;
}

// ---- one block

// On its way through the stream; its hash is that of keyrota.audit_block_hash.
class Block {
  public:
    explicit Block(const CopyReader& row)
        : block_id(number(row, 0)),
          height(number(row, 1)),
          entries_total_(number(row, 2)),
          hash_(row.bytes(4)),
          sealed_at_(row.is_null(5) ? Timestamp{} : row.instant(5)) {
        recomputed_.add(fmt::format("{},{},{},", height, block_id, entries_total_));
        recomputed_.add(row.bytes(3));  // the previous block's hash
    }

    void take(const CopyReader& entry, std::string_view entry_hash) {
        if (entries_seen_++ == 0) first_entry_ = number(entry, kEntryId);
        last_entry_ = number(entry, kEntryId);
        recomputed_.add(entry_hash);
    }
    /// What is wrong with it once all its entries were seen; empty: nothing.
    std::string fault() {
        if (entries_seen_ != entries_total_)
            return fmt::format("block {} was sealed with {} entries and has {} ({})", height,
                               entries_total_, entries_seen_, sealed());
        if (recomputed_.finish() != hash_)
            return fmt::format("block {} or one of its {} entries was altered ({}; entry {} to {})",
                               height, entries_total_, sealed(), first_entry_, last_entry_);
        return "";
    }

    const std::int64_t block_id;
    const std::int64_t height;

  private:
    std::string sealed() const { return "sealed at " + to_string(sealed_at_); }

    std::int64_t entries_total_;
    std::string hash_;
    Timestamp sealed_at_;
    std::int64_t entries_seen_ = 0;
    std::int64_t first_entry_ = 0;
    std::int64_t last_entry_ = 0;
    Sha256 recomputed_;
};

// ---- the trail

// Keeps the lowest place; at one height the first that was told.
class Faults {
  public:
    void add(std::int64_t height, AuditFault fault) {
        if (lowest_ && height >= *lowest_->height) return;
        fault.height = height;
        lowest_ = std::move(fault);
    }
    void add(std::int64_t height, const std::string& what) {
        add(height, AuditFault{.what = what});
    }
    /// One that has no height of its own: counts where nothing else is wrong.
    void add_elsewhere(AuditFault fault) {
        if (!elsewhere_) elsewhere_ = std::move(fault);
    }
    std::optional<AuditFault> first() const { return lowest_ ? lowest_ : elsewhere_; }

  private:
    std::optional<AuditFault> lowest_;
    std::optional<AuditFault> elsewhere_;
};

// Entries that no block holds.
struct Orphans {
    std::int64_t total = 0;
    AuditFault first;

    void add(const CopyReader& entry) {
        if (total++ == 0) first = fault_at(entry, "");
    }
    AuditFault fault() const {
        AuditFault fault = first;
        fault.what = total == 1 ? first.what + "belongs to no block: it was not written by keyrota"
                                : fmt::format(
                                      "{} entries belong to no block: they were not written by "
                                      "keyrota; the first is {}",
                                      total, first.what.substr(0, first.what.size() - 1));
        return fault;
    }
};

// Two streams in the order of block ids, side by side: every block gets its entries, and what has
// no partner shows on either side.
Orphans check_contents(Session& entry_session, Session& block_session, Faults& faults,
                       AuditVerdict& verdict) {
    CopyReader entries(entry_session, sql::audit_entries.name, sql::audit_entries.text);
    CopyReader blocks(block_session, sql::audit_blocks.name, sql::audit_blocks.text);
    Orphans orphans;
    ColumnCheck columns;
    Sha256 hash;
    bool has_entry = entries.next();
    const auto take_orphans_below = [&](std::int64_t block_id) {
        for (; has_entry && number(entries, kBlockId) < block_id; has_entry = entries.next())
            orphans.add(entries);
    };
    while (blocks.next()) {
        Block block(blocks);
        take_orphans_below(block.block_id);
        for (; has_entry && number(entries, kBlockId) == block.block_id;
             has_entry = entries.next()) {
            hash.restart();
            hash.add(entries.bytes(kPayload));
            block.take(entries, hash.finish());
            ++verdict.entries_total;
            if (const std::string difference = columns.difference(entries); !difference.empty())
                faults.add(block.height,
                           fault_at(entries, fmt::format("in block {} was altered: {}",
                                                         block.height, difference)));
        }
        if (const std::string fault = block.fault(); !fault.empty())
            faults.add(block.height, fault);
        ++verdict.blocks_total;
    }
    for (; has_entry; has_entry = entries.next()) orphans.add(entries);
    return orphans;
}

// Heads that the trail must contain, looked for while its blocks pass by in order of height.
class KeptHeads {
  public:
    explicit KeptHeads(std::vector<KeptHead> kept) : kept_(std::move(kept)) {
        std::stable_sort(kept_.begin(), kept_.end(), [](const KeptHead& a, const KeptHead& b) {
            return a.height.value_or(-1) < b.height.value_or(-1);  // hashes alone come first
        });
        while (next_ < kept_.size() && !kept_[next_].height) {
            alone_.push_back(kept_[next_]);
            ++next_;
        }
    }
    void see(std::int64_t height, const std::string& hash, Faults& faults) {
        for (; next_ < kept_.size() && *kept_[next_].height <= height; ++next_)
            if (kept_[next_].hash != hash)
                faults.add(height, fmt::format("block {} is not the one of the head that was kept "
                                               "({}): the trail was rewritten",
                                               height, kept_[next_].place));
        alone_.erase(std::remove_if(alone_.begin(), alone_.end(),
                                    [&](const KeptHead& head) { return head.hash == hash; }),
                     alone_.end());
    }
    void end(std::int64_t height, Faults& faults) const {
        if (next_ < kept_.size())
            faults.add_elsewhere(
                {.what =
                     fmt::format("the trail ends with block {}, and the head that was kept ({}) "
                                 "is of block {}: the tail was cut off",
                                 height, kept_[next_].place, *kept_[next_].height)});
        if (!alone_.empty())
            faults.add_elsewhere(
                {.what = fmt::format("no block has the hash {}: the tail was cut off, or the trail "
                                     "was rewritten",
                                     alone_.front().hash)});
    }

  private:
    std::vector<KeptHead> kept_;
    std::size_t next_ = 0;
    std::vector<KeptHead> alone_;
};

// How the blocks follow each other, up to the first that does not.
void check_chain(Session& session, const Row& head, KeptHeads kept, Faults& faults,
                 AuditVerdict& verdict) {
    std::int64_t height = 0;
    std::string hash = sha256(kGenesis);
    kept.see(height, to_hex(hash), faults);
    CopyReader rows(session, sql::audit_chain.name, sql::audit_chain.text);
    while (rows.next()) {
        const std::int64_t next = number(rows, 0);
        if (next != height + 1)
            return faults.add(height + 1,
                              fmt::format("block {} is missing: after block {} comes block {}",
                                          height + 1, height, next));
        if (rows.bytes(1) != hash)
            return faults.add(next,
                              fmt::format("block {} does not follow block {}: one of them was "
                                          "replaced or moved",
                                          next, height));
        height = next;
        hash = rows.bytes(2);
        kept.see(height, to_hex(hash), faults);
    }
    verdict.head = to_hex(hash);
    if (head.int64("height") != height || head.text("hash") != verdict.head)
        faults.add_elsewhere(
            {.what = fmt::format("the head says block {}, the last block is {}: the "
                                 "tail was cut off or the head moved",
                                 head.int64("height"), height)});
    kept.end(height, faults);
}

}  // namespace

AuditVerdict verify_audit(Session& session, Session& second, std::vector<KeptHead> kept) {
    const Transaction transaction(session);
    session.execute(kOneSnapshot);
    const std::string snapshot = session.one(kExportSnapshot).text("snapshot");
    const Transaction beside(second);
    second.execute(kOneSnapshot);
    // No value can be bound here; the server's own word, digits and dashes.
    second.execute_verbatim("audit_same_snapshot", "set transaction snapshot '" + snapshot + "'");
    session.one(kByIndex);
    second.one(kByIndex);
    const Row head = session.one(sql::audit_head);

    AuditVerdict verdict;
    Faults contents;
    const Orphans orphans = check_contents(session, second, contents, verdict);
    Faults faults;  // those of the chain come first at the same height
    check_chain(second, head, KeptHeads(std::move(kept)), faults, verdict);
    if (const auto fault = contents.first()) faults.add(*fault->height, *fault);
    if (orphans.total > 0) faults.add_elsewhere(orphans.fault());
    verdict.fault = faults.first();
    return verdict;
}

Error audit_is_broken(const AuditVerdict& verdict) {
    return {
        ExitCode::audit_broken, "the audit trail is broken: " + verdict.broken(),
        "Keep the database as it is and compare it with a backup: somebody changed it by hand."};
}

}  // namespace keyrota
