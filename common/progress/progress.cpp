#include "progress/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

namespace keyrota {
namespace {

constexpr int kWidth = 30;
constexpr std::chrono::milliseconds kRedrawEvery(100);

}  // namespace

Progress::Progress(std::string title, std::int64_t total, bool visible)
    : title_(std::move(title)), total_(total), visible_(visible && total > 0) {}

Progress::~Progress() {
    if (visible_ && done_ > 0) fmt::print(stderr, "\r\033[K");
}

void Progress::advance(std::int64_t items) {
    done_ = std::min(total_, done_ + items);
    if (!visible_) return;
    const auto now = std::chrono::steady_clock::now();
    if (now - drawn_ < kRedrawEvery) return;
    drawn_ = now;
    draw();
}

void Progress::draw() {
    const int filled = static_cast<int>(done_ * kWidth / total_);
    fmt::print(stderr, "\r{} [{:=<{}}{:<{}}] {}/{}", title_, "", filled, "", kWidth - filled, done_,
               total_);
    std::fflush(stderr);
}

}  // namespace keyrota
