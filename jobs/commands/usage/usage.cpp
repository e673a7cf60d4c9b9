#include "commands/usage/usage.h"

#include <Poco/JSON/Object.h>
#include <fmt/format.h>
#include <fmt/ostream.h>

#include <algorithm>
#include <cmath>

#include "audit/audit.h"
#include "commands/confirm.h"
#include "commands/find_key.h"
#include "commands/find_named.h"
#include "config/options.h"
#include "error/error.h"
#include "error/suggestion.h"
#include "jobs_sql.h"
#include "postgres/database.h"
#include "report/facts.h"
#include "report/json_text.h"

namespace keyrota {
namespace {

constexpr Statement kClock{"usage_clock", "select keyrota.micros(clock_timestamp()) as now"};
constexpr Statement kGateways{"usage_gateways", "select name from keyrota.usage_gateway"};
constexpr Statement kAddGap{"usage_add_gap",
                            "insert into keyrota.usage_gap (from_at, to_at, gateway, reason)"
                            " values (keyrota.instant(:from), keyrota.instant(:to), :gateway,"
                            " :reason)"};
constexpr std::chrono::hours kDefaultWindow(7 * 24);

struct Figures {
    std::int64_t requests = 0, client_errors = 0, server_errors = 0, rate_limited = 0;
    std::optional<std::int64_t> peak_minute{};
    std::optional<Timestamp> peak_minute_at{};

    std::int64_t errors() const { return client_errors + server_errors; }
    std::int64_t successes() const { return requests - errors() - rate_limited; }
    void add(const Figures& other) {
        requests += other.requests;
        client_errors += other.client_errors;
        server_errors += other.server_errors;
        rate_limited += other.rate_limited;
        if (!other.peak_minute || (peak_minute && *peak_minute >= *other.peak_minute)) return;
        peak_minute = other.peak_minute;
        peak_minute_at = other.peak_minute_at;
    }
};

Figures figures_of(const Row& row) {
    Figures figures{row.int64("requests"), row.int64("client_errors"), row.int64("server_errors"),
                    row.int64("rate_limited"), row.optional_int64("peak_minute")};
    if (!row.is_null("peak_minute_at")) figures.peak_minute_at = row.instant("peak_minute_at");
    return figures;
}

// Percent with two digits, as a number of JSON; of nothing there is no share.
Cell share(std::int64_t part, std::int64_t whole) {
    if (whole == 0) return std::monostate{};
    return Json{
        fmt::format("{:.2f}", 100.0 * static_cast<double>(part) / static_cast<double>(whole))};
}

Cell number_or_null(const std::optional<std::int64_t>& number) {
    return number ? Cell(*number) : Cell();
}
Cell instant_or_null(const std::optional<Timestamp>& t) {
    return t ? Cell(*t) : Cell();
}

// The columns that every listing of use ends with.
std::vector<Column> with_figures(std::vector<Column> columns) {
    for (const char* name : {"requests", "success_percent", "error_percent"})
        columns.push_back({name});
    for (const char* name : {"client_errors", "server_errors"})
        columns.push_back({name, Shown::data});
    for (const char* name : {"rate_limited", "peak_minute", "peak_minute_at"})
        columns.push_back({name});
    return columns;
}
std::vector<Cell> with_figures(std::vector<Cell> cells, const Figures& figures) {
    const std::vector<Cell> more = {figures.requests,
                                    share(figures.successes(), figures.requests),
                                    share(figures.errors(), figures.requests),
                                    figures.client_errors,
                                    figures.server_errors,
                                    figures.rate_limited,
                                    number_or_null(figures.peak_minute),
                                    instant_or_null(figures.peak_minute_at)};
    cells.insert(cells.end(), more.begin(), more.end());
    return cells;
}

// A column of eight heights a period.
std::string sparkline_of(const std::vector<std::int64_t>& values) {
    constexpr const char* kHeights[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    const std::int64_t highest = *std::max_element(values.begin(), values.end());
    std::string line;
    for (const std::int64_t value : values) {
        const double height =
            highest == 0 ? 0 : static_cast<double>(value) / static_cast<double>(highest) * 7.0;
        line += kHeights[static_cast<std::size_t>(std::lround(height))];
    }
    return line;
}

struct Window {
    Timestamp from, until;
};

Window window_of(Session& session, const UsageQuestion& question) {
    const Timestamp until = question.to ? *question.to : session.one(kClock).instant("now");
    const Timestamp from = question.from ? *question.from : until - kDefaultWindow;
    if (from >= until)
        throw Error(ExitCode::usage, "--from must be before --to",
                    "Without --from it is seven days before --to.");
    constexpr std::int64_t kMostPeriods = 10'000;
    const std::chrono::hours period(question.by == "hour" ? 1 : question.by == "day" ? 24 : 168);
    if ((until - from) / period > kMostPeriods)
        throw Error(
            ExitCode::usage,
            fmt::format("there are more than {} periods between --from and --to", kMostPeriods),
            "Ask for a shorter time, or --by week.");
    return {from, until};
}

ExitCode show_top(Session& session, const UsageQuestion& question, const Window& window,
                  Format format, std::ostream& out) {
    Listing listing(out, format,
                    with_figures({{"key_id"}, {"name"}, {"prefix"}, {"hint"}, {"last_used_at"}}));
    for (const Row& row :
         session.rows(sql::usage_top,
                      {{"from", window.from}, {"until", window.until}, {"top", *question.top}}))
        listing.row(with_figures({row.int64("key_id"), row.text("name"), row.text("prefix"),
                                  row.text("hint"), instant_cell(row, "last_used_at")},
                                 figures_of(row)));
    listing.end("no usage in this period");
    return ExitCode::done;
}

Params chosen(Session& session, const UsageQuestion& question) {
    const auto id = [](const char* name, const std::string& text, auto find) {
        return text.empty() ? Param(name, std::monostate{}) : Param(name, find(text));
    };
    return {
        id("key_id", question.key, [&](const auto& key) { return find_key(session, key); }),
        id("owner_id", question.owner,
           [&](const auto& owner) { return find_owner(session, owner); }),
        id("team_id", question.team, [&](const auto& team) { return find_team(session, team); })};
}

Facts facts_of(const Window& window, const Figures& total, const Cell& last_used_at) {
    Facts facts;
    facts.add("from", window.from);
    facts.add("to", window.until);
    facts.add("requests", total.requests);
    facts.add("success_percent", share(total.successes(), total.requests));
    facts.add("error_percent", share(total.errors(), total.requests));
    facts.add("client_errors", total.client_errors);
    facts.add("server_errors", total.server_errors);
    facts.add("rate_limited", total.rate_limited);
    facts.add("peak_minute", number_or_null(total.peak_minute));
    facts.add("peak_minute_at", instant_or_null(total.peak_minute_at));
    facts.add("last_used_at", last_used_at);
    return facts;
}

Error unknown_gateway(const std::string& gateway, const std::vector<std::string>& known) {
    return {ExitCode::usage,
            fmt::format("--gateway: no gateway {} has reported", in_quotes(gateway)),
            did_you_mean(gateway, known)};
}

}  // namespace

ExitCode usage_show(const Config& config, const UsageQuestion& question, Format format,
                    std::ostream& out) {
    Session session = open_session(config, Access::runner);
    const Window window = window_of(session, question);
    if (question.top) return show_top(session, question, window, format, out);

    const Params keys = chosen(session, question);
    Params params = keys;
    params.emplace_back("by", question.by);
    params.emplace_back("from", window.from);
    params.emplace_back("until", window.until);
    Figures total;
    std::vector<std::int64_t> requests;
    const std::vector<Row> periods = session.rows(sql::usage_periods, params);
    for (const Row& row : periods) {
        total.add(figures_of(row));
        requests.push_back(row.int64("requests"));
    }
    const Facts facts = facts_of(
        window, total, instant_cell(session.one(sql::usage_last_used, keys), "last_used_at"));
    const auto list = [&] {
        Listing listing(out, format, with_figures({{question.by.c_str()}}));
        for (const Row& row : periods)
            listing.row(with_figures({row.instant("period")}, figures_of(row)));
        listing.end();
    };
    if (format == Format::json) {
        out << R"({"total": )" << facts.json() << R"(, "periods": )";
        list();
        out << "}\n";
        return ExitCode::done;
    }
    if (format == Format::text) {
        facts.print_text(out);
        if (question.sparkline) fmt::print(out, "\n{}\n", sparkline_of(requests));
        out << "\n";
    }
    list();
    return ExitCode::done;
}

ExitCode usage_mark_incomplete(const Config& config, Timestamp from, Timestamp to,
                               const std::string& gateway, const std::string& reason,
                               std::ostream& out) {
    if (from >= to)
        throw Error(ExitCode::usage, "FROM must be before TO", "Give the earlier instant first.");
    Session session = open_session(config, Access::runner);
    std::vector<std::string> known;
    for (const Row& row : session.rows(kGateways)) known.push_back(row.text("name"));
    if (!gateway.empty() && std::find(known.begin(), known.end(), gateway) == known.end())
        throw unknown_gateway(gateway, known);
    Poco::JSON::Object gap, why;
    gap.set("from_us", to_micros(from));
    gap.set("to_us", to_micros(to));
    if (!gateway.empty()) gap.set("gateway", gateway);
    why.set("reason", reason);
    Transaction transaction(session);
    session.execute(
        kAddGap,
        {{"from", from}, {"to", to}, text_or_null("gateway", gateway), {"reason", reason}});
    record_audit(
        session,
        {.action = "usage.mark_incomplete", .after = json_text(gap), .why = json_text(why)});
    transaction.commit();
    fmt::print(out, "usage is unknown from {} to {}: no check counts it as disuse\n",
               to_string(from), to_string(to));
    return ExitCode::done;
}

ExitCode usage_rebase(const Config& config, const RebaseOptions& options, std::ostream& out,
                      std::ostream& terminal) {
    Session session = open_session(config, Access::runner);
    const Row position = session.one(sql::rollup_position);
    if (position.int64("is_elsewhere") == 0 && position.int64("is_behind") == 0) {
        out << "nothing to do: usage was rolled up on this server\n";
        return ExitCode::done;
    }
    if (!options.yes)
        confirm(
            "rebase rewrites the samples that wait; is this database the one to use from now on?",
            "yes", terminal);
    Transaction transaction(session);
    const Row done =
        session.one(sql::usage_rebase, {{"nothing_lost", options.nothing_lost ? 1 : 0}});
    Poco::JSON::Object after;
    after.set("waiting", done.int64("waiting"));
    record_audit(session, {.action = "usage.rebase", .after = json_text(after)});
    transaction.commit();
    fmt::print(out, "rebased: {} samples wait for the next rollup\n", done.int64("waiting"));
    if (!done.is_null("gap_from"))
        fmt::print(out, "usage is unknown from {} to {}: what was written then may be lost\n",
                   to_string(done.instant("gap_from")), to_string(done.instant("gap_to")));
    return ExitCode::done;
}

}  // namespace keyrota
