#pragma once

#include <string>
#include <string_view>

#include "postgres/session.h"

namespace keyrota {

/// A change to keys. Its statement takes :ids, :as_of and :silent_after_us (config usage), repeats
/// the condition that justifies it and returns (ids, befores, afters, total) of what it changed.
struct Action {
    const char* name;        // as checks name it in their column `action`
    const char* audited_as;  // as the audit trail calls the same act, whoever does it
    Statement statement;
    /// Expiry by end date repeats what gateways do anyway, so its blast radius is wider.
    bool repeats_what_gateways_do;
};

/// @throws Error{internal} for a name that no action has: a check with a typing error.
const Action& find_action(std::string_view name);

/// How many actions of one check are allowed in any 24 h, by one rule: a floor for small
/// installations, a share of the active keys, and for what nobody else would do to a key a ceiling.
/// @returns whether `wanted` fits; counts active keys no further than needed.
bool within_blast_radius(Session& session, const Action& action, std::int64_t wanted);

}  // namespace keyrota
