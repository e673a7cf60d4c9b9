// `anomalies eval`: labelled series in, figures and alarms out; neither database nor configuration.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "support/program.h"

namespace keyrota::test {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr int kWeek = 168;

std::string text_of(const std::filesystem::path& path) {
    std::stringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
}

// Six weeks of a series that does much the same each hour.
std::string rows(const std::string& series, int from = 0, int to = 6 * kWeek) {
    std::string text;
    for (int hour = from; hour < to; ++hour)
        text += fmt::format("{},{},{},0,\n", series, hour, 40 + hour * 7919 % 16);
    return text;
}

class AnomaliesEval : public ::testing::Test {
  protected:
    AnomaliesEval() {
        environment_ = bare_environment();
        environment_["HOME"] = scratch_.path();
        environment_["KEYROTA_DATABASE_URL"] = "host=" + scratch_.path().string() + " user=nobody";
    }
    /// @param text without the header.
    Outcome eval(const std::string& text, const Arguments& more = {}) {
        Arguments arguments{"anomalies", "eval", "--input", "-"};
        arguments.insert(arguments.end(), more.begin(), more.end());
        return run(keyrota_argv(arguments), {.environment = environment_,
                                             .input = "series,hour,requests,errors,label\n" + text,
                                             .directory = scratch_.path()});
    }
    std::string alarms_of(const std::string& text) {
        const Outcome outcome = eval(text, {"--alarms", alarms_});
        EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
        return text_of(alarms_);
    }

    Scratch scratch_;
    Environment environment_;
    std::string alarms_ = scratch_.path() / "alarms.csv";
};

TEST_F(AnomaliesEval, WritesEveryAlarmThatOpensAnIncident) {
    const int leak = 6 * kWeek;
    EXPECT_EQ(
        alarms_of(rows("quiet") + rows("leaky") + fmt::format("leaky,{},5000,0,leak\n", leak) +
                  fmt::format("leaky,{},9000,0,leak\n", leak + 1)),
        fmt::format("series,hour,reason,mailed\nleaky,{},SPIKE,1\n", leak));
}

TEST_F(AnomaliesEval, SaysWhatWasFoundHowSoonAndWhatWasFalse) {
    const int leak = 6 * kWeek;
    const Outcome outcome = eval(rows("a", 0, leak) + fmt::format("a,{},41,0,leak\n", leak) +
                                     fmt::format("a,{},5000,0,leak\n", leak + 1) +
                                     rows("b", 0, leak) + fmt::format("b,{},5000,0,\n", leak) +
                                     rows("c", 0, leak) + fmt::format("c,{},45,0,theft\n", leak),
                                 {"--json"});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
    // 3 series of two scored weeks each, without the hours of incidents.
    EXPECT_EQ(outcome.out,
              R"({"series": 3, "series_years": 0.12, "false_alarms": 1, )"
              R"("false_alarms_per_series_year": 8.682, "incidents": 2, "found": 1, )"
              R"("recall": 0.500, "precision": 0.500, "f1": 0.500, "median_delay_hours": 1, )"
              R"("alarms": 2, "mailed": 2, "labels": [)"
              "\n"
              R"(  {"label": "leak", "incidents": 1, "found": 1, "recall": 1.00, )"
              R"("median_delay_hours": 1, "p90_delay_hours": 1},)"
              "\n"
              R"(  {"label": "theft", "incidents": 1, "found": 0, "recall": 0.00, )"
              R"("median_delay_hours": null, "p90_delay_hours": null})"
              "\n]"
              R"(, "reasons": [)"
              "\n"
              R"(  {"reason": "SPIKE", "false_alarms": 1, "false_per_series_year": 8.682, )"
              R"("in_incidents": 1, "precision": 0.50, "soon_after": 0})"
              "\n]}\n");
}

TEST_F(AnomaliesEval, PrintsTablesForPeople) {
    const Outcome outcome = eval(rows("a") + fmt::format("a,{},5000,0,leak\n", 6 * kWeek));
    EXPECT_THAT(outcome.out, StartsWith("  series                        1\n"));
    EXPECT_THAT(outcome.out, HasSubstr("\nLABEL  INCIDENTS  FOUND  RECALL  "));
    EXPECT_THAT(outcome.out, HasSubstr("\nSPIKE   0             0.000  "));
}

TEST_F(AnomaliesEval, AMissingRowIsAnHourWithoutRequests) {
    const std::string before = rows("a"), after = rows("a", 6 * kWeek + 40, 6 * kWeek + 41);
    std::string zeros;
    for (int i = 0; i < 40; ++i) zeros += fmt::format("a,{},0,0,\n", 6 * kWeek + i);
    const std::string alarms = alarms_of(before + after);
    EXPECT_THAT(alarms, HasSubstr(",DROP,1\n"));
    EXPECT_EQ(alarms, alarms_of(before + zeros + after));
}

TEST_F(AnomaliesEval, AnHourOfWhichNothingIsKnownIsNoSilence) {
    std::string unknown;
    for (int i = 0; i < 40; ++i) unknown += fmt::format("a,{},,,\n", 6 * kWeek + i);
    EXPECT_EQ(alarms_of(rows("a") + unknown + rows("a", 6 * kWeek + 40, 6 * kWeek + 90)),
              "series,hour,reason,mailed\n");
}

TEST_F(AnomaliesEval, SeriesMayBeMixed) {
    const std::string one = rows("a") + fmt::format("a,{},5000,0,\n", 6 * kWeek);
    const std::string other = rows("b") + fmt::format("b,{},7000,0,\n", 6 * kWeek);
    std::istringstream first(one), second(other);
    std::string mixed;
    for (std::string a, b; std::getline(first, a) && std::getline(second, b);)
        mixed += a + "\n" + b + "\n";
    EXPECT_EQ(alarms_of(mixed), alarms_of(one + other));
}

TEST_F(AnomaliesEval, MoreSensitivityIsQuieter) {
    const std::string text = rows("a") + fmt::format("a,{},200,0,\n", 6 * kWeek);
    EXPECT_THAT(eval(text, {"--json"}).out, HasSubstr(R"("alarms": 1,)"));
    EXPECT_THAT(eval(text, {"--json", "--sensitivity", "5"}).out, HasSubstr(R"("alarms": 0,)"));
    const Outcome outcome = eval(text, {"--sensitivity", "loud"});
    EXPECT_EQ(outcome.exit_code, 2);
    EXPECT_THAT(outcome.errors, HasSubstr("--sensitivity: cannot read \"loud\""));
}

TEST_F(AnomaliesEval, SaysEachWrongLineWithItsColumnAndWritesNothing) {
    const Outcome outcome =
        eval("a,0,1,0,\na,one,1,0,\na,1,-1,0,\na,2,1,many,\na,0,1,0,\n,3,1,0,\na,4,1\n",
             {"--alarms", alarms_});
    EXPECT_EQ(outcome.exit_code, 2);
    EXPECT_EQ(outcome.out, "");
    EXPECT_THAT(outcome.errors,
                HasSubstr("stdin:3: hour: not a whole number from 0 to 10000000\n"
                          "  HINT: Hours are counted from a Monday 00:00 UTC.\n"
                          "stdin:4: requests: not a number from 0 to 1e+12\n"
                          "stdin:5: errors: not a number from 0 to 1e+12\n"
                          "stdin:6: hour: 0 comes after 0 of the same series\n"
                          "  HINT: Sort the file by series and hour, each hour once.\n"
                          "stdin:7: series: empty\n"
                          "stdin:8: 3 fields; the header has 5\n"));
    EXPECT_THAT(outcome.errors, EndsWith("HINT: Nothing was written: correct the file.\n"));
    EXPECT_FALSE(std::filesystem::exists(alarms_));
}

TEST_F(AnomaliesEval, AFileWithoutAColumnIsRefused) {
    const std::string file = scratch_.write("series.csv", "series,hour,requests\na,0,1\n");
    const Outcome outcome =
        run(keyrota_argv({"anomalies", "eval", "--input", file}), {.environment = environment_});
    EXPECT_EQ(outcome.exit_code, 2);
    EXPECT_THAT(outcome.errors, HasSubstr(file + ":1: column \"errors\" is missing\n"));
}

}  // namespace
}  // namespace keyrota::test
