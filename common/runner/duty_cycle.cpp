#include "runner/duty_cycle.h"

#include <algorithm>
#include <thread>

namespace keyrota {

void DutyCycle::pause_after_batch() {
    using Clock = std::chrono::steady_clock;
    constexpr Clock::duration kLookUp = std::chrono::milliseconds(100);
    const Clock::time_point worked_until = Clock::now();
    if (percent_ < 100) {
        const Clock::time_point until =
            worked_until + (worked_until - since_) * (100 - percent_) / percent_;
        while (Clock::now() < until && !interruption_.requested())
            std::this_thread::sleep_for(std::min(kLookUp, until - Clock::now()));
    }
    since_ = Clock::now();
}

}  // namespace keyrota
