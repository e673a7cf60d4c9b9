// The file of waivers is taken as a whole or not at all, and says all that is wrong with it at
// once.

#include "waiver/waiver_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "error/error.h"

namespace keyrota::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

const std::string kGood =
    "waivers:\n"
    "  - name: legacy-batch\n"
    "    checks: [KEY-NO-EXPIRY, KEY-UNUSED]\n"
    "    match:\n"
    "      teams: [Payments]\n"
    "      owners: [Ada@Example.com]\n"
    "      environments: [production]\n"
    "      names: ['batch-*', nightly]\n"
    "      key_ids: [17, 4]\n"
    "    except:\n"
    "      names: [batch-new]\n"
    "    reason: replaced in March\n"
    "    requested_by: Ada Lovelace\n"
    "    approved_by: Grace Hopper\n"
    "    expires_at: 2026-12-31\n";

std::string replaced(std::string text, const std::string& what, const std::string& by) {
    const std::size_t at = text.find(what);
    EXPECT_NE(at, std::string::npos) << what;
    return text.replace(at, what.size(), by);
}

/// Why the text is refused; empty where it is not.
std::string refusal(const std::string& text) {
    try {
        parse_waivers(text, "w.yaml");
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ExitCode::config);
        return error.what();
    }
    return "";
}

TEST(WaiverFile, EveryFieldIsRead) {
    const std::vector<Waiver> waivers = parse_waivers(kGood, "w.yaml");
    ASSERT_EQ(waivers.size(), 1U);
    const Waiver& waiver = waivers.front();
    EXPECT_EQ(waiver.name, "legacy-batch");
    EXPECT_THAT(waiver.checks, ElementsAre("KEY-NO-EXPIRY", "KEY-UNUSED"));
    EXPECT_THAT(waiver.match.teams, ElementsAre("Payments"));
    EXPECT_THAT(waiver.match.owners, ElementsAre("ada@example.com"));
    EXPECT_THAT(waiver.match.environments, ElementsAre("production"));
    EXPECT_THAT(waiver.match.names, ElementsAre("batch-*", "nightly"));
    EXPECT_THAT(waiver.match.key_ids, ElementsAre(17, 4));
    EXPECT_THAT(waiver.except.names, ElementsAre("batch-new"));
    EXPECT_EQ(waiver.reason, "replaced in March");
    EXPECT_EQ(to_string(*waiver.expires_at), "2026-12-31T00:00:00Z");
    EXPECT_EQ(waiver.place, "w.yaml:2:5");
}

TEST(WaiverFile, NoneIsSaidAndNotLeftEmpty) {
    EXPECT_THAT(parse_waivers("waivers: []", "w.yaml"), IsEmpty());
    EXPECT_THAT(refusal(""), HasSubstr("the file is empty\n  HINT: Write `waivers: []`"));
    EXPECT_THAT(refusal("# nothing\n"), HasSubstr("the file is empty"));
    EXPECT_THAT(refusal("waivers:\n"), HasSubstr("w.yaml:1:1: waivers must be a list"));
    EXPECT_THAT(refusal("{}"), HasSubstr("waivers is missing"));
    EXPECT_THAT(refusal("- name: x"), HasSubstr("must be a mapping"));
    EXPECT_THAT(refusal("waivers: []\n---\nwaivers: []\n"), HasSubstr("a second YAML document"));
    EXPECT_THAT(refusal(","), HasSubstr("a second YAML document"));
}

TEST(WaiverFile, UnknownFieldsRefuseItWithPlaceAndWhatWasMeant) {
    EXPECT_EQ(refusal(replaced(kGood, "reason:", "reson:")),
              "w.yaml:12:5: unknown field \"reson\"\n  HINT: Did you mean \"reason\"?");
    EXPECT_THAT(refusal(replaced(kGood, "      teams:", "      team:")),
                StartsWith("w.yaml:5:7: unknown field \"team\"\n  HINT: Did you mean \"teams\"?"));
    EXPECT_THAT(refusal(replaced(kGood, "waivers:", "waiver:")),
                StartsWith("w.yaml:1:1: unknown field \"waiver\""));
}

TEST(WaiverFile, FieldsThatStandTwiceRefuseIt) {
    EXPECT_EQ(refusal(kGood + "    reason: another\n"), "w.yaml:16:5: reason is set twice");
    EXPECT_THAT(refusal(replaced(kGood, "      key_ids:", "      teams: [Search]\n      key_ids:")),
                HasSubstr("teams is set twice"));
    EXPECT_THAT(refusal(kGood + kGood.substr(kGood.find('\n') + 1)),
                HasSubstr("w.yaml:16:5: another waiver is named \"legacy-batch\""));
}

TEST(WaiverFile, AllThatIsWrongIsSaidAtOnceInTheOrderOfTheLines) {
    std::string bad = replaced(kGood, "KEY-UNUSED", "KEY-EXPIRED");
    bad = replaced(bad, "production", "prod");
    bad = replaced(bad, "17", "017");
    bad = replaced(bad, "2026-12-31", "soon");
    const std::string said = refusal(bad);
    EXPECT_THAT(said, HasSubstr("w.yaml:3:29: KEY-EXPIRED cannot be waived"));
    EXPECT_THAT(said, HasSubstr("w.yaml:7:22: an item of match.environments must be"));
    EXPECT_THAT(said, HasSubstr("w.yaml:9:17: an item of match.key_ids must be a key_id"));
    EXPECT_THAT(said, HasSubstr("w.yaml:15:17: expires_at must be an instant, not \"soon\""));
    EXPECT_LT(said.find(":3:29"), said.find(":7:22"));
    EXPECT_LT(said.find(":9:17"), said.find(":15:17"));
}

TEST(WaiverFile, WhatAWaiverNeedsIsAskedFor) {
    EXPECT_THAT(refusal("waivers: [{name: x}]"),
                AllOf(HasSubstr("needs checks"), HasSubstr("needs a match"),
                      HasSubstr("needs a reason"), HasSubstr("needs requested_by"),
                      HasSubstr("needs approved_by"), HasSubstr("needs expires_at")));
    EXPECT_THAT(refusal(replaced(kGood, "replaced in March", "''")),
                HasSubstr("reason: it is empty"));
}

TEST(WaiverFile, AMatchThatWouldCoverEverythingIsRefused) {
    for (const char* match : {"match: {}", "match:", "match: []", "match: {teams: []}",
                              "match: {teams: }", "match: {names: ['']}", "match: {key_ids: x}"})
        EXPECT_NE(
            refusal(std::string("waivers:\n  - name: x\n    checks: [KEY-UNUSED]\n    ") + match +
                    "\n    reason: r\n    requested_by: a\n    approved_by: b\n"
                    "    expires_at: 2026-12-31\n"),
            "")
            << match;
    EXPECT_THAT(refusal(replaced(kGood, "names: [batch-new]", "names: []")),
                HasSubstr("except.names must be a list with at least one item"));
}

TEST(WaiverFile, NobodyApprovesAnExceptionOfTheirOwn) {
    for (const char* same : {"Ada Lovelace", "ada lovelace", "ada.lovelace", "ADA LOVELACE"})
        EXPECT_THAT(refusal(replaced(kGood, "Grace Hopper", same)), HasSubstr("two people"))
            << same;
}

TEST(WaiverFile, WhatIsNeverWaivedIsRefused) {
    for (const char* check : {"KEY-EXPIRED", "KEY-BREACHED", "KEY-ROTATED", "KEY-ROTATION-FAILED",
                              "RUN-MISSED", "WAIVER-EXPIRING", "AUDIT-BROKEN", "MAIL-DEAD"})
        EXPECT_THAT(refusal(replaced(kGood, "KEY-UNUSED", check)), HasSubstr("cannot be waived"))
            << check;
    for (const char* check : {"'*'", "''", "key-unused", "'KEY-UNUSED '", "'KEY UNUSED'", "'K;--'"})
        EXPECT_THAT(refusal(replaced(kGood, "KEY-UNUSED", check)),
                    HasSubstr("is not a valid check id"))
            << check;
    EXPECT_EQ(refusal(replaced(kGood, "KEY-UNUSED", "KEY-EXPIRES-SOON")), "");
    EXPECT_EQ(refusal(replaced(kGood, "KEY-UNUSED", "ACME-KEY-NAMES")), "");
}

TEST(WaiverFile, WhatATerminalWouldObeyIsRefusedAndNotRepeated) {
    for (const char* text : {"\"\\e[31mred\"", "\"a\\nb\"", "\"a\\u202eb\"", "\"\\0\""}) {
        for (const char* field : {"replaced in March", "Grace Hopper", "nightly", "Payments"}) {
            const std::string said = refusal(replaced(kGood, field, text));
            EXPECT_NE(said, "") << text << field;
            EXPECT_THAT(said, Not(HasSubstr("\x1b")));
        }
    }
    EXPECT_THAT(refusal(replaced(kGood, "name: legacy-batch", "name: \"x\\e[2J\"")),
                HasSubstr("the name of a waiver must be"));
}

TEST(WaiverFile, WhatIsNoYamlOrTooMuchIsRefused) {
    EXPECT_THAT(refusal("waivers: [\n"), HasSubstr("not valid YAML"));
    EXPECT_THAT(refusal("waivers: *x\n"), HasSubstr("not valid YAML"));
    EXPECT_THAT(refusal(std::string(5000, '[')), HasSubstr("not valid YAML"));
    EXPECT_THAT(refusal(std::string(2 << 20, '#')), HasSubstr("larger than 1024 KiB"));
    EXPECT_THAT(refusal(replaced(kGood, "reason: r", "reason: !!binary r")), HasSubstr("YAML tag"));
    std::string many = "waivers:\n";
    for (int i = 0; i < 1001; ++i) many += "  - {}\n";
    EXPECT_THAT(refusal(many), HasSubstr("more than 1000 waivers"));
    std::string ids = "1";
    for (int i = 2; i <= 1001; ++i) ids += ", " + std::to_string(i);
    EXPECT_THAT(refusal(replaced(kGood, "17, 4", ids)), HasSubstr("more than 1000 items"));
}

TEST(WaiverFile, ItsEndMayBeAsFarAheadAsIsAllowedAndNotATickMore) {
    using namespace std::chrono_literals;
    const Waiver waiver = parse_waivers(kGood, "w.yaml").front();
    const auto most = std::chrono::hours(24 * 90);
    EXPECT_FALSE(why_too_long(waiver, *waiver.expires_at - most, most));
    EXPECT_FALSE(why_too_long(waiver, *waiver.expires_at + most, most)) << "it is over";
    const auto complaint = why_too_long(waiver, *waiver.expires_at - most - 1us, most);
    ASSERT_TRUE(complaint);
    EXPECT_THAT(complaint->message, HasSubstr("at most 90d ahead (waivers.max_duration)"));
    EXPECT_THAT(complaint->hint, HasSubstr("The latest is 2026-12-30T23:59:59.999999Z"));
}

// Each level is ten times the one below: a thousand million in all, were they unfolded.
TEST(WaiverFile, ABombOfAliasesIsRefusedAtOnce) {
    std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
    for (int i = 1; i < 9; ++i) {
        bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
        for (int j = 0; j < 10; ++j) bomb += (j ? ", *a" : "*a") + std::to_string(i - 1);
        bomb += "]\n";
    }
    EXPECT_NE(refusal(bomb + "waivers: *a8\n"), "");
}

}  // namespace
}  // namespace keyrota::test
