// The detector, test by test, on keys whose life is made here hour by hour.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "anomaly/baseline.h"
#include "anomaly/detector.h"
#include "anomaly/improbability.h"
#include "anomaly/tail.h"

namespace keyrota::test {
namespace {

constexpr std::uint32_t kWeek = 168;

// A key and its life; remembers every alarm.
class Life {
  public:
    using Requests = std::function<float(std::uint32_t)>;

    HourVerdict hour(float requests, float errors = 0) {
        const std::uint32_t hour = next_++;
        const HourVerdict verdict =
            step(state_, 1, {.hour = hour, .requests = requests, .errors = errors}, thresholds_);
        if (verdict.reason != AnomalyReason::none) alarms_.push_back(verdict);
        return verdict;
    }
    void hours(std::uint32_t count, const Requests& requests) {
        for (std::uint32_t i = 0; i < count; ++i) hour(requests(next_));
    }

    DetectorState& state() { return state_; }
    std::uint32_t next() const { return next_; }
    const std::vector<HourVerdict>& alarms() const { return alarms_; }

  private:
    DetectorState state_;
    DetectorThresholds thresholds_;
    std::uint32_t next_ = 0;
    std::vector<HourVerdict> alarms_;
};

// Not all the same, and the same in every run.
float noise(std::uint32_t hour) {
    return static_cast<float>((hour * 2654435761U) >> 28U);  // 0 to 15
}
float steady(std::uint32_t hour) {
    return 40 + noise(hour);
}
float office(std::uint32_t hour) {
    const bool is_open = hour % 24 >= 8 && hour % 24 < 18 && hour / 24 % 7 < 5;
    return is_open ? 80 + noise(hour) : 0;
}

// -------------------------------------------------------------------------------------------------
// What tests rest on

TEST(Anomaly, WhatWasExpectedIsNoSurpriseAndMoreIsMore) {
    EXPECT_EQ(improbability(20, 20, 0.1F), 0);
    EXPECT_LT(improbability(40, 20, 0.1F), improbability(80, 20, 0.1F));
    EXPECT_LT(improbability(80, 20, 1), improbability(80, 20, 0.1F)) << "of a key that varies more";
    EXPECT_GT(improbability(0, 200, 0.1F), 2) << "nothing at all";
}

TEST(Anomaly, AKeyWhoseHoursOftenSurpriseMakesThemCountForLess) {
    TailState calm, wild;
    for (std::uint32_t i = 0; i < 2000; ++i) {
        learn(calm, 0);
        learn(wild, noise(i) / 2);
    }
    EXPECT_GT(calibrated(calm, 8), 5);
    EXPECT_LT(calibrated(wild, 8), 2.5F);
}

TEST(Anomaly, ABaselineHoldsSmallAndLargeHoursWithinATwelfthOfADoubling) {
    for (const float requests : {1.0F, 60.0F, 5000.0F, 300'000.0F, 90'000'000.0F}) {
        BaselineState baseline;
        learn(baseline, requests, 5, 0, 0, 1, 0.5F);
        EXPECT_NEAR(requests_of(baseline, baseline.hour_of_week[5]), requests, requests * 0.06F);
        learn(baseline, 0, 6, 0, 1, 2, 0.5F);
        EXPECT_NEAR(requests_of(baseline, baseline.hour_of_week[5]), requests, requests * 0.06F);
    }
}

TEST(Anomaly, ALargerHourThanAnyCodeMakesTheOthersCoarserAndNotWrong) {
    BaselineState baseline;
    learn(baseline, 1000, 5, 0, 0, 1, 0.5F);
    learn(baseline, 4'000'000, 6, 0, 1, 2, 0.5F);
    EXPECT_GT(baseline.code_shift, 0);
    EXPECT_NEAR(requests_of(baseline, baseline.hour_of_week[5]), 1000, 200);
}

// -------------------------------------------------------------------------------------------------
// The state

TEST(Anomaly, AStateIsStoredInFewBytesAndComesBackTheSame) {
    Life life;
    life.hours(5 * kWeek, office);
    const PackedState packed = pack(life.state());
    EXPECT_LE(packed.size(), 450U);
    DetectorState back;
    ASSERT_TRUE(unpack(packed, back));
    EXPECT_EQ(pack(back), packed);
    EXPECT_EQ(back.last_hour, life.state().last_hour);
}

TEST(Anomaly, AStateOfAnotherFormatOrSizeIsNotRead) {
    PackedState packed = pack(DetectorState());
    DetectorState state;
    ++packed[0];
    EXPECT_FALSE(unpack(packed, state));
    --packed[0];
    EXPECT_TRUE(unpack(packed, state));
    EXPECT_FALSE(unpack(std::span(packed).first(packed.size() - 1), state));
}

TEST(Anomaly, AStateThatNoHoursCanHaveMadeIsNotRead) {
    PackedState packed = pack(DetectorState());
    std::fill(packed.begin() + sizeof kDetectorFormat, packed.end(), 0xff);
    DetectorState state;
    EXPECT_FALSE(unpack(packed, state));
    EXPECT_EQ(pack(state), pack(DetectorState())) << "nor half of it";
}

TEST(Anomaly, WhereNothingIsSurprisingTheExpectedRangeEndsAllTheSame) {
    HourVerdict verdict;
    verdict.expected = verdict.envelope = 10;
    verdict.dispersion = 1e20F;
    EXPECT_GE(expected_range(verdict).most, 1e17F);
}

TEST(Anomaly, ASilenceOfNoPossibleLengthIsNotRead) {
    DetectorState state;
    for (const float hours : {-1.0F, 1e8F}) {
        DetectorState impossible;
        impossible.silence.longest = hours;
        EXPECT_FALSE(unpack(pack(impossible), state)) << hours;
    }
}

TEST(Anomaly, AnHourIsAppliedOnceHoweverOftenItComes) {
    Life life;
    life.hours(3 * kWeek, steady);
    const PackedState before = pack(life.state());
    for (const std::uint32_t old : {life.next() - 1, life.next() - 100, 0U})
        EXPECT_FALSE(step(life.state(), 1, {.hour = old, .requests = 9000, .errors = 0},
                          DetectorThresholds())
                         .was_judged);
    EXPECT_EQ(pack(life.state()), before);
}

TEST(Anomaly, TheSameLifeGivesTheSameState) {
    Life one, other;
    for (Life* life : {&one, &other}) life->hours(6 * kWeek, office);
    EXPECT_EQ(pack(one.state()), pack(other.state()));
}

TEST(Anomaly, LifeBeginsWithTheFirstRequest) {
    Life life;
    life.hours(400, [](std::uint32_t) { return 0; });
    EXPECT_EQ(life.state().hours, 0U);
    life.hour(1);
    EXPECT_EQ(life.state().hours, 1U);
    EXPECT_EQ(life.state().silence.longest, 0);
}

TEST(Anomaly, NothingIsLearnedFromASilenceThatLastsForGood) {
    Life life;
    life.hours(kWeek, steady);
    life.hours(336, [](std::uint32_t) { return 0; });
    const float level = life.state().baseline.level;
    EXPECT_FALSE(life.hour(0).was_judged);
    EXPECT_EQ(life.state().baseline.level, level);
    EXPECT_EQ(life.state().silence.hours, 337U);
}

// -------------------------------------------------------------------------------------------------
// The tests

TEST(Anomaly, AUsualLifeRaisesNoAlarm) {
    for (const auto& requests : {steady, office}) {
        Life life;
        life.hours(26 * kWeek, requests);
        EXPECT_THAT(life.alarms(), ::testing::IsEmpty());
    }
}

TEST(Anomaly, AnHourFarBeyondAllBeforeIsASpike) {
    Life life;
    life.hours(5 * kWeek + 10, office);
    const HourVerdict verdict = life.hour(2000);
    EXPECT_EQ(verdict.reason, AnomalyReason::spike);
    EXPECT_TRUE(verdict.opens_incident);
    EXPECT_TRUE(verdict.is_mailed);
}

TEST(Anomaly, NoVolumeAlarmInTheFirstFourteenDays) {
    for (const std::uint32_t days : {13U, 14U}) {
        Life life;
        // The hour after is the first of day 15, or the last of day 14.
        life.hours(336 - (days == 13U ? 1 : 0), steady);
        EXPECT_EQ(life.hour(100'000).reason,
                  days == 14U ? AnomalyReason::spike : AnomalyReason::none);
    }
}

TEST(Anomaly, RequestsAtNightOfAKeyThatSleepsThenAreOffHours) {
    Life life;
    life.hours(8 * kWeek + 3, office);
    EXPECT_EQ(life.hour(90).reason, AnomalyReason::off_hours);
}

TEST(Anomaly, SeveralHoursThatAreTooLargeAreASpikeTogether) {
    Life life;
    life.hours(6 * kWeek, steady);
    for (int i = 0; i < 12; ++i) life.hour(180);
    ASSERT_FALSE(life.alarms().empty());
    EXPECT_EQ(life.alarms().front().reason, AnomalyReason::spike);
}

TEST(Anomaly, SilenceWhereThereWereAlwaysRequestsIsADropWithinTwoDays) {
    Life life;
    life.hours(6 * kWeek, steady);
    HourVerdict verdict;
    for (int i = 0; i < 48 && verdict.reason == AnomalyReason::none; ++i) verdict = life.hour(0);
    EXPECT_EQ(verdict.reason, AnomalyReason::drop);
    EXPECT_EQ(verdict.longest_silence, 0);
    EXPECT_EQ(sentence_of(verdict, life.next() - 1),
              "no request for 26 h up to Tue 01:00 UTC; not one silent hour before");
}

TEST(Anomaly, NoDropInTheFirstThreeWeeks) {
    for (const std::uint32_t hours_of_life : {504U, 505U}) {
        Life life;
        life.hours(440, steady);
        life.hours(hours_of_life - 440 - 1, [](std::uint32_t) { return 0; });
        life.state().silence.evidence = 9;
        EXPECT_EQ(life.hour(0).reason,
                  hours_of_life == 505U ? AnomalyReason::drop : AnomalyReason::none);
    }
}

TEST(Anomaly, AnHourOfErrorsIsAnAlarmAndAFewAreNone) {
    Life life;
    for (std::uint32_t i = 0; i < 6 * kWeek; ++i) life.hour(steady(i), 1);
    EXPECT_EQ(life.hour(45, 6).reason, AnomalyReason::none);
    EXPECT_EQ(life.hour(45, 40).reason, AnomalyReason::errors);
}

TEST(Anomaly, AnErrorIncidentThatIsOverIsNotToldAgainByAGoodHour) {
    Life life;
    const auto daily = [](std::uint32_t hour) { return hour % 24 == 6 ? 300.0F : 0.0F; };
    for (std::uint32_t i = 0; i < 8 * kWeek; ++i) life.hour(daily(i), daily(i) / 100);
    for (int i = 0; i < 24; ++i) life.hour(100, 80);
    const std::size_t told = life.alarms().size();
    EXPECT_GE(told, 1U);
    for (std::uint32_t i = 0; i < 2 * kWeek; ++i) life.hour(daily(life.next()), 0);
    for (std::size_t i = told; i < life.alarms().size(); ++i)
        EXPECT_NE(life.alarms()[i].reason, AnomalyReason::errors);
}

TEST(Anomaly, AKeyThatSleptForWeeksWakesUpWithItsFifthRequest) {
    for (const std::uint32_t silent : {335U, 60 * 24U}) {
        Life life;
        life.hours(10 * 24, office);
        life.hours(silent, [](std::uint32_t) { return 0; });
        EXPECT_EQ(life.hour(4).reason, AnomalyReason::none);
        const HourVerdict verdict = life.hour(1);
        EXPECT_EQ(verdict.reason, silent == 335U ? AnomalyReason::none : AnomalyReason::wake);
    }
}

TEST(Anomaly, AHigherLevelIsToldOnceAndIsWhatIsUsualFromThenOn) {
    Life life;
    life.hours(8 * kWeek, office);
    life.hours(2 * kWeek, [](std::uint32_t hour) { return 2.6F * office(hour); });
    const auto shifts =
        std::count_if(life.alarms().begin(), life.alarms().end(), [](const HourVerdict& alarm) {
            return alarm.reason == AnomalyReason::level || alarm.reason == AnomalyReason::ramp;
        });
    EXPECT_EQ(shifts, 1);
    const std::size_t told = life.alarms().size();
    life.hours(4 * kWeek, [](std::uint32_t hour) { return 2.6F * office(hour); });
    EXPECT_EQ(life.alarms().size(), told);
}

// -------------------------------------------------------------------------------------------------
// Mail

TEST(Anomaly, AnOpenIncidentIsMailedOnce) {
    Life life;
    life.hours(6 * kWeek, steady);
    int opened = 0;
    for (int i = 0; i < 5; ++i)
        opened += life.hour(5000.0F * static_cast<float>(i + 1)).opens_incident;
    EXPECT_EQ(opened, 1);
    EXPECT_GT(life.alarms().size(), 1U);
}

TEST(Anomaly, TheMailBudgetHoldsAFourthMailOfAMonthUnlessItIsGrave) {
    const auto verdict_with = [](float budget, float requests) {
        Life life;
        life.hours(6 * kWeek, steady);
        life.state().mail = {
            .budget = budget, .last_alarm = life.next() - 100, .last_refill = life.next()};
        return life.hour(requests);
    };
    EXPECT_TRUE(verdict_with(1, 150).is_mailed);
    const HourVerdict held = verdict_with(0.99F, 150);
    EXPECT_TRUE(held.opens_incident);
    EXPECT_LT(held.severity, 3);
    EXPECT_FALSE(held.is_mailed);
    EXPECT_TRUE(verdict_with(0, 100'000).is_mailed);
}

// -------------------------------------------------------------------------------------------------
// For people

TEST(Anomaly, ASpikeSaysWhatCameWhenAndWhatWasExpected) {
    Life life;
    life.hours(5 * kWeek + 24 + 10, office);
    const std::uint32_t hour = life.next();
    const HourVerdict verdict = life.hour(2412);
    EXPECT_THAT(sentence_of(verdict, hour),
                ::testing::MatchesRegex("2,412 requests Tue 10:00 UTC, expected [0-9]+ to [0-9]+"));
    const ExpectedRange range = expected_range(verdict);
    EXPECT_LT(range.least, 88);
    EXPECT_GT(range.most, 88);
    EXPECT_LT(range.most, 500);
}

TEST(Anomaly, EachReasonHasItsSentence) {
    HourVerdict verdict;
    verdict.reason = AnomalyReason::drop;
    verdict.silent_hours = 30;
    verdict.longest_silence = 5;
    EXPECT_EQ(sentence_of(verdict, 27),
              "no request for 30 h up to Tue 03:00 UTC; longest silence "
              "before 5 h");
    verdict = {};
    verdict.reason = AnomalyReason::errors;
    verdict.requests = 400;
    verdict.errors = 120;
    verdict.usual_error_share = 0.012F;
    EXPECT_EQ(sentence_of(verdict, 0),
              "120 of 400 requests failed (30 %) Mon 00:00 UTC, usually 1.2 %");
    verdict.burst_hours = 3;
    verdict.burst_requests = 1000;
    verdict.burst_errors = 180;
    EXPECT_EQ(sentence_of(verdict, 2),
              "180 of 1,000 requests failed (18 %) in 3 h up to Mon 02:00 UTC, usually 1.2 %");
    verdict = {};
    verdict.reason = AnomalyReason::wake;
    verdict.silent_hours = 45 * 24;
    verdict.burst_requests = 12;
    verdict.burst_hours = 2;
    EXPECT_EQ(sentence_of(verdict, 0), "12 requests in 2 h after 45 days without any");
    verdict = {};
    verdict.reason = AnomalyReason::level;
    verdict.shift_days = 3;
    verdict.shift_requests = 12'400;
    verdict.shift_expected = 4'100;
    EXPECT_EQ(sentence_of(verdict, 0), "12,400 requests in the last 3 days, expected about 4,100");
}

}  // namespace
}  // namespace keyrota::test
