#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "config/config.h"
#include "notify/transport.h"
#include "postgres/session.h"

namespace keyrota {

/// How long until the next try of a message that was tried so often: 1 min, doubled each time to 4
/// h at most, and then up to a fifth more or less, so that what failed together does not come back
/// together. @param chance from 0 to 1.
std::chrono::microseconds backoff(std::int64_t tries, double chance);

/// What a delivery came to.
struct DeliveryReport {
    std::int64_t sent = 0;
    std::int64_t deferred = 0;
    std::int64_t dead = 0;
    std::string trouble{};  // why it ended before all was tried; empty: it did not
    std::string hint{};
};

struct DeliveryOptions {
    std::string token;         // whose claims these are: `run 12`, or of a person
    bool holds_lease = false;  // of the job: claims of other runs are then nobody's
    Timestamp as_of{};         // the instant at which it begins; time passes from there
    std::int64_t only = 0;     // this message alone; 0: all that are due
    std::int64_t limit = -1;   // messages at most; negative: all
    std::function<bool()> interrupted = [] { return false; };
    /// After each part of the work, outside of a transaction: what was done since the last time.
    std::function<void(const DeliveryReport&)> progress = [](const DeliveryReport&) {};
};

/// Sends what is due in the outbox, one message at a time, and writes down what became of it after
/// each: killed at any moment, it has at most one message sent that does not say so. Several may
/// work side by side. What the server refuses for good is dead, with its words; what it may take
/// later is tried again, until the message's expires_at.
/// @throws DatabaseError.
DeliveryReport deliver(Session& session, const Config& config, const DeliveryOptions& options);

}  // namespace keyrota
