#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "config/config.h"
#include "secret/secret.h"
#include "time/timestamp.h"

namespace keyrota {

/// A new secret and what it is for.
struct SecretDelivery {
    std::string
        token;  // of the rotation: the same at every try, so that the sink can be idempotent
    std::int64_t key_id = 0;  // the successor
    std::int64_t predecessor_id = 0;
    std::int64_t lineage_id = 0;  // the same for all successors: by it consumers know their key
    std::string name, environment, type, masked;  // masked: prefix...hint
    std::string owner;                            // email address; empty: none
    std::optional<Timestamp> expires_at;
    const Secret* secret = nullptr;
};

/// What became of a delivery.
struct SinkAnswer {
    enum class Kind {
        delivered,  // durably
        refused,    // the sink has nothing of it
        unknown,    // it may or may not have the secret: a timeout, killed by a signal
    };
    Kind kind = Kind::delivered;
    std::string words{};  // why not, for people: no secret stands in it
};

/// Where the secrets of successors go: the only way by which one leaves the process.
class Sink {
  public:
    virtual ~Sink() = default;
    /// One answer for each delivery, in their order. Never throws for what a single delivery meets.
    virtual std::vector<SinkAnswer> deliver(const std::vector<SecretDelivery>& deliveries) = 0;
};

/// The sink of the configuration: files or a program.
/// @throws Error{config} when it is not there, or others could read or change what it takes.
std::unique_ptr<Sink> open_sink(const SinkOptions& options);

/// The sink of who rotates a key by hand: shows each secret on a line of its own.
std::unique_ptr<Sink> print_sink(std::ostream& terminal);

}  // namespace keyrota
