#include "support/database.h"

#include <fmt/format.h>

#include <chrono>
#include <thread>

#include "audit/verify.h"
#include "catalog.h"
#include "postgres/database.h"

namespace keyrota::test {
namespace {

Param optional_instant(std::string_view name, const std::optional<Timestamp>& t) {
    return t ? Param(name, *t) : Param(name, std::monostate{});
}

constexpr Statement kGiveKeys{
    "give_keys",
    "with made as (insert into keyrota.api_key (lineage_id, source, name, type, environment, "
    "prefix, hint, created_at)"
    " select 0, cast(:source as text), cast(:name as text), cast(:type as text),"
    "        case cast(:type as text) when 'test' then 'test' else 'production' end, 'sk_live_', "
    "'abcd',"
    "        keyrota.instant(:created_at)"
    "   from generate_series(1, cast(:count as bigint)) returning key_id),"
    " state as (insert into keyrota.api_key_state (key_id, status, expires_at, retire_at)"
    " select key_id, :status, keyrota.instant(:expires_at), keyrota.instant(:retire_at) from made "
    "returning key_id)"
    " select min(key_id) as key_id from state"};

}  // namespace

Error error_of(const std::function<void()>& act) {
    try {
        act();
    } catch (const Error& error) {
        return error;
    }
    ADD_FAILURE() << "nothing was thrown";
    return {ExitCode::done, ""};
}

std::string sqlstate_of(const std::function<void()>& act) {
    try {
        act();
    } catch (const DatabaseError& error) {
        return error.sqlstate();
    }
    return "";
}

bool eventually(const std::function<bool()>& holds) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (!holds()) {
        if (std::chrono::steady_clock::now() > deadline) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return true;
}

void DatabaseTest::SetUp() {
    database_ = Server::instance().create_database();
    config_ = Server::instance().config_for(database_);
}

void DatabaseTest::reconnect() {
    owner_.reset();
    runner_.reset();
}

void DatabaseTest::TearDown() {
    reconnect();
    Server::instance().drop_database(database_);
}

Session& DatabaseTest::owner() {
    if (!owner_) owner_ = std::make_unique<Session>(open_session(config_, Access::owner));
    return *owner_;
}

Session& DatabaseTest::runner() {
    if (!runner_) runner_ = std::make_unique<Session>(open_session(config_, Access::runner));
    return *runner_;
}

Session DatabaseTest::session_as(const std::string& role) {
    return Session(
        parse_connection(Server::instance().url(role, database_), std::chrono::seconds(10)));
}

std::int64_t DatabaseTest::given_key(const GivenKey& key) {
    const std::int64_t before = number("select count(*) from keyrota.api_key");
    given_keys(1, key);
    EXPECT_EQ(number("select count(*) from keyrota.api_key"), before + 1);
    return number("select max(key_id) from keyrota.api_key");
}

void DatabaseTest::given_keys(std::int64_t count, const GivenKey& key) {
    // lineage_id follows in a second statement: two CTEs of one statement do not see each other's
    // rows.
    owner().one(kGiveKeys, {{"source", key.source},
                            {"name", key.name},
                            {"type", key.type},
                            {"created_at", key.created_at},
                            {"count", count},
                            {"status", key.status},
                            optional_instant("expires_at", key.expires_at),
                            optional_instant("retire_at", key.retire_at)});
    execute("update keyrota.api_key set lineage_id = key_id where lineage_id = 0");
}

void DatabaseTest::given_usage_known(Timestamp since, Timestamp until) {
    execute(
        fmt::format("insert into keyrota.usage_gateway (name, since_at, last_seen_at)"
                    " values ('edge', keyrota.instant({}), keyrota.instant({}))"
                    " on conflict (name) do update set since_at = excluded.since_at,"
                    " last_seen_at = excluded.last_seen_at",
                    to_micros(since), to_micros(until)));
    execute(
        fmt::format("update keyrota.usage_watermark set complete_until = keyrota.instant({0}),"
                    " closed_until = date_trunc('hour', keyrota.instant({0}))",
                    to_micros(until)));
}

RunReport DatabaseTest::run(const char* job, Timestamp as_of, RunOptions options) {
    Interruption interruption;
    options.as_of = as_of;
    return run_job(find_job(job), options, config_, interruption);
}

std::vector<std::string> DatabaseTest::keys_with_status(const std::string& status) {
    return texts("select name from keyrota.key where status = '" + status + "' order by key_id");
}

void DatabaseTest::await_backend_waiting_for(const std::string& event) {
    Session superuser = session_as("postgres");  // others see no wait events
    constexpr Statement kWaiting{"waiting",
                                 "select count(*) as n from pg_stat_activity"
                                 " where datname = current_database()"
                                 "   and cast(:event as text) in (wait_event_type, wait_event)"};
    EXPECT_TRUE(eventually([&] {
        return superuser.one(kWaiting, {{"event", event}}).int64("n") > 0;
    })) << event;
}

std::int64_t DatabaseTest::number(const std::string& sql) {
    return owner().one({"number", ("select (" + sql + ")::bigint as n").c_str()}).int64("n");
}

std::string DatabaseTest::text(const std::string& sql) {
    const std::string whole = "select (" + sql + ")::text as t";
    return owner().one({"text", whole.c_str()}).text_or("t", "NULL");
}

std::vector<std::string> DatabaseTest::texts(const std::string& sql) {
    const std::string whole = "select x.t::text as t from (" + sql + ") x (t)";
    std::vector<std::string> found;
    for (const Row& row : owner().rows({"texts", whole.c_str()}))
        found.push_back(row.text_or("t", "NULL"));
    return found;
}

void DatabaseTest::execute(const std::string& sql) {
    owner().execute_verbatim("test", sql);
}

std::string DatabaseTest::audit_fault() {
    Session second = open_session(config_, Access::runner);
    return verify_audit(runner(), second).broken();
}

std::vector<std::string> DatabaseTest::fingerprint() {
    std::vector<std::string> tables = texts(
        "select c.oid::regclass::text from pg_class c join pg_namespace n on n.oid = c.relnamespace"
        " where n.nspname = 'keyrota' and c.relkind in ('r', 'p') and not c.relispartition order "
        "by 1");
    for (std::string& table : tables)
        table +=
            " " +
            text("select coalesce(md5(string_agg(r::text, chr(10) order by r::text)), '') from " +
                 table + " r");
    return tables;
}

}  // namespace keyrota::test
