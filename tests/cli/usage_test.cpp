// keyrota usage: how keys were used, and how far that is known.

#include "support/key_console.h"

namespace keyrota::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class Usage : public KeyConsole {
  protected:
    // Samples of five days without a pattern, counted.
    void given_use() {
        given_keys(3, {.name = "k"});
        given_owner("ada@example.com");
        execute("insert into keyrota.api_key_activity (key_id) select key_id from keyrota.api_key");
        execute("update keyrota.api_key set owner_id = 1 where key_id <= 2");
        execute(
            "insert into keyrota.usage_sample (key_id, at, gateway, requests, client_errors,"
            " server_errors, rate_limited) select 1 + n % 3, timestamptz '2026-11-20Z' + n *"
            " interval '7 minutes 3 seconds', 'edge', 5 + n % 11, n % 2, n % 3, (n % 5) / 4 from"
            " generate_series(0, 1000) n");
        EXPECT_EQ(keyrota({"run", "rollup-usage"}).exit_code, 0);
    }
    Arguments window(Arguments words) {
        for (const char* word : {"--from", "2026-11-21T05:00:00Z", "--to", "2026-11-23T17:00:00Z"})
            words.emplace_back(word);
        return words;
    }
    std::string summed(const std::string& keys, const std::string& what) {
        return text("select " + what +
                    " from keyrota.usage_sample where at >= '2026-11-21 05:00Z' and at <"
                    " '2026-11-23 17:00Z' and key_id in (" +
                    keys + ")");
    }
};

TEST_F(Usage, TheFiguresAgreeToTheDigitWithASumOverTheSamples) {
    given_use();
    for (const auto& [words, keys] :
         {std::pair<Arguments, std::string>{{"usage", "show", "2"}, "2"},
          {{"usage", "show", "--owner", "ada@example.com"}, "1, 2"}}) {
        for (const char* by : {"hour", "day", "week"}) {
            Arguments all = window(words);
            for (const char* word : {"--json", "--by", by}) all.emplace_back(word);
            const auto shown = object(keyrota(all));
            const auto total = shown->getObject("total");
            EXPECT_EQ(total->get("requests").toString(), summed(keys, "sum(requests)"));
            EXPECT_EQ(total->get("client_errors").toString(), summed(keys, "sum(client_errors)"));
            EXPECT_EQ(total->get("rate_limited").toString(), summed(keys, "sum(rate_limited)"));
            EXPECT_EQ(
                fmt::format("{:.2f}", total->getValue<double>("error_percent")),
                summed(keys,
                       "round(100.0 * sum(client_errors + server_errors) / sum(requests), 2)"));
            EXPECT_EQ(fmt::format("{:.2f}", total->getValue<double>("success_percent")),
                      summed(keys,
                             "round(100.0 * sum(requests - client_errors - server_errors -"
                             " rate_limited) / sum(requests), 2)"));
            std::int64_t sum = 0;
            const auto periods = shown->getArray("periods");
            for (const auto& period : *periods)
                sum +=
                    period.extract<Poco::JSON::Object::Ptr>()->getValue<std::int64_t>("requests");
            EXPECT_EQ(std::to_string(sum), summed(keys, "sum(requests)"));
            EXPECT_EQ(total->get("peak_minute").toString(),
                      text("select max(s) from (select sum(requests) as s from keyrota.usage_sample"
                           " where at >= '2026-11-21 05:00Z' and at < '2026-11-23 17:00Z' and"
                           " key_id in (" +
                           keys + ") group by key_id, date_trunc('minute', at)) m"));
        }
    }
}

TEST_F(Usage, TheKeysWithMostRequestsComeFirst) {
    given_use();
    EXPECT_THAT(field(keyrota(window({"usage", "show", "--top", "2", "--json"})), "requests"),
                ElementsAre(text("select max(r) from (select sum(requests) as r from"
                                 " keyrota.usage_sample where at >= '2026-11-21 05:00Z' and at <"
                                 " '2026-11-23 17:00Z' group by key_id) s"),
                            ::testing::_));
}

TEST_F(Usage, ATerminalGetsASparklineAndASpreadsheetEveryPeriod) {
    given_use();
    const Outcome shown = keyrota_on_terminal(window({"usage", "show", "1"}));
    EXPECT_THAT(shown.out, HasSubstr("█"));
    EXPECT_THAT(shown.out, HasSubstr("SUCCESS PERCENT"));
    EXPECT_THAT(keyrota(window({"usage", "show", "1"})).out, Not(HasSubstr("█")));
    const std::string csv = keyrota(window({"usage", "show", "1", "--csv", "--by", "hour"})).out;
    EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 1 + 60) << csv;
}

TEST_F(Usage, WhatIsAskedWronglyIsRefused) {
    given_key({.name = "k"});
    expect_refused({"usage", "show"}, "whose use?");
    expect_refused({"usage", "show", "1", "--from", "yesterday"}, "--from");
    expect_refused({"usage", "show", "1", "--from", "2026-11-02", "--to", "2026-11-01"},
                   "--from must be before --to");
    expect_refused({"usage", "show", "1", "--from", "2000-01-01", "--by", "hour"},
                   "more than 10000 periods");
    expect_refused({"usage", "mark-incomplete", "2026-11-02", "2026-11-01", "--reason", "x"},
                   "FROM must be before TO", "HINT: ");
    expect_refused({"usage", "mark-incomplete", "2026-11-01", "2026-11-02", "--gateway", "edgy",
                    "--reason", "x"},
                   "no gateway \"edgy\" has reported");
}

TEST_F(Usage, ATimeThatIsMarkedIncompleteIsUnknownAndAudited) {
    given_usage_known(kNow - std::chrono::hours(24 * 100));
    expect_done({"usage", "mark-incomplete", "2026-11-01", "2026-11-02", "--gateway", "edge",
                 "--reason", "disk full"},
                "usage is unknown from 2026-11-01T00:00:00Z");
    EXPECT_EQ(text("select (from_at, to_at, gateway, reason) from keyrota.usage_gap"),
              "(\"2026-11-01 00:00:00+00\",\"2026-11-02 00:00:00+00\",edge,\"disk full\")");
    EXPECT_EQ(text("select keyrota.usage_known_since('2026-11-24 06:00Z')"),
              "2026-11-02 00:00:00+00");
    EXPECT_EQ(audited("usage.mark_incomplete"), 1);
    expect_trail_verifies();
}

TEST_F(Usage, OnAnotherServerRebaseGoesOnFromWhatWasCounted) {
    const auto sample = [&](int requests) {
        execute(
            fmt::format("insert into keyrota.usage_sample (key_id, at, gateway, requests) values"
                        " (1, now(), 'edge', {})",
                        requests));
    };
    sample(1);
    EXPECT_EQ(keyrota({"run", "rollup-usage"}).exit_code, 0);
    expect_done({"usage", "rebase"}, "nothing to do");
    sample(10);
    // As a restored dump would have it: ids from another counter, what is counted and what is not.
    execute("update keyrota.usage_sample set xid = xid + 1000000000");
    execute(
        "update keyrota.usage_watermark set xid = xid + 1000000000, system_identifier ="
        " system_identifier + 1");
    sample(100);  // by the new server's
    EXPECT_EQ(keyrota({"run", "rollup-usage"}).exit_code, 9);
    EXPECT_EQ(keyrota({"usage", "rebase"}).exit_code, 2) << "it asks";
    expect_done({"usage", "rebase", "--yes"}, "rebased: 2 samples wait");
    EXPECT_EQ(number("select count(*) from keyrota.usage_gap"), 1);
    EXPECT_EQ(keyrota({"run", "rollup-usage"}).exit_code, 0);
    EXPECT_EQ(number("select sum(requests) from keyrota.usage_hour"), 111);
    expect_done({"usage", "rebase", "--yes"}, "nothing to do");
    EXPECT_EQ(audited("usage.rebase"), 1);
}

}  // namespace
}  // namespace keyrota::test
