#include "audit/audit.h"

#include <fmt/format.h>

#include <future>
#include <regex>

#include "audit/head.h"
#include "audit/verify.h"
#include "common_sql.h"
#include "postgres/database.h"
#include "support/database.h"

namespace keyrota::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using namespace std::chrono_literals;

// SHA-256 of the words that the first block follows.
constexpr const char* kGenesis = "e3c4493a66fcb22c002dc12ec5b884f6e44483e266ce46cfe6d433b0b8c45bb6";

// A trail of six blocks of three entries each, and a hand that the triggers do not stop.
class AuditTest : public DatabaseTest {
  protected:
    void SetUp() override {
        DatabaseTest::SetUp();
        superuser_ = std::make_unique<Session>(session_as("postgres"));
        for (const char* table : {"audit_entry", "audit_block", "audit_head"})
            tamper(fmt::format("alter table keyrota.{} disable trigger all", table));
        // Preparing the database was audited too.
        tamper("delete from keyrota.audit_entry");
        tamper("delete from keyrota.audit_block");
        tamper("alter table keyrota.audit_entry alter entry_id restart");
        tamper(fmt::format("update keyrota.audit_head set height = 0, block_hash = '\\x{}'",
                           kGenesis));
    }
    void TearDown() override {
        superuser_.reset();
        DatabaseTest::TearDown();
    }

    void given_trail() {
        for (int block = 1; block <= 6; ++block) {
            Transaction transaction(runner());
            const std::int64_t block_id = open_audit_block(runner());
            for (int key = 1; key <= 3; ++key) add_entry(block_id, key, block * 10 + key);
            seal_audit_block(runner(), block_id);
            transaction.commit();
        }
    }
    void add_entry(std::int64_t block_id, std::int64_t key_id, std::int64_t run_id) {
        runner().execute(sql::audit_record, {{"key_id", key_id},
                                             {"block_id", block_id},
                                             {"action", "key.expire"},
                                             {"run_id", run_id},
                                             {"actor", audit_actor()},
                                             {"before", R"({"status": "active"})"},
                                             {"after", R"({"status": "expired"})"},
                                             {"why", "null"}});
    }
    void tamper(const std::string& sql) { superuser_->execute_verbatim("tamper", sql); }
    /// The block_id at a height, for SQL.
    static std::string at(int height) {
        return fmt::format("(select block_id from keyrota.audit_block where height = {})", height);
    }
    AuditVerdict verdict(const std::vector<KeptHead>& kept = {}) {
        Session auditor = session_as("keyrota_auditor");
        Session second = session_as("keyrota_auditor");
        return verify_audit(auditor, second, kept);
    }
    /// What verify says without the words in parentheses that tell when and which entries.
    std::string broken(const std::vector<KeptHead>& kept = {}) {
        static const std::regex aside(R"( \((sealed at|key.expire of key)[^)]*\))");
        return std::regex_replace(verdict(kept).broken(), aside, "");
    }
    /// The head at a height, as somebody noted it.
    KeptHead noted(std::int64_t height) {
        return {height,
                text(fmt::format("select encode(block_hash, 'hex') from keyrota.audit_block"
                                 " where height = {}",
                                 height)),
                "notes"};
    }
    /// Hashes the chain anew from a height on, head included: all that a superuser can do.
    void rewrite_chain_from(int height) {
        for (; height <= number("select max(height) from keyrota.audit_block"); ++height)
            tamper(fmt::format(
                "update keyrota.audit_block b set previous_hash = p.block_hash, block_hash ="
                " keyrota.audit_block_hash(b.height, b.block_id, b.entries_total, p.block_hash,"
                " (select string_agg(sha256(convert_to(payload, 'UTF8')), '' order by entry_id)"
                "    from keyrota.audit_entry e where e.block_id = b.block_id))"
                "  from keyrota.audit_block p where b.height = {0} and p.height = b.height - 1",
                height));
        tamper(
            "update keyrota.audit_head h set height = b.height, block_hash = b.block_hash"
            "  from keyrota.audit_block b"
            " where b.height = (select max(height) from keyrota.audit_block)");
    }

    std::unique_ptr<Session> superuser_;
};

TEST_F(AuditTest, AnEmptyTrailIsIntact) {
    const AuditVerdict empty = verdict();
    EXPECT_EQ(empty.broken(), "");
    EXPECT_TRUE(empty.intact());
    EXPECT_EQ(empty.blocks_total, 0);
    EXPECT_EQ(empty.entries_total, 0);
    EXPECT_EQ(empty.head, kGenesis);
}

TEST_F(AuditTest, AnUntouchedTrailIsIntactAndItsHeadIsTheDatabases) {
    given_trail();
    const AuditVerdict intact = verdict();
    EXPECT_EQ(intact.broken(), "");
    EXPECT_EQ(intact.blocks_total, 6);
    EXPECT_EQ(intact.entries_total, 18);
    EXPECT_EQ(intact.head, text("select encode(block_hash, 'hex') from keyrota.audit_head"));
}

TEST_F(AuditTest, AnEntrySaysWhoWhatWhenAndWhy) {
    Transaction transaction(runner());
    record_audit(runner(), {.action = "owner.update",
                            .key_id = 0,
                            .run_id = 9,
                            .before = R"({"a": "it's :x"})",
                            .after = "null",
                            .why = R"({"check": "KEY-X"})"});
    transaction.commit();
    EXPECT_EQ(text("select payload::jsonb - 'at_us' - 'actor' from keyrota.audit_entry"),
              R"({"why": {"check": "KEY-X"}, "after": null, "action": "owner.update", "before": )"
              R"({"a": "it's :x"}, )"
              R"("key_id": 0, "run_id": 9})");
    EXPECT_EQ(text("select payload::jsonb -> 'actor' ->> 'session_user' from keyrota.audit_entry"),
              "keyrota_runner");
    EXPECT_NE(text("select payload::jsonb -> 'actor' ->> 'os_user' from keyrota.audit_entry"),
              "NULL");
    EXPECT_EQ(number("select count(*) from keyrota.audit_entry"
                     " where abs(at_us - keyrota.micros(clock_timestamp())) < 600000000"),
              1);
    EXPECT_EQ(verdict().broken(), "");
}

TEST_F(AuditTest, SealingABlockWithoutEntriesAddsNone) {
    given_trail();
    Transaction transaction(runner());
    seal_audit_block(runner(), open_audit_block(runner()));
    transaction.commit();
    EXPECT_EQ(verdict().blocks_total, 6);
    EXPECT_EQ(verdict().broken(), "");
}

// ---- every way to tamper, and the place that is named

TEST_F(AuditTest, OneChangedByteOfAnEntryIsFound) {
    given_trail();
    tamper(
        "update keyrota.audit_entry set payload = replace(payload, 'inactive', 'active')");  // none
                                                                                             // has
                                                                                             // it
    EXPECT_EQ(broken(), "");
    tamper(
        "update keyrota.audit_entry set payload = replace(payload, '\"run_id\": 42', '\"run_id\": "
        "43')"
        " where run_id = 42");
    EXPECT_EQ(broken(), "block 4 or one of its 3 entries was altered");
}

TEST_F(AuditTest, ABlankInAnEntryIsFoundThoughItsMeaningIsTheSame) {
    given_trail();
    tamper("update keyrota.audit_entry set payload = payload || ' ' where run_id = 11");
    EXPECT_EQ(broken(), "block 1 or one of its 3 entries was altered");
}

TEST_F(AuditTest, ARemovedEntryIsFound) {
    given_trail();
    tamper("delete from keyrota.audit_entry where run_id = 43");
    EXPECT_EQ(broken(), "block 4 was sealed with 3 entries and has 2");
}

TEST_F(AuditTest, AllEntriesOfABlockRemovedIsFound) {
    given_trail();
    tamper("delete from keyrota.audit_entry where block_id = " + at(6));
    EXPECT_EQ(broken(), "block 6 was sealed with 3 entries and has 0");
}

TEST_F(AuditTest, AnEntryAddedToABlockIsFound) {
    given_trail();
    tamper("insert into keyrota.audit_entry (key_id, block_id, payload) values (4, " + at(2) +
           ", '{\"key_id\": 4}')");
    EXPECT_EQ(broken(), "block 2 was sealed with 3 entries and has 4");
}

TEST_F(AuditTest, EntriesThatChangedPlacesAreFound) {
    given_trail();
    tamper(
        "update keyrota.audit_entry e set payload = o.payload, key_id = o.key_id, block_id = "
        "e.block_id"
        "  from keyrota.audit_entry o where (e.run_id, o.run_id) in ((31, 32), (32, 31))");
    EXPECT_EQ(broken(), "block 3 or one of its 3 entries was altered");
}

TEST_F(AuditTest, AnEntryMovedToAnotherBlockIsFound) {
    given_trail();
    tamper("update keyrota.audit_entry set block_id = " + at(5) + " where run_id = 21");
    EXPECT_EQ(broken(), "block 2 was sealed with 3 entries and has 2");
}

TEST_F(AuditTest, ARemovedBlockIsFound) {
    given_trail();
    tamper("delete from keyrota.audit_entry where block_id = " + at(4));
    tamper("delete from keyrota.audit_block where height = 4");
    EXPECT_EQ(broken(), "block 4 is missing: after block 3 comes block 5");
}

TEST_F(AuditTest, TheFirstBlockRemovedIsFound) {
    given_trail();
    tamper("delete from keyrota.audit_entry where block_id = " + at(1));
    tamper("delete from keyrota.audit_block where height = 1");
    EXPECT_EQ(broken(), "block 1 is missing: after block 0 comes block 2");
}

TEST_F(AuditTest, ARemovedBlockIsFoundThoughTheRestMovedUp) {
    given_trail();
    tamper("delete from keyrota.audit_entry where block_id = " + at(4));
    tamper("delete from keyrota.audit_block where height = 4");
    tamper("update keyrota.audit_block set height = 4 where height = 5");
    tamper("update keyrota.audit_block set height = 5 where height = 6");
    tamper("update keyrota.audit_head set height = 5");
    EXPECT_EQ(broken(), "block 4 does not follow block 3: one of them was replaced or moved");
}

TEST_F(AuditTest, SwappedBlocksAreFound) {
    given_trail();
    tamper("update keyrota.audit_block set height = -3 where height = 3");
    tamper("update keyrota.audit_block set height = 3 where height = 4");
    tamper("update keyrota.audit_block set height = 4 where height = -3");
    EXPECT_EQ(broken(), "block 3 does not follow block 2: one of them was replaced or moved");
}

TEST_F(AuditTest, ABlockThatWasHashedAgainIsFoundByTheNextOne) {
    given_trail();
    tamper(
        "update keyrota.audit_entry set payload = '{\"key_id\": 1, \"run_id\": 31}' where run_id = "
        "31");
    const std::string rehash =
        "update keyrota.audit_block b set block_hash ="
        " keyrota.audit_block_hash(height, block_id, entries_total, previous_hash,"
        " (select string_agg(sha256(convert_to(payload, 'UTF8')), '' order by entry_id)"
        "    from keyrota.audit_entry e where e.block_id = b.block_id)) where height = 3";
    tamper(rehash);
    EXPECT_EQ(broken(), "block 4 does not follow block 3: one of them was replaced or moved");
}

TEST_F(AuditTest, AChangedFieldOfABlockIsFound) {
    given_trail();
    tamper("create table keyrota.kept as select * from keyrota.audit_block where height = 5");
    const auto broken_by = [&](const char* change) {
        tamper("delete from keyrota.audit_block where height = 5");
        tamper("insert into keyrota.audit_block select * from keyrota.kept");
        tamper(fmt::format("update keyrota.audit_block set {} where height = 5", change));
        return broken();
    };
    EXPECT_EQ(broken_by("height = height"), "");
    EXPECT_EQ(broken_by("block_hash = sha256('x')"), "block 5 or one of its 3 entries was altered");
    EXPECT_EQ(broken_by("previous_hash = sha256('x')"),
              "block 5 does not follow block 4: one of them was replaced or moved");
    EXPECT_EQ(broken_by("entries_total = 2"), "block 5 was sealed with 2 entries and has 3");
    EXPECT_EQ(broken_by("block_id = 999"), "block 5 was sealed with 3 entries and has 0");
}

TEST_F(AuditTest, ATailCutOffIsFoundByTheHeadInTheDatabase) {
    given_trail();
    for (const int height : {6, 5}) {
        tamper("delete from keyrota.audit_entry where block_id = " + at(height));
        tamper(fmt::format("delete from keyrota.audit_block where height = {}", height));
        EXPECT_EQ(broken(), fmt::format("the head says block 6, the last block is {}: the "
                                        "tail was cut off or the head moved",
                                        height - 1));
    }
}

TEST_F(AuditTest, AWholeTrailCutOffIsFoundByTheHeadInTheDatabase) {
    given_trail();
    tamper("delete from keyrota.audit_entry");
    tamper("delete from keyrota.audit_block");
    EXPECT_THAT(broken(), StartsWith("the head says block 6, the last block is 0"));
}

TEST_F(AuditTest, ATailCutOffTogetherWithTheHeadShowsAgainstAHeadKeptElsewhere) {
    given_trail();
    const std::string kept = verdict().head;
    tamper("delete from keyrota.audit_block where height = 6");
    tamper(
        "update keyrota.audit_head set height = 5,"
        " block_hash = (select block_hash from keyrota.audit_block where height = 5)");
    EXPECT_EQ(
        broken(),
        "3 entries belong to no block: they were not written by keyrota; the first is entry 16");
    tamper("delete from keyrota.audit_entry where run_id > 60");
    EXPECT_EQ(broken(), "");
    EXPECT_NE(verdict().head, kept);
}

TEST_F(AuditTest, AMovedHeadIsFound) {
    given_trail();
    tamper("update keyrota.audit_head set block_hash = sha256('x')");
    EXPECT_THAT(broken(), HasSubstr("the head moved"));
}

TEST_F(AuditTest, AnEntryThatNobodySealedIsFound) {
    given_trail();
    add_entry(open_audit_block(runner()), 5, 99);
    EXPECT_EQ(broken(), "entry 19 belongs to no block: it was not written by keyrota");
}

// The columns are what people search by; only the payload is hashed.
TEST_F(AuditTest, AKeyIdColumnThatSaysSomethingElseThanWhatWasHashedIsFound) {
    given_trail();
    tamper("alter table keyrota.audit_entry drop constraint audit_entry_check");
    tamper("update keyrota.audit_entry set key_id = 99 where run_id = 42");
    EXPECT_THAT(
        verdict().broken(),
        AllOf(StartsWith("entry 11 (key.expire of key 99, 20"),
              HasSubstr("in block 4 was altered: its column key_id says 99, its payload 2")));
    const AuditFault fault = *verdict().fault;
    EXPECT_EQ(fault.height, 4);
    EXPECT_EQ(fault.entry_id, 11);
    EXPECT_EQ(fault.action, "key.expire");
    EXPECT_EQ(to_micros(fault.at.value()),
              number("select at_us from keyrota.audit_entry where run_id = 42"));
}

TEST_F(AuditTest, AnyOtherColumnThatSaysSomethingElseThanWhatWasHashedIsFound) {
    given_trail();
    const auto broken_by = [&](const char* column, const char* value) {
        tamper(fmt::format("alter table keyrota.audit_entry alter {} drop expression if exists",
                           column));
        tamper(
            fmt::format("create table keyrota.kept as select entry_id, {0} as v from "
                        "keyrota.audit_entry where entry_id = 8",
                        column));
        tamper(fmt::format("update keyrota.audit_entry set {} = {} where entry_id = 8", column,
                           value));
        const std::string found = broken();
        tamper(
            fmt::format("update keyrota.audit_entry set {} = (select v from keyrota.kept)"
                        " where entry_id = 8",
                        column));
        tamper("drop table keyrota.kept");
        return found;
    };
    const std::string entry = "entry 8 in block 3 was altered: ";
    EXPECT_EQ(broken_by("run_id", "31"), entry + "its column run_id says 31, its payload 32");
    EXPECT_EQ(broken_by("run_id", "null"), entry + "its column run_id says null, its payload 32");
    EXPECT_THAT(broken_by("at_us", "1"), HasSubstr("its column at_us says 1, its payload 1"));
    EXPECT_THAT(broken_by("action", "'key.renew'"), HasSubstr("its column action"));
    EXPECT_THAT(broken_by("action", "null"), HasSubstr("its column action"));
    EXPECT_EQ(broken(), "");
}

TEST_F(AuditTest, EntriesOfTwoBlocksThatChangedPlacesAreFound) {
    given_trail();
    tamper(
        "update keyrota.audit_entry e set block_id = o.block_id"
        "  from keyrota.audit_entry o where (e.run_id, o.run_id) in ((21, 51), (51, 21))");
    EXPECT_EQ(broken(), "block 2 or one of its 3 entries was altered");
}

TEST_F(AuditTest, OfManyBrokenPlacesTheLowestIsNamed) {
    given_trail();
    tamper("delete from keyrota.audit_entry where run_id = 61");
    tamper("update keyrota.audit_entry set payload = payload || ' ' where run_id in (51, 31, 41)");
    tamper("update keyrota.audit_block set previous_hash = sha256('x') where height = 4");
    add_entry(open_audit_block(runner()), 5, 99);
    EXPECT_EQ(broken(), "block 3 or one of its 3 entries was altered");
    EXPECT_EQ(verdict().fault->height, 3);
}

TEST_F(AuditTest, ABlockWithoutItsRowIsFoundAndItsEntriesAreNotTakenForAnothers) {
    given_trail();
    tamper("delete from keyrota.audit_block where height = 3");
    EXPECT_EQ(broken(), "block 3 is missing: after block 2 comes block 4");
}

TEST_F(AuditTest, ANullWhereNoneCanBeIsFoundAndNoCrash) {
    given_trail();
    tamper(
        "alter table keyrota.audit_entry alter payload drop not null, alter block_id drop not "
        "null");
    tamper("alter table keyrota.audit_entry drop constraint audit_entry_check");
    tamper("update keyrota.audit_entry set block_id = null where run_id = 63");
    EXPECT_EQ(broken(), "block 6 was sealed with 3 entries and has 2");
    tamper("update keyrota.audit_entry set payload = null where run_id = 11");
    EXPECT_THAT(broken(), HasSubstr("in block 1 was altered: its payload is no JSON object"));
}

// ---- heads kept elsewhere

TEST_F(AuditTest, ATrailThatGrewHoldsEveryHeadThatWasKeptOfIt) {
    given_trail();
    EXPECT_EQ(broken({noted(6), noted(1), {0, kGenesis, "notes"}, {{}, noted(3).hash, "notes"}}),
              "");
}

TEST_F(AuditTest, ATailCutOffWithItsHeadIsFoundByAHeadThatWasKept) {
    given_trail();
    const KeptHead kept = noted(6);
    tamper("delete from keyrota.audit_entry where block_id = " + at(6));
    tamper("delete from keyrota.audit_block where height = 6");
    rewrite_chain_from(7);  // only moves the head
    EXPECT_EQ(broken(), "");
    EXPECT_EQ(broken({kept}),
              "the trail ends with block 5, and the head that was kept (notes) is of block 6: the "
              "tail was cut off");
    EXPECT_EQ(broken({{{}, kept.hash, "notes"}}),
              "no block has the hash " + kept.hash +
                  ": the tail was cut off, or the trail was rewritten");
    EXPECT_EQ(broken({noted(5)}), "");
}

TEST_F(AuditTest, ATrailRewrittenToTheEndIsFoundByAHeadOfAnyBlockFromThereOn) {
    given_trail();
    const std::vector<KeptHead> kept{noted(1), noted(2), noted(3), noted(4), noted(5), noted(6)};
    tamper(
        "update keyrota.audit_entry set payload = replace(payload, 'expired', 'active')"
        " where run_id = 42");
    rewrite_chain_from(4);
    EXPECT_EQ(broken(), "");
    for (const KeptHead& head : kept) {
        const std::string expected = *head.height < 4
                                         ? ""
                                         : fmt::format(
                                               "block {} is not the one of the head that was kept "
                                               "(notes): the trail was rewritten",
                                               *head.height);
        EXPECT_EQ(broken({head}), expected);
    }
    EXPECT_THAT(broken(kept), StartsWith("block 4 is not the one"));
}

// ---- many writers

TEST_F(AuditTest, ManyConcurrentWritersLeaveOneChainWithoutAFork) {
    constexpr int kWriters = 8;
    constexpr int kTransactions = 50;
    Connection patient = connection_for(config(), Access::runner);
    patient.lock_timeout = 60s;
    std::vector<std::future<int>> writers;
    for (int writer = 0; writer < kWriters; ++writer)
        writers.push_back(std::async(std::launch::async, [&, writer] {
            Session session(patient);
            int committed = 0;
            for (int i = 0; i < kTransactions; ++i) {
                Transaction transaction(session);
                record_audit(session, {.action = "test", .key_id = writer, .run_id = i});
                if ((i + writer) % 5 == 0) continue;  // rolled back, with its block
                transaction.commit();
                ++committed;
            }
            return committed;
        }));
    int committed = 0;
    for (auto& writer : writers) committed += writer.get();
    EXPECT_EQ(committed, kWriters * kTransactions * 4 / 5);
    const AuditVerdict after = verdict();
    EXPECT_EQ(after.broken(), "");
    EXPECT_EQ(after.blocks_total, committed);
    EXPECT_EQ(after.entries_total, committed);
    EXPECT_EQ(number("select count(distinct previous_hash) from keyrota.audit_block"), committed);
    EXPECT_EQ(number("select max(height) from keyrota.audit_block"), committed);
}

TEST_F(AuditTest, ATrailCanBeVerifiedWhileItIsWritten) {
    given_trail();
    Transaction transaction(runner());
    record_audit(runner(), {.action = "test", .run_id = {}});
    EXPECT_EQ(verdict().broken(), "");
    EXPECT_EQ(verdict().blocks_total, 6);
    transaction.commit();
    EXPECT_EQ(verdict().blocks_total, 7);
}

// An import fills thousands of blocks in one transaction, on a connection that planned its
// statements when the table was small.
TEST_F(AuditTest, SealingManyBlocksInOneTransactionReadsEachEntryOnce) {
    constexpr int kBlocks = 40;
    tamper("vacuum analyze keyrota.audit_entry");
    Transaction transaction(runner());
    std::vector<std::int64_t> open_blocks;
    std::int64_t entries = 0;
    for (int block = 0; block < kBlocks; ++block) {
        const int size = block < 10 ? 1 : 50;
        const std::int64_t block_id = open_audit_block(runner());
        entries += runner().execute({"fill",
                                     "insert into keyrota.audit_entry (key_id, block_id, payload)"
                                     " select i, :block_id, '{\"key_id\": ' || i || '}'"
                                     "   from generate_series(1, cast(:size as bigint)) i"},
                                    {{"block_id", block_id}, {"size", size}});
        if (block % 2 == 0)
            seal_audit_block(runner(), block_id);
        else
            open_blocks.push_back(block_id);  // sealed later: its entries are known by its id
    }
    for (const std::int64_t block_id : open_blocks) seal_audit_block(runner(), block_id);
    const Row read =
        runner().one({"read",
                      "select seq_tup_read, idx_tup_fetch from pg_stat_xact_user_tables"
                      " where relid = 'keyrota.audit_entry'::regclass"});
    transaction.commit();
    EXPECT_EQ(read.int64("seq_tup_read"), 0);
    EXPECT_EQ(read.int64("idx_tup_fetch"), entries);
    EXPECT_EQ(verdict().broken(), "");
    EXPECT_EQ(verdict().blocks_total, kBlocks);
    EXPECT_EQ(verdict().entries_total, entries);
}

TEST_F(AuditTest, BlocksOfATransactionThatRolledBackLeaveNoGapAndNoEntry) {
    given_trail();
    {
        Transaction rolled_back(runner());
        for (int i = 0; i < 3; ++i) {
            const std::int64_t block_id = open_audit_block(runner());
            add_entry(block_id, 1, 100);
            seal_audit_block(runner(), block_id);
        }
    }
    Transaction transaction(runner());
    record_audit(runner(), {.action = "test", .run_id = {}});
    transaction.commit();
    EXPECT_EQ(verdict().broken(), "");
    EXPECT_EQ(verdict().blocks_total, 7);
    EXPECT_EQ(number("select max(height) from keyrota.audit_block"), 7);
    EXPECT_GT(number("select max(block_id) from keyrota.audit_block"), 9);
}

TEST_F(AuditTest, BlocksSealedInAnotherOrderThanTheyWereOpenedFormOneChain) {
    Session other = session_as("keyrota_runner");
    Transaction first(runner());
    const std::int64_t early = open_audit_block(runner());
    add_entry(early, 1, 1);
    {
        Transaction second(other);
        record_audit(other, {.action = "test", .run_id = 2});
        second.commit();
    }
    seal_audit_block(runner(), early);
    first.commit();
    EXPECT_EQ(texts("select height from keyrota.audit_block order by block_id"),
              (std::vector<std::string>{"2", "1"}));
    EXPECT_EQ(verdict().broken(), "");
    tamper("update keyrota.audit_entry set payload = payload || ' ' where run_id = 2");
    EXPECT_EQ(broken(), "block 1 or one of its 1 entries was altered");
}

}  // namespace
}  // namespace keyrota::test
