#include "notify_owners/notice_rows.h"

#include <sstream>

namespace keyrota {
namespace {

Addressee addressee_of(const Row& row, const std::string& who) {
    return {.name = row.text_or(who + "_name", ""),
            .email = row.text_or(who + "_email", ""),
            .time_zone = row.text_or(who + "_time_zone", "UTC"),
            .active = row.optional_int64(who + "_active").value_or(1) != 0};
}

}  // namespace

ChainOfRecipients chain_of(const Row& row) {
    ChainOfRecipients chain;
    chain.has_owner = row.int64("has_owner") != 0;
    if (chain.has_owner) chain.owner = addressee_of(row, "owner");
    if (!row.is_null("fallback_name")) chain.fallback = addressee_of(row, "fallback");
    if (!row.is_null("team_name"))
        chain.team = {.name = row.text("team_name"), .email = row.text_or("team_email", "")};
    chain.team_webhook = row.text_or("team_webhook", "");
    chain.security_email = row.text_or("security_email", "");
    chain.operator_of_keyrota.email = row.text("operator_email");
    std::istringstream unreachable(row.text_or("unreachable", ""));
    for (std::string address; std::getline(unreachable, address);)
        chain.unreachable.push_back(address);
    return chain;
}

}  // namespace keyrota
