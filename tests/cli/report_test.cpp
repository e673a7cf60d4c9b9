// `keyrota report`: one file that says how the keys stand, for everybody who can read.

#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>
#include <fmt/format.h>

#include <fstream>
#include <regex>
#include <sstream>

#include "support/program.h"

namespace keyrota::test {
namespace {

namespace fs = std::filesystem;
using Poco::JSON::Array;
using Poco::JSON::Object;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using namespace std::chrono_literals;

class Report : public ProgramTest {
  protected:
    // A key of every kind, findings of every severity, and all else that a section tells of.
    void given_a_company() {
        execute(
            "insert into keyrota.team (team_id, name, security_email) values"
            " (1, 'Payments', 'payments-security@example.com'), (2, 'Search', null)");
        execute(
            "insert into keyrota.owner (owner_id, name, email, team_id) values"
            " (1, 'Ada', 'ada@example.com', 1), (2, 'Grace', 'grace@example.com', 2)");
        const std::string now = instant(kNow);
        // 400 keys: aged n days, so that both sides of each bound are there.
        execute(fmt::format(
            "insert into keyrota.api_key (key_id, lineage_id, owner_id, name, type, environment,"
            " prefix, hint, created_at) select n, n, nullif(n % 3, 0), 'key-' || n, t.type,"
            " case t.type when 'test' then 'test' else 'production' end, 'sk_live_', 'abcd',"
            " {} - n * interval '1 day' from generate_series(1, 400) n"
            " join (values (0, 'secret'), (1, 'public'), (2, 'test')) t (k, type) on t.k = n % 3",
            now));
        execute(fmt::format(
            "insert into keyrota.api_key_state (key_id, status, expires_at, retire_at) select n,"
            " case when n % 7 = 0 then 'expired' when n % 11 = 0 then 'inactive' else 'active' end,"
            " case when n % 5 = 0 then {0} + n * interval '6 hours' end,"
            " case when n = 200 then {0} + interval '1 day' end from generate_series(1, 400) n",
            now));
        execute(
            fmt::format("insert into keyrota.api_key_activity (key_id, last_used_at) select n,"
                        " case when n % 4 <> 0 then {} - (n % 200) * interval '2 days' end"
                        " from generate_series(1, 400) n",
                        now));
        execute(fmt::format(
            "insert into keyrota.finding (key_id, uid, check_id, status, resolution, severity,"
            " evidence, opened_at, changed_at, resolved_at, run_id) select n, 'kf_' || n,"
            " case when n % 10 = 4 then 'KEY-ANOMALY-SPIKE' else 'KEY-X-' || n % 5 end,"
            " s.status, case s.status when 'resolved' then 'absence' end, 1 + n % 5,"
            " jsonb_build_object('hour_us', keyrota.micros({0}) - n * 3600000000, 'says', 'odd'),"
            " {0} - n * interval '12 hours', {0},"
            " case s.status when 'resolved' then {0} - n * interval '6 hours' end, 1"
            " from generate_series(1, 300) n join (values (0, 'open'), (1, 'acknowledged'),"
            " (2, 'waived'), (3, 'resolved')) s (k, status) on s.k = n % 4",
            now));
        execute(
            fmt::format("insert into keyrota.usage_hour (key_id, hour, requests) select n,"
                        " {} - d * interval '1 day', 10 * n from generate_series(1, 300) n,"
                        " generate_series(0, 40) d",
                        now));
        execute(fmt::format(
            "insert into keyrota.waiver (name, source, checks, environments, reason, requested_by,"
            " approved_by, created_at, expires_at) values ('idle', 'command', '{{KEY-X-1}}',"
            " '{{test}}', 'they are idle', 'a', 'b', {0}, {0} + interval '3 days')",
            now));
        execute(
            "insert into keyrota.rotation (key_id, token, reason, state) values"
            " (1, gen_random_uuid(), 'manual', 'requested'),"
            " (2, gen_random_uuid(), 'manual', 'failed')");
        given_known_usage();
    }
    void given_known_usage() {
        execute(
            fmt::format("insert into keyrota.usage_gateway (name, expected, since_at, last_seen_at)"
                        " values ('edge', true, {0} - interval '1 year', {0});"
                        "update keyrota.usage_watermark set complete_until = {0}",
                        instant(kNow)));
    }
    static std::string instant(Timestamp at) {
        return fmt::format("keyrota.instant({})", to_micros(at));
    }
    Outcome report(const Arguments& more) {
        Arguments words{"report", "--as-of", to_string(kNow)};
        words.insert(words.end(), more.begin(), more.end());
        return keyrota(words);
    }
    Object::Ptr json(const Arguments& more = {}) {
        Arguments words{"--json"};
        words.insert(words.end(), more.begin(), more.end());
        const Outcome outcome = report(words);
        EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
        return Poco::JSON::Parser().parse(outcome.out).extract<Object::Ptr>();
    }
    fs::path page(const Arguments& more = {}) {
        const fs::path path = scratch().path() / "report.html";
        Arguments words{"--out", path.string()};
        words.insert(words.end(), more.begin(), more.end());
        const Outcome outcome = report(words);
        EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
        return path;
    }
    static std::string content(const fs::path& path) {
        std::ostringstream text;
        text << std::ifstream(path).rdbuf();
        return text.str();
    }
    static std::int64_t sum_of(const Array::Ptr& list, const std::string& name) {
        std::int64_t sum = 0;
        for (const auto& one : *list)
            sum += one.extract<Object::Ptr>()->getValue<std::int64_t>(name);
        return sum;
    }
    static Object::Ptr row(const Array::Ptr& list, std::size_t index) {
        return list->getObject(static_cast<unsigned>(index));
    }
    void expect_figures(const Object::Ptr& facts, const std::string& whose);
};

// The figures against statements that count them otherwise. `whose`: a condition on k.owner_id.
void Report::expect_figures(const Object::Ptr& facts, const std::string& whose) {
    const std::string now = instant(kNow);
    const std::string keys = "select count(*) from keyrota.key k where " + whose;
    const std::string findings =
        "select count(*) from keyrota.finding f join keyrota.api_key k using (key_id) where " +
        whose;
    const Object::Ptr totals = facts->getObject("keys");
    EXPECT_EQ(totals->getValue<std::int64_t>("total"), number(keys));
    EXPECT_EQ(totals->getValue<std::int64_t>("active"), number(keys + " and status = 'active'"));
    EXPECT_EQ(totals->getValue<std::int64_t>("production_past_90_days"),
              number(keys +
                     " and status = 'active' and retire_at is null"
                     " and environment = 'production' and created_at <= " +
                     now + " - interval '2160 hours'"));
    EXPECT_EQ(totals->getValue<std::int64_t>("unused"),
              number(keys +
                     " and status = 'active' and case when last_used_at is null"
                     " then created_at <= " +
                     now + " - interval '720 hours' else last_used_at <= " + now +
                     " - interval '2160 hours' end"));
    EXPECT_EQ(sum_of(facts->getArray("age"), "test"),
              number(keys + " and status = 'active' and environment = 'test'"
                            " and retire_at is null"));
    EXPECT_EQ(sum_of(facts->getArray("last_use"), "production"),
              number(keys + " and status = 'active' and environment = 'production'"));
    EXPECT_EQ(sum_of(facts->getArray("expiry"), "keys"),
              number(keys + " and status = 'active' and retire_at is null and expires_at > " + now +
                     " and expires_at < '2027-02-23'"));
    const Object::Ptr found = facts->getObject("findings");
    for (std::size_t i = 0; i < 5; ++i) {
        const Object::Ptr one = row(found->getArray("severities"), i);
        for (const char* status : {"open", "acknowledged", "waived"})
            EXPECT_EQ(one->getValue<std::int64_t>(status),
                      number(fmt::format("{} and f.status = '{}' and f.severity = {}", findings,
                                         status, 5 - i)));
    }
    EXPECT_EQ(sum_of(found->getArray("checks"), "open"),
              number(findings + " and f.status = 'open'"));
    EXPECT_EQ(row(facts->getArray("trend"), 30)->getValue<std::int64_t>("unresolved"),
              number(findings + " and f.status <> 'resolved'"));
    EXPECT_EQ(row(facts->getArray("trend"), 20)->getValue<std::int64_t>("unresolved"),
              number(findings + " and f.opened_at < '2026-11-15' and"
                                " coalesce(f.resolved_at >= '2026-11-15', true)"));
    EXPECT_EQ(sum_of(facts->getArray("rotations"), "rotations"),
              number("select count(*) from keyrota.rotation r join keyrota.api_key k"
                     " using (key_id) where " +
                     whose));
}

TEST_F(Report, EveryFigureIsWhatAnotherStatementCounts) {
    given_a_company();
    expect_figures(json(), "true");
}

TEST_F(Report, WhereUsageIsNotKnownNoKeyIsCalledUnused) {
    given_a_company();
    execute("update keyrota.usage_gateway set last_seen_at = last_seen_at - interval '7 hours'");
    EXPECT_TRUE(json()->getObject("keys")->isNull("unused"));
    EXPECT_THAT(content(page()), HasSubstr("usage is not known"));
}

TEST_F(Report, AnOwnersAndATeamsCountTheirKeysAlone) {
    given_a_company();
    const Object::Ptr ada = json({"--owner", "ada@example.com"});
    EXPECT_EQ(ada->getValue<std::string>("owner"), "Ada");
    expect_figures(ada, "k.owner_id = 1");
    const Object::Ptr search = json({"--team", "Search"});
    EXPECT_EQ(search->getValue<std::string>("team"), "Search");
    expect_figures(search, "k.owner_id = 2");
    EXPECT_EQ(search->getArray("teams")->size(), 0U);
    EXPECT_THAT(content(page({"--team", "Search"})),
                AllOf(HasSubstr("API keys of the team Search"), Not(HasSubstr("Payments"))));
}

TEST_F(Report, AgesAndUsesCountFromTheTickOnAndNotOneBefore) {
    given_key({.name = "aged", .created_at = kNow - 24h * 90});
    given_key({.name = "not yet", .created_at = kNow - 24h * 90 + 1us});
    given_key({.name = "soon", .expires_at = kNow + 1us});
    given_key({.name = "over", .expires_at = kNow});
    execute("update keyrota.api_key_activity set last_used_at = null");
    const Object::Ptr facts = json();
    EXPECT_EQ(facts->getObject("keys")->getValue<int>("production_past_90_days"), 1);
    EXPECT_EQ(row(facts->getArray("age"), 5)->getValue<int>("production"), 1);
    EXPECT_EQ(row(facts->getArray("age"), 6)->getValue<int>("production"), 1);
    EXPECT_EQ(sum_of(facts->getArray("expiry"), "keys"), 1);
}

TEST_F(Report, TheWorstKeyComesFirstWithItsUseAndWhatWasUnusual) {
    given_a_company();
    const Array::Ptr worst = json()->getArray("worst_keys");
    ASSERT_EQ(worst->size(), 12U);
    EXPECT_EQ(row(worst, 0)->getValue<std::string>("severity"), "critical");
    const std::int64_t key = row(worst, 0)->getValue<std::int64_t>("key_id");
    const Array::Ptr days = row(worst, 0)->getArray("requests_by_day");
    ASSERT_EQ(days->size(), 35U);
    EXPECT_EQ(days->getElement<std::int64_t>(34), 10 * key);
    const Array::Ptr anomalies = row(worst, 0)->getArray("anomalies");
    ASSERT_EQ(anomalies->size(), 1U);
    EXPECT_EQ(row(anomalies, 0)->getValue<std::string>("says"), "odd");
    EXPECT_THAT(content(page()), AllOf(HasSubstr("\"mark\""), HasSubstr("1 day was unusual")));
}

TEST_F(Report, TheSentenceOnTopSaysWhatIsWrongOrThatNothingIs) {
    EXPECT_EQ(json()->getValue<std::string>("headline"),
              "No critical or high finding is open. Nothing to do.");
    given_a_company();
    EXPECT_THAT(json()->getValue<std::string>("headline"),
                AllOf(HasSubstr("critical and"), HasSubstr("are past 90 days. Start with KEY-")));
    EXPECT_THAT(report({"--out", (scratch().path() / "r.html").string()}).out,
                HasSubstr("Start with KEY-"));
}

TEST_F(Report, WhatANameHoldsStaysText) {
    execute("insert into keyrota.team (team_id, name) values (1, '</table><script>t()</script>')");
    execute(
        "insert into keyrota.owner (owner_id, name, email, team_id)"
        " values (1, '\" onload=\"o()', 'o@example.com', 1)");
    const std::string name = "<img src=x onerror=alert(1)>{{title}}{{{title}}}\u202e]]>&amp;'\"";
    const std::int64_t key = given_key({.name = name});
    execute("update keyrota.api_key set owner_id = 1, hint = '<i>\"'");
    execute(fmt::format(
        "insert into keyrota.finding (key_id, uid, check_id, status, severity, evidence, opened_at,"
        " changed_at, run_id) values ({}, 'kf_1', 'KEY-ANOMALY-SPIKE', 'open', 5,"
        " jsonb_build_object('hour_us', keyrota.micros({}), 'says', '</li><script>s()</script>'),"
        " {}, now(), 1)",
        key, instant(kNow - 1h), instant(kNow - 1h)));
    execute(fmt::format(
        "insert into keyrota.waiver (name, source, checks, names, reason, requested_by,"
        " approved_by, created_at, expires_at) values ('<b>w', 'command', '{{<u>}}', '{{x}}',"
        " '</td><script>', '<s>', '\"b', {0}, {0} + interval '3 days')",
        instant(kNow)));
    const std::string text = content(page());
    EXPECT_THAT(text, AllOf(HasSubstr("&lt;img src=x onerror=alert(1)&gt;{{title}}"),
                            HasSubstr("&lt;/li&gt;&lt;script&gt;s()"), HasSubstr("&quot; onload="),
                            HasSubstr("&lt;b&gt;w"), Not(HasSubstr("<script")),
                            Not(HasSubstr("<img")), Not(HasSubstr("\u202e"))));
    EXPECT_EQ(row(json()->getArray("worst_keys"), 0)->getValue<std::string>("name"), name);
}

TEST_F(Report, NeedsNothingBesideItself) {
    given_a_company();
    const std::string text = content(page());
    static const std::regex reference(R"((src|href|action|data)\s*=\s*"([^"#][^"]*)\")");
    static const std::regex fetched(R"(url\(|@import|<script|<link|<iframe|\son\w+=)");
    EXPECT_FALSE(std::regex_search(text, reference));
    EXPECT_FALSE(std::regex_search(text, fetched));
    EXPECT_THAT(text, HasSubstr("default-src 'none'"));
}

TEST_F(Report, StaysSmallHoweverMuchThereIs) {
    given_keys(3000, {.name = std::string(2000, 'n')});
    execute(
        "insert into keyrota.team (team_id, name)"
        " select n, repeat('t', 1000) || n from generate_series(1, 500) n");
    execute(
        "insert into keyrota.owner (owner_id, name, team_id)"
        " select n, repeat('o', 1000), n from generate_series(1, 500) n");
    execute("update keyrota.api_key set owner_id = 1 + key_id % 500");
    execute(fmt::format(
        "insert into keyrota.finding (key_id, uid, check_id, status, severity, evidence, opened_at,"
        " changed_at, run_id) select key_id, 'kf_' || n || '_' || key_id, c, 'open', 1 + n % 5,"
        " jsonb_build_object('hour_us', keyrota.micros({0}), 'says', repeat('s', 5000)), {0},"
        " now(), 1 from keyrota.api_key, generate_series(1, 20) n,"
        " lateral (select 'KEY-ANOMALY-' || repeat('C', 30) || n || '-' || key_id % 50 as c) x",
        instant(kNow - 1h)));
    execute(fmt::format(
        "insert into keyrota.waiver (name, source, checks, key_ids, reason, requested_by,"
        " approved_by, created_at, expires_at) select 'w' || n, 'command', '{{KEY-X}}', '{{1}}',"
        " repeat('r', 5000), 'a', 'b', {0}, {0} + interval '3 days' from generate_series(1, 500) n",
        instant(kNow)));
    EXPECT_LT(fs::file_size(page()), 1U << 20);
    const Outcome outcome = report({"--json"});
    EXPECT_LT(outcome.out.size(), 2U << 20);
}

TEST_F(Report, ItsJsonIsAsTheSchemaSays) {
    given_a_company();
    const fs::path path = scratch().write("report.json", report({"--json"}).out);
    const fs::path empty =
        scratch().write("empty.json", report({"--json", "--owner", "grace@example.com"}).out);
    for (const fs::path& one : {path, empty}) {
        const Outcome checked =
            test::run({"/usr/bin/python3", "-c",
                       "import json, jsonschema, sys\n"
                       "schema = json.load(open(sys.argv[1]))\n"
                       "jsonschema.Draft7Validator.check_schema(schema)\n"
                       "jsonschema.validate(json.load(open(sys.argv[2])), schema)",
                       std::string(KEYROTA_SOURCE_DIR) + "/docs/report.schema.json", one.string()},
                      {.environment = bare_environment()});
        EXPECT_EQ(checked.exit_code, 0) << checked.errors;
    }
}

TEST_F(Report, ChangesNothing) {
    given_a_company();
    const auto before = fingerprint();
    page();
    EXPECT_EQ(fingerprint(), before);
}

TEST_F(Report, IsRefusedWhereItCannotBeRight) {
    EXPECT_EQ(keyrota({"report"}).exit_code, 2);
    EXPECT_THAT(keyrota({"report"}).errors, HasSubstr("where should the report go"));
    EXPECT_EQ(keyrota({"report", "--json", "--team", "nobody's"}).exit_code, 2);
    EXPECT_EQ(keyrota({"report", "--json", "--team", "a", "--owner", "b"}).exit_code, 2);
    EXPECT_EQ(keyrota({"report", "--out", "/nonexistent/report.html"}).exit_code, 2);
    EXPECT_EQ(keyrota({"report", "--json", "--as-of", "yesterday"}).exit_code, 2);
    execute("update keyrota.installation set simulation = false");
    EXPECT_EQ(report({"--json"}).exit_code, 2);
    EXPECT_EQ(keyrota({"report", "--json"}).exit_code, 0);
}

// What axe-core finds wrong with the page in a browser of that width, and how wide it becomes.
std::string look_at(const std::string& page, const Scratch& scratch, int width, bool is_dark) {
    static const std::regex policy(R"(<meta http-equiv="Content-Security-Policy"[^>]*>)");
    std::ifstream axe(KEYROTA_AXE);
    EXPECT_TRUE(axe.good()) << KEYROTA_AXE;
    std::ostringstream text;
    text << std::regex_replace(page, policy, "") << "<script>" << axe.rdbuf()
         << "</script><script>axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa',"
            " 'wcag22aa', 'best-practice']}).then(r => document.documentElement.setAttribute("
            "'data-seen', ['seen', ...r.violations.map(v => v.id + ' ' + v.nodes[0].target + ' ' +"
            " v.nodes[0].failureSummary), r.passes.length > 20 ? 'many' : 'few',"
            " document.documentElement.scrollWidth <= innerWidth ? 'fits' : 'too wide',"
            " matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'].join('; ')))"
            "</script>";
    const fs::path copy = scratch.write("axe.html", text.str());
    const Outcome browser =
        run({"/usr/bin/chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-sync",
             "--user-data-dir=" + (scratch.path() / "browser").string(),
             fmt::format("--window-size={},900", width), "--virtual-time-budget=60000",
             is_dark ? "--blink-settings=preferredColorScheme=0"
                     : "--blink-settings=preferredColorScheme=1",
             "--dump-dom", "file://" + copy.string()},
            {.environment = bare_environment()});
    const std::regex seen("data-seen=\"([^\"]*)\"");
    std::smatch match;
    return std::regex_search(browser.out, match, seen)
               ? match[1].str()
               : "axe said nothing: " + browser.errors.substr(0, 2000);
}

TEST_F(Report, EverybodyCanReadItInLightAndDarkWideAndNarrow) {
    given_a_company();
    const std::string text = content(page());
    EXPECT_EQ(look_at(text, scratch(), 1200, false), "seen; many; fits; light");
    EXPECT_EQ(look_at(text, scratch(), 320, true), "seen; many; fits; dark");
}

}  // namespace
}  // namespace keyrota::test
