// The pages of docs/checks against the program: each check has one, and what stands at its top is
// what the program does.

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>

#include "catalog.h"
#include "commands/alerts/alert_terms.h"
#include "config/options.h"
#include "detect_anomalies/anomaly_finding.h"
#include "error/error.h"
#include "finding/control.h"
#include "finding/severity.h"
#include "notify/advice.h"
#include "notify/rhythm.h"
#include "support/program.h"
#include "waiver/waiver.h"

namespace keyrota {
namespace {

namespace fs = std::filesystem;
using std::chrono::microseconds;
using ::testing::HasSubstr;

const fs::path kSource = KEYROTA_SOURCE_DIR;
const fs::path kPages = kSource / "docs/checks";

std::string contents(const fs::path& file) {
    std::ifstream in(file);
    return {std::istreambuf_iterator<char>(in), {}};
}

std::set<std::string> matches(const std::string& text, const char* pattern) {
    const std::regex regex(pattern);
    std::set<std::string> found;
    for (std::sregex_iterator it(text.begin(), text.end(), regex), end; it != end; ++it)
        found.insert((*it)[1]);
    return found;
}

struct DocumentedCheck {
    std::string made_by;   // as a page says it
    std::string life;      // likewise
    PlannedCheck planned;  // without a statement where it is none
    std::set<std::string> severities;
};

// What no job plans: opened where it happens, or by the runner. Its severity stands in a source.
struct OwnCheck {
    const char* check_id;
    const char* made_by;
    const char* life;
    const char* source;
    const char* severity;
};
constexpr OwnCheck kOwnChecks[] = {
    {"KEY-BREACHED", "the command `keyrota breach`",
     "an event: open until somebody acknowledges or resolves it",
     "jobs/rotation/breach_findings.sql", "'open', ([1-5]),"},
    {"RUN-HELD", "every job, when it is held back", "an event: open until `keyrota resume`",
     "common/runner/guards.cpp", "\"severity\", ([1-5])"},
    {"RUN-STALE-DATA", "every job whose checks judge by usage",
     "open until a complete run of the same job knows usage again", "common/runner/coverage.cpp",
     "kMedium = ([1-5])"},
};

std::set<std::string> severities_of(const PlannedCheck& check) {
    std::set<std::string> found;
    for (const AnomalyCheck& anomaly : kAnomalyChecks)
        if (check.check_id == anomaly.check_id) found.insert(std::to_string(anomaly.severity));
    if (check.check_id == "KEY-ANOMALY-SPIKE")
        found.merge(matches(contents(kSource / "jobs/detect_anomalies/anomaly_context.sql"),
                            "then ([1-5]) else r.severity"));
    if (check.check_id == "AUDIT-BROKEN")
        found = matches(contents(kSource / "jobs/verify_audit/verify_audit.cpp"),
                        R"(\.severity = ([1-5]))");
    if (!found.empty()) return found;
    const std::string text = check.statement.text;
    const auto begin = text.find("as detail,");
    const std::string column = text.substr(begin, text.find("as severity") - begin);
    return matches(column, R"((?:detail,|then|else)\s+([1-5])\b)");
}

const char* life_in_words(CheckKind kind) {
    if (kind == CheckKind::standing) return "standing: what it no longer returns is resolved";
    return "incremental: what is new since the last complete run; once a day all that holds";
}

std::map<std::string, DocumentedCheck> all_checks() {
    std::map<std::string, DocumentedCheck> all;
    Config config;
    config.database.url = "host=/nonexistent";  // nobody is asked
    config.policy = {built_in_rule()};
    Interruption nobody;
    for (const Job* job : all_jobs()) {
        if (std::string_view(job->name) == "custom-checks") continue;
        Plan plan;
        job->plan({config, Timestamp{}, nobody}, plan);
        for (const PlannedCheck& check : plan.checks())
            all[check.check_id] = {fmt::format("the job `{}`, `{}`", job->name, job->schedule),
                                   life_in_words(check.kind), check, severities_of(check)};
    }
    for (const OwnCheck& own : kOwnChecks)
        all[own.check_id] = {own.made_by,
                             own.life,
                             {.check_id = own.check_id, .kind = CheckKind::standing},
                             matches(contents(kSource / own.source), own.severity)};
    return all;
}

std::string severity_in_words(const std::set<std::string>& severities) {
    std::vector<std::string> words;
    for (const std::string& one : severities)
        words.push_back(fmt::format("{} {}", one, severity_name(std::stoi(one))));
    return fmt::format("{}", fmt::join(words, ", "));
}

std::string unknown_in_words(const Coverage& coverage) {
    switch (coverage.lacking) {
        case Coverage::Lacking::judges_nothing:
            return "nothing is judged: nothing opens, nothing is resolved";
        case Coverage::Lacking::resolves_nothing:
            return "what is seen opens all the same; nothing is resolved";
        case Coverage::Lacking::judged_by_the_key:
            return "keys of which it is unknown stay as they were";
    }
    return "";
}

std::string days_in_words(microseconds stage) {
    const auto days = std::chrono::abs(stage) / std::chrono::hours(24);
    if (days == 0) return "on its date";
    return fmt::format("{} {} {}", days, days == 1 ? "day" : "days",
                       stage.count() < 0 ? "before" : "after");
}

std::string told_in_words(const Rhythm& rhythm) {
    const char* weekly = rhythm.repeat == Repeat::weekly ? ", then weekly while it is open" : "";
    if (rhythm.stages_by_policy) return "at each stage of `policy.defaults.expiry.notice_before`";
    std::vector<std::string> stages;
    for (const microseconds stage : rhythm.stages) stages.push_back(days_in_words(stage));
    if (rhythm.announces)
        return fmt::format("as it opens{}; with a date: as it opens, {}, and when it was done",
                           weekly, fmt::join(stages, ", "));
    if (stages.empty()) return std::string("as it opens") + weekly;
    return fmt::format("{}{}", fmt::join(stages, ", "), weekly);
}

bool is_about_keys(const std::string& check_id) {
    return check_id.starts_with("KEY-");
}

std::string mute_in_words(const std::string& check_id) {
    try {
        require_mail_possible(check_id, "off");
    } catch (const Error&) {
        return "not off; `keyrota alerts set` lets it wait for the digest";
    }
    return "`keyrota alerts set` moves it or switches it off";
}

std::string waiver_in_words(const std::string& check_id) {
    Waiver waiver;
    const auto complaint = set_waiver_field(waiver, "checks", check_id);
    if (!complaint) return "can be waived";
    static const std::regex sentence(R"(^(?:Since )?(.*?)\.?$)");
    return "never: " + std::regex_replace(complaint->hint, sentence, "$1");
}

std::string subject_of(const std::string& check_id) {
    return fill_in(advice_for(check_id).headline, {.key = is_about_keys(check_id) ? "KEY" : "",
                                                   .key_id = "",
                                                   .when = "DAY",
                                                   .detail = "DETAIL"});
}

// The table at the top of a check's page.
std::string facts(const std::string& check_id, const DocumentedCheck& check) {
    std::string table = fmt::format("# {}\n\n| | |\n|---|---|\n", check_id);
    const auto row = [&](const char* name, const std::string& value) {
        if (!value.empty()) table += fmt::format("| {} | {} |\n", name, value);
    };
    row("mail says", subject_of(check_id));
    row("severity", severity_in_words(check.severities));
    row("made by", check.made_by);
    row("life", check.life);
    const char* text = check.planned.statement.text;
    if (check.planned.coverage) row("usage unknown", unknown_in_words(*check.planned.coverage));
    std::smatch action;
    const std::string statement = text == nullptr ? "" : text;
    if (std::regex_search(statement, action, std::regex(R"('(\w+)'( end)? as action)")))
        row("action", fmt::format("`{}`", action.str(1)));
    row("told", told_in_words(rhythm_of(check_id)));
    if (is_about_keys(check_id)) row("mail", mute_in_words(check_id));
    row("waiver", waiver_in_words(check_id));
    std::vector<std::string> controls;
    for (const Control* control : controls_of(check_id)) controls.emplace_back(control->id);
    row("speaks to", fmt::format("{}", fmt::join(controls, ", ")));
    return table + "\n";
}

std::string default_of(const Option& option) {
    Config config;
    ListItem item{.rule = built_in_rule()};
    return shown(option, option.member(config, item));
}

// `policy.defaults.rotation.max_age` is the column rotation_max_age of a rule.
std::set<std::string> options_named_in(const std::string& statement) {
    std::set<std::string> found;
    for (const Option& option : options()) {
        if (!option.path.starts_with(kPolicyDefaults)) continue;
        std::string column = option.path.substr(kPolicyDefaults.size());
        std::replace(column.begin(), column.end(), '.', '_');
        if (std::regex_search(statement, std::regex("\\b" + column + "\\b")))
            found.insert(option.path);
    }
    return found;
}

TEST(CheckPages, EachBeginsWithWhatTheProgramSaysOfItsCheck) {
    for (const auto& [check_id, check] : all_checks()) {
        ASSERT_FALSE(check.severities.empty()) << check_id;
        const std::string head = facts(check_id, check);
        EXPECT_EQ(contents(kPages / (check_id + ".md")).substr(0, head.size()), head)
            << "docs/checks/" << check_id << ".md must begin so:\n"
            << head;
    }
}

TEST(CheckPages, NoPageIsWithoutACheckAndNoCheckOfTheSourcesWithoutAPage) {
    const auto checks = all_checks();
    for (const auto& page : fs::directory_iterator(kPages)) {
        if (page.path().filename() == "README.md") continue;
        EXPECT_EQ(checks.count(page.path().stem()), 1U) << page.path();
    }
    for (const char* folder : {"common", "jobs"})
        for (const auto& file : fs::recursive_directory_iterator(kSource / folder)) {
            if (!file.is_regular_file()) continue;
            for (const std::string& check_id :
                 matches(contents(file.path()),
                         R"(["']((?:KEY|RUN|MAIL|WAIVER|AUDIT|ROLLUP)-[A-Z-]*[A-Z])["'])"))
                EXPECT_TRUE(
                    std::any_of(checks.begin(), checks.end(),
                                [&](const auto& one) { return one.first.starts_with(check_id); }))
                    << check_id << " in " << file.path();
        }
}

TEST(CheckPages, EachHasTheCommandsThatItsMailNames) {
    for (const auto& [check_id, check] : all_checks()) {
        const std::string page = contents(kPages / (check_id + ".md"));
        for (const AdviceAbout about : {AdviceAbout::finding, AdviceAbout::acted})
            for (const AdviceStep& step : advice_for(check_id, about).steps)
                EXPECT_THAT(page,
                            HasSubstr(fill_in(
                                step.command,
                                {.key = "", .key_id = "KEY_ID", .when = "", .detail = "DETAIL"})))
                    << check_id;
    }
}

TEST(CheckPages, EachHasTheOptionsOfItsStatementAndTheirDefaults) {
    const std::regex row(R"(\| `([a-z_.]+)` \| ([^|]*) \|)");
    for (const auto& [check_id, check] : all_checks()) {
        const std::string page = contents(kPages / (check_id + ".md"));
        std::set<std::string> explained;
        for (std::sregex_iterator it(page.begin(), page.end(), row), end; it != end; ++it) {
            const Option* option = find_option((*it)[1].str());
            ASSERT_NE(option, nullptr) << check_id << ": " << (*it)[1];
            EXPECT_EQ((*it)[2].str(), default_of(*option)) << check_id << ": " << option->path;
            explained.insert(option->path);
        }
        if (check.planned.statement.text == nullptr) continue;
        for (const std::string& path : options_named_in(check.planned.statement.text))
            EXPECT_EQ(explained.count(path), 1U) << check_id << " goes by " << path;
    }
}

TEST(CheckPages, TheIndexHasThemAll) {
    const std::string index = contents(kPages / "README.md");
    for (const auto& [check_id, check] : all_checks())
        EXPECT_THAT(index, HasSubstr(fmt::format("| [{0}]({0}.md) | {1} | {2} |\n", check_id,
                                                 severity_in_words(check.severities),
                                                 subject_of(check_id))));
}

}  // namespace
}  // namespace keyrota
