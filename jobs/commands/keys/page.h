#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "postgres/session.h"

namespace keyrota {

/// Which keys; what is empty does not matter, and all of the rest must hold.
struct KeyFilter {
    std::string owner;  // OWNER: an email address or owner_id
    std::string team;
    std::string service_plan;
    std::string type;
    std::string environment;
    std::string status;
    std::string scope;
    std::string source;
    std::string name;  // GLOB
    std::optional<Timestamp> expires_before{};
    std::optional<Timestamp> created_before{};
    std::optional<std::chrono::microseconds> expires_within{};
    std::optional<std::chrono::microseconds> unused_for{};
};

/// The order of a list of keys, and where it begins.
struct KeyOrder {
    std::string sort = "key_id";  // key_id | name | created | expires | last-used | owner
    bool descending = false;
    std::optional<std::int64_t> after{};  // the key behind which it goes on
    std::optional<std::int64_t> limit{};
    bool with_findings = false;  // the checks that hold for each key, gravest first
};

/// Hands the keys over, row by row as keys_page.sql has them, in the caller's open transaction.
/// @throws Error{usage} for an owner, team or service plan that is not there, and for a key to go
/// on behind that is gone.
void for_each_key(Session& session, const KeyFilter& filter, const KeyOrder& order,
                  const std::function<void(const Row&)>& use);

}  // namespace keyrota
