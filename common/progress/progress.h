#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace keyrota {

/// A progress line on a terminal's standard error; nothing elsewhere. Gone when destroyed.
class Progress {
  public:
    /// @param visible whether standard error is a terminal.
    Progress(std::string title, std::int64_t total, bool visible);
    ~Progress();
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

    void advance(std::int64_t items);

  private:
    void draw();

    std::string title_;
    std::int64_t total_;
    std::int64_t done_ = 0;
    bool visible_;
    std::chrono::steady_clock::time_point drawn_{};
};

}  // namespace keyrota
