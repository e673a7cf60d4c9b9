#pragma once

#include <string>

#include "notify/outgoing.h"

namespace keyrota {

/// What all mail of an installation has in common.
struct MailIdentity {
    std::string installation;   // uuid: the right side of every Message-ID
    std::string from;           // an address
    std::string unsubscribe{};  // mailto: or https: URL for List-Unsubscribe; empty: none
};

/// The Message-ID, without its brackets; the same each time the message is sent.
std::string mime_message_id(const MailIdentity& identity, std::int64_t message_id);

/// The message as RFC 5322 wants it, with CRLF: text and HTML as alternatives, in characters that
/// every server passes on. The same bytes each time, so that whoever gets it twice can tell. Names
/// and subjects are one line, whatever they hold.
std::string to_mime(const OutgoingMessage& message, const MailIdentity& identity);

}  // namespace keyrota
