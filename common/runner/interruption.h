#pragma once

#include <atomic>
#include <mutex>
#include <thread>

#include "error/exit_code.h"
#include "postgres/session.h"

namespace keyrota {

/// SIGINT and SIGTERM as a wish to stop after the batch in hand. A second signal ends the process
/// at once (every batch is a transaction: nothing is half done). Blocks both signals for the
/// threads made after it; make it early in main, once.
class Interruption {
  public:
    Interruption();
    ~Interruption();
    Interruption(const Interruption&) = delete;
    Interruption& operator=(const Interruption&) = delete;

    bool requested() const { return signal_ != 0; }
    /// 130 or 143.
    ExitCode exit_code() const;

    /// While it lives, a signal also cancels what the session is doing: for long statements that
    /// can be thrown away. In the place of the session of one that lives already.
    class CancelOnSignal {
      public:
        CancelOnSignal(Interruption& interruption, Session& session);
        ~CancelOnSignal();
        CancelOnSignal(const CancelOnSignal&) = delete;
        CancelOnSignal& operator=(const CancelOnSignal&) = delete;

      private:
        Interruption& interruption_;
        Session* before_;
    };

  private:
    void watch();

    std::atomic<int> signal_ = 0;
    std::atomic<bool> ending_ = false;
    std::mutex mutex_;
    Session* cancellable_ = nullptr;
    std::thread watcher_;
};

}  // namespace keyrota
