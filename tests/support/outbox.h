#pragma once

#include <fmt/format.h>

#include "support/database.h"

namespace keyrota::test {

/// A message of the outbox as a test wants it.
struct GivenMessage {
    std::string recipient = "ada@example.com";
    std::string channel = "email";
    std::string subject = "[keyrota] 1 key needs you";
    Timestamp next_try_at = kNow;
    Timestamp created_at = kNow;  // it is given up three days later
    int severity = 2;
    int tries = 0;
};

/// The statement that puts so many of them there.
inline std::string insert_messages(const GivenMessage& given, int count = 1) {
    return fmt::format(
        "insert into keyrota.message (kind, channel, recipient, subject, text_body, "
        "html_body, severity, created_at, next_try_at, expires_at, tries, run_id) select 'notice', "
        "'{}', '{}', '{}' || case when i > 1 then ' ' || i else '' end, 'Dear & <all>' || "
        "chr(10), '<p>Dear</p>', {}, keyrota.instant({}), keyrota.instant({}), keyrota.instant({}) "
        "+ interval '3 days', {}, 7 from generate_series(1, {}) i",
        given.channel, given.recipient, given.subject, given.severity, to_micros(given.created_at),
        to_micros(given.next_try_at), to_micros(given.created_at), given.tries, count);
}

inline constexpr const char* kNewestMessage = "select max(message_id) from keyrota.message";

}  // namespace keyrota::test
