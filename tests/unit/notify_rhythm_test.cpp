#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "notify/rhythm.h"

namespace keyrota {
namespace {

using namespace std::chrono_literals;
using std::chrono::microseconds;

const Timestamp kDue = *parse_timestamp("2026-11-24T06:00:00Z");
constexpr std::chrono::hours kDay(24);

TellableFinding expires_soon() {
    return {.check_id = "KEY-EXPIRES-SOON",
            .status = "open",
            .severity = 2,
            .due_at = kDue,
            .notice_before = {30 * kDay, 14 * kDay, 7 * kDay, 3 * kDay, 1 * kDay}};
}
TellableFinding found(const char* check_id) {
    return {.check_id = check_id, .status = "open", .severity = 3};
}
TellableFinding rotation_due() {
    return {.check_id = "KEY-ROTATION-DUE", .status = "open", .severity = 4, .due_at = kDue};
}
std::optional<ToldBefore> told(Timestamp at, std::int64_t severity = 4, std::int64_t stages = 1) {
    return ToldBefore{.at = at, .severity = severity, .stages = stages, .reached = true};
}
std::string stage(const TellableFinding& finding, const std::optional<ToldBefore>& before,
                  Timestamp as_of) {
    return decide_stage(finding, before, as_of).stage;
}

TEST(Rhythm, AStageComesAtItsInstantAndNotATickBefore) {
    for (const int days : {30, 14, 7, 3, 1}) {
        const Timestamp begins = kDue - days * kDay;
        const std::string name = "T-" + std::to_string(days) + "d";
        EXPECT_EQ(stage(expires_soon(), {}, begins), name);
        EXPECT_NE(stage(expires_soon(), {}, begins - 1us), name);
        EXPECT_EQ(stage(expires_soon(), told(begins - 1us), begins), name);
        EXPECT_EQ(stage(expires_soon(), told(begins), begins + 1us), "") << "told twice";
    }
    EXPECT_EQ(stage(expires_soon(), {}, kDue - 30 * kDay - 1us), "");
}

TEST(Rhythm, AnotherRulesStagesHold) {
    TellableFinding finding = expires_soon();
    finding.notice_before = {60 * kDay, 36h};
    EXPECT_EQ(stage(finding, {}, kDue - 60 * kDay), "T-60d");
    EXPECT_EQ(stage(finding, told(kDue - 60 * kDay), kDue - 36h - 1us), "");
    EXPECT_EQ(stage(finding, told(kDue - 60 * kDay), kDue - 36h), "T-36h");
    finding.notice_before = {};
    EXPECT_EQ(stage(finding, {}, kDue - 1us), "");
}

TEST(Rhythm, StagesThatWereMissedCollapseIntoTheNewest) {
    EXPECT_EQ(stage(expires_soon(), told(kDue - 30 * kDay), kDue - 2 * kDay), "T-3d");
    const StageDecision decision = decide_stage(expires_soon(), {}, kDue - 2 * kDay);
    EXPECT_EQ(decision.stage, "T-3d");
    EXPECT_EQ(decision.next_at, kDue - 1 * kDay);
}

TEST(Rhythm, AChangedPolicyTellsNoStageAgain) {
    TellableFinding finding = expires_soon();
    finding.notice_before = {14 * kDay, 7 * kDay};  // T-3d went from the rule after it was told
    EXPECT_EQ(stage(finding, told(kDue - 3 * kDay), kDue - 2 * kDay), "");
    finding.notice_before = {14 * kDay, 2 * kDay};  // and one came
    EXPECT_EQ(stage(finding, told(kDue - 3 * kDay), kDue - 2 * kDay), "T-2d");
}

TEST(Rhythm, AMovedDateIsToldAnew) {
    // Notices for the earlier date are not among what was told: their anchor differs.
    TellableFinding finding = expires_soon();
    finding.due_at = kDue + 10 * kDay;
    EXPECT_EQ(stage(finding, {}, kDue - 1 * kDay), "T-14d");
}

TEST(Rhythm, RotationIsToldAroundItsDateAndThenWeekly) {
    EXPECT_EQ(stage(rotation_due(), {}, kDue), "T+0");
    EXPECT_EQ(stage(rotation_due(), told(kDue), kDue + 1 * kDay - 1us), "");
    EXPECT_EQ(stage(rotation_due(), told(kDue), kDue + 1 * kDay), "T+1d");
    EXPECT_EQ(stage(rotation_due(), told(kDue + 1 * kDay), kDue + 7 * kDay - 1us), "");
    EXPECT_EQ(stage(rotation_due(), told(kDue + 1 * kDay), kDue + 7 * kDay), "T+7d");
    const Timestamp seventh = kDue + 7 * kDay;
    EXPECT_EQ(stage(rotation_due(), told(seventh, 4, 3), seventh + 6 * kDay + 20h - 1us), "");
    EXPECT_EQ(stage(rotation_due(), told(seventh, 4, 3), seventh + 6 * kDay + 20h), "again 4");
}

TEST(Rhythm, OtherFindingsAreToldAtOnceAndThenWeekly) {
    EXPECT_EQ(stage(found("KEY-UNUSED"), {}, kDue), "open");
    EXPECT_EQ(decide_stage(found("KEY-UNUSED"), {}, kDue).next_at, kDue + 6 * kDay + 20h);
    EXPECT_EQ(stage(found("KEY-UNUSED"), told(kDue), kDue + 6 * kDay + 20h - 1us), "");
    EXPECT_EQ(stage(found("KEY-UNUSED"), told(kDue), kDue + 6 * kDay + 20h), "again 2");
    EXPECT_EQ(stage(found("KEY-UNUSED"), told(kDue, 4, 2), kDue + 40 * kDay), "again 3")
        << "five missed weeks are one reminder";
}

TEST(Rhythm, EventsAreToldOnce) {
    for (const char* check : {"KEY-ROTATED", "KEY-BREACHED", "KEY-ROTATION-FAILED"}) {
        EXPECT_EQ(stage(found(check), {}, kDue), "open");
        EXPECT_EQ(stage(found(check), told(kDue, 5), kDue + 400 * kDay), "");
    }
}

TEST(Rhythm, WhatAnActionClosedIsToldUnlessAnotherCheckTellsIt) {
    TellableFinding finding = found("KEY-EXPIRED");
    finding.status = "resolved";
    finding.resolution = "acted";
    EXPECT_EQ(stage(finding, {}, kDue), "open");
    finding.check_id = "KEY-ROTATION-DUE";  // its rotation was asked for: KEY-ROTATED follows
    EXPECT_EQ(stage(finding, {}, kDue), "");
    EXPECT_EQ(stage(finding, told(kDue), kDue + 1h), "resolved");
}

TEST(Rhythm, AnAnnouncedActionIsToldAtOnceThreeDaysBeforeAndWhenItWasDone) {
    TellableFinding finding = found("KEY-UNUSED");
    finding.due_at = kDue;
    const Timestamp opened = kDue - 14 * kDay;
    EXPECT_EQ(stage(finding, {}, opened), "open");
    EXPECT_EQ(stage(finding, told(opened), kDue - 3 * kDay - 1us), "");
    EXPECT_EQ(stage(finding, told(opened), kDue - 3 * kDay), "T-3d");
    finding.status = "acknowledged";
    EXPECT_EQ(stage(finding, told(opened), kDue - 3 * kDay), "") << "it is not done then";
    finding.status = "resolved";
    finding.resolution = "acted";
    finding.resolved_at = kDue + 1h;
    ToldBefore before = *told(kDue + 2h, 3, 2);
    EXPECT_EQ(stage(finding, before, kDue + 2h), "acted") << "a notice of the same hour or not";
    before.acted = true;
    EXPECT_EQ(stage(finding, before, kDue + 3h), "");
    finding.resolution = "absence";
    EXPECT_EQ(stage(finding, told(kDue - 3 * kDay), kDue + 2h), "resolved");
}

TEST(Rhythm, WhatAnnouncesAnActionIsNotSilenced) {
    TellableFinding finding = found("KEY-UNUSED");
    EXPECT_TRUE(may_be_silenced(finding));
    finding.due_at = kDue;
    EXPECT_FALSE(may_be_silenced(finding));
    finding.check_id = "KEY-ERROR-RATE";
    EXPECT_TRUE(may_be_silenced(finding));
}

TEST(Rhythm, ARiseToGraveIsAStageOfItsOwn) {
    TellableFinding finding = found("KEY-ERROR-RATE");
    finding.severity = 4;
    EXPECT_EQ(stage(finding, told(kDue, 3), kDue + 1h), "severe 2");
    EXPECT_EQ(stage(finding, told(kDue, 4), kDue + 1h), "");
    finding.severity = 3;
    EXPECT_EQ(stage(finding, told(kDue, 2), kDue + 1h), "");
}

TEST(Rhythm, WhatSomebodySaidOfItCounts) {
    TellableFinding finding = found("KEY-UNUSED");
    finding.status = "waived";
    EXPECT_EQ(stage(finding, {}, kDue), "");
    finding.status = "acknowledged";
    EXPECT_EQ(stage(finding, {}, kDue), "");
    EXPECT_EQ(stage(finding, told(kDue), kDue + 30 * kDay), "");
    TellableFinding ending = expires_soon();
    ending.status = "acknowledged";
    EXPECT_EQ(stage(ending, told(kDue - 30 * kDay), kDue - 7 * kDay), "T-7d")
        << "a date comes also to those who know of it";
}

TEST(Rhythm, TheEndIsToldOnceToThoseWhoHeardOfIt) {
    TellableFinding finding = found("KEY-UNUSED");
    finding.status = "resolved";
    finding.resolution = "absence";
    finding.resolved_at = kDue;
    EXPECT_EQ(stage(finding, told(kDue - 1h), kDue + 1h), "resolved");
    EXPECT_EQ(stage(finding, {}, kDue + 1h), "");
    EXPECT_EQ(stage(finding, ToldBefore{.at = kDue - 1h, .stages = 1}, kDue + 1h), "")
        << "it was held in a digest";
    EXPECT_EQ(stage(finding, ToldBefore{.at = kDue, .stages = 2, .reached = true, .resolved = true},
                    kDue + 1h),
              "");
}

TEST(Rhythm, AWarningWhoseDateCameHasNoEndOfItsOwn) {
    TellableFinding finding = expires_soon();
    finding.status = "resolved";
    finding.resolution = "absence";
    finding.resolved_at = kDue;
    EXPECT_EQ(stage(finding, told(kDue - 1 * kDay), kDue + 1h), "");
    finding.resolved_at = kDue - 1us;  // renewed in time
    EXPECT_EQ(stage(finding, told(kDue - 1 * kDay), kDue + 1h), "resolved");
}

TEST(Rhythm, WhatAnActionClosedIsStillOwed) {
    TellableFinding finding{.check_id = "KEY-EXPIRED",
                            .status = "resolved",
                            .resolution = "acted",
                            .severity = 4,
                            .due_at = kDue,
                            .resolved_at = kDue};
    EXPECT_EQ(stage(finding, {}, kDue + 1min), "T+0");
    EXPECT_EQ(stage(finding, told(kDue + 1min, 4), kDue + 2min), "");
}

TEST(Rhythm, EveryDecisionSaysWhy) {
    for (const char* status : {"open", "acknowledged", "waived", "resolved"})
        for (const std::optional<ToldBefore>& before : {std::optional<ToldBefore>{}, told(kDue)})
            for (const char* check : {"KEY-EXPIRES-SOON", "KEY-ROTATION-DUE", "KEY-UNUSED"}) {
                TellableFinding finding = found(check);
                finding.status = status;
                EXPECT_NE(decide_stage(finding, before, kDue).reason, "");
            }
}

}  // namespace
}  // namespace keyrota
