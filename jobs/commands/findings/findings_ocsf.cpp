// Findings as events of the Open Cybersecurity Schema Framework (https://schema.ocsf.io, 1.8.0).

#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>
#include <fmt/format.h>

#include <array>

#include "commands/findings/findings.h"
#include "finding/control.h"
#include "jobs_sql.h"
#include "notify/advice.h"
#include "postgres/cursor.h"
#include "postgres/database.h"
#include "report/facts.h"

namespace keyrota {
namespace {

constexpr std::int64_t kFindings = 2;  // the category

enum class OcsfKind { compliance, detection, iam_analysis };

struct OcsfClass {
    OcsfKind kind;
    std::int64_t uid;
    const char* name;
};
constexpr OcsfClass kCompliance{OcsfKind::compliance, 2003, "Compliance Finding"};
constexpr OcsfClass kDetection{OcsfKind::detection, 2004, "Detection Finding"};
constexpr OcsfClass kIamAnalysis{OcsfKind::iam_analysis, 2008, "IAM Analysis Finding"};

// What a check looks at: scopes, behaviour, or else the state that a key is in. The end of a name
// stands for all that begin so.
const OcsfClass& class_of(std::string_view check_id) {
    static constexpr std::array kBehaviour = {
        "KEY-ANOMALY-",        "KEY-ERROR-RATE",      "KEY-RATE-",
        "KEY-IN-QUERY-STRING", "KEY-INACTIVE-IN-USE", "KEY-SECRET-IN-BROWSER",
        "KEY-BREACHED",        "KEY-RETIRE-BLOCKED",  "RUN-GATE",
        "AUDIT-BROKEN"};
    if (check_id.starts_with("KEY-SCOPE-")) return kIamAnalysis;
    for (const std::string_view check : kBehaviour)
        if (check_id.starts_with(check)) return kDetection;
    return kCompliance;
}

struct OcsfValue {
    std::int64_t id;
    const char* name;
};
constexpr OcsfValue kCreate{1, "Create"};
constexpr OcsfValue kUpdate{2, "Update"};
constexpr OcsfValue kClose{3, "Close"};

// What happened last.
OcsfValue activity_of(const Row& row) {
    if (row.text("status") == "resolved") return kClose;
    const bool is_new = row.text("status") == "open" && row.int64("episode") == 1 &&
                        row.instant("changed_at") == row.instant("opened_at");
    return is_new ? kCreate : kUpdate;
}

OcsfValue status_of(const std::string& status) {
    if (status == "acknowledged") return {2, "In Progress"};
    if (status == "waived") return {3, "Suppressed"};
    if (status == "resolved") return {4, "Resolved"};
    return {1, "New"};
}

const char* severity_of(std::int64_t severity) {
    static constexpr std::array kNames = {"Informational", "Low", "Medium", "High", "Critical"};
    return kNames.at(static_cast<std::size_t>(severity - 1));
}

Cell millis(Timestamp t) {
    return std::chrono::floor<std::chrono::milliseconds>(t).time_since_epoch().count();
}

void add_text(Facts& facts, const char* name, const Row& row, std::string_view column) {
    if (!row.is_null(column) && !row.text(column).empty()) facts.add(name, row.text(column));
}

Json json(const Facts& facts) {
    return Json{facts.json()};
}
Json list_of(const Facts& facts) {
    return Json{"[" + facts.json() + "]"};
}
Json list_of(const std::vector<std::string>& texts) {
    std::string all;
    for (const std::string& text : texts) {
        if (!all.empty()) all += ", ";
        all += cell_json(text);
    }
    return Json{"[" + all + "]"};
}

AdviceValues values_of(const Row& row) {
    AdviceValues values;
    values.key =
        row.is_null("name") ? fmt::format("key {}", row.int64("key_id")) : row.text("name");
    values.key_id = std::to_string(row.int64("key_id"));
    values.when = row.is_null("due_at") ? "on its date"
                                        : "on " + to_string(row.instant("due_at")).substr(0, 10);
    values.detail = row.text("detail");
    return values;
}

const Advice& advice_of(const Row& row) {
    const bool is_acted = !row.is_null("resolution") && row.text("resolution") == "acted";
    return advice_for(row.text("check_id"), is_acted ? AdviceAbout::acted : AdviceAbout::finding);
}

Json metadata() {
    Facts product;
    product.add("name", "keyrota");
    product.add("vendor_name", "keyrota");
    product.add("version", KEYROTA_VERSION);
    Facts facts;
    facts.add("version", "1.8.0");
    facts.add("product", json(product));
    return json(facts);
}

// Stable: the uid knows no date and no count.
Json finding_info(const Row& row, const std::string& title, bool is_behaviour) {
    constexpr std::int64_t kRule = 1, kBehavioral = 2;
    Facts analytic;
    analytic.add("uid", row.text("check_id"));
    analytic.add("name", row.text("check_id"));
    analytic.add("type_id", is_behaviour ? kBehavioral : kRule);
    analytic.add("type", is_behaviour ? "Behavioral" : "Rule");
    Facts facts;
    facts.add("uid", row.text("uid"));
    facts.add("title", title);
    facts.add("desc", advice_of(row).why);
    facts.add("types", list_of(std::vector<std::string>{row.text("check_id")}));
    facts.add("analytic", json(analytic));
    facts.add("created_time", millis(row.instant("opened_at")));
    facts.add("modified_time", millis(row.instant("changed_at")));
    return json(facts);
}

// The key; for a finding about the runner itself what the detail names.
Json resources(const Row& row) {
    Facts facts;
    if (row.int64("key_id") == 0) {
        const std::string& detail = row.text("detail");
        facts.add("uid", detail.empty() ? "keyrota" : detail);
        facts.add("type", "keyrota");
        return list_of(facts);
    }
    facts.add("uid", std::to_string(row.int64("key_id")));
    add_text(facts, "name", row, "name");
    facts.add("type", "API key");
    if (!row.is_null("environment"))
        facts.add("labels", list_of(std::vector<std::string>{
                                "environment:" + row.text("environment"),
                                "type:" + row.text("type"), "key:" + row.text("masked")}));
    if (!row.is_null("owner_name")) {
        Facts owner;
        add_text(owner, "name", row, "owner_name");
        add_text(owner, "email_addr", row, "owner");
        facts.add("owner", json(owner));
    }
    if (!row.is_null("team")) {
        Facts group;
        group.add("name", row.text("team"));
        facts.add("group", json(group));
    }
    return list_of(facts);
}

Json remediation(const Row& row, const AdviceValues& values) {
    std::string desc;
    for (const AdviceStep& step : advice_of(row).steps) {
        if (!desc.empty()) desc += "\n";
        desc += fill_in(step.text, values);
        if (*step.command != '\0') desc += " `" + fill_in(step.command, values) + "`";
    }
    Facts facts;
    facts.add("desc", desc);
    return json(facts);
}

// The clauses that the check speaks to, by our reading; without one, the operator's own policy.
Json compliance(const Row& row) {
    std::vector<std::string> standards, requirements;
    for (const Control* control : controls_of(row.text("check_id"))) {
        if (standards.empty() || standards.back() != control->standard)
            standards.emplace_back(control->standard);
        requirements.emplace_back(control->id);
    }
    if (standards.empty()) standards.emplace_back("keyrota policy");
    const bool is_met = row.text("status") == "resolved";
    constexpr std::int64_t kPass = 1, kFail = 3;
    Facts facts;
    facts.add("control", row.text("check_id"));
    facts.add("standards", list_of(standards));
    if (!requirements.empty()) facts.add("requirements", list_of(requirements));
    facts.add("status_id", is_met ? kPass : kFail);
    facts.add("status", is_met ? "Pass" : "Fail");
    return json(facts);
}

// What the key may do; of the check that tells what it does not, how much of that.
Json permissions(const Row& row) {
    Facts facts;
    facts.add("granted_privileges", Json{row.is_null("scopes") ? "[]" : row.text("scopes")});
    if (row.text("check_id") == "KEY-SCOPE-UNUSED") {
        const auto evidence =
            Poco::JSON::Parser().parse(row.text("evidence")).extract<Poco::JSON::Object::Ptr>();
        if (const auto unused = evidence->getArray("scopes"))
            facts.add("unused_privileges_count", static_cast<std::int64_t>(unused->size()));
    }
    return list_of(facts);
}

void add_of_class(Facts& facts, const OcsfClass& ocsf_class, const Row& row) {
    switch (ocsf_class.kind) {
        case OcsfKind::compliance:
            facts.add("compliance", compliance(row));
            return;
        case OcsfKind::detection: {
            Facts evidence;
            evidence.add("data", Json{row.text("evidence")});
            facts.add("evidences", list_of(evidence));
            facts.add("is_alert", row.text("status") == "open");
            return;
        }
        case OcsfKind::iam_analysis: {
            Facts user;
            user.add("uid", std::to_string(row.int64("key_id")));
            add_text(user, "name", row, "name");
            facts.add("user", json(user));
            facts.add("permission_analysis_results", permissions(row));
            return;
        }
    }
}

// What the schema has no attribute for.
Json unmapped(const Row& row) {
    Facts facts;
    facts.add("check_id", row.text("check_id"));
    facts.add("detail", row.text("detail"));
    facts.add("episode", row.int64("episode"));
    for (const char* instant : {"due_at", "resolved_at", "waived_until", "last_used_at"})
        facts.add(instant, instant_cell(row, instant));
    for (const char* text : {"resolution", "waiver", "decided_by", "decided_why"})
        facts.add(text, text_cell(row, text));
    facts.add("evidence", Json{row.text("evidence")});
    return json(facts);
}

std::string ocsf_event(const Row& row) {
    constexpr std::int64_t kActivities = 100;
    const OcsfClass& ocsf_class = class_of(row.text("check_id"));
    const OcsfValue activity = activity_of(row);
    const OcsfValue status = status_of(row.text("status"));
    const AdviceValues values = values_of(row);
    const std::string title = fill_in(advice_of(row).headline, values);
    Facts facts;
    facts.add("category_uid", kFindings);
    facts.add("category_name", "Findings");
    facts.add("class_uid", ocsf_class.uid);
    facts.add("class_name", ocsf_class.name);
    facts.add("activity_id", activity.id);
    facts.add("activity_name", activity.name);
    facts.add("type_uid", ocsf_class.uid * kActivities + activity.id);
    facts.add("type_name", fmt::format("{}: {}", ocsf_class.name, activity.name));
    facts.add("time", millis(row.instant("opened_at")));
    facts.add("severity_id", row.int64("severity"));
    facts.add("severity", severity_of(row.int64("severity")));
    facts.add("status_id", status.id);
    facts.add("status", status.name);
    facts.add("message", title);
    facts.add("metadata", metadata());
    facts.add("finding_info", finding_info(row, title, ocsf_class.kind == OcsfKind::detection));
    add_of_class(facts, ocsf_class, row);
    facts.add("resources", resources(row));
    facts.add("remediation", remediation(row, values));
    facts.add("unmapped", unmapped(row));
    return facts.json();
}

}  // namespace

ExitCode findings_list_ocsf(const Config& config, const FindingFilter& filter, std::ostream& out) {
    Session session = open_session(config, Access::runner);
    std::optional<std::int64_t> limit = filter.limit;
    if (limit && *limit == 0) limit.reset();
    std::int64_t total = 0;
    bool is_over = false;
    Transaction reading(session);
    const auto rows_needed = filter.fail_on ? std::optional<std::int64_t>{} : limit;
    for_each_row(session, sql::findings_list,
                 findings_list_params(session, config, filter, rows_needed), [&](const Row& row) {
                     is_over |= filter.fail_on && row.text("status") == "open" &&
                                row.int64("severity") >= *filter.fail_on;
                     if (limit && total == *limit) return;
                     ++total;
                     out << ocsf_event(row) << "\n";
                 });
    return is_over ? ExitCode::findings : ExitCode::done;
}

}  // namespace keyrota
