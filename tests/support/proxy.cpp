#include "support/proxy.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <stdexcept>

#include "support/postgres_programs.h"

namespace keyrota::test {
namespace {

sockaddr_in loopback(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    return address;
}

// To the server's own socket; -1: it is not there.
int connect_to_server() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = server_socket().string() + "/.s.PGSQL.5432";
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    const int server = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
        return server;
    ::close(server);
    return -1;
}

// The other end is told nothing, now and when it asks: there is nobody any more.
void close_without_a_word(int socket) {
    const int on = 1;
    ::setsockopt(socket, IPPROTO_TCP, TCP_REPAIR, &on, sizeof on);
    ::close(socket);
}

}  // namespace

Proxy::Proxy() {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        ::listen(listener_, 16) != 0 ||
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
        throw std::runtime_error("no port for the proxy");
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { pass(); });
}

Proxy::~Proxy() {
    is_over_ = true;
    thread_.join();
    ::close(listener_);
    for (const Pair& pair : pairs_) {
        ::close(pair.client);
        ::close(pair.server);
    }
    for (const int server : unheard_) ::close(server);
}

std::string Proxy::url(const std::string& user, const std::string& database) const {
    return fmt::format(
        "host=127.0.0.1 port={} user={} dbname={} sslmode=disable gssencmode=disable", port_, user,
        database);
}

void Proxy::after(std::int64_t bytes, Fault fault) {
    fault_ = fault;
    fault_at_ = answered_ + bytes;
}

void Proxy::pass() {
    while (!is_over_) {
        std::vector<pollfd> all{{listener_, POLLIN, 0}};
        for (const Pair& pair : pairs_) {
            all.push_back({pair.client, POLLIN, 0});
            all.push_back({pair.server, POLLIN, 0});
        }
        ::poll(all.data(), all.size(), 20);
        std::vector<Pair> left;
        for (std::size_t i = 0; i < pairs_.size(); ++i) {
            const Pair pair = pairs_[i];
            const bool lives =
                (all[1 + 2 * i].revents == 0 || move(pair.client, pair.server, false)) &&
                (all[2 + 2 * i].revents == 0 || move(pair.server, pair.client, true));
            if (lives) {
                left.push_back(pair);
            } else {
                ::close(pair.client);
                ::close(pair.server);
            }
        }
        pairs_ = left;
        if (answered_ >= fault_at_) strike();
        if (all[0].revents != 0) accept_one();
    }
}

// @returns whether the connection goes on.
bool Proxy::move(int from, int to, bool is_answer) {
    char buffer[4096];
    const ssize_t count = ::recv(from, buffer, sizeof buffer, 0);
    if (count <= 0) return false;
    std::int64_t pass = count;
    if (is_answer) {
        pass = std::min<std::int64_t>(count, fault_at_ - answered_);
        answered_ += pass;
    }
    return ::send(to, buffer, static_cast<std::size_t>(pass), MSG_NOSIGNAL) == pass;
}

void Proxy::accept_one() {
    const Pair pair{::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC), connect_to_server()};
    if (pair.server >= 0)
        pairs_.push_back(pair);
    else
        ::close(pair.client);
}

void Proxy::strike() {
    fault_at_ = INT64_MAX;
    for (const Pair& pair : pairs_) {
        if (fault_ == Fault::cut) {
            ::close(pair.client);
            ::close(pair.server);
        } else {
            close_without_a_word(pair.client);
            unheard_.push_back(pair.server);
        }
    }
    pairs_.clear();
}

}  // namespace keyrota::test
