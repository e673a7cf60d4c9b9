#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "support/program.h"

namespace keyrota::test {

/// A way through the network to the tests' server that can be cut. Ends with its scope.
class Proxy {
  public:
    Proxy();
    ~Proxy();
    Proxy(const Proxy&) = delete;
    Proxy& operator=(const Proxy&) = delete;

    std::string url(const std::string& user, const std::string& database) const;

    /// What happens once the server has answered so many bytes from now on, in all connections
    /// together: all of them end; or they stay, and whatever is sent disappears, as when the
    /// machine behind has lost its power. Connections that are made later pass.
    enum class Fault { cut, vanish };
    void after(std::int64_t bytes, Fault fault);
    /// What the server has answered so far.
    std::int64_t answered() const { return answered_; }

  private:
    struct Pair {
        int client = -1;
        int server = -1;
    };
    void pass();
    bool move(int from, int to, bool is_answer);
    void accept_one();
    void strike();

    int listener_ = -1;
    int port_ = 0;
    std::vector<Pair> pairs_;
    std::vector<int> unheard_;  // ends at the server whose others vanished
    std::atomic<std::int64_t> answered_ = 0;
    std::atomic<std::int64_t> fault_at_ = INT64_MAX;
    std::atomic<Fault> fault_ = Fault::cut;
    std::atomic<bool> is_over_ = false;
    std::thread thread_;
};

}  // namespace keyrota::test
