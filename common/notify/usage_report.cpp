#include "notify/usage_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "notify/figures.h"
#include "notify/hours.h"
#include "report/escape.h"

namespace keyrota {
namespace {

using Data = kainjow::mustache::data;

constexpr std::chrono::hours kDay(24);

// `a quarter more` is nicer, `25 % more` says the same of all.
std::string change_of(std::int64_t now, std::int64_t before) {
    if (now == before) return "as many as the week before";
    if (before == 0) return "none the week before";
    if (now == 0) return fmt::format("{} the week before", grouped(before));
    const double share = static_cast<double>(now) / static_cast<double>(before);
    if (share >= 10) return fmt::format("{:.0f} times the week before", share);
    auto percent = static_cast<std::int64_t>(std::lround(std::abs(share - 1) * 100));
    if (share < 1) percent = std::min<std::int64_t>(percent, 99);  // some are left
    if (percent == 0) return "about as many as the week before";
    return fmt::format("{} % {} than the week before", percent, share > 1 ? "more" : "fewer");
}

std::string peak_of(const KeyUsage& key) {
    if (key.peak_minute == 0) return "not known";
    if (!key.limit_per_minute) return grouped(key.peak_minute) + " a minute, no limit";
    return fmt::format("{} a minute, {} of its limit of {}", grouped(key.peak_minute),
                       percentage(key.peak_minute, *key.limit_per_minute),
                       grouped(*key.limit_per_minute));
}

constexpr const char* kNotCompared = "the week before is not known";

Data key_data(const KeyUsage& key, const UsageReport& report) {
    Data data;
    data.set("name", key.name);
    data.set("masked", key.prefix + "..." + key.hint);
    data.set("key_id", std::to_string(key.key_id));
    data.set("requests", grouped(key.requests));
    data.set("change",
             report.knows_week_before ? change_of(key.requests, key.before) : kNotCompared);
    data.set("last_used", key.last_used_at ? instant_for_people(*key.last_used_at, report.time_zone)
                                           : "not known");
    if (key.requests == 0) return data;
    Data usage;
    usage.set("successful", percentage(key.requests - key.errors - key.rate_limited, key.requests));
    usage.set("errors", percentage(key.errors, key.requests));
    usage.set("limited", percentage(key.rate_limited, key.requests));
    usage.set("peak_minute", peak_of(key));
    add_chart(usage, key.requests_by_day);
    data.set("usage", usage);
    return data;
}

void add_due(Data& data, const UsageReport& report) {
    if (report.due.empty()) return;
    Data list{Data::type::list};
    for (const DueSoon& due : report.due)
        list << Data("headline", fmt::format("{} (key_id {}) {} {}, {}",
                                             shortened(for_terminal(due.key_name), 60), due.key_id,
                                             due.what, when(due.at, report.as_of),
                                             instant_for_people(due.at, report.time_zone)));
    const auto left = report.due_total - static_cast<std::int64_t>(report.due.size());
    if (left > 0) list << Data("headline", fmt::format("and {} more", grouped(left)));
    Data has_due;
    has_due.set("due", list);
    data.set("has_due", has_due);
}

// `16 Nov 2026`
std::string day_of(Timestamp at) {
    const std::string text = local_time(at, "UTC");
    return text.substr(0, text.find(','));
}

}  // namespace

RenderedMail render(Templates& templates, const UsageReport& report) {
    RenderedMail rendered;
    const std::string keys =
        report.keys_total == 1 ? "one key" : grouped(report.keys_total) + " keys";
    const std::string requests =
        report.requests_total == 1 ? "one request" : grouped(report.requests_total) + " requests";
    rendered.subject = fmt::format("[keyrota] your week: {} with {}", requests, keys);
    if (report.due_total > 0)
        rendered.subject += fmt::format(", {} due within 30 days", grouped(report.due_total));
    Data data;
    data.set("subject", rendered.subject);
    data.set("greeting",
             report.recipient_name.empty() ? "Hello," : "Hello " + report.recipient_name + ",");
    data.set("introduction", fmt::format("this is about {}. From {} to {} (UTC) there {} {}, {}.",
                                         keys, day_of(report.week), day_of(report.week + 6 * kDay),
                                         report.requests_total == 1 ? "was" : "were", requests,
                                         report.knows_week_before
                                             ? change_of(report.requests_total, report.before_total)
                                             : kNotCompared));
    Data list{Data::type::list};
    for (const KeyUsage& key : report.keys) list << key_data(key, report);
    data.set("keys", list);
    const auto left = report.keys_total - static_cast<std::int64_t>(report.keys.size());
    if (left > 0) {
        Data more;
        more.set("more", grouped(left));
        more.set("list_command",
                 "keyrota keys list --owner " + plain_word(report.recipient, "ADDRESS"));
        data.set("more", more);
    }
    add_due(data, report);
    data.set("rule", std::string(64, '-'));
    data.set("run", std::to_string(report.run_id));
    data.set("reason",
             "You get this every week because you own these keys. If you do not want it, ask for "
             "`keyrota alerts set --owner " +
                 plain_word(report.recipient, "ADDRESS") + " USAGE-REPORT --mail off`.");
    data.set("whom_to_ask", report.operator_address.empty()
                                ? "Questions? Ask whoever operates keyrota where you are."
                                : "Questions? Write to " + report.operator_address + ".");
    rendered.text = templates.report_text(data);
    rendered.html = templates.report_html(data);
    return rendered;
}

}  // namespace keyrota
