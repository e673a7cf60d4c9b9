#include "runner/interruption.h"

#include <pthread.h>

#include <csignal>
#include <utility>

namespace keyrota {
namespace {

constexpr int kWake = SIGUSR2;  // ours alone: ends the watcher

sigset_t watched() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, kWake);
    return set;
}

}  // namespace

Interruption::Interruption() {
    const sigset_t set = watched();
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    watcher_ = std::thread([this] { watch(); });
}

Interruption::~Interruption() {
    ending_ = true;
    pthread_kill(watcher_.native_handle(), kWake);
    watcher_.join();
    const sigset_t set = watched();
    pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

void Interruption::watch() {
    const sigset_t set = watched();
    for (;;) {
        int signal = 0;
        sigwait(&set, &signal);
        if (ending_) return;
        if (signal == kWake) continue;  // from outside: means nothing
        if (signal_ != 0) {
            std::signal(signal, SIG_DFL);
            sigset_t again;
            sigemptyset(&again);
            sigaddset(&again, signal);
            pthread_sigmask(SIG_UNBLOCK, &again, nullptr);
            std::raise(signal);
        }
        signal_ = signal;
        const std::lock_guard lock(mutex_);
        if (cancellable_) cancellable_->cancel();
    }
}

ExitCode Interruption::exit_code() const {
    return signal_ == SIGINT ? ExitCode::interrupted_int : ExitCode::interrupted_term;
}

Interruption::CancelOnSignal::CancelOnSignal(Interruption& interruption, Session& session)
    : interruption_(interruption) {
    const std::lock_guard lock(interruption.mutex_);
    before_ = std::exchange(interruption.cancellable_, &session);
}

Interruption::CancelOnSignal::~CancelOnSignal() {
    const std::lock_guard lock(interruption_.mutex_);
    interruption_.cancellable_ = before_;
}

}  // namespace keyrota
