#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "rotation/rotation.h"
#include "sink/sink.h"

namespace keyrota {

/// Who has secrets delivered, and how it works.
struct Delivering {
    Session& session;
    const Config& config;
    Timestamp as_of{};
    std::optional<std::int64_t> run_id{};  // of a job
    /// One transaction, repeated when it met a lock.
    std::function<void(const std::function<void()>&)> in_batch;
    std::function<bool()> interrupted = [] { return false; };
    std::optional<KeyIds> only{};  // rotations of these keys; none: all that wait
    Sink* by_hand = nullptr;       // for rotations whose sink is `print`
};

/// What became of one rotation.
struct RotationOutcome {
    enum class Kind {
        delivered,
        postponed,  // the sink did not take it; it is tried again
        given_up,   // failed for good, until somebody has it tried again
        cancelled,  // the key is not as it was when the rotation was asked for
    };
    std::int64_t key_id = 0;
    std::int64_t successor_id = 0;  // 0: none is left
    Kind kind = Kind::delivered;
    std::string words;  // why, where it is not delivered
};

/// Makes successors for rotations that wait for one and hands their secrets to their sinks: first
/// committed active, then delivered, then the predecessor's overlap begins. Killed anywhere, the
/// next call makes another successor, delivers that, and ends the earlier one.
/// A secret lives in memory between the two transactions and nowhere else.
/// @param told is called for each rotation, outside of any transaction.
void deliver_rotations(Delivering& delivering,
                       const std::function<void(const RotationOutcome&)>& told);

/// Once a rotation was tried so often it is given up.
inline constexpr std::int64_t kMostTries = 6;

/// How long after so many failed tries comes the next.
std::chrono::microseconds pause_after_tries(std::int64_t tries);

inline constexpr const char* kPrintSink = "print";

}  // namespace keyrota
