// Pointed at a hot standby: what reads works, and what would change something says that it is at
// the wrong server.

#include "support/other_server.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "catalog.h"

namespace keyrota::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::string said(const Arguments& words) {
    return fmt::format("{}", fmt::join(words, " "));
}

class HotStandby : public ProgramTest {
  protected:
    void SetUp() override {
        ProgramTest::SetUp();
        execute("insert into keyrota.owner (name, email) values ('Ada', 'ada@example.com')");
        given_keys(5, {.name = "due", .expires_at = kNow - std::chrono::hours(1)});
        given_keys(5, {.name = "soon", .expires_at = kNow + std::chrono::hours(48)});
        given_keys(1, {.name = "endless"});
        execute("update keyrota.api_key set owner_id = 1");
        environment()["KEYROTA_CONFIG"] = scratch().write(
            "keyrota.yaml", fmt::format("sinks: [{{name: files, type: file, directory: {}}}]\n",
                                        scratch().path().string()));
        ASSERT_EQ(keyrota({"run", "expire-keys", "--as-of", to_string(kNow)}).exit_code, 0);
        ASSERT_EQ(keyrota({"plan", "expire-keys", "--out", plan()}).exit_code, 0);
    }
    std::string plan() { return scratch().path() / "plan.jsonl"; }
    Outcome on(const OtherServer& standby, const Arguments& words) {
        return keyrota(words,
                       {{"KEYROTA_DATABASE_URL", standby.url("keyrota_runner", database())},
                        {"KEYROTA_DATABASE_ADMIN_URL", standby.url("postgres", database())}});
    }
};

TEST_F(HotStandby, WhatReadsWorksAndWhatWouldChangeSomethingNamesTheStandby) {
    const OtherServer standby = OtherServer::standby();
    const std::vector<std::string> before = fingerprint();

    std::vector<Arguments> writing;
    for (const Job* job : all_jobs())
        writing.push_back({"run", job->name, "--as-of", to_string(kNow)});
    writing.insert(
        writing.end(),
        {{"run", "expire-keys", "--dry-run"},
         {"plan", "expire-keys", "--out", plan() + "2"},
         {"apply", plan()},
         {"keys", "create", "--name", "new", "--owner", "ada@example.com", "--type", "secret"},
         {"keys", "deactivate", "11", "--yes"},
         {"keys", "regenerate", "11", "--yes"},
         {"keys", "delete", "11", "--yes"},
         {"rotate", "11", "--sink", "files"},
         {"breach", "11", "--yes"},
         {"leaver", "ada@example.com", "--deactivate"},
         {"owners", "create", "--name", "Bob", "--email", "bob@example.com"},
         {"teams", "create", "--name", "payments"},
         {"alerts", "set", "KEY-UNUSED", "--owner", "ada@example.com", "--mail", "off"},
         {"waivers", "add", "w", "--check", "KEY-UNUSED", "--key", "11", "--for", "1d", "--why",
          "x", "--requested-by", "A", "--approved-by", "B"},
         {"mail", "release", "--yes"},
         {"mail", "flush"},
         {"anomalies", "rebuild", "--from", to_string(kNow)},
         {"db", "migrate"},
         {"db", "init"}});
    for (const Arguments& words : writing) {
        const Outcome outcome = on(standby, words);
        EXPECT_EQ(outcome.exit_code, 5) << said(words) << ": " << outcome.errors;
        EXPECT_THAT(outcome.errors, AllOf(HasSubstr("the server is a standby"),
                                          HasSubstr("HINT: Point database.url at the primary.")))
            << said(words);
    }

    const std::vector<Arguments> reading = {{"status"},
                                            {"keys", "list"},
                                            {"keys", "show", "11"},
                                            {"explain", "11"},
                                            {"policy", "explain", "11"},
                                            {"findings", "list"},
                                            {"runs", "list"},
                                            {"rotations", "list"},
                                            {"owners", "list"},
                                            {"waivers", "list"},
                                            {"usage", "show", "11"},
                                            {"mail", "queue"},
                                            {"audit", "verify"},
                                            {"audit", "head"},
                                            {"audit", "show", "1"},
                                            {"db", "check"},
                                            {"report", "--out", scratch().path() / "report.html"}};
    for (const Arguments& words : reading) {
        const Outcome there = on(standby, words);
        EXPECT_EQ(there.exit_code, keyrota(words).exit_code) << said(words);
        EXPECT_THAT(there.errors, Not(HasSubstr("SQLSTATE"))) << said(words);
    }
    EXPECT_EQ(on(standby, {"findings", "list"}).out, keyrota({"findings", "list"}).out);
    EXPECT_EQ(on(standby, {"keys", "list", "--csv"}).out, keyrota({"keys", "list", "--csv"}).out);
    EXPECT_EQ(fingerprint(), before);

    const Outcome doctor = on(standby, {"doctor"});
    EXPECT_EQ(doctor.exit_code, 13);
    EXPECT_THAT(doctor.out, HasSubstr("is a standby"));
}

TEST_F(HotStandby, ThatWasPromotedHoldsActionsBackUntilSomebodySaysThatItIsTheRightOne) {
    const OtherServer standby = OtherServer::standby();
    standby.promote();
    const Outcome held = on(standby, {"run", "expire-keys"});
    EXPECT_EQ(held.exit_code, 9) << held.errors;
    EXPECT_THAT(held.errors, HasSubstr("the server is on another timeline"));
    EXPECT_EQ(on(standby, {"resume"}).exit_code, 0);
    EXPECT_EQ(on(standby, {"run", "expire-keys"}).exit_code, 0);
    EXPECT_EQ(on(standby, {"audit", "verify"}).exit_code, 0);
}

}  // namespace
}  // namespace keyrota::test
