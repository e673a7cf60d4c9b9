// Waivers as people make, see and end them, and as a file declares them.

#include <fstream>
#include <regex>
#include <sstream>

#include "support/key_console.h"

namespace keyrota::test {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class WaiverConsole : public KeyConsole {
  protected:
    void SetUp() override {
        KeyConsole::SetUp();
        for (const char* name : {"batch-old", "batch-new", "checkout"})
            given_key({.name = name, .created_at = *parse_timestamp("2020-01-01")});
    }
    static Arguments add(const std::string& name, const Arguments& more,
                         const std::string& check = "KEY-NO-EXPIRY") {
        Arguments words{"waivers", "add",           name,    "--check",
                        check,     "--why",         "moves", "--requested-by",
                        "Ada",     "--approved-by", "Grace"};
        words.insert(words.end(), more.begin(), more.end());
        return words;
    }
    static std::string in_days(int days, const char* format = "%Y-%m-%d") {
        const std::time_t at = std::time(nullptr) + std::time_t{days} * 24 * 3600;
        std::tm utc{};
        ::gmtime_r(&at, &utc);
        char text[32];
        std::strftime(text, sizeof text, format, &utc);
        return text;
    }
    void review(int exit_code = 0) {
        const Outcome outcome = keyrota({"run", "review-permissions"});
        EXPECT_EQ(outcome.exit_code, exit_code) << outcome.errors;
    }
    std::vector<std::string> waived() {
        return field(keyrota({"findings", "list", "--status", "waived", "--check", "KEY-NO-EXPIRY",
                              "--json"}),
                     "name");
    }
    std::string file_with(const std::string& name, const std::string& match,
                          const std::string& expires_at) {
        return fmt::format(
            "waivers:\n  - name: {}\n    checks: [KEY-NO-EXPIRY]\n    match: {{{}}}\n"
            "    reason: moves\n    requested_by: Ada\n    approved_by: Grace\n"
            "    expires_at: {}\n",
            name, match, expires_at);
    }
    void declare(const std::string& text) {
        environment()["KEYROTA_WAIVERS_FILE"] = scratch().write("waivers.yaml", text);
    }
};

TEST_F(WaiverConsole, AWaiverIsAddedShownAndEnded) {
    review();
    EXPECT_THAT(waived(), IsEmpty());
    expect_done(
        add("legacy", {"--key-name", "batch-*", "--except-key-name", "*-new", "--for", "30d"}),
        "1 key, with 1 unresolved finding\nThe next run of each check waives them.");
    review();
    EXPECT_THAT(waived(), ElementsAre("batch-old"));
    expect_done({"waivers", "list"}, "named batch-*; but for named *-new");
    EXPECT_THAT(field(keyrota({"waivers", "list", "--json"}), "findings"), ElementsAre("1"));
    expect_done({"findings", "list", "--status", "waived"}, "legacy");
    expect_done({"explain", "1"}, "KEY-NO-EXPIRY is waived until " + in_days(30));
    expect_done({"explain", "1"}, "by legacy, approved by Grace: moves");
    expect_done({"status", "--json"}, "\"in_force\": 1");
    const std::string uid =
        text("select uid from keyrota.finding where key_id = 1 and check_id = 'KEY-NO-EXPIRY'");
    expect_done({"findings", "show", uid}, "waived until");
    expect_done({"findings", "history", uid}, "waived until " + in_days(30) + " by legacy");

    expect_done({"waivers", "end", "legacy", "--why", "moved early"}, "ended legacy");
    review();
    EXPECT_THAT(waived(), IsEmpty());
    expect_done({"findings", "show", uid},
                "was waived (legacy, approved by Grace): moves; ended: moved early");
    expect_done({"findings", "history", uid}, "open again");
    EXPECT_THAT(field(keyrota({"waivers", "list", "--json"}), "waiver"), IsEmpty());
    EXPECT_THAT(field(keyrota({"waivers", "list", "--all", "--json"}), "ended_why"),
                ElementsAre("moved early"));
    EXPECT_EQ(audited("waiver.add"), 1);
    EXPECT_EQ(audited("waiver.end"), 1);
    expect_trail_verifies();
}

TEST_F(WaiverConsole, ADryRunSaysWhatItWouldCoverAndChangesNothing) {
    const auto before = fingerprint();
    expect_done(add("legacy", {"--key-name", "batch-*", "--for", "30d", "--dry-run"}),
                "would add legacy");
    expect_done(add("nothing", {"--key-name", "batch", "--for", "30d", "--dry-run"}),
                "No key matches now");
    const auto made = object(
        keyrota(add("legacy", {"--key-name", "batch-*", "--for", "30d", "--dry-run", "--json"})));
    EXPECT_EQ(made->getValue<int>("keys"), 2);
    EXPECT_TRUE(made->getValue<bool>("dry_run"));
    EXPECT_EQ(fingerprint(), before);
}

TEST_F(WaiverConsole, WhatCannotBeIsRefused) {
    const Arguments keys{"--key-name", "batch-*", "--for", "30d"};
    expect_refused(add("Legacy", keys), "the name of a waiver must be");
    expect_refused(add("x", keys, "KEY-NO-EXPRY"), "no job checks", "KEY-NO-EXPIRY");
    expect_refused(add("x", keys, "KEY-EXPIRED"), "cannot be waived", "never waived");
    expect_refused(add("x", keys, "KEY-BREACHED"), "cannot be waived");
    expect_refused(add("x", {"--for", "30d"}), "needs a match", "every key");
    expect_refused(add("x", {"--except-key-name", "a", "--for", "30d"}), "needs a match");
    expect_refused(add("x", {"--key-name", "a"}), "until when?", "--for");
    expect_refused(add("x", {"--key-name", "a", "--for", "30d", "--expires-at", "2030-01-01"}),
                   "until when?");
    expect_refused(add("x", {"--key-name", "a", "--for", "91d"}), "at most 90d ahead");
    expect_refused(add("x", {"--key-name", "a", "--for", "9999999999d"}), "--for");
    expect_refused(add("x", {"--key-name", "a", "--for", "0d"}), "is in the past");
    expect_refused(add("x", {"--key-name", "a", "--expires-at", "2020-01-01"}), "is in the past");
    expect_refused(add("x", {"--key-name", "a\x1b[2J", "--for", "30d"}), "control characters");
    expect_refused(add("x", {"--team", "Nobody", "--for", "30d"}), "no team");
    expect_refused(add("x", {"--owner", "a@example.com", "--for", "30d"}), "no owner");
    expect_refused({"waivers", "add", "x", "--check", "KEY-NO-EXPIRY", "--key-name", "a", "--for",
                    "1d", "--why", "w", "--requested-by", "Ada", "--approved-by", "ada"},
                   "two people");
    expect_done(add("legacy", keys), "added legacy");
    expect_refused(add("legacy", keys), "is in force");
    expect_refused({"waivers", "end", "legacyy", "--why", "w"}, "no waiver is named", "legacy");
}

TEST_F(WaiverConsole, TheTrailHasOwnersByNumber) {
    given_owner_of_keys("ada@example.com", "checkout");
    expect_done(add("hers", {"--owner", "ADA@example.com", "--for", "30d"}), "1 key");
    EXPECT_EQ(number("select count(*) from keyrota.audit_entry where payload ~ 'example.com'"), 0);
    EXPECT_EQ(text("select payload::jsonb -> 'after' -> 'owner_ids' from keyrota.audit_entry"
                   " where action = 'waiver.add'"),
              "[1]");
}

TEST_F(WaiverConsole, AnExpiredWaiverMakesRoomForOneOfItsName) {
    expect_done(add("legacy", {"--key", "1", "--for", "1d"}), "added");
    execute("update keyrota.waiver set expires_at = now()");
    expect_done({"waivers", "list"}, "expired");
    expect_done(add("legacy", {"--key", "1", "--for", "1d"}), "added");
    EXPECT_EQ(text("select string_agg(coalesce(ended_why, 'in force'), ', ' order by waiver_id)"
                   "  from keyrota.waiver"),
              "it expired, in force");
}

TEST_F(WaiverConsole, WhatAFileDeclaresIsTakenOverByTheNextRun) {
    declare(file_with("legacy", "names: [batch-*]", in_days(30)));
    expect_done({"config", "check"}, "waivers: 1 in ");
    expect_done({"waivers", "list"}, "the next run adds legacy");
    const auto before = fingerprint();
    expect_done({"run", "review-permissions", "--dry-run"}, "2 waived");
    EXPECT_EQ(fingerprint(), before);
    review();
    EXPECT_THAT(waived(), ElementsAre("batch-old", "batch-new"));
    EXPECT_EQ(text("select payload::jsonb -> 'run_id' from keyrota.audit_entry where action ="
                   " 'waiver.add'"),
              "1");

    declare(file_with("legacy", "names: [batch-new]", in_days(30)));
    expect_done({"waivers", "list"}, "the next run changes legacy");
    review();
    EXPECT_THAT(waived(), ElementsAre("batch-new"));
    EXPECT_EQ(audited("waiver.change"), 1);

    declare("waivers: []\n");
    review();
    EXPECT_THAT(waived(), IsEmpty());
    EXPECT_EQ(text("select ended_why from keyrota.waiver"), "it is no longer in the file");
    EXPECT_EQ(number("select count(*) from keyrota.waiver"), 1);
    review();
    EXPECT_EQ(number("select count(*) from keyrota.audit_entry where action ~ '^waiver'"), 3);
    expect_trail_verifies();
}

TEST_F(WaiverConsole, CommandAndFileLeaveEachOthersWaiversAlone) {
    expect_done(add("mine", {"--key-name", "checkout", "--for", "30d"}), "added");
    declare(file_with("theirs", "names: [batch-*]", in_days(30)));
    review();
    EXPECT_THAT(field(keyrota({"waivers", "list", "--json"}), "source"),
                ::testing::UnorderedElementsAre("command", "file"));
    expect_refused({"waivers", "end", "theirs", "--why", "w"}, "comes from the waiver file",
                   "the next run ends it");
    environment()["KEYROTA_WAIVERS_FILE"] = "";
    review();
    EXPECT_THAT(field(keyrota({"waivers", "list", "--json"}), "waiver"), ElementsAre("mine"));
    declare(file_with("mine", "names: [batch-*]", in_days(30)));
    const Outcome outcome = keyrota({"run", "review-permissions"});
    EXPECT_EQ(outcome.exit_code, 4);
    EXPECT_THAT(outcome.errors, HasSubstr("a waiver created by command is already named mine"));
}

TEST_F(WaiverConsole, ARefusedFileChangesNoWaiverButStopsNoExpiry) {
    declare(file_with("legacy", "names: [batch-*]", in_days(30)));
    review();
    execute("update keyrota.api_key_state set expires_at = '2021-01-01' where key_id = 3");
    declare(file_with("legacy", "nmes: [batch-*]", in_days(30)) + "    owner: x\n");
    const Outcome outcome = keyrota({"run", "expire-keys", "review-permissions"});
    EXPECT_EQ(outcome.exit_code, 4);
    EXPECT_THAT(outcome.errors, AllOf(HasSubstr("was not applied"), HasSubstr("waivers.yaml:4:"),
                                      HasSubstr("`keyrota config check`")));
    EXPECT_THAT(keys_with_status("expired"), ElementsAre("checkout"));
    EXPECT_THAT(waived(), ElementsAre("batch-old", "batch-new"));
    const Outcome check = keyrota({"config", "check"});
    EXPECT_EQ(check.exit_code, 4);
    EXPECT_THAT(check.errors,
                AllOf(HasSubstr("unknown field \"nmes\""), HasSubstr("unknown field \"owner\"")));
    expect_done({"waivers", "list"}, "is refused");
}

TEST_F(WaiverConsole, AFileThatIsMissingOrWrittenByOthersIsRefused) {
    declare(file_with("legacy", "names: [batch-*]", in_days(30)));
    std::filesystem::permissions(environment()["KEYROTA_WAIVERS_FILE"],
                                 std::filesystem::perms::others_write,
                                 std::filesystem::perm_options::add);
    EXPECT_THAT(keyrota({"config", "check"}).errors, HasSubstr("can be written by others"));
    review(4);
    environment()["KEYROTA_WAIVERS_FILE"] = scratch().path() / "nowhere.yaml";
    EXPECT_THAT(keyrota({"config", "check"}).errors, HasSubstr("cannot be read"));
    review(4);
    EXPECT_EQ(number("select count(*) from keyrota.waiver"), 0);
}

TEST_F(WaiverConsole, AnEndTooFarAheadIsRefusedAndAnUnchangedOneIsNotJudgedAgain) {
    declare(file_with("legacy", "names: [batch-*]", in_days(91)));
    EXPECT_EQ(keyrota({"config", "check"}).exit_code, 4);
    review(4);
    environment()["KEYROTA_WAIVERS_MAX_DURATION"] = "100d";
    expect_done({"config", "check"}, "valid");
    review();
    environment().erase("KEYROTA_WAIVERS_MAX_DURATION");
    review();
    EXPECT_THAT(waived(), ElementsAre("batch-old", "batch-new"));
}

// The page's file works as it stands there, but for its date, which time passes by.
TEST_F(WaiverConsole, TheExampleOfTheDocumentationWorks) {
    std::ifstream in(KEYROTA_SOURCE_DIR "/docs/waivers.md");
    std::stringstream page;
    page << in.rdbuf();
    const std::string text = page.str();
    const std::string fence = "```yaml\nwaivers:\n";
    const std::size_t begin = text.find(fence);
    ASSERT_NE(begin, std::string::npos);
    const std::size_t end = text.find("```", begin + fence.size());
    const std::string example = text.substr(begin + 8, end - begin - 8);
    declare(std::regex_replace(example, std::regex("20\\d\\d-\\d\\d-\\d\\d"), in_days(60)));
    expect_done({"config", "check"}, "waivers: 2 in ");
    review();
    EXPECT_THAT(waived(), ElementsAre("batch-old"));
}

TEST_F(WaiverConsole, TwoRunsAtOnceTakeAFileOverOnce) {
    declare(file_with("legacy", "names: [batch-*]", in_days(30)));
    std::vector<Program> runs;
    for (const char* job : {"review-permissions", "flag-rotation", "expire-keys", "check-waivers"})
        runs.push_back(start({"run", job}));
    for (Program& run : runs) EXPECT_EQ(run.wait().exit_code, 0);
    EXPECT_EQ(number("select count(*) from keyrota.waiver"), 1);
    EXPECT_EQ(audited("waiver.add"), 1);
    expect_trail_verifies();
}

}  // namespace
}  // namespace keyrota::test
