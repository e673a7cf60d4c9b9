#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <kainjow/mustache.hpp>
#include <numeric>
#include <string_view>

#include "commands/report/charts.h"
#include "commands/report/report_page.h"
#include "finding/control.h"
#include "finding/severity.h"
#include "notify/advice.h"
#include "notify/figures.h"
#include "report/escape.h"
#include "report_texts.h"

namespace keyrota {
namespace {

using Data = kainjow::mustache::data;
using std::chrono::days;

constexpr std::size_t kLongestName = 80;
constexpr std::size_t kLongestSentence = 300;
constexpr std::size_t kTodos = 4;
constexpr std::size_t kAnomaliesOfKey = 3;
constexpr double kAgeHeight = 180, kTrendHeight = 140, kSparkHeight = 42, kSparkTop = 16;

std::string built_in(std::string_view name) {
    for (const EmbeddedText& one : report_texts)
        if (name == one.name) return one.text;
    return "";
}

std::string day_of(Timestamp at) {
    return to_string(at).substr(0, 10);
}
std::string minute_of(Timestamp at) {
    const std::string text = to_string(at);
    return text.substr(0, 10) + " " + text.substr(11, 5) + " UTC";
}
std::string short_name(const std::string& text) {
    return shortened(for_terminal(text), kLongestName);
}
std::string sentence(const std::string& text) {
    return shortened(for_terminal(text), kLongestSentence);
}
std::string percent(double value) {
    return fmt::format("{:.2f}", value);
}

// `1 key`, `2,034 keys`.
std::string counted(std::int64_t number, const char* one, const char* many) {
    return fmt::format("{} {}", grouped(number), number == 1 ? one : many);
}
std::string counted_keys(std::int64_t number) {
    return counted(number, "key", "keys");
}
const char* is_are(std::int64_t number) {
    return number == 1 ? "is" : "are";
}

Data new_list() {
    return Data{Data::type::list};
}
void set(Data& data, const char* name, const std::string& value) {
    data.set(name, value);
}
void set(Data& data, const char* name, std::int64_t number) {
    data.set(name, grouped(number));
}
void set_flag(Data& data, const char* name, bool holds) {
    data.set(name, Data{holds ? Data::type::bool_true : Data::type::bool_false});
}
void set_severity(Data& data, std::int64_t severity) {
    data.set("severity", std::to_string(severity));
    data.set("severity_name",
             severity == 0 ? std::string("waived") : std::string(severity_name(severity)));
}

Data shape(double x, double width) {
    Data data;
    set(data, "x", percent(x));
    set(data, "width", percent(width));
    return data;
}
Data shape(const ColumnShape& column, double top) {
    Data data = shape(column.x, column.width);
    set(data, "y", percent(column.y + top));
    set(data, "height", percent(column.height));
    return data;
}
// A bar of one value or several.
void set_parts(Data& data, const std::vector<std::int64_t>& values, std::int64_t whole,
               const std::vector<std::string>& tones) {
    Data parts = new_list();
    const std::vector<PartShape> shapes = part_shapes(values, whole);
    for (std::size_t i = 0; i < shapes.size(); ++i) {
        if (shapes[i].width <= 0) continue;
        Data part = shape(shapes[i].x, shapes[i].width);
        set(part, "tone", tones.at(i));
        parts << part;
    }
    data.set("parts", parts);
}

// The clauses that a check speaks to, as our reading.
std::string clauses_of(const std::string& check_id) {
    std::string clauses;
    for (const Control* control : controls_of(check_id))
        clauses += std::string(clauses.empty() ? "" : ", ") + control->id;
    return clauses.empty() ? "none" : clauses;
}

// What a check means and asks for, of a key that has no name here.
AdviceValues any_key() {
    return {.key = "the key", .key_id = "KEY", .when = "soon", .detail = ""};
}

// --- the top ------------------------------------------------------------------------------------

std::int64_t gravest_open(const ReportFacts& facts) {
    for (std::size_t i = facts.open.size(); i-- > 0;)
        if (facts.open[i] > 0) return static_cast<std::int64_t>(i + 1);
    return 0;
}

std::string title_of(const ReportFacts& facts) {
    if (!facts.team.empty()) return "API keys of the team " + short_name(facts.team);
    if (!facts.owner.empty()) return "API keys of " + short_name(facts.owner);
    return "API keys: what is wrong and what to do";
}

void add_todo(Data& page, const ReportFacts& facts) {
    Data todo = new_list();
    std::size_t count = 0;
    for (const CheckFigures& check : facts.checks) {
        if (check.open == 0 || check.severity < 3 || count == kTodos) continue;
        const Advice& advice = advice_for(check.check_id);
        Data one;
        set(one, "check", check.check_id);
        set_severity(one, check.severity);
        set(one, "count",
            counted(check.open, "open finding", "open findings") + ", the oldest of " +
                day_of(check.oldest_at));
        set(one, "why", fill_in(advice.why, any_key()));
        set(one, "step", advice.steps.empty() ? "" : fill_in(advice.steps.front().text, any_key()));
        set(one, "command",
            fmt::format("keyrota findings list --check {}", plain_word(check.check_id, "CHECK")));
        todo << one;
        ++count;
    }
    set_flag(page, "has_todo", count > 0);
    page.set("todo", todo);
}

void add_tile(Data& tiles, std::optional<std::int64_t> number, const char* name,
              const std::string& more) {
    Data tile;
    if (number)
        set(tile, "number", *number);
    else
        set(tile, "number", "?");
    set(tile, "name", name);
    set(tile, "more", more);
    tiles << tile;
}

void add_tiles(Data& page, const ReportFacts& facts) {
    Data tiles = new_list();
    add_tile(tiles, facts.open[4], "critical findings",
             fmt::format("and {} high, open", grouped(facts.open[3])));
    add_tile(tiles, facts.production_past_age(), "past 90 days",
             fmt::format("{} of {} production keys",
                         percentage(facts.production_past_age(), facts.production_total()),
                         grouped(facts.production_total())));
    add_tile(tiles, facts.expiring_within(30), "end within 30 days",
             fmt::format("{} within 7 days", grouped(facts.expiring_within(7))));
    add_tile(tiles, facts.unused_total(), "unused",
             facts.usage_known_since ? "for 90 days, or never used" : "usage is not known");
    add_tile(tiles, std::accumulate(facts.waived.begin(), facts.waived.end(), std::int64_t{0}),
             "findings waived", counted(facts.waivers_total, "waiver", "waivers") + " in force");
    page.set("tiles", tiles);
}

// --- sections -----------------------------------------------------------------------------------

void add_findings(Data& page, const ReportFacts& facts) {
    std::int64_t greatest = 1;
    for (const auto& ages : facts.findings)
        greatest = std::max(greatest, *std::max_element(ages.begin(), ages.end()));
    Data severities = new_list();
    for (std::size_t i = facts.findings.size(); i-- > 0;) {
        Data row;
        set_severity(row, static_cast<std::int64_t>(i + 1));
        Data ages = new_list();
        for (const std::int64_t number : facts.findings[i]) {
            Data cell;
            set(cell, "number", number);
            set(cell, "heat", std::to_string(heat(number, greatest)));
            ages << cell;
        }
        row.set("ages", ages);
        set(row, "open", facts.open[i]);
        set(row, "acknowledged", facts.acknowledged[i]);
        set(row, "waived", facts.waived[i]);
        severities << row;
    }
    page.set("severities", severities);
    set(page, "findings_note",
        counted(facts.open_from(1), "finding is", "findings are") +
            " open. Known findings were acknowledged by somebody; waived findings are excepted "
            "until a given day, for a reason.");
    Data checks = new_list();
    for (const CheckFigures& check : facts.checks) {
        Data row;
        set(row, "check", check.check_id);
        set_severity(row, check.severity);
        set(row, "open", check.open);
        set(row, "acknowledged", check.acknowledged);
        set(row, "waived", check.waived);
        set(row, "oldest", day_of(check.oldest_at));
        set(row, "why", fill_in(advice_for(check.check_id).why, any_key()));
        set(row, "controls", clauses_of(check.check_id));
        checks << row;
    }
    set_flag(page, "has_checks", !facts.checks.empty());
    set_flag(page, "checks_cut", facts.checks_cut);
    page.set("checks", checks);
}

std::vector<bool> unusual_days(const WorstKey& key, Timestamp as_of) {
    std::vector<bool> unusual(kKeyUsageDays, false);
    const auto today = std::chrono::floor<days>(as_of);
    for (const AnomalyOfKey& anomaly : key.anomalies) {
        const auto ago = (today - std::chrono::floor<days>(anomaly.hour)).count();
        if (ago >= 0 && ago < static_cast<std::int64_t>(kKeyUsageDays))
            unusual.at(kKeyUsageDays - 1 - static_cast<std::size_t>(ago)) = true;
    }
    return unusual;
}

void add_usage(Data& card, const WorstKey& key, Timestamp as_of) {
    const std::vector<std::int64_t> requests(key.requests.begin(), key.requests.end());
    const std::int64_t greatest = *std::max_element(requests.begin(), requests.end());
    const std::vector<bool> unusual = unusual_days(key, as_of);
    const auto unusual_total = std::count(unusual.begin(), unusual.end(), true);
    set_flag(card, "has_usage", greatest > 0 || unusual_total > 0);
    std::string text =
        greatest == 0
            ? "No calls in five weeks"
            : fmt::format(
                  "{} in five weeks, up to {} a day",
                  counted(std::accumulate(requests.begin(), requests.end(), std::int64_t{0}),
                          "call", "calls"),
                  grouped(greatest));
    if (unusual_total > 0)
        text += fmt::format("; {} unusual", counted(unusual_total, "day was", "days were"));
    set(card, "usage_text", text);
    Data columns = new_list(), marks = new_list();
    const auto shapes = column_shapes(requests, std::max<std::int64_t>(greatest, 1), kSparkHeight);
    for (std::size_t i = 0; i < shapes.size(); ++i) {
        Data column = shape(shapes[i], kSparkTop);
        set(column, "tone", unusual[i] ? "hot" : "calm");
        columns << column;
        if (!unusual[i]) continue;
        Data mark;
        set(mark, "x", percent(shapes[i].middle()));
        marks << mark;
    }
    card.set("columns", columns);
    card.set("marks", marks);
}

void add_anomalies(Data& card, const WorstKey& key) {
    Data anomalies = new_list();
    const std::size_t first =
        key.anomalies.size() - std::min(key.anomalies.size(), kAnomaliesOfKey);
    for (std::size_t i = key.anomalies.size(); i-- > first;) {  // the latest first
        Data one;
        const AnomalyOfKey& anomaly = key.anomalies[i];
        set(one, "says",
            fmt::format("{}: {}", minute_of(anomaly.hour),
                        anomaly.says.empty() ? anomaly.check_id : sentence(anomaly.says)));
        anomalies << one;
    }
    set_flag(card, "has_anomalies", !key.anomalies.empty());
    card.set("anomalies", anomalies);
}

std::string owner_of(const WorstKey& key) {
    if (key.owner.empty()) return "No owner";
    return key.team.empty() ? short_name(key.owner)
                            : fmt::format("{}, {}", short_name(key.owner), short_name(key.team));
}

void add_worst_keys(Data& page, const ReportFacts& facts) {
    Data worst = new_list();
    for (const WorstKey& key : facts.worst) {
        Data card;
        set_severity(card, key.severity);
        set(card, "name", short_name(key.name));
        set(card, "masked", key.masked);
        set(card, "key_id", std::to_string(key.key_id));
        set(card, "environment", key.environment);
        set(card, "status", key.status);
        set(card, "owner", owner_of(key));
        set(card, "count", counted(key.findings, "finding", "findings"));
        set(card, "checks", sentence(key.checks));
        set(card, "facts",
            fmt::format(
                "Created {}; {}; {}", day_of(key.created_at),
                key.expires_at
                    ? (*key.expires_at > facts.as_of ? "ends " : "ended ") + day_of(*key.expires_at)
                    : "no end date",
                key.last_used_at ? "last used " + day_of(*key.last_used_at) : "never used"));
        add_usage(card, key, facts.as_of);
        add_anomalies(card, key);
        worst << card;
    }
    set_flag(page, "has_worst", !facts.worst.empty());
    page.set("worst", worst);
}

void add_teams(Data& page, const ReportFacts& facts) {
    Data teams = new_list();
    std::int64_t most = 1;
    for (const TeamFigures& team : facts.teams) most = std::max(most, team.critical + team.high);
    for (const TeamFigures& team : facts.teams) {
        Data row;
        const std::int64_t grave = team.critical + team.high;
        set(row, "team", team.team.empty() ? "keys without a team" : short_name(team.team));
        set_parts(row, {grave}, most, {"hot"});
        set(row, "bar_text",
            counted(grave, "critical or high finding", "critical or high findings"));
        set(row, "critical", team.critical);
        set(row, "high", team.high);
        set(row, "open", team.open);
        set(row, "keys", team.keys);
        set(row, "security", team.security_email.empty() ? "-" : short_name(team.security_email));
        teams << row;
    }
    set_flag(page, "has_teams", !facts.teams.empty());
    page.set("teams", teams);
}

std::string age_label(std::size_t step) {
    const auto from = static_cast<std::int64_t>(step) * kAgeStepDays;
    return step + 1 == kAgeSteps ? "360 and more"
                                 : fmt::format("{} to {}", from, from + kAgeStepDays);
}

void add_age_axis(Data& page, std::int64_t top) {
    set(page, "age_top", short_number(top));
    set(page, "age_half", top % 2 == 0 ? short_number(top / 2) : "");
    set(page, "age_limit", percent(100.0 * kRotationAgeStep / kAgeSteps));
    Data ticks = new_list();
    for (std::size_t step = 0; step < kAgeSteps; step += kRotationAgeStep) {
        Data tick;
        const bool is_last = step + 1 == kAgeSteps;
        set(tick, "x", percent(is_last ? 100 : 100.0 * static_cast<double>(step) / kAgeSteps));
        set(tick, "anchor", is_last ? "end" : step == 0 ? "start" : "middle");
        set(tick, "label",
            fmt::format("{}{}", static_cast<std::int64_t>(step) * kAgeStepDays,
                        is_last ? "+ days" : ""));
        ticks << tick;
    }
    page.set("age_ticks", ticks);
}

void add_age(Data& page, const ReportFacts& facts) {
    const std::vector<std::int64_t> ages(facts.production_by_age.begin(),
                                         facts.production_by_age.end());
    const std::int64_t top = top_of_axis(*std::max_element(ages.begin(), ages.end()));
    const std::string past =
        fmt::format("{} of {} active production {} 90 days old or older ({})",
                    grouped(facts.production_past_age()), grouped(facts.production_total()),
                    facts.production_total() == 1 ? "key is" : "keys are",
                    percentage(facts.production_past_age(), facts.production_total()));
    set(page, "age_note",
        past +
            ". Each column is 15 days of age, the last one 360 days and more; keys whose successor "
            "is already in place are left out.");
    set(page, "age_text", "Columns of keys by age. " + past);
    Data columns = new_list(), rows = new_list();
    const auto shapes = column_shapes(ages, top, kAgeHeight);
    for (std::size_t i = 0; i < shapes.size(); ++i) {
        Data column = shape(shapes[i], 0);
        set(column, "tone", i < kRotationAgeStep ? "calm" : "hot");
        set(column, "label", age_label(i) + " days");
        set(column, "number", ages[i]);
        columns << column;
        Data row;
        set(row, "label", age_label(i));
        set(row, "production", ages[i]);
        set(row, "test", facts.test_by_age.at(i));
        rows << row;
    }
    page.set("age_columns", columns);
    page.set("age_rows", rows);
    add_age_axis(page, top);
}

std::string month_name(Timestamp day) {
    static constexpr std::array<const char*, 12> kNames = {
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const std::chrono::year_month_day date(std::chrono::floor<days>(day));
    return kNames.at(static_cast<unsigned>(date.month()) - 1);
}

// A field for each day, a column for each week, Monday on top.
void add_calendar(Data& page, const ReportFacts& facts, std::int64_t greatest) {
    constexpr double kWeeks = 14, kPlace = 100 / kWeeks, kRow = 26, kFirstRow = 20;
    Data fields = new_list(), months = new_list();
    const auto first = std::chrono::floor<days>(facts.expiry.front().day);
    const unsigned first_weekday = std::chrono::weekday(first).iso_encoding() - 1;
    std::string last_month;
    for (std::size_t i = 0; i < facts.expiry.size(); ++i) {
        const DayOfExpiry& day = facts.expiry[i];
        const std::size_t position = i + first_weekday;
        const std::size_t week = position / 7;
        const double x = static_cast<double>(week) * kPlace;
        const double y = kFirstRow + static_cast<double>(position % 7) * kRow;
        Data field = shape(x, kPlace * .9);
        set(field, "y", percent(y));
        set(field, "text_y", percent(y + 15.5));
        set(field, "middle", percent(x + kPlace * .45));
        set(field, "heat", std::to_string(heat(day.keys, greatest)));
        set(field, "label", fmt::format("{}: {}", day_of(day.day), counted_keys(day.keys)));
        set(field, "number", day.keys == 0 ? "" : short_number(day.keys));
        set_flag(field, "is_today", i == 0);
        fields << field;
        if (const std::string month = month_name(day.day);
            month != last_month && week + 1 < static_cast<std::size_t>(kWeeks)) {
            Data label;
            set(label, "label", month);
            // A month that begins in the week after today's would stand on the first one's label.
            set(label, "x", percent(x + (position % 7 == 0 || i == 0 ? 0 : kPlace)));
            months << label;
            last_month = month;
        }
    }
    page.set("expiry_days", fields);
    page.set("months", months);
}

void add_expiry(Data& page, const ReportFacts& facts) {
    std::int64_t greatest = 0, total = 0;
    const DayOfExpiry* busiest = &facts.expiry.front();
    for (const DayOfExpiry& day : facts.expiry) {
        total += day.keys;
        if (day.keys > busiest->keys) busiest = &day;
        greatest = std::max(greatest, day.keys);
    }
    std::string text = fmt::format("{} {} by {}", counted_keys(total), total == 1 ? "ends" : "end",
                                   day_of(facts.expiry.back().day));
    if (total > 0)
        text += fmt::format(", {} within 7 days; most on one day: {} on {}",
                            grouped(facts.expiring_within(7)), grouped(busiest->keys),
                            day_of(busiest->day));
    set(page, "expiry_note",
        text + ". The darker a day, the more keys end on it; today has a border.");
    set(page, "expiry_text", "Calendar of the days on which active keys end. " + text);
    add_calendar(page, facts, greatest);
    Data weeks = new_list();
    for (std::size_t i = 0; i < facts.expiry.size(); i += 7) {
        std::int64_t keys = 0, production = 0;
        for (std::size_t j = i; j < std::min(i + 7, facts.expiry.size()); ++j) {
            keys += facts.expiry[j].keys;
            production += facts.expiry[j].production;
        }
        Data week;
        set(week, "label", day_of(facts.expiry[i].day));
        set(week, "keys", keys);
        set(week, "production", production);
        weeks << week;
    }
    page.set("expiry_weeks", weeks);
}

void add_use(Data& page, const ReportFacts& facts) {
    static constexpr std::array<const char*, kLastUses> kLabels = {
        "within 7 days",
        "7 to 30 days ago",
        "30 to 90 days ago",
        "90 to 180 days ago",
        "180 days to a year ago",
        "a year ago or more",
        "never, created 30 days ago or earlier",
        "never, created in the last 30 days"};
    Data uses = new_list();
    const std::int64_t active = std::max<std::int64_t>(facts.active_total(), 1);
    for (std::size_t i = 0; i < kLastUses; ++i) {
        const std::int64_t keys = facts.production_by_use.at(i) + facts.test_by_use.at(i);
        Data row;
        set(row, "label", kLabels.at(i));
        set_parts(row, {keys}, active, {is_unused(i) && facts.usage_known_since ? "hot" : "calm"});
        set(row, "bar_text", percentage(keys, active) + " of the active keys");
        set(row, "production", facts.production_by_use.at(i));
        set(row, "test", facts.test_by_use.at(i));
        uses << row;
    }
    page.set("uses", uses);
    set(page, "use_note",
        facts.usage_known_since
            ? fmt::format("{} not used for 90 days, or never used and older than 30 days: each is "
                          "useful only to whoever steals it. Usage is known without a gap since "
                          "{}; before that a key may have been used without a record of it.",
                          counted(*facts.unused_total(), "active key was", "active keys were"),
                          minute_of(*facts.usage_known_since))
            : "Usage is currently unknown (a gateway is silent, or usage is not rolled up), so "
              "this is what was recorded, and nothing is concluded from it: no finding, no "
              "action.");
}

void add_inventory(Data& page, const ReportFacts& facts) {
    Data kinds = new_list();
    std::int64_t most = 1;
    for (const KeyKind& kind : facts.kinds) most = std::max(most, kind.total());
    for (const KeyKind& kind : facts.kinds) {
        Data row;
        set(row, "type", kind.type);
        set(row, "environment", kind.environment);
        set_parts(row, {kind.active, kind.inactive, kind.expired}, most, {"0", "1", "2"});
        set(row, "bar_text",
            fmt::format("{} of {} active", grouped(kind.active), grouped(kind.total())));
        set(row, "active", kind.active);
        set(row, "inactive", kind.inactive);
        set(row, "expired", kind.expired);
        set(row, "total", kind.total());
        kinds << row;
    }
    page.set("kinds", kinds);
}

const char* meaning_of_state(std::string_view state) {
    struct Meaning {
        std::string_view state;
        const char* text;
    };
    static constexpr Meaning kMeanings[] = {
        {"requested", "waits for its turn"},
        {"created", "the successor exists, its secret is being delivered"},
        {"delivered", "the successor's secret was delivered; nobody has used it yet"},
        {"verified", "the successor is in use, the old key still works"},
        {"retiring", "the overlap is over, the old key is watched for silence"},
        {"retired", "done: the old key is expired"},
        {"failed", "the secret could not be delivered; somebody must look"},
        {"cancelled", "called off; the old key stays"}};
    for (const Meaning& one : kMeanings)
        if (one.state == state) return one.text;
    return "";
}

void add_rotations(Data& page, const ReportFacts& facts) {
    // In the order in which a rotation goes through them.
    static constexpr std::string_view kStates[] = {"requested", "created",  "delivered",
                                                   "verified",  "retiring", "retired",
                                                   "failed",    "cancelled"};
    Data rows = new_list();
    std::int64_t total = 0, retired = 0, failed = 0, held = 0;
    for (const RotationState& one : facts.rotations) {
        total += one.rotations;
        held += one.held;
        if (one.state == "retired") retired = one.rotations;
        if (one.state == "failed") failed = one.rotations;
    }
    for (const std::string_view state : kStates)
        for (const RotationState& one : facts.rotations) {
            if (one.state != state) continue;
            Data row;
            set(row, "state", one.state);
            set_parts(row, {one.rotations}, total, {state == "failed" ? "hot" : "p0"});
            set(row, "bar_text", percentage(one.rotations, total) + " of the rotations");
            set(row, "number", one.rotations);
            set(row, "why", meaning_of_state(state));
            rows << row;
        }
    page.set("rotations", rows);
    set_flag(page, "has_rotations", total > 0);
    const std::int64_t current = facts.production_total() - facts.production_past_age();
    std::string note = fmt::format("{} of the active production keys are younger than 90 days. ",
                                   percentage(current, facts.production_total()));
    note += total == 0 ? "No rotation is under way, and none ended in the last 30 days."
                       : fmt::format("{} done in the last 30 days, {} failed, {} held by hand.",
                                     counted(retired, "rotation was", "rotations were"),
                                     grouped(failed), grouped(held));
    set(page, "rotation_note", note);
}

void add_trend(Data& page, const ReportFacts& facts) {
    std::vector<std::int64_t> all, high;
    std::int64_t opened = 0, resolved = 0;
    Data rows = new_list();
    for (const DayOfTrend& day : facts.trend) {
        all.push_back(day.unresolved);
        high.push_back(day.high);
        opened += day.opened;
        resolved += day.resolved;
        Data row;
        set(row, "day", day_of(day.day));
        set(row, "unresolved", day.unresolved);
        set(row, "high", day.high);
        set(row, "opened", day.opened);
        set(row, "resolved", day.resolved);
        rows << row;
    }
    const std::int64_t top = top_of_axis(*std::max_element(all.begin(), all.end()));
    const std::string text = fmt::format(
        "In 30 days {} opened and {} resolved; unresolved went from {} to {}, critical "
        "and high ones from {} to {}",
        counted(opened, "finding was", "findings were"), grouped(resolved), grouped(all.front()),
        grouped(all.back()), grouped(high.front()), grouped(high.back()));
    set(page, "trend_note",
        text + ". Each finding counts at its current severity, waived ones included.");
    set(page, "trend_text", "Two lines over 31 days. " + text);
    set(page, "trend_top", short_number(top));
    set(page, "trend_half", top % 2 == 0 ? short_number(top / 2) : "");
    set(page, "trend_all", line_points(all, top, kTrendHeight));
    set(page, "trend_high", line_points(high, top, kTrendHeight));
    set(page, "trend_from", day_of(facts.trend.front().day));
    set(page, "trend_to", day_of(facts.trend.back().day));
    page.set("trend_rows", rows);
}

void add_waivers(Data& page, const ReportFacts& facts) {
    Data rows = new_list();
    for (const WaiverFigures& waiver : facts.waivers) {
        Data row;
        set(row, "name", short_name(waiver.name));
        set(row, "checks", sentence(waiver.checks));
        set(row, "reason", sentence(waiver.reason));
        set(row, "approved_by", short_name(waiver.approved_by));
        set(row, "ends", day_of(waiver.expires_at));
        set(row, "findings", waiver.findings);
        rows << row;
    }
    page.set("waivers", rows);
    set_flag(page, "has_waivers", !facts.waivers.empty());
    const auto listed = static_cast<std::int64_t>(facts.waivers.size());
    set(page, "waivers_note",
        facts.waivers_total == 0 ? "No waiver is in force."
        : facts.waivers_total == listed
            ? fmt::format("{} in force.", counted(listed, "waiver is", "waivers are"))
            : fmt::format("{} are in force; the {} that end first:",
                          counted(facts.waivers_total, "waiver", "waivers"), listed));
}

void add_jobs(Data& page, const ReportFacts& facts) {
    Data rows = new_list();
    for (const JobFigures& job : facts.jobs) {
        Data row;
        set(row, "job", job.job);
        set(row, "runs", job.runs);
        set(row, "incomplete", job.incomplete);
        set(row, "opened", job.opened);
        set(row, "resolved", job.resolved);
        set(row, "applied", job.applied);
        set(row, "refused", job.refused);
        set(row, "last", job.last_complete_at ? minute_of(*job.last_complete_at) : "none");
        rows << row;
    }
    page.set("jobs", rows);
    set_flag(page, "has_jobs", !facts.jobs.empty());
}

void add_audit(Data& page, const ReportFacts& facts) {
    const PresentHead& present = facts.head;
    set(page, "height", present.head.height);
    set(page, "sealed", present.sealed_at ? minute_of(*present.sealed_at) : "");
    set(page, "head", present.head.line());
    set(page, "signature",
        present.unsigned_because.empty()
            ? "signed with the installation's Ed25519 key on " + minute_of(present.head.signed_at)
            : "not signed: " + present.unsigned_because);
}

}  // namespace

std::string headline_of(const ReportFacts& facts) {
    const std::int64_t critical = facts.open[4], high = facts.open[3];
    std::string text;
    if (critical > 0)
        text = fmt::format("{} critical and {} high {} open", grouped(critical), grouped(high),
                           critical + high == 1 ? "finding is" : "findings are");
    else if (high > 0)
        text = fmt::format("{} high {} open, none critical", grouped(high),
                           high == 1 ? "finding is" : "findings are");
    else
        text = "No critical or high finding is open";
    if (facts.keys_affected > 0) text += fmt::format(", on {}", counted_keys(facts.keys_affected));
    const std::int64_t past = facts.production_past_age();
    if (past > 0)
        text += fmt::format("; {} of {} active production keys {} past 90 days", grouped(past),
                            grouped(facts.production_total()), is_are(past));
    text += ". ";
    for (const CheckFigures& check : facts.checks)
        if (check.open > 0 && check.severity >= 4)
            return text + fmt::format("Start with {}: {} open.", check.check_id,
                                      counted(check.open, "finding is", "findings are"));
    if (facts.open_from(1) > 0) return text + "Open findings can wait, but not forever.";
    return text + "Nothing to do.";
}

std::string report_html(const ReportFacts& facts) {
    Data page;
    page.set("style", Data{kainjow::mustache::partial{[] { return built_in("report_style"); }}});
    set(page, "title", title_of(facts));
    set(page, "day", day_of(facts.as_of));
    set(page, "as_of", minute_of(facts.as_of));
    set(page, "keys_total", facts.keys_total());
    set(page, "active_total", facts.active_total());
    set_flag(page, "is_simulation", facts.is_simulation);
    set(page, "gravest", std::to_string(gravest_open(facts)));
    set(page, "headline", headline_of(facts));
    set(page, "installation", facts.installation);
    set(page, "version", KEYROTA_VERSION);
    add_todo(page, facts);
    add_tiles(page, facts);
    add_findings(page, facts);
    add_worst_keys(page, facts);
    add_teams(page, facts);
    add_age(page, facts);
    add_expiry(page, facts);
    add_use(page, facts);
    add_inventory(page, facts);
    add_rotations(page, facts);
    add_trend(page, facts);
    add_waivers(page, facts);
    add_jobs(page, facts);
    add_audit(page, facts);
    kainjow::mustache::mustache page_template(built_in("report_page"));
    page_template.set_custom_escape([](const std::string& value) {
        return kainjow::mustache::html_escape(for_terminal(value));
    });
    return page_template.render(page);
}

}  // namespace keyrota
