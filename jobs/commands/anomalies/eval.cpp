#include "commands/anomalies/eval.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <sstream>
#include <unordered_map>

#include "anomaly/detector.h"
#include "commands/anomalies/incident_score.h"
#include "commands/import/records.h"
#include "report/escape.h"
#include "report/facts.h"
#include "report/new_file.h"

namespace keyrota {
namespace {

enum Field : std::size_t { kSeries, kHour, kRequests, kErrors, kLabel };

ImportMap labelled_series() {
    ImportMap map;
    map.name = "labelled series";
    map.refuses_other_columns = false;
    map.columns = {"series", "hour", "requests", "errors", "label"};
    map.optional.assign(map.columns.size(), false);
    return map;
}

// A thousand years: a file with instants instead of hours must not run for days.
constexpr std::uint32_t kLatestHour = 10'000'000;
constexpr double kMostRequests = 1e12;

struct Series {
    std::uint64_t key_id;
    DetectorState state = {};
    LabelledSeries labelled = {};
    std::optional<std::uint32_t> last_hour = {};
};

struct NameHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view name) const {
        return std::hash<std::string_view>{}(name);
    }
};

template <typename Number>
std::optional<Number> number_in(std::string_view text) {
    Number number{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return number;
}

class Evaluation {
  public:
    Evaluation(const EvalOptions& options, Problems& problems)
        : thresholds_(static_cast<float>(options.sensitivity)), problems_(problems) {
        if (options.alarms.empty()) return;
        alarms_.emplace(options.alarms);
        alarms_->write("series,hour,reason,mailed\n");
    }

    void row(const Record& record) {
        const auto hour = hour_of(record);
        const auto requests = count_of(record, kRequests, "requests");
        const auto errors = count_of(record, kErrors, "errors");
        if (record.fields[kSeries].empty()) complain(record, "series: empty");
        if (!hour || !requests || !errors || record.fields[kSeries].empty()) return;
        Series& series = series_of(record.fields[kSeries]);
        if (series.last_hour && *hour <= *series.last_hour)
            return complain(
                record,
                fmt::format("hour: {} comes after {} of the same series", *hour, *series.last_hour),
                "Sort the file by series and hour, each hour once.");
        skip_to(series, *hour, record.fields[kLabel]);
        series.labelled.hour(*hour, record.fields[kLabel], score_);
        series.last_hour = *hour;
        if (!record.fields[kRequests].empty())
            apply(series, {.hour = *hour,
                           .requests = static_cast<float>(*requests),
                           .errors = static_cast<float>(*errors)});
    }

    void keep_alarms() {
        if (alarms_) alarms_->finish();
    }
    const IncidentScore& score() const { return score_; }
    std::int64_t series_total() const { return static_cast<std::int64_t>(series_.size()); }
    std::int64_t alarms_total() const { return alarms_total_; }
    std::int64_t mailed_total() const { return mailed_total_; }

  private:
    void complain(const Record& record, const std::string& message, const std::string& hint = "") {
        problems_.add(record.line, message, hint);
    }

    std::optional<std::uint32_t> hour_of(const Record& record) {
        const auto hour = number_in<std::uint32_t>(record.fields[kHour]);
        if (hour && *hour <= kLatestHour) return hour;
        complain(record, fmt::format("hour: not a whole number from 0 to {}", kLatestHour),
                 "Hours are counted from a Monday 00:00 UTC.");
        return std::nullopt;
    }

    std::optional<double> count_of(const Record& record, Field field, const char* name) {
        if (record.fields[field].empty()) return 0;
        const auto count = number_in<double>(record.fields[field]);
        if (count && *count >= 0 && *count <= kMostRequests) return count;
        complain(record, fmt::format("{}: not a number from 0 to {:.0e}", name, kMostRequests));
        return std::nullopt;
    }

    Series& series_of(std::string_view name) {
        if (current_ && name == current_->first) return current_->second;
        auto found = series_.find(name);
        if (found == series_.end()) {
            // A number is the key's id, which chooses how its baselines are rounded.
            const auto id = number_in<std::uint32_t>(name);
            const std::uint64_t key_id = id ? *id : series_.size() + 1;
            found = series_.emplace(std::string(name), Series{.key_id = key_id}).first;
        }
        current_ = &*found;
        return current_->second;
    }

    // The hours without a row; within an incident if it goes on after them.
    void skip_to(Series& series, std::uint32_t hour, std::string_view label) {
        if (!series.last_hour) return;
        const bool goes_on = label == series.labelled.label();
        for (std::uint32_t missing = *series.last_hour + 1; missing < hour; ++missing) {
            series.labelled.hour(missing, goes_on ? label : std::string_view(), score_);
            apply(series, {.hour = missing, .requests = 0, .errors = 0});
        }
    }

    void apply(Series& series, const ClosedHour& hour) {
        const HourVerdict verdict = step(series.state, series.key_id, hour, thresholds_);
        if (!verdict.opens_incident) return;
        ++alarms_total_;
        if (verdict.is_mailed) {
            ++mailed_total_;
            series.labelled.alarm(hour.hour, verdict.reason, score_);
        }
        if (alarms_)
            alarms_->write(fmt::format("{},{},{},{}\n", for_csv(current_->first), hour.hour,
                                       code_of(verdict.reason), verdict.is_mailed ? 1 : 0));
    }

    DetectorThresholds thresholds_;
    Problems& problems_;
    std::unordered_map<std::string, Series, NameHash, std::equal_to<>> series_;
    std::pair<const std::string, Series>* current_ = nullptr;
    IncidentScore score_;
    std::int64_t alarms_total_ = 0, mailed_total_ = 0;
    std::optional<NewFile> alarms_;
};

// -------------------------------------------------------------------------------------------------
// The report

Cell share(double part, double whole, int digits = 2) {
    if (whole <= 0) return {};
    return Json{fmt::format("{:.{}f}", part / whole, digits)};
}

// The delay within which such a share of what was found was found.
Cell delay_at(std::vector<std::uint32_t> delays, double share_of_found) {
    if (delays.empty()) return {};
    std::sort(delays.begin(), delays.end());
    const auto place =
        static_cast<std::size_t>(std::ceil(share_of_found * static_cast<double>(delays.size())));
    return static_cast<std::int64_t>(delays[std::max<std::size_t>(place, 1) - 1]);
}

std::vector<std::uint32_t> all_delays(const IncidentScore& score) {
    std::vector<std::uint32_t> delays;
    for (const auto& [label, of_label] : score.labels)
        delays.insert(delays.end(), of_label.delays.begin(), of_label.delays.end());
    return delays;
}

Facts overview(const Evaluation& evaluation) {
    const IncidentScore& score = evaluation.score();
    const auto incidents = static_cast<double>(score.incidents());
    const auto found = static_cast<double>(score.found());
    const auto wrong = static_cast<double>(score.false_alarms());
    Facts facts;
    facts.add("series", evaluation.series_total());
    facts.add("series_years", Json{fmt::format("{:.2f}", score.series_years())});
    facts.add("false_alarms", score.false_alarms());
    facts.add("false_alarms_per_series_year", share(wrong, score.series_years(), 3));
    facts.add("incidents", score.incidents());
    facts.add("found", score.found());
    facts.add("recall", share(found, incidents, 3));
    facts.add("precision", share(found, found + wrong, 3));
    facts.add("f1", share(2 * found, incidents + found + wrong, 3));
    facts.add("median_delay_hours", delay_at(all_delays(score), 0.5));
    facts.add("alarms", evaluation.alarms_total());
    facts.add("mailed", evaluation.mailed_total());
    return facts;
}

void list_labels(const IncidentScore& score, std::ostream& out, Format format) {
    Listing list(out, format,
                 {{"label"},
                  {"incidents"},
                  {"found"},
                  {"recall"},
                  {"median_delay_hours"},
                  {"p90_delay_hours"}});
    for (const auto& [label, of_label] : score.labels)
        list.row({label, of_label.incidents, static_cast<std::int64_t>(of_label.delays.size()),
                  share(static_cast<double>(of_label.delays.size()),
                        static_cast<double>(of_label.incidents)),
                  delay_at(of_label.delays, 0.5), delay_at(of_label.delays, 0.9)});
    list.end();
}

void list_reasons(const IncidentScore& score, std::ostream& out, Format format) {
    Listing list(out, format,
                 {{"reason"},
                  {"false_alarms"},
                  {"false_per_series_year"},
                  {"in_incidents"},
                  {"precision"},
                  {"soon_after"}});
    for (const auto& [reason, of_reason] : score.reasons) {
        const auto right = static_cast<double>(of_reason.in_incident);
        const auto wrong = static_cast<double>(of_reason.false_alarms);
        list.row({std::string(code_of(reason)), of_reason.false_alarms,
                  share(wrong, score.series_years(), 3), of_reason.in_incident,
                  share(right, right + wrong), of_reason.soon_after});
    }
    list.end();
}

std::string listed_json(void (*list)(const IncidentScore&, std::ostream&, Format),
                        const IncidentScore& score) {
    std::ostringstream text;
    list(score, text, Format::json);
    std::string json = text.str();
    json.pop_back();  // its line break
    return json;
}

void report(const Evaluation& evaluation, Format format, std::ostream& out) {
    Facts facts = overview(evaluation);
    if (format == Format::json) {
        facts.add("labels", Json{listed_json(list_labels, evaluation.score())});
        facts.add("reasons", Json{listed_json(list_reasons, evaluation.score())});
        out << facts.json() << '\n';
        return;
    }
    facts.print_text(out);
    out << '\n';
    list_labels(evaluation.score(), out, format);
    out << '\n';
    list_reasons(evaluation.score(), out, format);
}

}  // namespace

ExitCode anomalies_eval(const EvalOptions& options, Format format, std::ostream& out) {
    Problems problems(options.input == "-" ? "stdin" : options.input);
    Evaluation evaluation(options, problems);
    read_records(options.input, FileFormat::csv, labelled_series(), problems,
                 [&evaluation](const Record& record) { evaluation.row(record); });
    problems.refuse_if_any("Nothing was written: correct the file.");
    evaluation.keep_alarms();
    report(evaluation, format, out);
    return ExitCode::done;
}

}  // namespace keyrota
