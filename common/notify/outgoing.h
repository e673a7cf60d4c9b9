#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "time/timestamp.h"

namespace keyrota {

/// One message of the outbox, for one recipient, as delivery needs it.
struct OutgoingMessage {
    std::int64_t message_id = 0;
    std::int64_t run_id = 0;       // that rendered it; 0: a person did
    std::string kind{};            // notice | operator | report | test
    std::string channel{};         // email | webhook
    std::string recipient{};       // an address, or the webhook's name
    std::string recipient_name{};  // as people write it; may be empty
    std::string subject{};
    std::string text_body{};
    std::string html_body{};                // empty: text alone
    std::optional<std::int64_t> root_id{};  // the message that began the thread
    std::int64_t severity = 1;              // of the gravest thing in it
    std::int64_t tries = 0;                 // before this one
    Timestamp created_at{};
};

}  // namespace keyrota
