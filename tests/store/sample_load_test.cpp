#include <sstream>

#include "commands/sample/sample.h"
#include "commands/sample/sample_data.h"
#include "error/error.h"
#include "secret/key_format.h"
#include "support/database.h"

namespace keyrota::test {
namespace {

using ::testing::HasSubstr;

constexpr const char* kKeyTables[] = {"api_key", "api_key_secret", "api_key_state",
                                      "api_key_activity"};

class SampleLoad : public DatabaseTest {
  protected:
    std::string load(const SampleOptions& options) {
        std::ostringstream out;
        EXPECT_EQ(sample_load(owner(), options, out), ExitCode::done);
        return out.str();
    }
    std::int64_t count(const std::string& of) {
        return number("select count(*) from keyrota." + of);
    }
    /// Constraints, indexes and triggers of the whole schema, as the catalog defines them.
    std::vector<std::string> definitions() {
        return texts(
            "select conrelid::regclass::text || ' ' || conname || ' ' || pg_get_constraintdef(oid) "
            "from "
            "pg_constraint"
            "  where connamespace = 'keyrota'::regnamespace"
            " union all select indexdef from pg_indexes where schemaname = 'keyrota'"
            " union all select tgrelid::regclass::text || ' ' || tgname || ' ' || tgenabled::text "
            "from "
            "pg_trigger"
            "  where not tgisinternal order by 1");
    }
};

TEST_F(SampleLoad, FillsEveryTableWithWhatWasAskedFor) {
    const std::string summary = load({.keys = 2000, .owners = 80, .days = 2});
    for (const std::string table : kKeyTables) EXPECT_EQ(count(table), 2000) << table;
    EXPECT_EQ(count("key"), 2000);
    EXPECT_EQ(count("owner"), 80);
    EXPECT_EQ(count("team"), 10);
    EXPECT_EQ(count("usage_gateway where last_seen_at is not null"), 3);
    EXPECT_GT(count("usage_sample"), 1000);  // a weekend has half of a working day's
    EXPECT_EQ(count("usage_sample where at > now() or at < now() - interval '50 hours'"), 0);
    EXPECT_EQ(count("api_key where lineage_id <> key_id or source <> 'native'"), 0);
    EXPECT_THAT(summary, HasSubstr("loaded 2000 keys of 80 owners in 10 teams (key_id 1 to 2000)"));
}

TEST_F(SampleLoad, SaysHowManyAreDueNow) {
    const std::string summary = load({.keys = 3000, .days = 0});
    const std::int64_t due = count(
        "api_key_state where status = 'active' and expires_at <= date_trunc('minute', now())");
    EXPECT_GT(due, 0);
    EXPECT_THAT(summary, HasSubstr(std::to_string(due) + " of the active ones are due now"));
}

TEST_F(SampleLoad, SamplesOfDaysToBeReplayedArrivedWhenTheyWereUsed) {
    load({.keys = 500, .days = 20, .replay_days = 3});
    EXPECT_EQ(count("usage_sample where received_at <> at"), 0);
    EXPECT_GT(count("usage_sample where received_at < now() - interval '19 days'"), 0);
    EXPECT_EQ(count("api_key_state where status = 'expired'"
                    " and expires_at > date_trunc('minute', now()) - interval '3 days'"),
              0);
}

TEST_F(SampleLoad, DaysAreReplayedOnASimulationOnly) {
    execute("update keyrota.installation set simulation = false");
    std::ostringstream out;
    EXPECT_THAT(error_of([&] {
                    sample_load(owner(), {.keys = 10, .days = 1, .replay_days = 1}, out);
                }).what(),
                HasSubstr("--replay is only for a simulation"));
    EXPECT_EQ(count("api_key"), 0);
}

TEST_F(SampleLoad, LeavesConstraintsIndexesAndTriggersAsTheyWere) {
    const std::vector<std::string> before = definitions();
    load({.keys = 100, .days = 0});
    EXPECT_EQ(definitions(), before);
    EXPECT_THROW(execute("insert into keyrota.api_key_secret (secret_hash, key_id)"
                         " select secret_hash, key_id from keyrota.api_key_secret limit 1"),
                 DatabaseError);
}

TEST_F(SampleLoad, RefusesADatabaseThatHoldsKeysAndChangesNothing) {
    given_key({.name = "a real one"});
    const std::vector<std::string> before = fingerprint();
    try {
        load({.keys = 100});
        FAIL() << "loaded beside a real key";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ExitCode::usage);
        EXPECT_THAT(error.hint(), HasSubstr("--append"));
    }
    EXPECT_EQ(fingerprint(), before);
}

TEST_F(SampleLoad, AppendsBehindWhatIsThere) {
    load({.keys = 100, .owners = 10, .days = 1});
    const std::vector<std::string> before = definitions();
    load({.keys = 50, .owners = 10, .days = 1, .append = true});
    EXPECT_EQ(count("api_key_secret"), 150);
    EXPECT_EQ(number("select max(key_id) from keyrota.api_key"), 150);
    EXPECT_EQ(count("owner"), 20);
    EXPECT_EQ(count("usage_gateway"), 3);
    EXPECT_EQ(definitions(), before);
}

TEST_F(SampleLoad, GivesNoIdAgainThatADeletedKeyHad) {
    const std::int64_t gone = given_key({.name = "deleted"});
    execute("delete from keyrota.api_key_state");
    execute("delete from keyrota.api_key");
    load({.keys = 10, .days = 0});
    EXPECT_EQ(number("select min(key_id) from keyrota.api_key"), gone + 1);
}

TEST_F(SampleLoad, AKeyMadeAfterwardsGetsTheNextId) {
    load({.keys = 100, .days = 0});
    EXPECT_EQ(given_key({.name = "next"}), 101);
    execute("insert into keyrota.team (name) values ('next')");
    EXPECT_EQ(number("select team_id from keyrota.team where name = 'next'"), 2);
}

TEST_F(SampleLoad, StoresTheHashOfTheSecretThatTheSeedGives) {
    load({.keys = 10, .days = 0, .seed = 7});
    SampleFrame frame;
    frame.seed = 7;
    frame.as_of = kNow;  // the secret does not depend on it
    frame.keys = 10;
    frame.owners = 10;
    frame.teams = 1;
    const std::string secret = sample_secret(frame, sample_key(frame, 4));
    EXPECT_EQ(number("select key_id from keyrota.api_key_secret where secret_hash = sha256('" +
                     secret + "')"),
              5);
    EXPECT_EQ(text("select hint from keyrota.api_key where key_id = 5"), secret_hint(secret));
}

TEST_F(SampleLoad, GivesEveryKeyTheOnlyPolicyRule) {
    load({.keys = 100, .days = 0});
    EXPECT_EQ(count("api_key where policy_rule_id is distinct from (select policy_rule_id from "
                    "keyrota.policy_rule)"),
              0);
}

TEST_F(SampleLoad, LeavesTheRuleOpenWhereThereAreSeveral) {
    execute(
        "insert into keyrota.policy_rule (name, rank, expiry_notice_before) values ('another', 0, "
        "'{}')");
    load({.keys = 100, .days = 0});
    EXPECT_EQ(count("api_key where policy_rule_id is not null"), 0);
}

TEST_F(SampleLoad, WritesOneSealedAuditEntry) {
    load({.keys = 100, .days = 0});
    EXPECT_EQ(count("audit_entry where action = 'sample.load' and key_id = 0"), 1);
    EXPECT_EQ(text("select payload::jsonb -> 'after' ->> 'keys' from keyrota.audit_entry where "
                   "action = 'sample.load'"),
              "100");
    EXPECT_EQ(count("audit_entry e where not exists (select from keyrota.audit_block b where "
                    "b.block_id = e.block_id)"),
              0);
}

TEST_F(SampleLoad, ALoadThatFailsHalfWayLeavesTheDatabaseAsItWas) {
    // The last of the key tables refuses, when the indexes of all are down.
    execute("alter table keyrota.api_key_activity add constraint refuses check (key_id < 900)");
    const std::vector<std::string> rows = fingerprint();
    const std::vector<std::string> indexes = definitions();
    std::ostringstream out;
    EXPECT_THROW(sample_load(owner(), {.keys = 1000, .days = 0}, out), DatabaseError);
    EXPECT_EQ(fingerprint(), rows);
    EXPECT_EQ(definitions(), indexes);
    EXPECT_EQ(out.str(), "");
}

TEST_F(SampleLoad, RefusesOptionsOutOfRange) {
    std::ostringstream out;
    for (const SampleOptions& options :
         {SampleOptions{.keys = 0}, SampleOptions{.owners = 0}, SampleOptions{.days = -1}}) {
        try {
            sample_load(owner(), options, out);
            ADD_FAILURE() << "accepted";
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), ExitCode::usage);
        }
    }
}

}  // namespace
}  // namespace keyrota::test
