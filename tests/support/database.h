#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "error/error.h"
#include "postgres/session.h"
#include "runner/runner.h"
#include "support/server.h"

namespace keyrota::test {

/// The present of most tests.
inline const Timestamp kNow = *parse_timestamp("2026-11-24T06:00:00Z");

/// What the act throws; the test fails where it throws nothing.
Error error_of(const std::function<void()>& act);
/// The SQLSTATE with which the server refuses the act; empty where it does not.
std::string sqlstate_of(const std::function<void()>& act);
/// Asks again and again until it holds, a minute at most. @returns whether it did.
bool eventually(const std::function<bool()>& holds);

/// A key as a test wants it; what it leaves out is unremarkable.
struct GivenKey {
    std::string name;
    std::optional<Timestamp> expires_at = {};
    std::string status = "active";
    std::string source = "native";
    std::string type = "secret";
    std::optional<Timestamp> retire_at = {};
    Timestamp created_at = kNow - std::chrono::hours(24 * 30);
};

/// A fresh database for each test, with sessions as each role, and words for what most tests say.
class DatabaseTest : public ::testing::Test {
  protected:
    void SetUp() override;
    void TearDown() override;

    Session& owner();   // keyrota_owner
    Session& runner();  // keyrota_runner
    Session session_as(const std::string& role);
    /// After the server crashed: the sessions above are made anew at their next use.
    void reconnect();
    const Config& config() const { return config_; }
    Config& config() { return config_; }

    /// @returns its key_id.
    std::int64_t given_key(const GivenKey& key);
    /// So many keys with one statement, all alike.
    void given_keys(std::int64_t count, const GivenKey& key);
    /// Usage known from then on: a gateway has reported, and all of it is rolled up, until then.
    void given_usage_known(Timestamp since, Timestamp until = kNow);
    RunReport run(const char* job, Timestamp as_of, RunOptions options = {});
    std::vector<std::string> keys_with_status(const std::string& status);
    /// Returns once a backend of this database waits for that (`Lock`, `PgSleep`); else the test
    /// fails.
    void await_backend_waiting_for(const std::string& event);
    /// First column of the only row, as a number; `sql` may say anything.
    std::int64_t number(const std::string& sql);
    std::string text(const std::string& sql);
    std::vector<std::string> texts(const std::string& sql);
    void execute(const std::string& sql);
    /// What is wrong with the audit trail; empty: nothing.
    std::string audit_fault();
    /// Every row of every table of the schema as one hash a table: equal before and after means
    /// nothing changed.
    std::vector<std::string> fingerprint();

    const std::string& database() const { return database_; }

  private:
    std::string database_;
    Config config_;
    std::unique_ptr<Session> owner_;
    std::unique_ptr<Session> runner_;
};

}  // namespace keyrota::test
