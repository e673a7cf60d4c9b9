#include "notify/advice.h"

#include <array>
#include <utility>

namespace keyrota {
namespace {

// Steps that several rows share.
const AdviceStep kRotation{
    "See which key replaces it, where the new secret was delivered, and how long this one still "
    "works.",
    "keyrota rotations show {key_id}"};
const AdviceStep kLook{"Look at the key, its policy and its history.", "keyrota explain {key_id}"};
const AdviceStep kNewKey{
    "Create a new key like it, and hand it to whatever uses this one. The secret is shown once.",
    "keyrota keys create --help"};
const AdviceStep kSuccessor{
    "Replace it with a new key; both work for a week. The new secret is shown once: hand it to "
    "whatever uses this one.",
    "keyrota keys regenerate {key_id} --overlap 7d"};
const AdviceStep kSwitchOff{"Once nothing uses this one any more, switch it off.",
                            "keyrota keys deactivate {key_id}"};
const AdviceStep kNeedsIt{"Nobody knows what it is for? Switch it off; it can be activated again.",
                          "keyrota keys deactivate {key_id}"};
const AdviceStep kRuns{"See which runs there were and how they ended.", "keyrota runs list"};

// The table, in the order of the checks' purpose.
const std::vector<Advice>& table() {
    static const std::vector<Advice> rows = {
        {"KEY-EXPIRES-SOON",
         "{key} expires {when}",
         "The key's end date is near. From then on gateways refuse it.",
         {kSuccessor,
          {"Or, if it may stay in use, give it another end date.",
           "keyrota keys update {key_id} --expires-at YYYY-MM-DD"},
          {"No longer needed? Then there is nothing to do."}},
         "the key stops working {when}, and so does whatever still uses it."},
        {"KEY-EXPIRED",
         "{key} expired {when}",
         "The key's end date has come. Gateways refuse it.",
         {kNewKey,
          {"Or, if it must work again, give it another end date and activate it.",
           "keyrota keys update {key_id} --expires-at YYYY-MM-DD"}},
         "nothing more happens; calls with the key are refused."},
        {"KEY-ROTATION-SOON",
         "{key} is due for rotation {when}",
         "A production key is replaced by a new one when it reaches its rotation age, so that a "
         "secret that leaked unnoticed does not work forever.",
         {kSuccessor, kSwitchOff},
         "the key is overdue {when}, and you are told again."},
        {"KEY-ROTATION-DUE",
         "{key} was due for rotation {when}",
         "The key is older than its policy allows: a secret that leaked unnoticed still works.",
         {kSuccessor, kSwitchOff},
         "the key stays overdue: a day after the date your security contact is told, and you are "
         "reminded weekly."},
        {"KEY-ROTATED",
         "{key} was rotated",
         "A successor has taken its place; this key works only until its overlap ends.",
         {kRotation, {"Make sure that everything uses the successor."}},
         "this key is retired when its overlap ends."},
        {"KEY-ROTATION-FAILED",
         "the rotation of {key} failed",
         "The secret of its successor could not be delivered in several tries.",
         {{"See why.", "keyrota rotations show {key_id}"},
          {"Once the cause is gone, have it tried again.", "keyrota rotations retry {key_id}"}},
         "the key stays as it is, and delivery is not tried again."},
        {"KEY-RETIRES-SOON",
         "{key} is retired {when}",
         "The key was rotated, and its overlap with the successor ends.",
         {{"Make sure that everything uses the successor."}, kRotation},
         "the key stops working {when} once nothing uses it, or is held back while something "
         "does."},
        {"KEY-RETIRE-BLOCKED",
         "{key} cannot be retired after its rotation",
         "Its overlap is over, but something still calls with it instead of its successor, or its "
         "successor does not work.",
         {{"See who still calls, from where and for what.",
           "keyrota findings list --key {key_id} --check KEY-RETIRE-BLOCKED --json"},
          {"Give that caller the successor's secret."},
          kRotation},
         "the key is not retired, and you are reminded weekly."},
        {"KEY-BREACHED",
         "{key} was breached",
         "Its secret is known to others. It was ended at once, for good.",
         {kNewKey,
          {"Look for what was done with it.", "keyrota audit show {key_id}"},
          {"Then acknowledge the finding.", "keyrota findings list --check KEY-BREACHED"}},
         "whatever used the key stays without one."},
        {"KEY-UNUSED",
         "{key} has not been used for a long time",
         "A key that nobody uses is of use only to whoever steals it.",
         {{"Ask whether anything still needs it."}, kNeedsIt},
         "the key keeps working, and you are reminded weekly."},
        {"KEY-UNUSED announced",
         "{key} has not been used for a long time and is deactivated {when}",
         "A key that nobody uses is of use only to whoever steals it. Your policy switches it off "
         "on its date.",
         {{"Is it needed? Then use it before that date, and nothing happens."},
          {"Needed, but not so soon? Ask whoever operates keyrota for a waiver."},
          kNeedsIt},
         "if still nobody has used it {when}, it is switched off. It can be activated again."},
        {"KEY-UNUSED overdue",
         "{key} has not been used for a long time and is about to be deactivated",
         "A key that nobody uses is of use only to whoever steals it. Its date has come.",
         {{"Is it needed? Then use it now, and nothing happens."},
          {"Needed, but not so soon? Ask whoever operates keyrota for a waiver."},
          kNeedsIt},
         "it is switched off as soon as nothing holds that back. It can be activated again."},
        {"KEY-UNUSED acted",
         "{key} was deactivated because nobody used it",
         "You were told the date, and it was still unused. Gateways refuse it.",
         {{"Something needs it after all? It can come back.", "keyrota keys activate {key_id}"},
          {"Otherwise there is nothing to do."}},
         "the key stays switched off."},
        {"KEY-NEVER-USED",
         "{key} has never been used",
         "It was created some time ago, and no call was ever made with it.",
         {{"Ask whether anything still needs it."}, kNeedsIt},
         "the key keeps working, and you are reminded weekly."},
        {"KEY-NEVER-USED announced",
         "{key} has never been used and is deactivated {when}",
         "A key that nobody uses is of use only to whoever steals it. Your policy switches it off "
         "on its date.",
         {{"Is it needed? Then use it before that date, and nothing happens."},
          {"Needed, but not so soon? Ask whoever operates keyrota for a waiver."},
          kNeedsIt},
         "if still nobody has used it {when}, it is switched off. It can be activated again."},
        {"KEY-NEVER-USED overdue",
         "{key} has never been used and is about to be deactivated",
         "A key that nobody uses is of use only to whoever steals it. Its date has come.",
         {{"Is it needed? Then use it now, and nothing happens."},
          {"Needed, but not so soon? Ask whoever operates keyrota for a waiver."},
          kNeedsIt},
         "it is switched off as soon as nothing holds that back. It can be activated again."},
        {"KEY-NEVER-USED acted",
         "{key} was deactivated because nobody ever used it",
         "You were told the date, and it was still unused. Gateways refuse it.",
         {{"Something needs it after all? It can come back.", "keyrota keys activate {key_id}"},
          {"Otherwise there is nothing to do."}},
         "the key stays switched off."},
        {"KEY-NO-EXPIRY",
         "{key} never expires",
         "A secret key without an end date works forever, for whoever has it.",
         {{"Give it an end date.", "keyrota keys update {key_id} --expires-at YYYY-MM-DD"}},
         "the key never ends, and you are reminded weekly."},
        {"KEY-SCOPE-ADMIN",
         "{key} may do everything",
         "It holds the scope admin. A key should be able to do what it is for, and no more.",
         {{"Remove that scope, and add those that it needs.",
           "keyrota keys update {key_id} --remove-scope admin"}},
         "whoever has the key may do everything with it; you are reminded weekly."},
        {"KEY-SCOPE-UNUSED",
         "{key} has scopes that it does not use",
         "What a key may do but never does helps only whoever steals it.",
         {kLook,
          {"Remove the unused scopes.", "keyrota keys update {key_id} --remove-scope SCOPE"}},
         "the key keeps permissions that it does not use; you are reminded weekly."},
        {"KEY-SCOPE-TYPE",
         "{key} is public and may write",
         "Everybody can read a public key, so it may only read.",
         {{"Remove every scope that does not begin with read:",
           "keyrota keys update {key_id} --remove-scope SCOPE"},
          {"What must write needs a secret key, kept on a server."}},
         "everybody may write with it."},
        {"KEY-OWNER-MISSING",
         "{key} has no owner to tell",
         "It has no owner, or one without an address, so nobody learns when it expires.",
         {{"Find out whose it is, and set its owner.",
           "keyrota keys update {key_id} --new-owner EMAIL"},
          kNeedsIt},
         "you are told what its owner should be told."},
        {"KEY-OWNER-GONE",
         "the owner of {key} has left",
         "Whoever knew what it is for is gone, and may have taken the secret along.",
         {{"Give it another owner.", "keyrota keys update {key_id} --new-owner EMAIL"}, kNewKey},
         "the next in line is told what its owner should be told."},
        {"KEY-ERROR-RATE",
         "many calls with {key} fail",
         "More of its calls end in an error than is usual for a working key.",
         {kLook, {"Look into the logs of what uses it."}},
         "whatever uses it keeps failing; you are reminded weekly."},
        {"KEY-RATE-NEAR-LIMIT",
         "{key} is near its rate limit",
         "Its busiest minute came close to what its service plan allows.",
         {{"Spread its calls, or move it to a larger service plan.",
           "keyrota keys update {key_id} --plan NAME"}},
         "calls over the limit are refused."},
        {"KEY-RATE-LIMITED",
         "calls with {key} are refused over its rate limit",
         "It makes more calls in a minute than its service plan allows.",
         {{"Spread its calls, or move it to a larger service plan.",
           "keyrota keys update {key_id} --plan NAME"}},
         "calls over the limit keep being refused."},
        {"KEY-IN-QUERY-STRING",
         "{key} is sent in URLs",
         "What stands in a URL ends up in logs, histories and the Referer of other sites.",
         {{"Send it in a header instead."}, kNewKey, kSwitchOff},
         "its secret spreads; you are reminded weekly."},
        {"KEY-SECRET-IN-BROWSER",
         "{key} is secret and used in browsers",
         "Everybody who opens the page can read it, so it is no secret any more.",
         {{"Call from a server, or use a public key in browsers."}, kNewKey, kSwitchOff},
         "whoever read it can use it."},
        {"KEY-INACTIVE-IN-USE",
         "{key} is switched off, and something calls with it",
         "Its calls are refused. Either somebody waits for answers, or somebody tries old keys.",
         {kLook, {"Find what calls with it, and give it a key that works."}},
         "its calls keep being refused; you are reminded weekly."},
        {"KEY-ANOMALY-",
         "{key} is used in an unusual way",
         "Its use differs from what it was over the last weeks.",
         {kLook,
          {"See hour by hour why it was reported.", "keyrota anomalies replay {key_id}"},
          {"Was that you? Then acknowledge the finding.", "keyrota findings list --key {key_id}"},
          {"If nobody can say who it was, assume that others know its secret: switch it off and "
           "replace it.",
           "keyrota keys deactivate {key_id}"}},
         "whoever it is can continue."},
        {"WAIVER-EXPIRING",
         "the waiver {detail} ends {when}",
         "What it exempts is reported and counted again after that.",
         {{"Check whether its reason still holds.", "keyrota waivers list"}},
         "its findings open again {when}."},
        {"WAIVER-UNMATCHED",
         "the waiver {detail} covers nothing",
         "It is in force, and no key falls under it, or no job knows a check that it names.",
         {{"Look at what it names.", "keyrota waivers list"}},
         "what it was meant to exempt is reported all the same; you are reminded weekly."},
        {"RUN-MISSED",
         "the job {detail} has not completed in time",
         "It is overdue by its schedule. What it watches, nobody watches.",
         {kRuns, {"Run it by hand and see.", "keyrota run {detail}"}},
         "its work stays undone."},
        {"RUN-STALE-DATA",
         "usage from {detail} is too old to judge by",
         "Checks that go by use are held back: unknown is never read as unused.",
         {{"Check whether the gateway reports and the rollup runs.", "keyrota status"}},
         "unused keys are neither found nor retired."},
        {"ROLLUP-STALLED",
         "samples of usage are not rolled up",
         "A transaction that stays open holds up the rollup.",
         {{"Find it.", "keyrota doctor"}},
         "checks judge by old usage."},
        {"RUN-HELD",
         "{detail} holds its actions back",
         "Time or place look wrong: a long gap, a clock that went back, or another database.",
         {{"Look at what would be done.", "keyrota run {detail} --dry-run"},
          {"If that is right, let it; another database needs `keyrota resume`, for all jobs.",
           "keyrota resume {detail}"}},
         "nothing that the job would change is changed."},
        {"RUN-GATE",
         "so many keys raised {detail} in one hour that no owner is told",
         "This is more likely an outage, a holiday or a release than something about each key.",
         {{"Look at the keys.", "keyrota findings list --check {detail}"},
          {"If usage was unknown at that time, record that.",
           "keyrota usage mark-incomplete FROM TO --reason TEXT"}},
         "their owners are not told of that hour; a later alarm is told as ever."},
        {"MAIL-HELD",
         "mail to owners is held back ({detail})",
         "`observe`: nothing goes out before it is released for the first time. "
         "`cap`: more was to go out in a day than is allowed.",
         {{"Look at what an owner would be told.", "keyrota mail preview OWNER --out preview"},
          {"observe: let it go out, one digest for each owner.", "keyrota mail release"},
          {"cap: if so many are right, raise mail.max_messages_per_day."}},
         "owners are not told, or a day later."},
        {"MAIL-DEAD",
         "mail could not be delivered ({detail})",
         "It was tried for days, or refused permanently. The next in line is told.",
         {{"See what the server said.", "keyrota mail queue"}},
         "whoever it was for does not know."},
        {"AUDIT-BROKEN",
         "the audit trail does not verify",
         "An entry or a block is not what was sealed: somebody changed the trail, or the disk did.",
         {{"See where.", "keyrota audit verify"}},
         "nothing that was recorded can be relied on."},
    };
    return rows;
}

const Advice kGeneral{"",
                      "{key} needs a look",
                      "A check applies to it.",
                      {kLook},
                      "the finding stays open, and you are reminded weekly."};

}  // namespace

const Advice& advice_for(std::string_view check_id, AdviceAbout about) {
    if (about != AdviceAbout::finding) {
        const char* suffix = about == AdviceAbout::acted     ? " acted"
                             : about == AdviceAbout::overdue ? " overdue"
                                                             : " announced";
        const Advice& special = advice_for(std::string(check_id) + suffix);
        return &special == &kGeneral ? advice_for(check_id) : special;
    }
    for (const Advice& advice : table()) {
        const std::string_view id = advice.check_id;
        if (id == check_id || (id.back() == '-' && check_id.starts_with(id))) return advice;
    }
    return kGeneral;
}

std::string fill_in(std::string_view text, const AdviceValues& values) {
    const std::array<std::pair<std::string_view, const std::string*>, 4> all = {
        {{"{key}", &values.key},
         {"{key_id}", &values.key_id},
         {"{when}", &values.when},
         {"{detail}", &values.detail}}};
    std::string filled;
    for (std::size_t at = 0; at < text.size();) {
        const auto* found =
            static_cast<const std::pair<std::string_view, const std::string*>*>(nullptr);
        for (const auto& one : all)
            if (text.substr(at).starts_with(one.first)) found = &one;
        if (found != nullptr) {
            filled += *found->second;
            at += found->first.size();
        } else {
            filled += text[at++];
        }
    }
    return filled;
}

}  // namespace keyrota
