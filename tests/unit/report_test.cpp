#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "finding/severity.h"
#include "report/escape.h"
#include "report/facts.h"
#include "report/listing.h"

namespace keyrota::test {
namespace {

const Timestamp kInstant = *parse_timestamp("2026-11-24T06:00:00.5Z");

TEST(Escape, ATerminalGetsNoControlCharactersAndNothingThatTurnsTheText) {
    EXPECT_EQ(for_terminal("a\x1b[31mred\nb\tc\x7f"), "a?[31mred?b?c?");
    EXPECT_EQ(for_terminal("\xc2\x9b"
                           "31m"),
              "?31m")
        << "C1 control";
    EXPECT_EQ(for_terminal("abc\xe2\x80\xae"
                           "fed"),
              "abc?fed")
        << "right-to-left override";
    EXPECT_EQ(for_terminal("\xe2\x81\xa6x\xe2\x81\xa9\xe2\x80\xa8"), "?x??");
    EXPECT_EQ(for_terminal("Zoë 東京 😀"), "Zoë 東京 😀");
    EXPECT_EQ(for_terminal("broken \xff utf"), "broken ? utf");
    EXPECT_EQ(for_terminal(""), "");
}

TEST(Escape, ASpreadsheetTakesNoFieldForAFormula) {
    for (const char* formula : {"=1+1", "+1", "-1", "@SUM(A1)", "\t=1"})
        EXPECT_EQ(for_csv(formula), std::string("'") + formula);
    EXPECT_EQ(for_csv("\r=1"), "\"'\r=1\"");
    EXPECT_EQ(for_csv("'=1"), "''=1");
    EXPECT_EQ(for_csv("'plain"), "'plain");
    EXPECT_EQ(for_csv("plain"), "plain");
    EXPECT_EQ(for_csv("a,b"), "\"a,b\"");
    EXPECT_EQ(for_csv("say \"hi\"\n"), "\"say \"\"hi\"\"\n\"");
    EXPECT_EQ(for_csv("=HYPERLINK(\"x\")"), "\"'=HYPERLINK(\"\"x\"\")\"");
}

TEST(Escape, AFieldIsReadBackAsTheTextThatItWas) {
    for (const char* text : {"=1", "'=1", "''@x", "'plain", "'", "''", "", "plain", "\t"})
        EXPECT_EQ(from_csv(for_csv(text)), text);
}

TEST(Escape, ShortensByCharactersAndNotByBytes) {
    EXPECT_EQ(shortened("東京都庁", 4), "東京都庁");
    EXPECT_EQ(shortened("東京都庁", 3), "東京…");
    EXPECT_EQ(width_of("Zoë…"), 4U);
}

std::string listed(Format format, const std::vector<std::vector<Cell>>& rows) {
    std::ostringstream out;
    Listing listing(out, format, {{"key_id"}, {"name"}, {"seen_at"}, {"evidence", Shown::data}});
    for (const auto& row : rows) listing.row(row);
    listing.end();
    return out.str();
}

TEST(Listing, IsATableForPeople) {
    EXPECT_EQ(listed(Format::text, {{std::int64_t{7}, std::string("Zoë"), kInstant, Json{"{}"}},
                                    {std::int64_t{1234567}, {}, {}, Json{"{}"}}}),
              "KEY ID   NAME  SEEN AT\n"
              "7        Zoë   2026-11-24T06:00:00Z\n"
              "1234567  -     -\n");
    EXPECT_EQ(listed(Format::text, {}), "");
}

TEST(Listing, IsAListOfObjectsForPrograms) {
    EXPECT_EQ(listed(Format::json,
                     {{std::int64_t{7}, std::string("a\"b\n"), kInstant, Json{R"({"x": 1})"}},
                      {std::int64_t{8}, {}, {}, {}}}),
              "[\n"
              "  {\"key_id\": 7, \"name\": \"a\\\"b\\n\", \"seen_at\": "
              "\"2026-11-24T06:00:00.500000Z\", \"evidence\": {\"x\": 1}},\n"
              "  {\"key_id\": 8, \"name\": null, \"seen_at\": null, \"evidence\": null}\n"
              "]\n");
    EXPECT_EQ(listed(Format::json, {}), "[]\n");
}

TEST(Listing, IsCsvForSpreadsheets) {
    EXPECT_EQ(
        listed(Format::csv, {{std::int64_t{7}, std::string("=cmd"), {}, Json{R"({"x": 1})"}}}),
        "key_id,name,seen_at,evidence\r\n"
        "7,'=cmd,,\"{\"\"x\"\": 1}\"\r\n");
}

TEST(Listing, KeepsItsColumnsWhenALaterRowIsWider) {
    std::vector<std::vector<Cell>> rows(500, {std::int64_t{1}, std::string("a"), {}, {}});
    rows.push_back({std::int64_t{1}, std::string(100, 'w'), {}, {}});
    const std::string table = listed(Format::text, rows);
    const std::string last = table.substr(table.rfind('\n', table.size() - 2) + 1);
    EXPECT_EQ(last, "1       " + std::string(39, 'w') + "…  -\n");
}

TEST(Facts, AreLinesForPeopleAndAnObjectForPrograms) {
    Facts facts;
    facts.add("key_id", std::int64_t{7});
    facts.add("name", std::string("bad\x1b[0m"));
    facts.add("owner", std::monostate{});
    std::ostringstream out;
    facts.print_text(out);
    EXPECT_EQ(out.str(), "  key id  7\n  name    bad?[0m\n");
    EXPECT_EQ(facts.json(), "{\"key_id\": 7, \"name\": \"bad\\u001B[0m\", \"owner\": null}");
}

TEST(Severity, HasANameAndANumber) {
    EXPECT_EQ(parse_severity("high"), 4);
    EXPECT_EQ(parse_severity("4"), 4);
    EXPECT_EQ(severity_name(1), "informational");
    EXPECT_EQ(severity_name(5), "critical");
    for (const char* none : {"", "0", "6", "High", "44"})
        EXPECT_FALSE(parse_severity(none).has_value()) << none;
}

}  // namespace
}  // namespace keyrota::test
