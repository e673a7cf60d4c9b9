#include "notify/evidence.h"

#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>

#include <algorithm>
#include <array>
#include <optional>

#include "notify/figures.h"

namespace keyrota {
namespace {

struct Sentence {
    std::string_view check_id;  // one that ends in - stands for all that begin so
    std::string_view text;      // {name}: a value of the evidence
};

constexpr std::array kSentences{
    Sentence{"KEY-ANOMALY-NETWORK",
             "Called from {networks}, never seen for this key before: at most {share} % of an "
             "hour's requests."},
    Sentence{"KEY-ANOMALY-", "{says}"},
    Sentence{"KEY-ERROR-RATE",
             "{error_rate} % of {requests} requests failed: {client_errors} with client errors "
             "(4xx), {server_errors} with server errors (5xx)."},
    Sentence{"KEY-RATE-NEAR-LIMIT",
             "Peak of {peak_minute} of {limit} requests a minute, {remaining} remaining, at "
             "{peak_minute_at_us}; reset {reset_at_us}."},
    Sentence{"KEY-RATE-LIMITED",
             "{rate_limited} of {requests} requests were refused ({rate} %): up to {peak_minute} a "
             "minute, where {limit} are allowed."},
    Sentence{"KEY-IN-QUERY-STRING",
             "{requests} requests carried it in the URL, the last in the hour of "
             "{last_hour_us}."},
    Sentence{"KEY-SECRET-IN-BROWSER",
             "{requests} requests came from a browser, the last in the hour of {last_hour_us}."},
    Sentence{
        "KEY-INACTIVE-IN-USE",
        "{requests} requests since it became {status}, the last in the hour of {last_hour_us}."},
    Sentence{"KEY-SCOPE-UNUSED", "Not used: {scopes}."},
    Sentence{"KEY-RETIRE-BLOCKED", "Still called from {networks}, for {scopes}."},
    Sentence{"KEY-ROTATION-FAILED",
             "{tries} attempts to deliver it to {sink}; the last: {failure}."},
};

std::string joined(const Poco::JSON::Array& list) {
    std::string words;
    for (const auto& word : list)
        if (!word.isEmpty()) words += (words.empty() ? "" : ", ") + word.toString();
    return words;
}

// A value as people read it; nothing where there is none.
std::optional<std::string> shown(const Poco::JSON::Object& evidence, const std::string& name,
                                 const std::string& time_zone) {
    if (!evidence.has(name) || evidence.isNull(name)) return {};
    const Poco::Dynamic::Var value = evidence.get(name);
    std::string text;
    if (evidence.isArray(name)) {
        text = joined(*evidence.getArray(name));
    } else if (name.ends_with("_us")) {
        const std::chrono::microseconds since(value.convert<std::int64_t>());
        text = instant_for_people(Timestamp(since), time_zone);
    } else if (value.isInteger()) {
        text = grouped(value.convert<std::int64_t>());
    } else {
        text = value.toString();
    }
    if (text.empty()) return {};
    return text;
}

// Nothing for what is no object: a mail lacks a sentence rather than its reader the mail.
Poco::JSON::Object::Ptr parsed(const std::string& evidence) {
    try {
        return Poco::JSON::Parser().parse(evidence).extract<Poco::JSON::Object::Ptr>();
    } catch (const Poco::Exception&) {
        return {};
    }
}

}  // namespace

std::string evidence_sentence(std::string_view check_id, const std::string& evidence,
                              const std::string& time_zone) {
    const auto* found =
        std::find_if(kSentences.begin(), kSentences.end(), [&](const Sentence& one) {
            return one.check_id == check_id ||
                   (one.check_id.ends_with('-') && check_id.starts_with(one.check_id));
        });
    if (found == kSentences.end() || evidence.empty()) return "";
    const auto object = parsed(evidence);
    if (object.isNull()) return "";
    std::string sentence;
    std::string_view rest = found->text;
    for (std::size_t at = rest.find('{'); at != std::string_view::npos; at = rest.find('{')) {
        const std::size_t end = rest.find('}', at);
        const auto value =
            shown(*object, std::string(rest.substr(at + 1, end - at - 1)), time_zone);
        if (!value) return "";
        sentence += std::string(rest.substr(0, at)) + *value;
        rest.remove_prefix(end + 1);
    }
    return sentence + std::string(rest);
}

std::vector<std::int64_t> evidence_week(const std::string& evidence) {
    std::vector<std::int64_t> week;
    if (evidence.empty()) return week;
    const auto object = parsed(evidence);
    if (object.isNull() || !object->isArray("last_7_days")) return week;
    const auto list = object->getArray("last_7_days");
    for (const auto& requests : *list)
        week.push_back(requests.isEmpty() ? 0 : requests.convert<std::int64_t>());
    return week;
}

}  // namespace keyrota
