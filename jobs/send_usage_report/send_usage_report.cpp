#include "send_usage_report/send_usage_report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include <map>
#include <sstream>

#include "jobs_sql.h"
#include "notify/usage_report.h"
#include "notify_owners/mode.h"
#include "runner/step.h"

namespace keyrota {
namespace {

constexpr std::int64_t kOwners = 200;  // that one transaction writes to
constexpr std::int64_t kShown = 20;    // keys of one report, and dates
constexpr std::size_t kWeekDays = 7;

// Less than a day: tomorrow's run may be early.
constexpr Statement kReportsToday{
    "reports_today",
    "select count(*) as total from keyrota.message"
    " where kind = 'report' and created_at > keyrota.instant(:as_of) - interval '20 hours'"};

// The Monday, 00:00 UTC, that began the last week that is over.
Timestamp last_week(Timestamp as_of) {
    const auto day = std::chrono::floor<std::chrono::days>(as_of);
    const auto since_monday = std::chrono::weekday(day) - std::chrono::Monday;
    return Timestamp(day - since_monday - std::chrono::days(7));
}

KeyUsage key_usage(const Row& row) {
    KeyUsage key{.key_id = row.int64("key_id"),
                 .name = row.text("name"),
                 .prefix = row.text_or("prefix", ""),
                 .hint = row.text_or("hint", ""),
                 .requests_by_day = std::vector<std::int64_t>(kWeekDays, 0),
                 .requests = row.int64("requests"),
                 .errors = row.int64("errors"),
                 .rate_limited = row.int64("rate_limited"),
                 .before = row.int64("before"),
                 .peak_minute = row.int64("peak_minute"),
                 .limit_per_minute = row.optional_int64("limit_per_minute"),
                 .last_used_at = row.optional_instant("last_used_at")};
    std::istringstream days(row.text_or("by_day", ""));
    std::size_t day = 0;
    for (std::int64_t requests = 0; days >> day >> requests;)
        key.requests_by_day.at(day) = requests;
    return key;
}

class Reporter {
  public:
    explicit Reporter(StepRun& run)
        : run_(run),
          templates_(run.config.notify.templates),
          week_(last_week(run.as_of)),
          known_(run.session.one(
              sql::report_known,
              {{"week", week_}, {"silent_after_us", run.config.usage.silent_after.count()}})),
          left_(run.config.mail.max_messages_per_day -
                run.session.one(kReportsToday, {{"as_of", run.as_of}}).int64("total")) {
        if (run.limit) left_ = std::min(left_, *run.limit);
    }

    /// Whether usage is known of the whole week; else there is nothing to tell as yet: what is not
    /// known is not to be read as zero.
    bool knows_the_week() const {
        return known_.int64("is_closed") != 0 && known_.int64("is_known") != 0;
    }
    /// Writes to the next owners, in one transaction. @returns whether there may be more.
    bool next_owners();

  private:
    std::map<std::int64_t, UsageReport> reports_of(const std::vector<Row>& owners);
    void insert(const UsageReport& report);

    StepRun& run_;
    Templates templates_;
    const Timestamp week_;
    const Row known_;
    std::int64_t left_;
    std::int64_t after_owner_ = 0;
};

std::map<std::int64_t, UsageReport> Reporter::reports_of(const std::vector<Row>& owners) {
    std::map<std::int64_t, UsageReport> reports;
    std::vector<std::int64_t> ids;
    for (const Row& row : owners) {
        ids.push_back(row.int64("owner_id"));
        reports[ids.back()] = {.recipient = row.text("email"),
                               .recipient_name = row.text("name"),
                               .time_zone = row.text("time_zone"),
                               .as_of = run_.as_of,
                               .week = week_,
                               .run_id = run_.run_id,
                               .operator_address = run_.config.notify.operator_address,
                               .knows_week_before = known_.int64("is_known_before") != 0};
    }
    const Params params = {{"owners", fmt::format("{{{}}}", fmt::join(ids, ","))},
                           {"shown", kShown},
                           {"as_of", run_.as_of}};
    Params of_week = params;
    of_week.emplace_back("week", week_);
    for (const Row& row : run_.session.rows(sql::report_keys, of_week)) {
        UsageReport& report = reports.at(row.int64("owner_id"));
        report.keys.push_back(key_usage(row));
        report.keys_total = row.int64("keys_total");
        report.requests_total = row.int64("requests_total");
        report.before_total = row.int64("before_total");
    }
    for (const Row& row : run_.session.rows(sql::report_due, params)) {
        UsageReport& report = reports.at(row.int64("owner_id"));
        report.due.push_back(
            {row.text("what"), row.text("name"), row.int64("key_id"), row.instant("at")});
        report.due_total = row.int64("due_total");
    }
    return reports;
}

void Reporter::insert(const UsageReport& report) {
    const RenderedMail mail = render(templates_, report);
    run_.session.execute(sql::insert_report, {{"recipient", report.recipient},
                                              {"recipient_name", report.recipient_name},
                                              {"subject", mail.subject},
                                              {"text_body", mail.text},
                                              {"html_body", mail.html},
                                              {"week", week_},
                                              {"as_of", run_.as_of},
                                              {"run_id", run_.run_id}});
}

bool Reporter::next_owners() {
    if (left_ <= 0) {
        spdlog::warn("no more reports today (mail.max_messages_per_day, --limit)");
        return false;
    }
    const std::int64_t count = std::min(left_, kOwners);
    std::vector<Row> owners;
    run_.in_batch([&] {
        owners = run_.session.rows(
            sql::report_owners, {{"after_owner", after_owner_}, {"week", week_}, {"count", count}});
        if (owners.empty()) return;
        for (const auto& [owner_id, report] : reports_of(owners))
            if (report.keys_total > 0) insert(report);
        const auto written = static_cast<std::int64_t>(owners.size());
        run_.count({.found = written, .applied = written});
    });
    if (owners.empty()) return false;
    after_owner_ = owners.back().int64("owner_id");
    left_ -= static_cast<std::int64_t>(owners.size());
    return static_cast<std::int64_t>(owners.size()) == count;
}

void write_reports(StepRun& run) {
    if (observes(run)) return;  // owners are told nothing yet
    Reporter reporter(run);
    if (!reporter.knows_the_week()) {
        spdlog::info("the week's usage is not completely known: no reports");
        return;
    }
    while (!run.interrupted() && reporter.next_owners()) {
    }
}

}  // namespace

void plan_send_usage_report(const RunContext& run, Plan& plan) {
    // What is wrong with them is told before anything is done.
    [[maybe_unused]] const Templates templates(run.config.notify.templates);
    plan.add_step({"reports", sql::reports_due, write_reports, {{"week", last_week(run.as_of)}}});
}

}  // namespace keyrota
