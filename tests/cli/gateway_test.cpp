// A gateway by docs/gateway.md, with real traffic: what it answers, and what it leaves for the
// rollup.

#include <Poco/Net/HTTPClientSession.h>
#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/HTTPResponse.h>
#include <fmt/format.h>
#include <libpq-fe.h>
#include <signal.h>

#include <fstream>
#include <sstream>

#include "support/program.h"

namespace keyrota::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const Timestamp kLongAgo = *parse_timestamp("2020-01-01");

using Headers = std::vector<std::pair<std::string, std::string>>;

class Gateway : public ProgramTest {
  protected:
    void SetUp() override {
        ProgramTest::SetUp();
        const std::filesystem::path port_file = scratch().path() / "port";
        program_ = std::make_unique<Program>(
            Arguments{"/usr/bin/python3", KEYROTA_SOURCE_DIR "/tests/support/gateway.py",
                      "--database", Server::instance().url("keyrota_gateway", database()), "--name",
                      "edge-1", "--port-file", port_file.string()});
        ASSERT_TRUE(eventually([&] {
            std::string line;
            std::ifstream in(port_file);
            const bool whole = std::getline(in, line) && !in.eof();
            if (whole) port_ = static_cast<std::uint16_t>(std::stoi(line));
            return whole || !program_->is_running();
        }));
        ASSERT_NE(port_, 0) << program_->wait().errors;
    }
    void TearDown() override {
        program_.reset();  // its session would hold the database
        ProgramTest::TearDown();
    }

    // A key whose secret follows from its name. @returns its key_id.
    std::int64_t given_caller(const GivenKey& key) {
        const std::int64_t key_id = given_key(key);
        execute(fmt::format("insert into keyrota.api_key_secret values (sha256('sk_live_{}'), {})",
                            key.name, key_id));
        execute(fmt::format(
            "update keyrota.api_key set scopes = '{{read:orders}}' where key_id = {}", key_id));
        return key_id;
    }

    Poco::Net::HTTPResponse call(const std::string& method, const std::string& path,
                                 const Headers& headers) {
        Poco::Net::HTTPClientSession session("127.0.0.1", port_);
        session.setTimeout(Poco::Timespan(20, 0));
        Poco::Net::HTTPRequest request(method, path, "HTTP/1.1");
        for (const auto& [name, value] : headers) request.set(name, value);
        session.sendRequest(request);
        Poco::Net::HTTPResponse response;
        session.receiveResponse(response);
        return response;
    }
    int get(const std::string& name, Headers headers = {}) {
        headers.emplace_back("Authorization", "Bearer sk_live_" + name);
        return call("GET", "/orders", headers).getStatus();
    }

    // What was counted, a line a sample, in their order; a sample follows its answer.
    std::vector<std::string> samples(std::size_t expected) {
        const char* all =
            "select concat_ws(' ', k.name, s.gateway, s.requests, s.client_errors, "
            "s.server_errors, s.rate_limited, s.scope, s.network, s.auth, s.browser)"
            "  from keyrota.usage_sample s join keyrota.api_key k using (key_id) order by s.at";
        eventually([&] { return texts(all).size() >= expected; });
        return texts(all);
    }

  private:
    std::unique_ptr<Program> program_;
    std::uint16_t port_ = 0;
};

TEST_F(Gateway, AnswersByWhatTheTablesSayAndCountsEveryCallOfAKeyThatExists) {
    given_caller({.name = "good"});
    given_caller({.name = "off", .status = "inactive"});
    EXPECT_EQ(get("good"), 200);
    EXPECT_EQ(call("POST", "/orders", {{"Authorization", "Bearer sk_live_good"}}).getStatus(), 403);
    EXPECT_EQ(get("off"), 401);
    EXPECT_EQ(get("nobody's"), 401);
    EXPECT_EQ(call("GET", "/orders", {}).getStatus(), 401);
    EXPECT_EQ(call("GET", "/orders?api_key=sk_live_good", {}).getStatus(), 200);
    EXPECT_EQ(get("good", {{"Origin", "https://shop.example.com"}}), 200);
    EXPECT_EQ(get("good", {{"Sec-Fetch-Mode", "cors"}}), 200);
    EXPECT_THAT(samples(6), ElementsAre("good edge-1 1 0 0 0 read:orders 127.0.0.0/24 header f",
                                        "good edge-1 1 1 0 0 write:orders 127.0.0.0/24 header f",
                                        "off edge-1 1 1 0 0 read:orders 127.0.0.0/24 header f",
                                        "good edge-1 1 0 0 0 read:orders 127.0.0.0/24 query f",
                                        "good edge-1 1 0 0 0 read:orders 127.0.0.0/24 header t",
                                        "good edge-1 1 0 0 0 read:orders 127.0.0.0/24 header t"));
}

TEST_F(Gateway, RefusesAKeyFromItsEndOnWhetherAJobHasExpiredItOrNot) {
    const std::int64_t key_id = given_caller({.name = "ending"});
    given_caller({.name = "overdue", .expires_at = kLongAgo});
    EXPECT_EQ(get("ending"), 200);
    EXPECT_EQ(get("overdue"), 401);
    EXPECT_THAT(keys_with_status("expired"), IsEmpty());
    execute(fmt::format("update keyrota.api_key_state set expires_at = now() where key_id = {}",
                        key_id));
    EXPECT_EQ(get("ending"), 401);

    ASSERT_EQ(keyrota({"run", "expire-keys"}).exit_code, 0);
    EXPECT_THAT(keys_with_status("expired"), ElementsAre("ending", "overdue"));
    EXPECT_EQ(get("ending"), 401);
    EXPECT_EQ(get("overdue"), 401);
    // What somebody renews by hand works at once.
    execute(fmt::format(
        "update keyrota.api_key_state set status = 'active', expires_at = null where key_id = {}",
        key_id));
    EXPECT_EQ(get("ending"), 200);
    EXPECT_EQ(samples(6).size(), 6U);
}

TEST_F(Gateway, TheInstantOfItsEndIsTheFirstAtWhichAKeyIsRefused) {
    given_caller({.name = "ending"});
    Session session = session_as("postgres");
    std::ostringstream statements;
    statements << std::ifstream(KEYROTA_SOURCE_DIR "/docs/gateway.sql").rdbuf();
    PQclear(PQexec(session.native(), statements.str().c_str()));
    const Transaction transaction(session);  // now() stands still in it
    const auto valid = [&](const std::string& end) {
        session.execute_verbatim("set_end", "update keyrota.api_key_state set expires_at = " + end);
        PGresult* result =
            PQexec(session.native(), "execute keyrota_look_up(sha256('sk_live_ending'))");
        const std::string said =
            PQntuples(result) == 1 ? PQgetvalue(result, 0, PQfnumber(result, "valid")) : "no row";
        PQclear(result);
        return said;
    };
    EXPECT_EQ(valid("now() + interval '1 microsecond'"), "t");
    EXPECT_EQ(valid("now()"), "f");
    EXPECT_EQ(valid("null"), "t");
}

TEST_F(Gateway, SaysTheLimitAndRefusesWhatIsOverIt) {
    const std::int64_t key_id = given_caller({.name = "eager"});
    EXPECT_FALSE(call("GET", "/orders", {{"Authorization", "Bearer sk_live_eager"}})
                     .has("X-RateLimit-Limit"));
    execute(fmt::format(
        "update keyrota.api_key set service_plan_id = (select service_plan_id from "
        "keyrota.service_plan where name = 'Free'), rate_limit_per_minute = 2 where key_id = {}",
        key_id));
    int accepted = 0, refused = 0;
    while (refused == 0 && accepted < 5) {  // a minute may end in between, two cannot
        const auto response = call("GET", "/orders", {{"Authorization", "Bearer sk_live_eager"}});
        EXPECT_EQ(response.get("X-RateLimit-Limit"), "2");
        EXPECT_TRUE(response.has("X-RateLimit-Reset"));
        (response.getStatus() == 200 ? accepted : refused) += 1;
        if (response.getStatus() != 200) {
            EXPECT_EQ(response.getStatus(), 429);
            EXPECT_EQ(response.get("X-RateLimit-Remaining"), "0");
            EXPECT_TRUE(response.has("Retry-After"));
        }
    }
    EXPECT_EQ(refused, 1);
    const std::vector<std::string> counted = samples(static_cast<std::size_t>(accepted) + 2);
    EXPECT_EQ(counted.back(), "eager edge-1 1 0 0 1 read:orders 127.0.0.0/24 header f");

    // Without a limit of its own, its plan's.
    execute(fmt::format("update keyrota.api_key set rate_limit_per_minute = null where key_id = {}",
                        key_id));
    EXPECT_EQ(call("GET", "/orders", {{"Authorization", "Bearer sk_live_eager"}})
                  .get("X-RateLimit-Limit"),
              "100");
}

TEST_F(Gateway, AnswersWhileAJobWaitsForLocksAndHoldsSome) {
    const std::int64_t locked = given_caller({.name = "locked", .expires_at = kLongAgo});
    given_caller({.name = "due", .expires_at = kLongAgo});
    const std::int64_t renewed = given_caller({.name = "renewed"});
    Session blocker = lock_key(locked);
    blocker.execute_verbatim(
        "lock",
        fmt::format("select from keyrota.api_key_state where key_id = {} for update", renewed));
    Program job = start({"run", "expire-keys"});
    wait_until_blocked();
    EXPECT_EQ(get("locked"), 401);
    EXPECT_EQ(get("due"), 401);
    EXPECT_EQ(get("renewed"), 200);
    EXPECT_EQ(samples(3).size(), 3U);
    blocker.execute_verbatim("rollback", "rollback");
    EXPECT_EQ(job.wait().exit_code, 0);
    EXPECT_THAT(keys_with_status("expired"), ElementsAre("locked", "due"));
}

TEST_F(Gateway, MayReadAndWriteTheColumnsOfItsTwoStatementsAndNoOther) {
    EXPECT_THAT(
        texts("select p.privilege || ' ' || c.relname || ': ' || string_agg(a.attname, ' ' order "
              "by a.attnum)"
              "  from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0,"
              "       unnest(array['select', 'insert', 'update', 'references']) p (privilege)"
              " where c.relnamespace = 'keyrota'::regnamespace and c.relkind in ('r', 'p', 'v')"
              "   and has_column_privilege('keyrota_gateway', c.oid, a.attnum, p.privilege)"
              " group by p.privilege, c.relname order by p.privilege, c.relname"),
        ElementsAre("insert usage_sample: key_id at gateway requests client_errors server_errors "
                    "rate_limited scope network auth browser",
                    "select api_key: key_id type environment scopes service_plan_id "
                    "rate_limit_per_minute",
                    "select api_key_secret: secret_hash key_id",
                    "select api_key_state: key_id status expires_at",
                    "select service_plan: service_plan_id requests_per_minute"));
}

}  // namespace
}  // namespace keyrota::test
