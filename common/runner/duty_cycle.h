#pragma once

#include <chrono>
#include <cstdint>

#include "runner/interruption.h"

namespace keyrota {

/// `limits.duty`: courtesy to the live database between batches. A signal ends a pause, which may
/// be 99 times as long as the batch before it.
class DutyCycle {
  public:
    DutyCycle(std::int64_t percent, const Interruption& interruption)
        : percent_(percent), interruption_(interruption) {}
    void pause_after_batch();

  private:
    std::int64_t percent_;
    const Interruption& interruption_;
    std::chrono::steady_clock::time_point since_ = std::chrono::steady_clock::now();
};

}  // namespace keyrota
