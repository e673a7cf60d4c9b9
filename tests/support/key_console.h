#pragma once

#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>
#include <fmt/format.h>

#include "support/program.h"

namespace keyrota::test {

/// Words for tests of the commands on keys, owners and teams.
class KeyConsole : public ProgramTest {
  protected:
    static Poco::JSON::Object::Ptr object(const Outcome& outcome) {
        EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
        return Poco::JSON::Parser().parse(outcome.out).extract<Poco::JSON::Object::Ptr>();
    }
    /// A list's values of one field.
    static std::vector<std::string> field(const Outcome& outcome, const std::string& name) {
        EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
        std::vector<std::string> found;
        const auto list = Poco::JSON::Parser().parse(outcome.out).extract<Poco::JSON::Array::Ptr>();
        for (const auto& item : *list) {
            const Poco::Dynamic::Var value = item.extract<Poco::JSON::Object::Ptr>()->get(name);
            found.push_back(value.isEmpty() ? "null" : value.toString());
        }
        return found;
    }
    /// Wrong usage: exit 2, a hint or none, and not a row of any table differs.
    void expect_refused(const Arguments& words, const std::string& message,
                        const std::string& hint = "") {
        SCOPED_TRACE(fmt::format("{}", fmt::join(words, " ")));
        const auto before = fingerprint();
        const Outcome outcome = keyrota(words);
        EXPECT_EQ(outcome.exit_code, 2) << outcome.out << outcome.errors;
        EXPECT_THAT(outcome.errors, ::testing::HasSubstr(message));
        EXPECT_THAT(outcome.errors, ::testing::HasSubstr(hint));
        EXPECT_EQ(fingerprint(), before);
    }
    void expect_done(const Arguments& words, const std::string& said) {
        const Outcome outcome = keyrota(words);
        EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
        EXPECT_THAT(outcome.out, ::testing::HasSubstr(said));
    }
    /// @returns its owner_id.
    std::int64_t given_owner(const std::string& email) {
        execute(
            fmt::format("insert into keyrota.owner (name, email) values ('{0}', '{0}')", email));
        return number("select max(owner_id) from keyrota.owner");
    }
    void given_owner_of_keys(const std::string& email, const std::string& name) {
        const std::int64_t owner_id = given_owner(email);
        execute(fmt::format("update keyrota.api_key set owner_id = {} where name = '{}'", owner_id,
                            name));
    }
    std::string state_of(const std::string& name) {
        return text(
            fmt::format("select (status, expires_at, deactivated_at is not null)"
                        "  from keyrota.key where name = '{}'",
                        name));
    }
    std::int64_t audited(const std::string& action) {
        return number(
            fmt::format("select count(*) from keyrota.audit_entry where action = '{}'", action));
    }
    void expect_trail_verifies() { EXPECT_EQ(keyrota({"audit", "verify"}).exit_code, 0); }
};

}  // namespace keyrota::test
