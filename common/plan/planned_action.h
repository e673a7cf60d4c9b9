#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "time/timestamp.h"

namespace keyrota {

/// One action of a plan, as its file holds it: a line of JSON. It names a key and the state in
/// which the plan saw it, never a statement.
struct PlannedAction {
    std::string check_id;
    std::string action;
    std::int64_t key_id = 0;
    std::string detail;
    int severity = 0;
    std::optional<Timestamp> due_at{};
    std::string evidence;                   // a JSON object
    std::string status;                     // expected of the key when the plan is applied
    std::optional<Timestamp> expires_at{};  // expected too
    // For the reader of the file and of the terminal; nothing is decided by them.
    std::string masked;
    std::string name;
    std::string owner;
};

}  // namespace keyrota
