#include "notify/recipient.h"

#include <fmt/format.h>

#include <algorithm>

namespace keyrota {
namespace {

constexpr std::chrono::hours kTeamBefore(3 * 24);
constexpr std::chrono::hours kSecurityAfter(24);

bool is_unreachable(const ChainOfRecipients& chain, const std::string& email) {
    return std::find(chain.unreachable.begin(), chain.unreachable.end(), email) !=
           chain.unreachable.end();
}

std::string called(const Addressee& who, const char* otherwise) {
    return who.name.empty() ? otherwise : who.name;
}

// Why mail does not go to somebody; empty where it can.
std::string obstacle(const ChainOfRecipients& chain, const Addressee& who,
                     const std::string& name) {
    if (!who.active) return name + " has left";
    if (who.email.empty()) return name + " has no email address";
    if (is_unreachable(chain, who.email)) return "mail to " + name + " bounces";
    return "";
}

ChosenRecipient chosen(const Addressee& who, std::string reason) {
    return {who.email, who.name, who.time_zone, std::move(reason)};
}

std::string because(const std::vector<std::string>& obstacles) {
    std::string text;
    for (const std::string& one : obstacles) text += (text.empty() ? "" : " and ") + one;
    return text;
}

}  // namespace

std::optional<ChosenRecipient> choose_recipient(const ChainOfRecipients& chain,
                                                const std::string& key_name) {
    std::vector<std::string> obstacles;
    // Whether it is this one; else why not is noted.
    const auto can_be = [&](const Addressee& who, const std::string& name) {
        const std::string why_not = obstacle(chain, who, name);
        if (!why_not.empty()) obstacles.push_back(why_not);
        return why_not.empty();
    };
    if (chain.has_owner) {
        if (can_be(chain.owner, called(chain.owner, "the owner")))
            return chosen(chain.owner, fmt::format("You get this because you own {}.", key_name));
        if (chain.fallback && can_be(*chain.fallback, called(*chain.fallback, "the stand-in")))
            return chosen(*chain.fallback,
                          fmt::format("You get this because {}, and you stand in as owner of {}.",
                                      because(obstacles), key_name));
        if (chain.team) {
            const std::string name = "the team " + chain.team->name;
            Addressee team = *chain.team;
            const bool has_webhook =
                !chain.team_webhook.empty() && !is_unreachable(chain, chain.team_webhook);
            if (has_webhook && !obstacle(chain, team, name).empty())
                team.email = chain.team_webhook;
            if (can_be(team, name))
                return chosen(team,
                              fmt::format("You get this because {}, and {} is a key of your team.",
                                          because(obstacles), key_name));
        }
    }
    if (!can_be(chain.operator_of_keyrota, "the operator")) return std::nullopt;
    if (key_name.empty())
        return chosen(chain.operator_of_keyrota, "You get this because you operate keyrota.");
    if (!chain.has_owner) obstacles = {key_name + " has no owner"};
    return chosen(
        chain.operator_of_keyrota,
        fmt::format("You get this because {}, and you operate keyrota.", because(obstacles)));
}

std::vector<ChosenRecipient> choose_copies(const ChainOfRecipients& chain,
                                           const TellableFinding& finding,
                                           const std::string& key_name, const std::string& told,
                                           Timestamp as_of) {
    std::vector<ChosenRecipient> copies;
    const auto copy = [&](const Addressee& who, std::string reason) {
        const std::string& address = who.email;
        const bool twice = address == told ||
                           std::any_of(copies.begin(), copies.end(),
                                       [&](const auto& other) { return other.address == address; });
        if (!twice && !address.empty() && !is_unreachable(chain, address))
            copies.push_back(chosen(who, std::move(reason)));
    };
    const Rhythm& rhythm = rhythm_of(finding.check_id);
    const bool is_dated = rhythm.stages_by_policy || !rhythm.stages.empty();
    const auto has_come = [&](std::chrono::microseconds after_due) {
        return is_dated && finding.due_at && *finding.due_at + after_due <= as_of;
    };
    if (chain.team && has_come(-kTeamBefore)) {
        const std::string reason =
            fmt::format("Your team gets a copy because the date of {} is near or past.", key_name);
        copy(*chain.team, reason);
        copy({chain.team->name, chain.team_webhook}, reason);
    }
    if (finding.check_id == "KEY-BREACHED")
        copy({"", chain.security_email},
             fmt::format("You get a copy as the security contact because {} was breached.",
                         key_name));
    else if (has_come(kSecurityAfter))
        copy({"", chain.security_email},
             fmt::format("You get a copy as the security contact because the date of {} is past.",
                         key_name));
    return copies;
}

}  // namespace keyrota
