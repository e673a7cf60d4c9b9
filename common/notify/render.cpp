#include "notify/render.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <set>

#include "finding/severity.h"
#include "notify/advice.h"
#include "notify/evidence.h"
#include "notify/figures.h"
#include "notify/rhythm.h"
#include "report/escape.h"

namespace keyrota {
namespace {

using Data = kainjow::mustache::data;

constexpr std::chrono::hours kDay(24);
constexpr std::size_t kLongestHeadline = 120;  // characters; a subject is read in a list

const char* colour_of(std::int64_t severity) {  // on white each has a contrast of 4.5 at least
    static constexpr std::array<const char*, 6> kColours = {"#52606d", "#52606d", "#2f6690",
                                                            "#8a5a00", "#b3401a", "#a3123a"};
    return kColours.at(static_cast<std::size_t>(std::clamp<std::int64_t>(severity, 0, 5)));
}

AdviceValues values_of(const NoticeInMail& notice, Timestamp as_of) {
    return {.key = notice.key ? shortened(for_terminal(notice.key->name), 60)
                              : "key " + std::to_string(notice.key_id),
            .key_id = std::to_string(notice.key_id),
            .when = notice.due_at ? when(*notice.due_at, as_of) : "soon",
            .detail = notice.detail};
}

bool has_ended(const NoticeInMail& notice) {
    return notice.stage == kResolvedStage;
}

const Advice& advice_of(const NoticeInMail& notice, Timestamp as_of) {
    if (notice.stage == kActedStage) return advice_for(notice.check_id, AdviceAbout::acted);
    if (!notice.due_at || has_ended(notice)) return advice_for(notice.check_id);
    return advice_for(notice.check_id,
                      *notice.due_at > as_of ? AdviceAbout::announced : AdviceAbout::overdue);
}

std::string headline_of(const NoticeInMail& notice, Timestamp as_of) {
    return shortened(
        for_terminal(fill_in(advice_of(notice, as_of).headline, values_of(notice, as_of))),
        kLongestHeadline);
}

void add_usage(Data& key, const KeyInMail& facts) {
    const auto& days = facts.requests_by_day;
    const std::int64_t total = std::accumulate(days.begin(), days.end(), std::int64_t{0});
    if (total == 0) return;
    Data usage;
    usage.set("requests", grouped(total));
    usage.set("errors", percentage(facts.errors, total));
    add_chart(usage, days);
    key.set("usage", usage);
}

// What the check saw, and for an anomaly the days before it.
void add_evidence(Data& part, const NoticeInMail& notice, const std::string& time_zone) {
    const std::string sentence = evidence_sentence(notice.check_id, notice.evidence, time_zone);
    if (sentence.empty()) return;
    Data seen;
    // A finding that goes on is not written anew: a reminder says how old its figures are.
    seen.set("sentence",
             notice.stage.starts_with(kAgainStage)
                 ? fmt::format("On {}: {}", instant_for_people(notice.seen_at, time_zone), sentence)
                 : sentence);
    const std::vector<std::int64_t> week = evidence_week(notice.evidence);
    if (std::any_of(week.begin(), week.end(), [](std::int64_t requests) { return requests > 0; })) {
        Data chart;
        add_chart(chart, week);
        seen.set("week", chart);
    }
    part.set("seen", seen);
}

Data key_data(const KeyInMail& key, const std::string& time_zone) {
    Data data;
    data.set("name", key.name);
    data.set("masked", key.prefix + "..." + key.hint);
    data.set("key_id", std::to_string(key.key_id));
    data.set("environment", key.environment);
    data.set("type", key.type);
    data.set("scopes", key.scopes.empty() ? "none" : key.scopes);
    data.set("created", instant_for_people(key.created_at, time_zone));
    data.set("expires", key.expires_at ? instant_for_people(*key.expires_at, time_zone) : "never");
    data.set("last_used",
             key.last_used_at ? instant_for_people(*key.last_used_at, time_zone) : "not known");
    add_usage(data, key);
    return data;
}

Data steps_data(const Advice& advice, const AdviceValues& values) {
    AdviceValues words = values;
    words.detail = plain_word(values.detail, "NAME");
    Data steps{Data::type::list};
    int number = 0;
    for (const AdviceStep& step : advice.steps) {
        Data data;
        data.set("number", std::to_string(++number));
        data.set("text", fill_in(step.text, values));
        const std::string command = fill_in(step.command, words);
        if (!command.empty()) {
            // A section, so that it is left out where there is none; inside it means itself.
            Data shown;
            shown.set("command", command);
            data.set("command", shown);
        }
        steps << data;
    }
    return steps;
}

// {key_id} and {check_id} are of characters that a URL takes as they are.
std::string link_of(const std::string& pattern, const NoticeInMail& notice) {
    std::string link = pattern;
    const auto put = [&](std::string_view name, const std::string& value) {
        for (std::size_t at = link.find(name); at != std::string::npos;
             at = link.find(name, at + value.size()))
            link.replace(at, name.size(), value);
    };
    put("{key_id}", std::to_string(notice.key_id));
    put("{check_id}", notice.check_id);
    return safe_link(link);
}

// What is said of each thing of a group by itself.
Data part_data(const NoticeMail& mail, const NoticeInMail& notice) {
    Data data;
    data.set("headline", headline_of(notice, mail.as_of));
    data.set("severity", std::string(severity_name(notice.severity)));
    data.set("colour", colour_of(notice.severity));
    add_evidence(data, notice, mail.time_zone);
    if (notice.key) data.set("key", key_data(*notice.key, mail.time_zone));
    data.set("reason", notice.reason);
    const std::string link = link_of(mail.link, notice);
    if (!link.empty()) {
        Data shown;
        shown.set("link", link);
        data.set("link", shown);
    }
    return data;
}

// Things of one advice: the same is to be done with each of them.
using Group = std::vector<const NoticeInMail*>;

// One thing's own words; for several those that hold for each.
AdviceValues values_of(const Group& group, Timestamp as_of) {
    if (group.size() == 1) return values_of(*group.front(), as_of);
    return {.key = "each of them", .key_id = "KEY_ID", .when = "on its date", .detail = "NAME"};
}

std::string todo_of(const Group& group, const Advice& advice) {
    if (group.size() == 1) return "What to do";
    const bool names_keys =
        std::any_of(advice.steps.begin(), advice.steps.end(), [](const AdviceStep& step) {
            return std::string_view(step.command).find("{key_id}") != std::string_view::npos;
        });
    return fmt::format("What to do with each of these {}{}", group.size(),
                       names_keys ? " (KEY_ID stands for its key_id)" : "");
}

Data group_data(const NoticeMail& mail, const Group& group) {
    const Advice& advice = advice_of(*group.front(), mail.as_of);
    const AdviceValues values = values_of(group, mail.as_of);
    Data parts{Data::type::list};
    for (const NoticeInMail* notice : group) parts << part_data(mail, *notice);
    Data data;
    data.set("parts", parts);
    data.set("why", fill_in(advice.why, values));
    data.set("todo", todo_of(group, advice));
    data.set("steps", steps_data(advice, values));
    data.set("otherwise", fill_in(advice.otherwise, values));
    return data;
}

// The group of the most urgent thing first; within one the order stays.
void add_to_groups(std::vector<Group>& groups, const NoticeInMail& notice, Timestamp as_of) {
    for (Group& group : groups) {
        if (&advice_of(*group.front(), as_of) != &advice_of(notice, as_of)) continue;
        group.push_back(&notice);
        return;
    }
    groups.push_back({&notice});
}

// What to expect inside, by the gravest of it: subjects are read in a list.
std::string subject_of(const NoticeMail& mail, const std::string& first, std::int64_t total) {
    std::set<std::int64_t> keys;
    std::int64_t about_keys = mail.more;
    for (const NoticeInMail& notice : mail.notices) {
        if (has_ended(notice)) continue;
        if (notice.key_id != 0) ++about_keys;
        keys.insert(notice.key_id);
    }
    if (total == 1) return "[keyrota] " + first;
    if (mail.more == 0 && about_keys == total && keys.size() > 1)
        return fmt::format("[keyrota] {} keys need attention: {}", keys.size(), first);
    return fmt::format("[keyrota] {} findings need attention: {}", grouped(total), first);
}

}  // namespace

std::string when(Timestamp at, Timestamp as_of) {
    const auto days_of = [](std::chrono::microseconds span) {
        return span / std::chrono::duration_cast<std::chrono::microseconds>(kDay);
    };
    if (at > as_of) {
        const auto days = days_of(at - as_of + kDay - std::chrono::microseconds(1));
        if (at - as_of < kDay) return "within a day";
        return days == 1 ? "in a day" : fmt::format("in {} days", grouped(days));
    }
    const auto days = days_of(as_of - at);
    if (days == 0) return "today";
    return days == 1 ? "a day ago" : fmt::format("{} days ago", grouped(days));
}

std::string safe_link(const std::string& link) {
    for (const std::string_view scheme : {"https://", "http://", "mailto:"})
        if (link.starts_with(scheme)) return link;
    return "";
}

RenderedMail render(Templates& templates, const NoticeMail& mail) {
    std::vector<Group> groups;
    Data ended{Data::type::list};
    std::string first;
    std::int64_t shown = 0;
    bool any_ended = false;
    for (const NoticeInMail& notice : mail.notices) {
        if (has_ended(notice)) {
            ended << Data("headline", headline_of(notice, mail.as_of));
            any_ended = true;
            continue;
        }
        if (shown++ == 0) first = headline_of(notice, mail.as_of);
        add_to_groups(groups, notice, mail.as_of);
    }
    Data items{Data::type::list};
    for (const Group& group : groups) items << group_data(mail, group);
    RenderedMail rendered;
    const std::int64_t total = shown + mail.more;
    rendered.subject = subject_of(mail, first, total);
    Data data;
    data.set("subject", rendered.subject);
    data.set("greeting",
             mail.recipient_name.empty() ? "Hello," : "Hello " + mail.recipient_name + ",");
    data.set("introduction",
             total == 1 ? "one finding needs your attention. What it is and what to do:"
                        : fmt::format("{} findings need your attention, the most urgent first.",
                                      grouped(total)));
    data.set("items", items);
    if (mail.more > 0) {
        Data more;
        more.set("more", grouped(mail.more));
        more.set("list_command",
                 "keyrota findings list --owner " + plain_word(mail.recipient, "ADDRESS"));
        data.set("more", more);
    }
    if (any_ended) {
        Data list;
        list.set("ended", ended);
        data.set("has_ended", list);
    }
    data.set("rule", std::string(64, '-'));
    if (mail.run_id != 0) {
        Data run;
        run.set("run", std::to_string(mail.run_id));
        data.set("run", run);
    }
    data.set("whom_to_ask", mail.operator_address.empty()
                                ? "Questions? Ask whoever operates keyrota where you are."
                                : "Questions? Write to " + mail.operator_address + ".");
    rendered.text = templates.text(data);
    rendered.html = templates.html(data);
    return rendered;
}

}  // namespace keyrota
