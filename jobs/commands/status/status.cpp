#include "commands/status/status.h"

#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>
#include <fmt/format.h>
#include <fmt/ostream.h>

#include <algorithm>
#include <sstream>

#include "commands/status/status_facts.h"
#include "finding/severity.h"
#include "postgres/database.h"
#include "report/colour.h"
#include "report/escape.h"
#include "report/facts.h"
#include "report/listing.h"
#include "time/schedule.h"

namespace keyrota {
namespace {

using std::chrono::microseconds;

// Why the exit code is 13, and what to do.
struct Reason {
    std::string message;
    std::string hint;
};

const HeldJob* find_held(const StatusFacts& facts, const std::string& job) {
    const auto found = std::find_if(facts.held.begin(), facts.held.end(),
                                    [&](const HeldJob& one) { return one.job == job; });
    return found == facts.held.end() ? nullptr : &*found;
}

// A job that is held is told of once, whatever else follows from it.
std::vector<Reason> reasons_for_attention(const StatusFacts& facts) {
    std::vector<Reason> reasons;
    for (const HeldJob& held : facts.held)
        reasons.push_back(
            {fmt::format("{} is held back: {}", held.job, held.reason),
             fmt::format(
                 "Preview with `keyrota run {0} --dry-run`; `keyrota resume {0}` lets it act "
                 "again, `keyrota resume` all jobs.",
                 held.job)});
    for (const JobStatus& job : facts.jobs) {
        if (find_held(facts, job.job)) continue;
        if (job.has_failed())
            reasons.push_back({fmt::format("the last run of {} is {} (exit code {}){}{}", job.job,
                                           job.outcome, job.exit_code.value_or(0),
                                           job.message.empty() ? "" : ": ", job.message),
                               fmt::format("`keyrota runs show {}` tells more.", job.run_id)});
        if (job.missed)
            reasons.push_back(
                {fmt::format(
                     "{} has not completed since {}", job.job,
                     job.last_good_at ? short_instant(*job.last_good_at) : "it was first started"),
                 fmt::format("It is due every {}: make sure that something starts it.",
                             to_string(schedule_period(*job.schedule)))});
    }
    if (facts.critical_open > 0)
        reasons.push_back({fmt::format("{} critical {} open", facts.critical_open,
                                       facts.critical_open == 1 ? "finding is" : "findings are"),
                           "`keyrota findings list --severity critical` shows them."});
    if (!facts.audit_head_fits)
        reasons.push_back({"the head of the audit trail is not its last block's",
                           "`keyrota audit verify` names the first broken place."});
    return reasons;
}

// --- for people ---------------------------------------------------------------------------------

// `3s`, `12m`, `5h`, `9d`: as precise as it matters.
std::string rough(microseconds span) {
    using namespace std::chrono;
    if (span < minutes(1)) return fmt::format("{}s", floor<seconds>(span).count());
    if (span < hours(1)) return fmt::format("{}m", floor<minutes>(span).count());
    if (span < hours(48)) return fmt::format("{}h", floor<hours>(span).count());
    return fmt::format("{}d", floor<hours>(span).count() / 24);
}

std::string ago(const std::optional<Timestamp>& t, Timestamp now) {
    return t ? rough(std::max(now - *t, microseconds(0))) + " ago" : "never";
}

std::string took(const std::optional<std::int64_t>& milliseconds) {
    if (!milliseconds) return "-";
    if (*milliseconds < 60'000)
        return fmt::format("{:.1f}s", static_cast<double>(*milliseconds) / 1000);
    return rough(std::chrono::milliseconds(*milliseconds));
}

std::string due(const JobStatus& job, Timestamp now) {
    if (!job.next_due_at) return "off";
    return *job.next_due_at >= now ? "in " + rough(*job.next_due_at - now)
                                   : rough(now - *job.next_due_at) + " late";
}

std::string outcome(const JobStatus& job, bool is_held) {
    if (job.run_id == 0) return "-";
    const std::string shown = is_held ? "held back" : job.outcome;
    return job.exit_code.value_or(0) == 0 ? shown : fmt::format("{} ({})", shown, *job.exit_code);
}

Tone tone_of(const JobStatus& job, bool is_held) {
    if (is_held || job.missed || job.outcome == "failed") return Tone::bad;
    if (job.has_failed() || job.outcome == "killed") return Tone::warning;
    if (job.run_id == 0) return Tone::faint;
    return Tone::plain;
}

void print_jobs(const StatusFacts& facts, bool colours, std::ostream& out) {
    std::ostringstream table;
    Listing listing(table, Format::text,
                    {{"job"}, {"last_run"}, {"outcome"}, {"took"}, {"last_good"}, {"next"}});
    std::vector<Tone> tones{Tone::faint};
    for (const JobStatus& job : facts.jobs) {
        const bool is_held = find_held(facts, job.job) != nullptr;
        listing.row({job.job, ago(job.last_run_at, facts.as_of), outcome(job, is_held),
                     took(job.duration_ms), ago(job.last_good_at, facts.as_of),
                     due(job, facts.as_of)});
        tones.push_back(tone_of(job, is_held));
    }
    listing.end();
    std::istringstream lines(table.str());
    std::string line;
    for (const Tone tone : tones)
        if (std::getline(lines, line)) fmt::print(out, "{}\n", coloured(line, tone, colours));
}

std::string with_commas(std::int64_t number) {
    std::string text = std::to_string(number);
    for (auto i = static_cast<std::ptrdiff_t>(text.size()) - 3; i > 0; i -= 3)
        text.insert(static_cast<std::size_t>(i), ",");
    return text;
}

std::string shown(const Count& count) {
    switch (count.kind) {
        case Count::Kind::about:
            return "about " + with_commas(count.total);
        case Count::Kind::at_least:
            return "more than " + with_commas(count.total);
        case Count::Kind::exact:
            break;
    }
    return with_commas(count.total);
}

std::string shown_findings(const StatusFacts& facts) {
    std::string text;
    for (std::size_t i = facts.findings.size(); i-- > 0;)
        if (facts.findings[i].total > 0)
            text += fmt::format("{}{} {}", text.empty() ? "" : ", ", shown(facts.findings[i]),
                                kSeverities[i]);
    return text.empty() ? "none" : text;
}

std::string shown_size(std::int64_t bytes) {
    constexpr std::int64_t kMiB = std::int64_t{1} << 20;
    constexpr std::int64_t kGiB = std::int64_t{1} << 30;
    if (bytes < 10 * kGiB) return fmt::format("{} MiB", with_commas(bytes / kMiB));
    return fmt::format("{} GiB", with_commas(bytes / kGiB));
}

std::string shown_mail(const StatusFacts& facts) {
    std::string text =
        facts.messages_waiting == 0
            ? "nothing waits"
            : fmt::format("{} wait{}, the oldest for {}", with_commas(facts.messages_waiting),
                          facts.messages_waiting == 1 ? "s" : "",
                          rough(facts.as_of - *facts.oldest_message_at));
    if (facts.messages_dead > 0) text += fmt::format(", {} dead", with_commas(facts.messages_dead));
    return text;
}

void print_facts(const StatusFacts& facts, std::ostream& out) {
    Facts shown_facts;
    for (const JobStatus& job : facts.jobs)
        if (!job.holder.empty())
            shown_facts.add("running", fmt::format("{} by {}, since {}", job.job, job.holder,
                                                   short_instant(*job.held_by_lease_since)));
    shown_facts.add("due_keys", facts.due_keys ? shown(*facts.due_keys)
                                               : "unknown until expire-keys has completed once");
    shown_facts.add("keys_without_rule", shown(facts.keys_without_rule));
    shown_facts.add("findings", shown_findings(facts));
    if (facts.waivers > 0)
        shown_facts.add("waivers", fmt::format("{} in force, the next ends {}", facts.waivers,
                                               short_instant(*facts.waiver_ends_at)));
    shown_facts.add("mail", shown_mail(facts));
    shown_facts.add(
        "audit_trail",
        facts.audit_sealed_at
            ? fmt::format("{} block{}, the last one sealed {}", with_commas(facts.audit_height),
                          facts.audit_height == 1 ? "" : "s", short_instant(*facts.audit_sealed_at))
            : "empty");
    shown_facts.add("database", fmt::format("{}, PostgreSQL {}, {}{}", facts.database,
                                            facts.server_version, shown_size(facts.size_bytes),
                                            facts.is_simulation ? ", a simulation" : ""));
    shown_facts.print_text(out);
}

void print_status(const StatusFacts& facts, const std::vector<Reason>& reasons, bool colours,
                  std::ostream& out) {
    fmt::print(
        out, "{}\n\n",
        coloured(fmt::format("keyrota {} as of {}", KEYROTA_VERSION, short_instant(facts.as_of)),
                 Tone::faint, colours));
    print_jobs(facts, colours, out);
    out << "\n";
    print_facts(facts, out);
    out << "\n";
    for (const Reason& reason : reasons)
        fmt::print(out, "{}\n  {}\n",
                   coloured("attention: " + for_terminal(reason.message), Tone::bad, colours),
                   reason.hint);
    if (reasons.empty()) fmt::print(out, "{}\n", coloured("all is well", Tone::good, colours));
    const auto never =
        std::count_if(facts.jobs.begin(), facts.jobs.end(),
                      [](const JobStatus& job) { return job.run_id == 0 && job.next_due_at; });
    if (never > 0)
        fmt::print(out, "{} job{} never ran: `keyrota cron print` prints what starts them\n", never,
                   never == 1 ? "" : "s");
}

// --- for programs -------------------------------------------------------------------------------

using Poco::JSON::Array;
using Poco::JSON::Object;

Object::Ptr new_object() {
    return Object::Ptr(new Object(Poco::JSON_PRESERVE_KEY_ORDER));
}

Poco::Dynamic::Var json(const std::optional<Timestamp>& t) {
    return t ? Poco::Dynamic::Var(to_string(*t)) : Poco::Dynamic::Var();
}
Poco::Dynamic::Var json(const std::optional<std::int64_t>& number) {
    return number ? Poco::Dynamic::Var(*number) : Poco::Dynamic::Var();
}
Poco::Dynamic::Var json(const std::string& text) {
    return text.empty() ? Poco::Dynamic::Var() : Poco::Dynamic::Var(text);
}

Object::Ptr json(const Count& count) {
    Object::Ptr object = new_object();
    object->set("total", count.total);
    object->set("is", count.kind == Count::Kind::exact   ? "exact"
                      : count.kind == Count::Kind::about ? "about"
                                                         : "at least");
    return object;
}

Object::Ptr json(const JobStatus& job, const HeldJob* held) {
    Object::Ptr object = new_object();
    object->set("job", job.job);
    object->set("run_id", job.run_id == 0 ? Poco::Dynamic::Var() : Poco::Dynamic::Var(job.run_id));
    object->set("last_run_at", json(job.last_run_at));
    object->set("outcome", json(job.outcome));
    object->set("exit_code", json(job.exit_code));
    object->set("message", json(job.message));
    object->set("duration_ms", json(job.duration_ms));
    object->set("last_good_at", json(job.last_good_at));
    object->set("next_due_at", json(job.next_due_at));
    object->set("missed", job.missed);
    object->set("held", held ? json(held->reason) : Poco::Dynamic::Var());
    object->set("held_since", held ? json(std::optional(held->since)) : Poco::Dynamic::Var());
    object->set("running_by", json(job.holder));
    object->set("running_since", json(job.held_by_lease_since));
    return object;
}

void print_json(const StatusFacts& facts, const std::vector<Reason>& reasons, std::ostream& out) {
    Object::Ptr object = new_object();
    object->set("version", KEYROTA_VERSION);
    object->set("as_of", to_string(facts.as_of));
    Array jobs;
    for (const JobStatus& job : facts.jobs) jobs.add(json(job, find_held(facts, job.job)));
    object->set("jobs", jobs);
    object->set("due_keys",
                facts.due_keys ? Poco::Dynamic::Var(json(*facts.due_keys)) : Poco::Dynamic::Var());
    object->set("keys_without_rule", json(facts.keys_without_rule));
    Object::Ptr findings = new_object();
    for (std::size_t i = facts.findings.size(); i-- > 0;)
        findings->set(std::string(kSeverities[i]), json(facts.findings[i]));
    object->set("findings", findings);
    Object::Ptr waivers = new_object();
    waivers->set("in_force", facts.waivers);
    waivers->set("next_ends_at", json(facts.waiver_ends_at));
    object->set("waivers", waivers);
    Object::Ptr mail = new_object();
    mail->set("waiting", facts.messages_waiting);
    mail->set("oldest_at", json(facts.oldest_message_at));
    mail->set("dead", facts.messages_dead);
    object->set("mail", mail);
    Object::Ptr audit = new_object();
    audit->set("height", facts.audit_height);
    audit->set("sealed_at", json(facts.audit_sealed_at));
    object->set("audit", audit);
    Object::Ptr database = new_object();
    database->set("at", facts.database);
    database->set("server_version", facts.server_version);
    database->set("size_bytes", facts.size_bytes);
    database->set("simulation", facts.is_simulation);
    object->set("database", database);
    Array attention;
    for (const Reason& reason : reasons) {
        Object::Ptr one = new_object();
        one->set("message", reason.message);
        one->set("hint", reason.hint);
        attention.add(one);
    }
    object->set("attention", attention);
    object->stringify(out, 2);
    out << "\n";
}

}  // namespace

ExitCode status(const Config& config, const StatusOptions& options, std::ostream& out) {
    Session session = open_session(config, Access::runner);
    const StatusFacts facts = status_facts(session, config, options.as_of);
    const std::vector<Reason> reasons = reasons_for_attention(facts);
    if (options.json)
        print_json(facts, reasons, out);
    else
        print_status(facts, reasons, options.colours, out);
    return reasons.empty() ? ExitCode::done : ExitCode::attention;
}

}  // namespace keyrota
