#pragma once

#include <optional>
#include <string>
#include <vector>

#include "notify/templates.h"
#include "time/timestamp.h"

namespace keyrota {

inline constexpr std::size_t kUsageDays = 30;

/// What mail shows of a key.
struct KeyInMail {
    std::int64_t key_id = 0;
    std::string name;
    std::string prefix;
    std::string hint;
    std::string environment;
    std::string type;
    std::string scopes;  // as people read them
    Timestamp created_at{};
    std::optional<Timestamp> expires_at{};
    std::optional<Timestamp> last_used_at{};
    std::vector<std::int64_t>
        requests_by_day{};    // the last 30, oldest first; empty: none are known
    std::int64_t errors = 0;  // of all of them
};

/// One notice as its mail tells it.
struct NoticeInMail {
    std::string check_id{};
    std::string detail{};
    std::string stage{};
    std::int64_t severity = 1;
    std::optional<Timestamp> due_at{};
    std::string reason{};            // why this recipient
    std::string evidence{};          // of the finding, a JSON object; empty: none
    Timestamp seen_at{};             // when that was
    std::optional<KeyInMail> key{};  // none: about the runner itself, or the key was deleted
    std::int64_t key_id = 0;
};

struct NoticeMail {
    std::string recipient{};
    std::string recipient_name{};
    std::string time_zone = "UTC";
    Timestamp as_of{};
    std::int64_t run_id = 0;
    std::string operator_address{};
    std::string link{};                   // of notify.link, may hold {key_id} and {check_id}
    std::vector<NoticeInMail> notices{};  // gravest first; those that ended may be anywhere
    std::int64_t more = 0;                // notices that are counted only
};

struct RenderedMail {
    std::string subject;  // one line, not yet encoded for a header
    std::string text;
    std::string html;
};

/// Makes the mail of what somebody is to be told: the facts in the subject, and of each thing what
/// it is, why it is told, what to do and what happens otherwise; things of one check stand
/// together, and what holds for all of them is said once. Holds no secret: of a key's only prefix
/// and hint.
RenderedMail render(Templates& templates, const NoticeMail& mail);

/// `in 3 days`, `today`, `yesterday`, `5 days ago`: by days of 24 h, as stages count.
std::string when(Timestamp at, Timestamp as_of);

/// An address that a reader may be sent to: https, http or mailto; anything else is empty.
std::string safe_link(const std::string& link);

}  // namespace keyrota
