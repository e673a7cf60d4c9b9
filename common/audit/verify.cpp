#include "audit/verify.h"

#include <fmt/format.h>

#include <optional>

#include "error/error.h"
#include "postgres/copy.h"
#include "secret/sha256.h"

namespace keyrota {
namespace {

// Entries of each block in the order that was hashed. Nested loops keep the memory flat: a block's
// entries are one range of audit_entry_block_id_idx, and the blocks come in order of height.
constexpr const char* kTrail =
    "select b.height, b.block_id, b.entries_total, b.previous_hash, b.block_hash, e.payload"
    "  from keyrota.audit_block b"
    "  left join lateral (select payload from keyrota.audit_entry where block_id = b.block_id "
    "order by entry_id) e on true"
    " order by b.height";
constexpr Statement kSnapshot{"audit_snapshot",
                              "set transaction isolation level repeatable read, read only"};
constexpr Statement kNestedLoops{"audit_nested_loops",
                                 "select set_config('enable_hashjoin', 'off', true), "
                                 "set_config('enable_mergejoin', 'off', true)"};
constexpr Statement kHead{"audit_head",
                          "select height, encode(block_hash, 'hex') as hash,"
                          " (select count(*) from keyrota.audit_entry) as entries_total"
                          " from keyrota.audit_head"};

// One block on its way through the stream; the hash of keyrota.audit_block_hash.
struct Block {
    std::int64_t height;
    std::int64_t block_id;
    std::int64_t entries_total;
    std::string previous_hash;
    std::string hash;
    std::int64_t entries_seen = 0;
    Sha256 recomputed;

    explicit Block(const CopyReader& row)
        : height(row.int64(0)),
          block_id(row.int64(1)),
          entries_total(row.int64(2)),
          previous_hash(row.bytes(3)),
          hash(row.bytes(4)) {
        recomputed.add(fmt::format("{},{},{},", height, block_id, entries_total));
        recomputed.add(previous_hash);
    }
};

// What is wrong with a block whose entries were all seen, given the one before it; empty: nothing.
std::string fault_of(Block& block, std::int64_t previous_height, const std::string& previous_hash) {
    if (block.height != previous_height + 1)
        return fmt::format("block {} is missing: after block {} comes block {}",
                           previous_height + 1, previous_height, block.height);
    if (block.previous_hash != previous_hash)
        return fmt::format("block {} does not follow block {}: one of them was replaced or moved",
                           block.height, previous_height);
    if (block.entries_seen != block.entries_total)
        return fmt::format("block {} was sealed with {} entries and has {}", block.height,
                           block.entries_total, block.entries_seen);
    if (block.recomputed.finish() != block.hash)
        return fmt::format("block {} or one of its {} entries was altered", block.height,
                           block.entries_total);
    return "";
}

}  // namespace

AuditVerdict verify_audit(Session& session) {
    const Transaction transaction(session);
    session.execute(kSnapshot);
    const Row head = session.one(kHead);
    session.one(kNestedLoops);

    AuditVerdict verdict;
    std::int64_t height = 0;
    std::string hash = sha256("keyrota audit trail");  // what the first block follows
    std::optional<Block> block;
    const auto close_block = [&] {
        if (!block) return;
        verdict.broken = fault_of(*block, height, hash);
        height = block->height;
        hash = block->hash;
        ++verdict.blocks_total;
    };
    {
        CopyReader rows(session, "audit_trail", kTrail);
        while (verdict.intact() && rows.next()) {
            if (!block || block->height != rows.int64(0)) {
                close_block();
                block.emplace(rows);
            }
            if (rows.is_null(5)) continue;
            block->recomputed.add(sha256(rows.bytes(5)));
            ++block->entries_seen;
            ++verdict.entries_total;
        }
    }
    if (verdict.intact()) close_block();
    verdict.head = to_hex(hash);
    if (verdict.intact() && (head.int64("height") != height || head.text("hash") != verdict.head))
        verdict.broken = fmt::format(
            "the head says block {}, the last block is {}: the tail was cut off or the head moved",
            head.int64("height"), height);
    if (verdict.intact() && head.int64("entries_total") != verdict.entries_total)
        verdict.broken =
            fmt::format("{} entries belong to no block: they were not written by keyrota",
                        head.int64("entries_total") - verdict.entries_total);
    return verdict;
}

}  // namespace keyrota
