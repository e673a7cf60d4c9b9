#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "notify/rhythm.h"

namespace keyrota {

/// Somebody who may be told, the address in lower case; without one nobody.
struct Addressee {
    std::string name{};
    std::string email{};
    std::string time_zone = "UTC";
    bool active = true;
};

/// Who stands behind a key, next in line last.
struct ChainOfRecipients {
    bool has_owner = false;  // what is about the runner itself has none and goes to the operator
    Addressee owner{};
    std::optional<Addressee> fallback{};
    std::optional<Addressee> team{};
    std::string team_webhook{};    // `webhook:NAME`; empty: it has none
    std::string security_email{};  // the team's
    Addressee operator_of_keyrota{};
    std::vector<std::string> unreachable{};  // addresses: suppressed, or in a dead message of this
};

struct ChosenRecipient {
    std::string address;  // of email, or `webhook:NAME`
    std::string name;
    std::string time_zone;
    std::string reason;  // a sentence for the mail
};

/// The first in line who can be told, and why it is that one: owner, fallback owner, team (by its
/// webhook where it takes no mail), operator. Nothing where not even the operator has an address
/// that takes mail.
std::optional<ChosenRecipient> choose_recipient(const ChainOfRecipients& chain,
                                                const std::string& key_name);

/// Those who get a copy of a stage: the team, by mail and webhook, from three days before the date,
/// its security contact from a day after it and for breach. Never somebody who is told already.
std::vector<ChosenRecipient> choose_copies(const ChainOfRecipients& chain,
                                           const TellableFinding& finding,
                                           const std::string& key_name, const std::string& told,
                                           Timestamp as_of);

}  // namespace keyrota
